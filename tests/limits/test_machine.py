"""The counters against the plainest model of them: random attempts, time, proofs and collections."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from ostiary.kernel.clock import SECOND
from ostiary.limits import service as limits
from tests.limits.knocking import ALLOW, LOCKOUT, THROTTLE, evaluate, relieve, set_policy, stored
from tests.login.gatehouse import Gatehouse

WINDOW, SOFT, CLOSES, PAUSE = 60, 2, 4, 90
SUBJECTS, ADDRESSES, DEVICES = (st.sampled_from(names) for names in (("a", "b"), ("x", "y"), ("", "d", "e")))


class Model:
    """One counter: a list of what was counted since it began anew."""

    def __init__(self, factor):
        self.soft, self.closes = SOFT * factor, CLOSES * factor
        self.begin()

    def begin(self):
        self.count, self.ends, self.closed = 0, 0, 0

    def knock(self, now):
        if self.closed or self.ends <= now:
            self.begin()
            self.ends = now + WINDOW
            self.began = now
        self.count += 1
        if self.count >= self.closes:
            self.closed = now + PAUSE

    def says(self):
        return LOCKOUT if self.closed else THROTTLE if self.count > self.soft else ALLOW


class Machine(RuleBasedStateMachine):
    """Every decision, waiting time and count is the model's."""

    @initialize()
    def start(self):
        self.folder = Path(tempfile.mkdtemp())
        self.house = Gatehouse(self.folder)
        set_policy(self.house, window=WINDOW, soft=SOFT, lockout=CLOSES, pause=PAUSE)
        self.now, self.models, self.allowed = 0, {}, []

    def teardown(self):
        if hasattr(self, "house"):
            self.house.close()
            shutil.rmtree(self.folder)

    def met(self, subject, address, device):
        keys = [(1, subject, address), *([(1, "device", device, address)] if device else []), (20, address)]
        return [self.models.setdefault(key, Model(key[0])) for key in keys]

    @rule(subject=SUBJECTS, address=ADDRESSES, device=DEVICES)
    def attempt(self, subject, address, device):
        before = stored(self.house)
        told = evaluate(self.house, subject, address, device=device)
        met = self.met(subject, address, device)
        closed = max(one.closed for one in met)
        if closed > self.now:
            assert (told.decision, told.retry_after, told.id) == (LOCKOUT, closed - self.now, "")
            assert stored(self.house) == before
            return
        for one in met:
            one.knock(self.now)
        worst = max((one.says() for one in met), key=[ALLOW, THROTTLE, LOCKOUT].index)
        assert told.decision is worst
        until = max((one.closed or one.ends) for one in met if one.says() is worst)
        assert told.retry_after == (0 if worst is ALLOW else until - self.now)
        if worst is ALLOW:
            self.allowed.append((told, self.now, subject, address, device))

    @rule(seconds=st.integers(1, 100))
    def wait(self, seconds):
        self.now += seconds
        self.house.clock.turn(seconds * SECOND)

    @rule(place=st.integers(0, 1000))
    def prove(self, place):
        if not self.allowed:
            return
        made, at, *who = self.allowed.pop(place % len(self.allowed))
        relieve(self.house, made)
        *pairs, crowd = self.met(*who)
        for one in pairs:
            one.begin()
        if not crowd.closed and crowd.ends > self.now and crowd.began <= at:
            crowd.count = max(0, crowd.count - 1)

    @rule()
    def collect(self):
        self.house.act(limits.collect)


TestCounters = Machine.TestCase
TestCounters.settings = settings(max_examples=15, stateful_step_count=60, deadline=None)
