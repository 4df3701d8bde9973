"""The caller reference: 128 bits that mean something to one service only; frozen in tests/wire/callers.json."""

import hmac
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.invocation.references import caller_epoch, caller_reference

VECTORS = json.loads((Path(__file__).parents[1] / "wire" / "callers.json").read_text())
KEY, ID = b"c" * 32, "ses-AAAAAAAAAAAAAAAAAAAAAA"

sessions = st.text(max_size=40)
scopes = st.integers(0, (1 << 64) - 1)
keys = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize("vector", VECTORS["callers"], ids=lambda one: one["why"])
def test_frozen_vector(vector):
    key = bytes.fromhex(vector["key"])
    assert caller_reference(key, vector["scope"], vector["session"]) == vector["reference"]


def test_the_bytes_under_the_mac():
    covered = b"ostiary.caller.reference\0" + (7).to_bytes(8, "big") + len(ID).to_bytes(4, "big") + ID.encode() + b"\0"
    assert caller_reference(KEY, 7, ID) == hmac.digest(KEY, covered, "sha256")[:16].hex()


@given(keys, scopes, sessions)
def test_it_has_32_hex_digits_and_neither_half_is_zero(key, scope, session):
    made = caller_reference(key, scope, session)
    assert len(made) == 32
    assert made == made.lower()
    assert int(made[:16], 16) > 0 < int(made[16:], 16)


@given(keys, scopes, sessions)
def test_it_is_stable_for_a_session(key, scope, session):
    assert caller_reference(key, scope, session) == caller_reference(key, scope, session)


@given(keys, scopes, scopes, sessions)
def test_it_differs_by_service_scope(key, one, other, session):
    assert (caller_reference(key, one, session) == caller_reference(key, other, session)) is (one == other)


@given(keys, scopes, sessions, sessions)
def test_it_differs_by_session(key, scope, one, other):
    assert (caller_reference(key, scope, one) == caller_reference(key, scope, other)) is (one == other)


@given(keys, keys, scopes, sessions)
def test_it_differs_by_key(one, other, scope, session):
    assert (caller_reference(one, scope, session) == caller_reference(other, scope, session)) is (one == other)


def test_it_says_nothing_of_the_session():
    assert "AAAA" not in caller_reference(KEY, 1, ID)


@given(keys, scopes)
def test_the_epoch_is_a_positive_integer_below_2_to_the_63(key, scope):
    epoch = caller_epoch(key, scope)
    assert 0 < epoch < 1 << 63
    assert epoch == caller_epoch(key, scope)


@given(keys, scopes, scopes)
def test_the_epoch_differs_by_service_scope_and_is_not_the_reference(key, one, other):
    assert (caller_epoch(key, one) == caller_epoch(key, other)) is (one == other)
    assert f"{caller_epoch(key, one):016x}" != caller_reference(key, one, "")[:16]


@pytest.mark.parametrize("scope", [-1, 1 << 64])
def test_a_scope_id_has_64_bits(scope):
    with pytest.raises(OverflowError):
        caller_reference(KEY, scope, ID)
