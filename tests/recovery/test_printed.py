"""Printed codes: made with presence, shown once, each good once; and how a person sees their own recovery."""

from functools import partial

import pytest

from ostiary.recovery.model import plain_code
from tests.membrane.stage import Stage, code

CODES, SHOW = "/api/v1/auth/recovery/codes", "/api/v1/auth/recovery"


@pytest.fixture
def stage(home):
    return Stage(home)


@pytest.fixture
def person(home):
    return home.enrolled()


def made(visitor):
    """Ten fresh codes."""
    answer = visitor.send("POST", CODES, {"presence": visitor.presence("recovery.codes")})
    assert answer.status == 201, answer.json
    return answer.json["codes"]


def typed(stage, text):
    """The code is typed by somebody who is not signed in."""
    return stage.ask("auth.recoveryContactConfirm", None, tenant=stage.ref, recovery_code=text)


def test_ten_different_codes_are_made_with_presence_only(person):
    assert person.send("POST", CODES, {}).json["code"] == "presence_required"
    wrong = person.presence("passkey.add")
    assert person.send("POST", CODES, {"presence": wrong}).json["code"] == "presence_refused"
    codes = made(person)
    assert len(set(codes)) == 10
    assert {len(plain_code(one)) for one in codes} == {16}


def test_a_code_begins_a_recovery_once(stage, person):
    codes = made(person)
    assert person.send("GET", SHOW).json["codes_left"] == 10
    begun = typed(stage, codes[0].upper().replace("-", " "))
    assert begun.status == 200, begun.json
    assert begun.json["body"]["subject"] == f"human_person:{person.person}"
    assert begun.json["body"]["waiting_seconds"] == 86_400
    assert person.send("GET", SHOW).json["codes_left"] == 9
    assert person.send("GET", SHOW).json["waits_until"] == begun.json["body"]["waits_until"]
    again = typed(stage, codes[0])
    assert (again.status, code(again)) == (403, "auth_recovery_code_refused")


def test_new_codes_void_those_before(stage, person):
    old = made(person)
    made(person)
    assert code(typed(stage, old[0])) == "auth_recovery_code_refused"
    assert person.send("GET", SHOW).json["codes_left"] == 10


def test_a_code_is_good_in_its_own_tenant_only(home, stage, person):
    codes = made(person)
    there = Stage(home, "elsewhere")
    assert code(typed(there, codes[0])) == "auth_recovery_code_refused"
    assert typed(stage, codes[0]).status == 200


def test_guessing_is_slowed_down(stage):
    """By the numbers that many people behind one address have: a code has too many signs to be guessed."""
    heard = [typed(stage, f"0000-0000-0000-{number:04}") for number in range(101)]
    assert [code(one) for one in heard] == ["auth_recovery_code_refused"] * 100 + ["auth_rate_limit_throttled"]


def test_one_code_over_and_over_is_slowed_down_sooner(stage):
    heard = [typed(stage, "0000-0000-0000-0000") for _ in range(6)]
    assert [code(one) for one in heard] == ["auth_recovery_code_refused"] * 5 + ["auth_rate_limit_throttled"]


def test_wrong_codes_at_an_application_do_not_close_it_for_its_users(stage, person):
    codes = made(person)
    ask = partial(stage.ask, "auth.recoveryContactConfirm", stage.client, tenant=stage.ref)
    for number in range(30):
        assert code(ask(recovery_code=f"0000-0000-0000-{number:04}")) == "auth_recovery_code_refused"
    assert ask(recovery_code=codes[0]).status == 200


def test_no_code_lies_in_the_database(home, person):
    codes = made(person)
    raw = "\n".join(home.dump())
    assert not [one for one in codes if one in raw or plain_code(one) in raw]


def test_who_has_no_address_can_recover_by_a_printed_code_only(home):
    founder = home.visitor()
    assert founder.enrol(home.first_link()).status == 200
    assert founder.send("GET", SHOW).json["methods"] == ["recovery_code"]


def test_who_has_an_address_can_recover_by_default(person):
    shown = person.send("GET", SHOW).json
    assert shown == {
        "methods": ["email_link", "recovery_code"],
        "codes_left": 0,
        "waits_until": None,
        "contest_until": None,
    }
