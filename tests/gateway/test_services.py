"""The check for registered services: known, let in, scopes, disclosure; and no old registration after a change."""

import base64
import json

import pytest

from ostiary.access import service as access
from ostiary.gateway.model import HEADERS
from ostiary.identities import service as identities
from ostiary.kernel.values import Factor
from ostiary.services import service
from ostiary.services.model import Registration
from ostiary.sessions import service as sessions
from tests.gateway.test_check import EMPTY, ours
from tests.sessions.home import HOUR, OPERATOR

ALL = "person factor signed_in_at name email"


def register(home, name="app", **given):
    made = home.act(lambda tx: service.add(tx, OPERATOR, Registration(name, **given)))
    assert isinstance(made, str), made
    return made


def ann(home):
    """A person with a name and an address."""
    made = home.act(
        lambda tx: identities.add_person(tx, home.house.keyring, OPERATOR, email="ann@example.test", name="Ann Ä")
    )
    return made.id


def told(answer):
    value = answer.header("ostiary-disclosed")
    if value == "-":
        return {}
    assert "=" not in value
    return json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))


def refused(answer, code, status=403):
    assert (answer.status, answer.code, ours(answer)) == (status, code, EMPTY)


def test_a_registered_service_is_answered_and_others_are_not(anywhere):
    cookie = anywhere.open()[1]
    refused(anywhere.check(cookie, "/check/app"), "service_unknown")
    register(anywhere)
    for path in ("/check/app", "/check/app/", "/check/app/any/thing?service=other&scopes=none"):
        answer = anywhere.check(cookie, path)
        assert (answer.status, answer.header("ostiary-scopes"), told(answer)) == (200, "-", {})
        assert set(HEADERS) <= {name.encode() for name in answer.headers}
    refused(anywhere.check(cookie, "/check/apps"), "service_unknown")


def test_two_scopes_two_refs_one_session(home):
    session, cookie = home.open()
    for name in ("one", "two"):
        register(home, name, discloses=("person",))
    answers = [home.check(cookie, path, Caller_Disclose="person") for path in ("/check/one", "/check/two")]
    plain = home.check(cookie)
    for header in ("ostiary-caller", "ostiary-epoch"):
        assert len({answer.header(header) for answer in (*answers, plain)}) == 3
    persons = {told(answer)["person"] for answer in answers}
    assert len(persons) == 2
    assert not any(session.person in text or session.id in text for text in (str(persons), str(answers[0].headers)))


def test_a_service_knows_a_returning_person_and_not_another(home):
    register(home, discloses=("person",))

    def person(**given):
        return told(home.check(home.open(**given)[1], "/check/app", Caller_Disclose="person"))["person"]

    assert person() == person()
    assert person() != person(person="user-BBBBBBBBBBBBBBBBBBBBBB")


def test_a_service_removed_and_added_again_learns_new_references(anywhere):
    cookie, seen = anywhere.open()[1], set()
    for _ in range(2):
        register(anywhere, discloses=("person",))
        answer = anywhere.check(cookie, "/check/app", Caller_Disclose="person")
        seen |= {answer.header("ostiary-caller"), answer.header("ostiary-epoch"), told(answer)["person"]}
        anywhere.act(lambda tx: service.remove(tx, OPERATOR, "app"))
        refused(anywhere.check(cookie, "/check/app"), "service_unknown")
    assert len(seen) == 6


def test_disclosure_request_without_scope(home):
    register(home)
    assert told(home.check(home.open(ann(home))[1], "/check/app", Caller_Disclose=ALL)) == {}


def test_disclosure_scope_without_request(home):
    register(home, discloses=tuple(ALL.split()))
    assert told(home.check(home.open(ann(home))[1], "/check/app")) == {}


def test_both_give_every_fact(anywhere):
    register(anywhere, discloses=tuple(ALL.split()))
    session, cookie = anywhere.open(ann(anywhere), factor=Factor.INVITATION)
    facts = told(anywhere.check(cookie, "/check/app", Caller_Disclose=ALL))
    assert len(facts.pop("person")) == 32
    assert facts == {
        "factor": "invitation",
        "signed_in_at": session.created_at // 1_000_000,
        "name": "Ann Ä",
        "email": "ann@example.test",
    }


def test_a_forged_caller_disclose_never_gets_more_than_the_scope(home):
    register(home, discloses=("factor",))
    cookie = home.open(ann(home))[1]
    for asked in (ALL, "factor, email", "email name factor factor"):
        assert told(home.check(cookie, "/check/app", Caller_Disclose=asked)) == {"factor": "passkey"}
    for odd in ("password", "factor,*", "all", "x" * 300):
        refused(home.check(cookie, "/check/app", Caller_Disclose=odd), "disclosure_unknown")
    assert told(home.check(cookie, "/check/app")) == {}


def test_what_one_request_was_told_no_other_is(home):
    register(home, discloses=("email",))
    cookie = home.open(ann(home))[1]
    for _ in range(3):
        assert told(home.check(cookie, "/check/app", Caller_Disclose="email")) == {"email": "ann@example.test"}
        assert told(home.check(cookie, "/check/app")) == {}


