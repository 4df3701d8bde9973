"""The breaker on a clock that the test turns."""

import pytest

from ostiary.remote.breaker import Breaker, Turn


class Ticking:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticking()


MANY, SOLE = Turn.ONE_OF_MANY, Turn.SOLE


def opened(ticks, most=3, pause=5.0):
    breaker = Breaker(ticks, most, pause)
    for _ in range(most):
        breaker.failed(breaker.admits())
    return breaker


def test_it_opens_after_that_many_failures_in_a_row_and_not_before(ticks):
    breaker = Breaker(ticks, 3, 5.0)
    for _ in range(10):
        breaker.failed(MANY)
        breaker.failed(MANY)
        assert breaker.admits() is MANY
        breaker.succeeded(MANY)
    breaker.failed(MANY)
    breaker.failed(MANY)
    breaker.failed(MANY)
    assert breaker.admits() is None


def test_it_lets_nobody_through_for_a_pause_and_then_exactly_one(ticks):
    breaker = opened(ticks)
    ticks.now += 4.999
    assert breaker.admits() is None
    ticks.now += 0.001
    assert [breaker.admits() for _ in range(3)] == [SOLE, None, None]
    ticks.now += 60
    assert breaker.admits() is None, "however long the one takes"


def test_the_one_that_succeeds_closes_it(ticks):
    breaker = opened(ticks)
    ticks.now += 5
    breaker.succeeded(breaker.admits())
    assert [breaker.admits() for _ in range(3)] == [MANY] * 3
    breaker.failed(MANY)
    breaker.failed(MANY)
    assert breaker.admits() is MANY, "failures are counted anew"


def test_the_one_that_fails_opens_it_for_another_pause_from_then_on(ticks):
    breaker = opened(ticks)
    ticks.now += 5
    turn = breaker.admits()
    ticks.now += 3
    breaker.failed(turn)
    ticks.now += 4.999
    assert breaker.admits() is None
    ticks.now += 0.001
    assert breaker.admits() is SOLE


def test_a_turn_that_is_given_back_is_the_next_ones(ticks):
    breaker = opened(ticks)
    ticks.now += 5
    breaker.returned(breaker.admits())
    assert [breaker.admits() for _ in range(2)] == [SOLE, None]


@pytest.mark.parametrize("gone", [0.0, 5.0])
def test_who_was_let_through_before_it_opened_gives_no_turn_back(ticks, gone):
    """Neither is the pause over by it, nor does a second one go beside the one whose turn it is."""
    breaker = opened(ticks)
    ticks.now += gone
    turn = breaker.admits()
    breaker.returned(MANY)
    assert breaker.admits() is None
    breaker.failed(MANY)
    assert breaker.admits() is None
    assert (turn is SOLE) is (gone > 0)


def test_giving_back_while_closed_changes_nothing(ticks):
    breaker = Breaker(ticks, 2, 5.0)
    breaker.failed(MANY)
    breaker.returned(MANY)
    assert breaker.admits() is MANY
    breaker.failed(MANY)
    assert breaker.admits() is None
