"""Many at once, on two nodes of one store: no attempt is lost, and one evaluation is used by one."""

from contextlib import suppress
from functools import partial

import pytest

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.values import ANONYMOUS, Event, EventName
from ostiary.limits import service as limits
from tests.limits.knocking import ADA, ALLOW, HOME, LOCKOUT, THROTTLE, evaluate, knock, set_policy
from tests.login.gatehouse import opened

MANY, ROUNDS, TRIES = 2000, 40, 50


@pytest.fixture
def two(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as made:
        yield made, made.node()


def at_once(two, *knocks, tries=TRIES):
    """Evaluate these at once, by turns on each node."""
    return two[0].together(*(patient(two[number % 2], one, tries) for number, one in enumerate(knocks)))


async def patient(node, one, tries):
    """Evaluate; come back after a 503, as a client does: whoever waits a second for those who count is sent away."""
    for _ in range(tries):
        with suppress(StoreUnavailable):
            return await node.house.vault.transact(node.scope, partial(limits.evaluate, caller=ANONYMOUS, knock=one))
    raise AssertionError("never answered")


def test_two_thousand_concurrent_attempts_lose_none(two):
    set_policy(two[0], soft=MANY, lockout=MANY + 1)
    told = at_once(two, *[knock()] * MANY)
    assert {one.decision for one in told} == {ALLOW}
    counts = dict(two[0].rows("SELECT kind, count FROM limit_counters"))
    assert counts == {"pair": MANY, "address": MANY, "subject": MANY}
    seen = {reason for one in two[0].receipts(operation="limit.evaluate") for reason in one.reasons}
    assert {f"pair:{number}" for number in range(1, MANY + 1)} <= seen, "and each was told a count of its own"


def test_however_many_come_at_once_exactly_five_pass(two):
    told = [one.decision for one in at_once(two, *[knock()] * 200)]
    assert [told.count(one) for one in (ALLOW, THROTTLE, LOCKOUT)] == [5, 4, 191]
    assert two[0].rows("SELECT count FROM limit_counters WHERE kind = 'pair'") == [(10,)]


def test_nodes_that_count_the_same_in_other_orders_do_not_wait_for_each_other(two):
    """A group of use cases is one transaction on PostgreSQL: counters taken in any order would be a deadlock."""
    set_policy(two[0], soft=10_000, lockout=10_000)
    subjects = [f"user-{number % 7}" for number in range(80)]
    told = at_once(two, *(knock(one, f"hash-{number % 5}") for number, one in enumerate(subjects)), tries=1)
    assert {one.decision for one in told} == {ALLOW}
    assert two[0].rows("SELECT sum(count) FROM limit_counters WHERE kind = 'subject'") == [(80,)]


def test_one_evaluation_is_used_by_exactly_one(two):
    def spend(tx, name):
        won = limits.use(tx, name, "la-a")
        if won:
            tx.emit(Event(EventName.LOGIN_FINISH, ANONYMOUS, ADA))
        return won

    set_policy(two[0], soft=1000, lockout=1000)
    for _ in range(ROUNDS):
        made = evaluate(two[0], attempt="la-a")
        acts = [node.house.vault.transact(node.scope, partial(spend, name=made.id)) for node in two * 4]
        assert sum(two[0].together(*acts)) == 1


def test_collection_takes_no_count_away_that_was_made_meanwhile(two):
    set_policy(two[0], window=1, soft=1000, lockout=1000)
    for turn in range(ROUNDS):
        at_once(two, *[knock()] * 3)
        two[0].clock.turn(1_000_000)
        acts = [
            two[0].house.vault.transact(
                two[0].scope, partial(limits.evaluate, caller=ANONYMOUS, knock=knock(ADA, HOME))
            ),
            two[1].house.vault.transact(two[1].scope, limits.collect),
        ]
        two[0].together(*(acts if turn % 2 else reversed(acts)))
        assert two[0].rows("SELECT count FROM limit_counters WHERE kind = 'pair'") == [(1,)]
        two[0].clock.turn(1_000_000)
