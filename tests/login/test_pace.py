"""Answers at a pace, on a loop whose time is the test's own: nothing here waits."""

import asyncio

import pytest

from ostiary.login.pace import Paced


class Hourglass(asyncio.SelectorEventLoop):
    """Its time stands still but for what somebody sleeps or turns it."""

    now = 100.0

    def time(self):
        return self.now

    def call_later(self, delay, callback, *args, context=None):
        self.now += delay
        return self.call_soon(callback, *args, context=context)


@pytest.mark.parametrize(("taken", "answered"), [(0.0, 0.0), (0.01, 0.15), (0.149, 0.15), (0.151, 0.3), (1.0, 1.05)])
def test_an_answer_comes_at_the_next_multiple(taken, answered):
    loop = Hourglass()

    async def request():
        began = loop.time()
        loop.now += taken
        await Paced(0.15).until(began)
        return loop.time() - began

    try:
        assert loop.run_until_complete(request()) == pytest.approx(answered)
    finally:
        loop.close()


def test_a_pace_of_nothing_waits_for_nothing():
    loop = Hourglass()
    try:
        loop.run_until_complete(Paced(0.0).until(loop.time() - 0.07))
        assert loop.now == Hourglass.now
    finally:
        loop.close()
