"""Devices and standings, which follow one law: a name is one person's, in one tenant, on record."""

import pytest

from ostiary.access import standings
from ostiary.identities import devices
from ostiary.kernel.refusals import Code
from tests.identities.tenants import made, person, within
from tests.login.gatehouse import OPERATOR

BOTH = pytest.mark.parametrize(
    ("feature", "whose", "event", "word"),
    [(devices, devices.owner, "device.add", "device"), (standings, standings.holder, "standing.add", "standing")],
    ids=["devices", "standings"],
)


def add(gatehouse, feature, who, name, scope=None):
    return within(gatehouse, scope or gatehouse.scope, lambda tx: feature.add(tx, OPERATOR, who, name))


@BOTH
def test_it_is_a_persons_and_on_record(everywhere, feature, whose, event, word):
    ada = person(everywhere)
    for name in ("second", "first"):
        assert add(everywhere, feature, ada, name) is None
    assert everywhere.read(lambda tx: whose(tx, "first")) == ada
    assert everywhere.read(lambda tx: feature.list_of(tx, ada)) == ["first", "second"]
    told = everywhere.receipts(operation=event)
    assert [(one.actor, one.subject, one.reasons) for one in told] == [
        (OPERATOR.actor, ada, (f"{word}:second",)),
        (OPERATOR.actor, ada, (f"{word}:first",)),
    ]


@BOTH
def test_said_again_it_changes_nothing(everywhere, feature, whose, event, word):
    del whose, word
    ada = person(everywhere)
    assert add(everywhere, feature, ada, "n") is None
    assert add(everywhere, feature, ada, "n") is None
    assert len(everywhere.receipts(operation=event)) == 1


@BOTH
def test_a_taken_name_stays_whose_it_was(everywhere, feature, whose, event, word):
    del word
    ada, bob = person(everywhere), person(everywhere)
    assert add(everywhere, feature, ada, "n") is None
    assert add(everywhere, feature, bob, "n").code is Code.REF_TAKEN
    assert everywhere.read(lambda tx: whose(tx, "n")) == ada
    assert everywhere.receipts(operation=event)[-1].reasons == ("ref_taken",)


@BOTH
def test_it_is_unknown_in_another_tenant(everywhere, feature, whose, event, word):
    del event, word
    scope, _ = made(everywhere)
    ada = person(everywhere)
    assert add(everywhere, feature, ada, "n") is None
    assert within(everywhere, scope, lambda tx: (whose(tx, "n"), feature.list_of(tx, ada))) == ("", [])
    assert add(everywhere, feature, ada, "n", scope).code is Code.PERSON_UNKNOWN
    assert add(everywhere, feature, person(everywhere, scope), "n", scope) is None


@BOTH
@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\0", "a\n", "ä", "n" * 81])
def test_a_malformed_name_is_refused(everywhere, feature, whose, event, word, name):
    del event, word
    ada = person(everywhere)
    assert add(everywhere, feature, ada, name).code is Code.REF_MALFORMED
    assert everywhere.read(lambda tx: whose(tx, name)) == ""
    assert everywhere.read(lambda tx: feature.list_of(tx, ada)) == []


@BOTH
@pytest.mark.parametrize("who", ["", "user-" + "A" * 22, "ada", "user-\0"])
def test_nobody_has_nothing(everywhere, feature, whose, event, word, who):
    del word
    assert add(everywhere, feature, who, "n").code is Code.PERSON_UNKNOWN
    assert everywhere.read(lambda tx: (whose(tx, "n"), feature.list_of(tx, who))) == ("", [])
    assert everywhere.receipts(operation=event)[-1].subject == ""
