"""The canonical bytes and their signature: frozen in tests/wire/receipts.json, one spelling per receipt, nothing to change."""

import json
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ostiary.receipts.ledger import signature_holds
from ostiary.receipts.model import Receipt, canonical
from ostiary.receipts.rows import speller

VECTORS = json.loads((Path(__file__).parents[1] / "wire" / "receipts.json").read_text())
SIGNED = [name for name in Receipt.__struct_fields__ if name not in {"signature", "seq"}]


def receipt(fields):
    return Receipt(**{**fields, "reasons": tuple(fields["reasons"])})


@pytest.mark.parametrize("vector", VECTORS["receipts"], ids=lambda one: one["why"])
def test_frozen_vector(vector):
    made = receipt(vector["receipt"])
    assert canonical(made).decode() == vector["canonical"]
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["private"]))
    assert key.public_key().public_bytes_raw().hex() == VECTORS["public"]
    assert key.sign(canonical(made)).hex() == vector["signature"]
    signed = msgspec.structs.replace(made, signature=bytes.fromhex(vector["signature"]))
    assert signature_holds(signed, bytes.fromhex(VECTORS["public"]))


def row_of(made, **changes):
    """A receipt as `store.walk` hands it out."""
    fields = {name: getattr(made, name) for name in SIGNED} | {"reasons": json.dumps(made.reasons)} | changes
    return (0, 1, b"", 1, *fields.values(), b"")


@given(st.lists(st.tuples(*[st.sampled_from(["", "a", "1:a,", "é", "x" * 5000])] * 12), min_size=2, max_size=20))
def test_a_walk_spells_row_after_row_as_the_canonical_bytes(several):
    spelled = speller()
    for texts in several:
        made = Receipt(*texts[:8], (texts[0], texts[8]), len(texts[9]), *texts[9:])
        assert spelled(row_of(made)) == canonical(made)


@pytest.mark.parametrize("field", [name for name in SIGNED if name != "at"])
@pytest.mark.parametrize("odd", [None, 5, b"a"])
def test_a_walk_takes_no_text_for_what_is_none(field, odd):
    made, spelled = good()[0], speller()
    assert spelled(row_of(made)) == canonical(made)
    for _ in range(2):
        try:
            assert spelled(row_of(made, **{field: odd})) != spelled(row_of(made, **{field: str(odd)}))
        except (TypeError, ValueError):
            continue


def test_the_vectors_cover_every_field_with_something_and_with_nothing():
    given = [vector["receipt"] for vector in VECTORS["receipts"]]
    for name in SIGNED:
        values = [one[name] for one in given]
        assert any(values)
        assert len({str(value) for value in values}) > 1 or name in {"tenant", "key"}


def good():
    vector = VECTORS["receipts"][0]
    signed = receipt(vector["receipt"])
    return msgspec.structs.replace(signed, signature=bytes.fromhex(vector["signature"])), bytes.fromhex(
        VECTORS["public"]
    )


CHANGES = {
    "id": "rcp-AAAAAAAAAAAAAAAAAAAAAA",
    "tenant": "other",
    "mode": "fixture",
    "operation": "session.end",
    "outcome": "refused",
    "actor": "operator:mallory",
    "session": "",
    "subject": "ses-AAAAAAAAAAAAAAAAAAAAAA",
    "reasons": ("passkey",),
    "at": 1,
    "digest": "00",
    "link": "rcp-BBBBBBBBBBBBBBBBBBBBBA",
    "key": "sk-AAAAAAAAAAAAAAAAAAAAAA",
}


def test_every_signed_field_has_a_change():
    assert sorted(CHANGES) == sorted(SIGNED)


@pytest.mark.parametrize("field", CHANGES)
def test_the_signature_fails_after_any_change(field):
    signed, public = good()
    assert signature_holds(signed, public)
    changed = msgspec.structs.replace(signed, **{field: CHANGES[field]})
    assert getattr(changed, field) != getattr(signed, field)
    assert not signature_holds(changed, public)


def test_the_signature_fails_where_a_byte_of_it_or_the_key_is_another():
    signed, public = good()
    for place in (0, 31, 32, 63):
        raw = signed.signature
        forged = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        assert not signature_holds(msgspec.structs.replace(signed, signature=forged), public)
    for odd in (b"", raw[:-1], raw + b"\0"):
        assert not signature_holds(msgspec.structs.replace(signed, signature=odd), public)
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    for key in (other, b"", public[:-1], b"\xff" * 32):
        assert not signature_holds(signed, key)


def test_the_place_in_the_log_is_not_signed_so_that_the_store_may_give_it():
    signed, public = good()
    assert signature_holds(msgspec.structs.replace(signed, seq=99), public)


TEXT = st.text(alphabet="ab0123456789:,é\n", max_size=8)


@given(st.lists(st.tuples(*[TEXT] * 5, st.lists(TEXT, max_size=3), st.integers(0, 99)), min_size=2, max_size=2))
def test_two_receipts_share_their_bytes_only_if_they_are_one(pair):
    made = [
        Receipt("i", "t", mode, "o", "x", actor, session, subject, tuple(reasons), at, digest, "", "k")
        for mode, actor, session, subject, digest, reasons, at in pair
    ]
    assert (canonical(made[0]) == canonical(made[1])) is (made[0] == made[1])


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", "b"), ("ab",)), (("a,1:b",), ("a", "b")), ((), ("",)), (("", ""), ("",)), (("1:a,",), ("a",))],
)
def test_reasons_cannot_be_joined_or_split(one, other):
    signed, _ = good()
    first, second = (msgspec.structs.replace(signed, reasons=reasons) for reasons in (one, other))
    assert canonical(first) != canonical(second)


def test_neighbouring_fields_cannot_lend_each_other_letters():
    signed, _ = good()
    first = msgspec.structs.replace(signed, actor="ab", session="c")
    second = msgspec.structs.replace(signed, actor="a", session="bc")
    assert canonical(first) != canonical(second)
