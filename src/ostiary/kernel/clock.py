"""Time as an argument: microseconds since 1970-01-01T00:00:00Z, as integers, never running backwards."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

__all__ = ["MINUTE", "SECOND", "Clock", "instant", "system_clock"]

Clock = Callable[[], int]
"""A clock: a function without arguments that answers microseconds since 1970 (UTC)."""

SECOND = 1_000_000
MINUTE = 60 * SECOND


_since_boot = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)


def system_clock(
    floor: int = 0, wall: Callable[[], int] = time.time_ns, since_boot: Callable[[], int] = _since_boot
) -> Clock:
    """Return a clock that starts at wall time (never below `floor`) and then follows CLOCK_BOOTTIME.

    Stepping the wall clock while the process runs changes nothing; suspend counts as time passed. The two
    sources give nanoseconds.
    """
    start = max(wall() // 1000, floor) * 1000 - since_boot()

    def now() -> int:
        return (start + since_boot()) // 1000

    return now


def instant(micros: int) -> str:
    """Render microseconds since 1970 as RFC 3339 in UTC, with six decimals."""
    seconds, rest = divmod(micros, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"
