"""The memory of the last failure: until one succeeds, or its time has passed."""

from ostiary.remote.lately import MEMORY_S, Lately
from tests.remote.test_breaker import Ticking


def test_a_failure_is_remembered_until_one_succeeds_or_its_time_has_passed():
    ticks = Ticking()
    lately = Lately(ticks)
    assert lately.why == ""
    lately.note("timeout")
    ticks.now += MEMORY_S - 1
    assert lately.why == "timeout"
    ticks.now += 1
    assert lately.why == ""
    lately.note("timeout")
    lately.note("")
    assert lately.why == ""
