"""One place lets only so many letters leave, to whomever; what it is told beyond that is what everybody is told."""

import pytest

from ostiary.kernel.values import Caller
from ostiary.login.methods.email_code import challenges
from ostiary.login.methods.email_code.challenges import Asking, Rules
from ostiary.login.methods.email_code.model import BUDGETS, Flow
from ostiary.sessions.service import keyed_hash
from tests.login.email_code.handset import EMAIL, Handset

PLACE = "192.0.2.1"


@pytest.fixture
def rules(tower):
    return Rules(tower.home.house.keyring, tower.home.house.settings.origin)


def seen_as(tower, place):
    """Who asks from there, as the guard says it."""
    keyring, tenant = tower.home.house.keyring, tower.home.scope.tenant
    return Caller(address=place and keyed_hash(keyring, tenant, "address", place))


def may_send(tower, rules, place, *emails):
    """How many letters may follow, when that place asks for one to each."""
    caller = seen_as(tower, place)
    asked = [Asking(Flow.DEVICE, email, "en") for email in emails]
    return tower.act(lambda tx: sum(not challenges.letter_after(tx, rules, caller, one) for one in asked))


def spend(tower, rules, place=PLACE):
    most = BUDGETS.requester.most
    assert may_send(tower, rules, place, *(f"nobody{n}@example.com" for n in range(most))) == most == 600


def test_one_place_lets_so_many_letters_leave_an_hour_to_whomever(tower, rules):
    tower.clock.hold()
    spend(tower, rules)
    beyond, elsewhere = Handset(tower, PLACE).asked(), Handset(tower, "192.0.2.2").asked()
    assert [tower.state(one)[0] for one in (beyond, elsewhere)] == ["delivery_throttled", "sent"]
    assert [one.key for one in tower.letters()] == [elsewhere]
    tower.clock.turn(BUDGETS.requester.window)
    assert tower.state(Handset(tower, PLACE).asked())[0] == "sent"


def test_who_has_spent_theirs_spends_nobody_elses(tower, rules):
    """An address takes thirty letters an hour: asks that no letter follows are none of them."""
    tower.clock.hold()
    spend(tower, rules)
    for _ in range(BUDGETS.place.most):
        assert may_send(tower, rules, PLACE, EMAIL) == 0
        tower.clock.turn(BUDGETS.letter.window)
    fresh = [f"198.51.100.{n}" for n in range(BUDGETS.letters.most)]
    assert sum(may_send(tower, rules, place, EMAIL) for place in fresh) == BUDGETS.letters.most


def test_asks_that_no_letter_follows_cost_a_place_nothing(tower, rules):
    tower.clock.hold()
    assert may_send(tower, rules, PLACE, *[EMAIL] * 700) == 1
    assert may_send(tower, rules, PLACE, "another@example.com") == 1


def test_a_letter_that_could_not_leave_is_given_back(tower, rules):
    tower.clock.hold()
    spend(tower, rules)
    given, caller = Asking(Flow.DEVICE, "nobody0@example.com", "en"), seen_as(tower, PLACE)
    tower.act(lambda tx: challenges.give_back(tx, rules, caller, given))
    assert may_send(tower, rules, PLACE, "a@example.com", "b@example.com") == 1


def test_those_of_whom_no_place_is_known_are_not_one(tower, rules):
    tower.clock.hold()
    spend(tower, rules, "")
    assert may_send(tower, rules, "", "another@example.com") == 1
