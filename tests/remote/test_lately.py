"""The memory of the last question: of its failure until one succeeds or its time has passed, and of how long it took."""

import asyncio
import time

from ostiary.remote.lately import MEMORY_S, Lately
from tests.remote.test_breaker import Ticking


def test_a_failure_is_remembered_until_one_succeeds_or_its_time_has_passed():
    ticks = Ticking()
    lately = Lately(ticks)
    assert lately.why == ""
    lately.note(ticks.now, "timeout")
    ticks.now += MEMORY_S - 1
    assert lately.why == "timeout"
    ticks.now += 1
    assert lately.why == ""
    lately.note(ticks.now, "timeout")
    lately.note(ticks.now, "")
    assert lately.why == ""


def test_something_smaller_takes_as_long_as_the_last_question():
    async def glance():
        return "seen"

    lately, began = Lately(time.monotonic), time.monotonic()
    assert asyncio.run(lately.instead(glance)) == "seen"
    lately.note(time.monotonic() - 0.3, "")
    assert asyncio.run(lately.instead(glance)) == "seen"
    assert time.monotonic() - began >= 0.3
    lately.note(time.monotonic(), "timeout")
    assert asyncio.run(lately.instead(glance)) == "timeout"
