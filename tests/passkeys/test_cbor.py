"""The CBOR reader against another library: it reads what is canonical and nothing else."""

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.passkeys.cbor import decode, decode_at

INTEGERS = st.integers(-(2**64), 2**64 - 1)
LEAVES = INTEGERS | st.binary(max_size=300) | st.text(max_size=80) | st.booleans() | st.none()
KEYS = INTEGERS | st.text(max_size=12)


def mapped(pairs):
    """A map in the order of CTAP2: that of the encoded keys."""
    return dict(sorted(pairs.items(), key=lambda pair: cbor2.dumps(pair[0])))


def layered(levels):
    """Values of at most so many levels."""
    if not levels:
        return LEAVES
    inner = layered(levels - 1)
    return LEAVES | st.lists(inner, max_size=26) | st.dictionaries(KEYS, inner, max_size=26).map(mapped)


VALUES = layered(3)


@settings(deadline=None)
@given(VALUES)
def test_what_is_canonical_is_read(value):
    assert decode(cbor2.dumps(value)) == value


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_what_is_read_was_canonical(data):
    try:
        value = decode(data)
    except ValueError:
        return
    assert cbor2.dumps(value) == data


@settings(deadline=None)
@given(VALUES, st.binary(max_size=8), st.binary(max_size=8))
def test_an_item_ends_where_it_ends(value, before, after):
    data = cbor2.dumps(value)
    assert decode_at(before + data + after, len(before)) == (value, len(before) + len(data))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bytes.fromhex(text), id=name)
        for name, text in {
            "nothing": "",
            "two items": "0000",
            "one byte for 23": "1817",
            "two bytes for 255": "1900ff",
            "four bytes for 65535": "1a0000ffff",
            "eight bytes for 2**32 - 1": "1b00000000ffffffff",
            "long head of a text": "780161",
            "long head of a map": "b90000",
            "reserved head": "1c",
            "half float": "f93c00",
            "double float": "fb3ff0000000000000",
            "undefined": "f7",
            "simple value": "e0",
            "simple value in two bytes": "f8ff",
            "false in two bytes": "f814",
            "tag": "c000",
            "bignum": "c24101",
            "break": "ff",
            "indefinite text": "7f616101ff",
            "indefinite bytes": "5f4101ff",
            "indefinite array": "9f00ff",
            "indefinite map": "bf0000ff",
            "text not UTF-8": "61ff",
            "text with a surrogate": "63eda080",
            "bytes cut": "41",
            "array cut": "8200",
            "map cut": "a100",
            "array of 2**64 - 1": "9bffffffffffffffff",
            "map of 2**63": "bb8000000000000000",
            "key twice": "a201000100",
            "keys falling": "a202000100",
            "keys with text before integer": "a261610018ff00",
            "key of bytes": "a1410000",
            "key false": "a1f400",
            "key null": "a1f600",
            "key array": "a18000",
        }.items()
    ],
)
def test_what_is_not_canonical_is_refused(data):
    with pytest.raises(ValueError, match=r"."):
        decode(data)


@pytest.mark.parametrize("wrapper", [b"\x81", b"\xa1\x00"])
def test_eight_levels_and_no_more(wrapper):
    decode(wrapper * 8 + b"\x00")
    with pytest.raises(ValueError, match="too deep"):
        decode(wrapper * 9 + b"\x00")
