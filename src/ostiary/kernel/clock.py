"""Time as an argument: microseconds since 1970-01-01T00:00:00Z, as integers, never running backwards."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["MINUTE", "SECOND", "Clock", "instant", "system_clock"]

Clock = Callable[[], int]
"""A clock: a function without arguments that answers microseconds since 1970 (UTC)."""

SECOND = 1_000_000
MINUTE = 60 * SECOND


def system_clock(floor: int = 0) -> Clock:
    """Return a clock that starts at wall time (never below `floor`) and then follows CLOCK_BOOTTIME.

    Stepping the wall clock while the process runs changes nothing; suspend counts as time passed.
    """
    boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    start = max(time.time_ns() // 1000, floor)

    def now() -> int:
        return start + (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - boot) // 1000

    return now


def instant(micros: int) -> str:
    """Render microseconds since 1970 as RFC 3339 in UTC, with six decimals."""
    seconds, rest = divmod(micros, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"
