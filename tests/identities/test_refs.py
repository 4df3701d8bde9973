"""Aliases: taken once, in one tenant, and never in front of an internal id."""

import pytest

from ostiary.identities import refs
from ostiary.kernel.values import Event, EventName, Mode
from tests.identities.tenants import made, within
from tests.login.gatehouse import OPERATOR

TOKEN = "tok-" + "A" * 22
USER = "user-" + "A" * 22


def placed(gatehouse, ref, target, scope=None, how=refs.place):
    def use_case(tx):
        tx.emit(Event(EventName.PERSON_CREATE, OPERATOR, target))
        return how(tx, ref, target)

    return within(gatehouse, scope or gatehouse.scope, use_case)


def target(gatehouse, kind, ref, scope=None):
    return within(gatehouse, scope or gatehouse.scope, lambda tx: refs.target(tx, kind, ref))


def ref_of(gatehouse, kind, of, scope=None):
    return within(gatehouse, scope or gatehouse.scope, lambda tx: refs.ref_of(tx, kind, of))


def test_an_alias_stands_for_its_target_and_back(everywhere):
    assert placed(everywhere, "human_person:anna", USER)
    assert target(everywhere, "human_person", "human_person:anna") == USER
    assert ref_of(everywhere, "human_person", USER) == "human_person:anna"


def test_without_an_alias_the_name_is_what_it_says(everywhere):
    assert target(everywhere, "human_person", f"human_person:{USER}") == USER
    assert target(everywhere, "vessel", "vessel:laptop") == "laptop"
    assert ref_of(everywhere, "human_person", USER) == f"human_person:{USER}"


def test_a_taken_ref_stays_what_it_was(everywhere):
    assert placed(everywhere, "human_person:anna", USER)
    assert not placed(everywhere, "human_person:anna", "user-" + "B" * 21 + "A")
    assert not placed(everywhere, "human_person:anna", USER)
    assert target(everywhere, "human_person", "human_person:anna") == USER
    assert placed(everywhere, "passkey_binding:anna", "pk-1"), "another kind is another name"


def test_a_ref_can_be_moved_on_purpose(everywhere):
    for session in (TOKEN, "tok-" + "B" * 21 + "A"):
        assert placed(everywhere, "auth_session:mine", session, how=refs.move)
        assert target(everywhere, "auth_session", "auth_session:mine") == session


def test_of_several_aliases_the_oldest_is_told(everywhere):
    for name in ("zoe", "anna"):
        assert placed(everywhere, f"human_person:{name}", USER)
        everywhere.clock.turn(1)
    assert ref_of(everywhere, "human_person", USER) == "human_person:zoe"


def test_a_ref_of_another_tenant_does_not_resolve(everywhere):
    scope, _ = made(everywhere)
    assert placed(everywhere, "human_person:anna", USER)
    assert target(everywhere, "human_person", "human_person:anna", scope) == "anna"
    assert ref_of(everywhere, "human_person", USER, scope) == f"human_person:{USER}"
    assert placed(everywhere, "human_person:anna", "user-theirs", scope)
    assert target(everywhere, "human_person", "human_person:anna") == USER


@pytest.mark.parametrize(
    "ref", ["", "anna", ":anna", "human_person:", "human_person:a b", "human_person:a\0", "human_person:" + "n" * 81]
)
def test_a_malformed_ref_is_neither_placed_nor_resolved(everywhere, ref):
    assert not placed(everywhere, ref, USER)
    assert not placed(everywhere, ref, USER, how=refs.move)
    assert target(everywhere, "human_person", ref) is None


@pytest.mark.parametrize("name", [USER, TOKEN, f"fixture_{TOKEN}", "rcp-" + "A" * 22])
def test_no_alias_stands_in_front_of_an_internal_id(everywhere, name):
    for how in (refs.place, refs.move):
        assert not placed(everywhere, f"human_person:{name}", "user-of-a-thief", how=how)
    assert target(everywhere, "human_person", f"human_person:{name}") == name


def test_a_ref_of_another_kind_is_none(everywhere):
    assert target(everywhere, "auth_session", "human_person:anna") is None


def test_a_fixtures_sessions_say_so_in_their_ref(everywhere):
    scope, _ = made(everywhere, mode=Mode.FIXTURE)
    assert ref_of(everywhere, "auth_session", TOKEN, scope) == f"auth_session:fixture_{TOKEN}"
    for canonical in (f"auth_session:fixture_{TOKEN}", f"auth_session:{TOKEN}"):
        assert target(everywhere, "auth_session", canonical, scope) == TOKEN
    assert ref_of(everywhere, "human_person", USER, scope) == f"human_person:{USER}"
    assert target(everywhere, "auth_session", f"auth_session:fixture_{TOKEN}") == f"fixture_{TOKEN}", "no live gate"
    assert target(everywhere, "auth_session", "auth_session:fixture_valid", scope) == "fixture_valid"
