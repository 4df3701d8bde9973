"""The breaker on a clock that the test turns."""

import pytest

from ostiary.remote.breaker import Breaker


class Ticking:
    """Seconds that pass when the test says so."""

    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticking()


def opened(ticks, most=3, pause=5.0):
    breaker = Breaker(ticks, most, pause)
    for _ in range(most):
        assert breaker.admits()
        breaker.failed()
    return breaker


def test_it_opens_after_that_many_failures_in_a_row_and_not_before(ticks):
    breaker = Breaker(ticks, 3, 5.0)
    for _ in range(10):
        breaker.failed()
        breaker.failed()
        assert breaker.admits()
        breaker.succeeded()
    breaker.failed()
    breaker.failed()
    breaker.failed()
    assert not breaker.admits()


def test_it_lets_nobody_through_for_a_pause_and_then_exactly_one(ticks):
    breaker = opened(ticks)
    ticks.now += 4.999
    assert not breaker.admits()
    ticks.now += 0.001
    assert [breaker.admits() for _ in range(3)] == [True, False, False]


def test_the_one_that_succeeds_closes_it(ticks):
    breaker = opened(ticks)
    ticks.now += 5
    assert breaker.admits()
    breaker.succeeded()
    assert [breaker.admits() for _ in range(3)] == [True] * 3
    breaker.failed()
    breaker.failed()
    assert breaker.admits(), "failures are counted anew"


def test_the_one_that_fails_opens_it_for_another_pause_from_then_on(ticks):
    breaker = opened(ticks)
    ticks.now += 5
    assert breaker.admits()
    ticks.now += 3
    breaker.failed()
    ticks.now += 4.999
    assert not breaker.admits()
    ticks.now += 0.001
    assert breaker.admits()


def test_a_turn_that_is_given_back_is_the_next_ones(ticks):
    breaker = opened(ticks)
    ticks.now += 5
    assert breaker.admits()
    breaker.returned()
    assert [breaker.admits() for _ in range(2)] == [True, False]


def test_a_turn_of_which_nothing_is_heard_holds_up_nobody_for_ever(ticks):
    breaker = opened(ticks)
    ticks.now += 5
    assert breaker.admits()
    ticks.now += 4.999
    assert not breaker.admits()
    ticks.now += 0.001
    assert breaker.admits()


def test_giving_back_while_closed_changes_nothing(ticks):
    breaker = Breaker(ticks, 2, 5.0)
    breaker.failed()
    breaker.returned()
    assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()