def test_a_fact_that_there_is_not_is_left_out(home):
    register(home, discloses=("email", "name"))
    assert told(home.check(home.open()[1], "/check/app", Caller_Disclose="name email")) == {}


def test_a_required_scope_lets_in_those_who_hold_it(anywhere):
    register(anywhere, scopes=("reports.read", "reports.list"))
    person = ann(anywhere)
    cookie = anywhere.open(person)[1]
    refused(anywhere.check(cookie, "/check/app?scopes="), "scope_missing")
    for scope in ("reports.read", "reports.list"):
        refused(anywhere.check(cookie, "/check/app", Ostiary_Scopes="reports.read reports.list"), "scope_missing")
        anywhere.act(lambda tx, scope=scope: access.grant_scope(tx, OPERATOR, person, scope))
    assert anywhere.check(cookie, "/check/app").header("ostiary-scopes") == "reports.list reports.read"
    assert anywhere.check(cookie).header("ostiary-scopes") == "-"


def test_a_refused_check_keeps_no_session_alive(home):
    register(home, scopes=("reports.read",))
    cookie = home.open()[1]
    home.clock.turn(HOUR // 2)
    refused(home.check(cookie, "/check/app"), "scope_missing")
    home.clock.turn(HOUR // 2)
    assert home.check(cookie).status == 401


def test_a_key_opens_its_service_only(home):
    one, two = register(home, "one", requires_key=True), register(home, "two")
    cookie = home.open()[1]
    refused(home.check(cookie, "/check/one"), "service_key_refused")
    assert home.check(cookie, "/check/two").status == 200
    for path, right, wrong in (("/check/one", one, two), ("/check/two", two, one), ("/check", None, one)):
        if right:
            assert home.check(cookie, path, Ostiary_Service_Key=right).status == 200
        for bad in (wrong, "x", f"{right},{right}", f"Bearer {right}", f"{right} "[:-2]):
            refused(home.check(cookie, path, Ostiary_Service_Key=bad), "service_key_refused")
    refused(home.check(cookie, "/check/one"), "service_key_refused")
    assert home.check(None, "/check/one", Ostiary_Service_Key=one).status == 401


@pytest.mark.parametrize("warm", [True, False])
def test_no_check_after_a_change_goes_by_the_old_registration(anywhere, warm):
    """By another process, as an operator does it, and by this one; a warm cache is asked before each change."""
    session, cookie = anywhere.open(ann(anywhere))
    key, beside = register(anywhere), anywhere.beside()

    def asked(**headers):
        return anywhere.check(cookie, "/check/app", **headers)

    def warmed():
        for _ in range(3 * warm):
            asked()

    for act in (anywhere.act, beside.act):
        warmed()
        act(lambda tx: service.change(tx, OPERATOR, Registration("app", scopes=("reports.read",))))
        refused(asked(), "scope_missing")
        act(lambda tx: access.grant_scope(tx, OPERATOR, session.person, "reports.read"))
        assert asked().header("ostiary-scopes") == "reports.read"
        warmed()
        assert act(lambda tx: sessions.withdraw_scope(tx, OPERATOR, session.person, "reports.read"))
        refused(asked(), "scope_missing")
        act(lambda tx: service.change(tx, OPERATOR, Registration("app", requires_key=True)))
        refused(asked(), "service_key_refused")
        assert asked(Ostiary_Service_Key=key).status == 200
        new = act(lambda tx: service.rotate(tx, OPERATOR, "app", 0))
        refused(asked(Ostiary_Service_Key=key), "service_key_refused")
        assert asked(Ostiary_Service_Key=new).status == 200
        refused(asked(), "service_key_refused")
        act(lambda tx: service.change(tx, OPERATOR, Registration("app", discloses=("email",))))
        assert told(asked(Caller_Disclose="email"))
        warmed()
        act(lambda tx: service.change(tx, OPERATOR, Registration("app")))
        assert told(asked(Caller_Disclose="email")) == {}
        warmed()
        act(lambda tx: service.remove(tx, OPERATOR, "app"))
        refused(asked(), "service_unknown")
        key = act(lambda tx: service.add(tx, OPERATOR, Registration("app")))


def test_a_registered_services_warm_check_is_answered_at_a_glance(home):
    register(home)
    cookie, asked = home.open()[1], []
    check = home.application.internal._check
    for _ in range(3):
        home.check(cookie, "/check/app")
    check._teller = type("Watched", (), {"__getattr__": lambda _, name: asked.append(name)})()
    assert home.check(cookie, "/check/app").status == 200
    assert asked == []


def test_junk_for_a_name_is_an_unknown_service_and_no_question_to_the_store(home):
    cookie = home.open()[1]
    for name in ("%00", "A", "a_b", "x" * 64, "..", "%F0%9F%98%80", "app%0A", "%ED%A0%80"):
        refused(home.check(cookie, f"/check/{name}"), "service_unknown")
