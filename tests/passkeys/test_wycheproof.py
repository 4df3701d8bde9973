"""Wycheproof through the verifier of passkeys: every test of every group, none left out."""

import pytest

from ostiary.passkeys import cose
from tests.passkeys import vectors

TESTS = [
    pytest.param(group, test, id=f"{name} {test['tcId']} {test['result']} {' '.join(test['flags'])}")
    for name in vectors.WYCHEPROOF
    for group, test in vectors.wycheproof(name)
]


@pytest.mark.parametrize(("group", "test"), TESTS)
def test_signature_is_judged_as_wycheproof_says(group, test):
    assert vectors.accepted(group, test) is (test["result"] == "valid")


@pytest.mark.parametrize("name", vectors.WYCHEPROOF)
def test_nothing_is_left_to_taste(name):
    assert {test["result"] for _, test in vectors.wycheproof(name)} == {"valid", "invalid"}


def test_every_key_of_wycheproof_is_one_that_could_be_registered():
    for name, algorithm in vectors.WYCHEPROOF.items():
        for group, _ in vectors.wycheproof(name):
            assert cose.algorithm(vectors.cose_key(group)) == algorithm
            cose.load(vectors.cose_key(group))
