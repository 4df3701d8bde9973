"""Time: it starts at the wall, never below the floor, and then only CLOCK_BOOTTIME moves it."""

import itertools
import time

import pytest

from ostiary.kernel.clock import MINUTE, SECOND, instant, system_clock

WALL = 1_800_000_000 * SECOND


class Sources:
    """A wall clock and a boot clock that the test sets; nanoseconds."""

    def __init__(self, wall=WALL, boot=5 * SECOND):
        self.wall, self.boot = wall * 1000, boot * 1000

    def clock(self, floor=0):
        return system_clock(floor, lambda: self.wall, lambda: self.boot)


def test_it_starts_at_the_wall_and_follows_the_boot_clock():
    sources = Sources()
    clock = sources.clock()
    assert clock() == WALL
    sources.boot += 1_999
    assert clock() == WALL + 1
    sources.boot += 3600 * 1_000_000_000
    assert clock() == WALL + 60 * MINUTE + 1


@pytest.mark.parametrize("step", [-(10**18), -1, 1, 10**18])
def test_stepping_the_wall_while_it_runs_changes_nothing(step):
    sources = Sources()
    clock = sources.clock()
    sources.wall += step
    assert clock() == WALL
    sources.boot += 7_000
    assert clock() == WALL + 7


def test_suspend_counts_as_time_passed():
    sources = Sources()
    clock = sources.clock()
    sources.boot += 8 * 3600 * 10**9  # CLOCK_BOOTTIME goes on while the machine sleeps, CLOCK_MONOTONIC does not
    assert clock() == WALL + 8 * 3600 * SECOND
    real = system_clock()
    assert abs(real() - time.time_ns() // 1000) < MINUTE


@pytest.mark.parametrize(
    ("wall", "floor", "start"), [(WALL, 0, WALL), (WALL, WALL + 5, WALL + 5), (0, WALL, WALL), (WALL, WALL - 5, WALL)]
)
def test_it_never_starts_below_the_floor(wall, floor, start):
    assert Sources(wall).clock(floor)() == start


def test_it_never_runs_backwards():
    clock = system_clock()
    readings = [clock() for _ in range(10_000)]
    assert all(one <= other for one, other in itertools.pairwise(readings))


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (WALL + 999_999, "2027-01-15T08:00:00.999999Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_an_instant_is_rfc_3339_in_utc(micros, text):
    assert instant(micros) == text
