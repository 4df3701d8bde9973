"""The digest of an operation: frozen in tests/wire/approvals.json; what has no one spelling has none here."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary_client.operations import canonical_json, digest, operation

VECTORS = json.loads((Path(__file__).parents[1] / "wire" / "approvals.json").read_text(encoding="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize("vector", VECTORS["operations"], ids=lambda one: one["why"])
def test_canonical_json_is_frozen(vector):
    assert canonical_json(vector["value"]).decode() == vector["canonical"]
    made = operation(vector["value"], "Do it")
    assert (made.digest, made.says) == (vector["digest"], "Do it")


@pytest.mark.parametrize("vector", VECTORS["bytes"], ids=lambda one: one["why"])
def test_bytes_are_taken_as_they_are(vector):
    assert digest(bytes.fromhex(vector["hex"])) == vector["digest"]


@given(JSON)
def test_it_says_the_same_value_in_one_spelling(value):
    made = canonical_json(value)
    assert json.loads(made) == value
    assert canonical_json(json.loads(made)) == made


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), 2**53, -(2**53), {1: 2}, {"a": {3}}, b"x", "\ud800", {"\ud800": 1}, object]
)
def test_what_has_no_canonical_form_is_an_error(value):
    with pytest.raises(ValueError, match=r"no canonical form|surrogates not allowed"):
        canonical_json(value)
