"""Time as an argument: microseconds since 1970-01-01T00:00:00Z, as integers, never running backwards."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

__all__ = ["MINUTE", "SECOND", "Clock", "Ticks", "instant", "system_clock", "ticks_of", "whole_seconds"]

Clock = Callable[[], int]
"""A clock: a function without arguments that answers microseconds since 1970 (UTC)."""

Ticks = Callable[[], float]
"""The cheapest clock: seconds since some instant, only good for comparing with each other."""

SECOND = 1_000_000
MINUTE = 60 * SECOND


_since_boot = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)


class _SystemClock:
    """See `system_clock`. `start` and `since_boot` are nanoseconds."""

    __slots__ = ("_since_boot", "_start")

    def __init__(self, start: int, since_boot: Callable[[], int]) -> None:
        self._start, self._since_boot = start, since_boot

    def __call__(self) -> int:
        return (self._start + self._since_boot()) // 1000


def system_clock(
    floor: int = 0, wall: Callable[[], int] = time.time_ns, since_boot: Callable[[], int] = _since_boot
) -> Clock:
    """Return a clock that starts at wall time (never below `floor`) and then follows CLOCK_BOOTTIME.

    Stepping the wall clock while the process runs changes nothing; suspend counts as time passed. The two
    sources give nanoseconds.
    """
    return _SystemClock(max(wall() // 1000, floor) * 1000 - since_boot(), since_boot)


def ticks_of(clock: Clock) -> Ticks:
    """Return ticks that go exactly as fast as `clock`: a system clock's come straight from CLOCK_BOOTTIME."""
    if isinstance(clock, _SystemClock):
        return partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    return lambda: clock() / SECOND


def instant(micros: int) -> str:
    """Render microseconds since 1970 as RFC 3339 in UTC, with six decimals."""
    seconds, rest = divmod(micros, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"


def whole_seconds(length: int) -> int:
    """Return a length (microseconds) in seconds, rounded up: who waits for so long has waited long enough."""
    return -(-length // SECOND)
