"""The clock on the wall tells nobody whether a credential is known: 2,000 interleaved samples a class (ruling 43)."""

import random
import time
from bisect import bisect_left, bisect_right

import pytest

from tests.contracts.login_method import Door, met
from tests.login.gatehouse import opened
from tests.login.test_methods import PasskeyCandidate, ToyCandidate

SAMPLES = 2_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def area(first, second):
    """How often a sample of the one class is longer than one of the other (area under the curve): 0.5 tells nothing."""
    ordered = sorted(second)
    below = sum(bisect_left(ordered, one) + bisect_right(ordered, one) for one in first)
    return below / 2 / len(first) / len(second)


def test_the_measure_sees_a_difference():
    assert area([1.0, 2.0], [1.0, 2.0]) == 0.5
    assert area([2.1, 3.1], [1.0, 2.0]) == 1.0


@pytest.mark.parametrize("candidate", [PasskeyCandidate, ToyCandidate])
def test_unknown_and_wrong_take_the_same_time(tmp_path, candidate):
    says, taken = candidate(), {"wrong": [], "unknown": []}
    with opened(tmp_path, *says.methods) as gatehouse:
        door = Door(says, met(gatehouse, says), gatehouse.visitor())
        for _ in range(SAMPLES):
            for kind in random.sample(list(taken), 2):
                body = door.body(door.begin(), kind)
                began = time.perf_counter()
                assert door.send(body).code == "login_refused"
                taken[kind].append(time.perf_counter() - began)
    assert 0.45 < area(taken["wrong"], taken["unknown"]) < 0.55
