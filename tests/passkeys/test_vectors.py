"""The fifteen ceremonies of the W3C, each with its stated verdict under each policy."""

import msgspec
import pytest

from tests.passkeys import vectors, verdicts

VECTORS = {vector["title"]: vector for vector in vectors.w3c()}
ROWS = [
    pytest.param(title, policy, stated, id=f"{policy}: {title}")
    for title, row in verdicts.W3C.items()
    for policy, stated in zip(verdicts.POLICY_WORDS, row, strict=True)
]


def test_every_vector_and_every_policy_has_a_verdict():
    assert list(verdicts.W3C) == list(VECTORS)
    assert len(VECTORS) == 15
    assert list(verdicts.POLICY_WORDS) == list(vectors.POLICIES)


@pytest.mark.parametrize(("title", "policy", "stated"), ROWS)
def test_registration_is_judged_as_stated(title, policy, stated):
    assert vectors.registration(vectors.POLICIES[policy], VECTORS[title]) == stated[0]


@pytest.mark.parametrize(("title", "policy", "stated"), ROWS)
def test_assertion_is_judged_as_stated(title, policy, stated):
    assert vectors.assertion(vectors.POLICIES[policy], VECTORS[title]) == stated[1]


@pytest.mark.parametrize("vector", [vector for vector in VECTORS.values() if "ES256" in vector["title"]])
def test_a_vector_does_not_pass_for_another_party(vector):
    everywhere = msgspec.structs.replace(vectors.POLICIES["permissive"], top_origins=frozenset())
    for rp in (everywhere, vectors.POLICIES["permissive"]):
        stranger = msgspec.structs.replace(rp, id="example.com")
        assert vectors.registration(stranger, vector) != "accepted"
        assert vectors.assertion(stranger, vector) != "accepted"
