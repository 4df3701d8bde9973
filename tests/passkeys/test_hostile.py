"""Every lie is refused, each with the word that names it."""

import pytest

from ostiary.kernel.refusals import Code, Refusal
from ostiary.passkeys.ceremony import Fault
from tests.passkeys import hostile, hostile_authenticators, hostile_clients, hostile_keys

CASES = hostile_clients.CASES + hostile_authenticators.CASES + hostile_keys.CASES


@pytest.mark.parametrize("case", CASES, ids=[f"{case.ceremony}: {case.name}" for case in CASES])
def test_lie_is_refused_with_its_word(case):
    assert hostile.play(case) == Refusal(Code.PASSKEY_REFUSED, (case.fault.value,))


@pytest.mark.parametrize("fault", Fault)
def test_word_has_a_hostile_test(fault):
    assert fault in {case.fault for case in CASES}


def test_no_case_is_told_twice():
    names = [(case.ceremony, case.name) for case in CASES]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("case", CASES, ids=[f"{case.ceremony}: {case.name}" for case in CASES])
def test_without_its_lie_the_ceremony_is_admitted(case):
    honest = hostile.Case(case.name, case.fault, case.ceremony, passkey={**case.passkey, "aaguid": bytes(16)})
    assert not isinstance(hostile.play(honest), Refusal)
