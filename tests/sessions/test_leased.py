"""The lease protocol, one step at a time: two nodes and whoever ends something, on a clock that the test turns.

The law: no check whose request was sent after the acknowledgement of an end was received is answered from memory.
"""

import asyncio
import math

import pytest

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code
from ostiary.keys.keyring import Keyring
from ostiary.sessions.leased import LeasedSessions
from ostiary.sessions.liveness import Entry, Judge
from ostiary.sessions.model import SessionSettings
from ostiary.sessions.seen import Seen
from ostiary.storage.barrier import Watch
from ostiary.storage.keeper import Keeper
from ostiary.storage.outbox import Change
from ostiary.storage.roll import LEASE_S, PATIENCE_S, News, Node, contains
from tests.sessions.home import HOUR, SPRING
from tests.sessions.test_cache import KEY, cookie, name
from tests.sessions.test_coalesced import Store, turn

GONE = StoreUnavailable("gone")


class World:
    """One database with transaction ids and snapshots as PostgreSQL has them, and the one true time in seconds."""

    def __init__(self):
        self.now, self.next, self.running = 1000.0, 100, set()
        self.outbox, self.roll, self.store = [], {}, Store()

    def begin(self):
        self.running.add(self.next)
        self.next += 1
        return self.next - 1

    def commit(self, xid, number):
        self.running.discard(xid)
        self.outbox.append((xid, Change("session", name(number))))
        self.store.file.end(number)
        return xid

    def end(self, number):
        """End a session in a transaction of its own; return its id and when it was committed."""
        return self.commit(self.begin(), number), self.now

    def snapshot(self):
        return f"{min(self.running, default=self.next)}:{self.next}:{','.join(map(str, sorted(self.running)))}"


def quiet(call):
    """Do nothing around a call."""


class Wire:
    """One process's way to the roll. Each call meets `before` and `after`, which may raise or change the world."""

    def __init__(self, world):
        self.world = world
        self.before = self.after = quiet

    def news(self, after):
        self.before("news")
        new = [change for xid, change in self.world.outbox if after and not contains(after, xid)]
        found = News(self.world.snapshot(), new)
        self.after("news")
        return found

    def renew(self, node, confirmed):
        self.before("renew")
        self.world.begin()
        self.world.running.discard(self.world.next - 1)
        known = self.world.roll.get(node)
        self.world.roll[node] = Node(node, known.renewals + 1 if known else 1, confirmed)
        self.after("renew")

    def roll(self):
        self.before("roll")
        return list(self.world.roll.values())

    def strike(self, node):
        if self.world.roll.get(node.id) == node:
            del self.world.roll[node.id]

    def leave(self, node):
        self.world.roll.pop(node, None)


class Home:
    """One node; its clock reads `offset` more than the true time and goes at `rate`."""

    def __init__(self, world, node="n1", *, offset=0.0, rate=1.0):
        async def learn(key_id):
            pass

        self.world, self.wire, self.node = world, Wire(world), node
        self.ticks = lambda: offset + world.now * rate
        judge = Judge(lambda: SPRING, Keyring([KEY]), SessionSettings(), HOUR, Seen(), learn)
        self.memory = LeasedSessions(judge, world.store, self.ticks)
        self.keeper = Keeper(self.wire, self.memory, node, self.ticks, "postgresql://nowhere")

    async def renew(self):
        await self.keeper.renew()

    async def check(self, number):
        """Answer as the check does, and say from where."""
        memory = self.memory.look() < math.inf and self.memory.peek(cookie(number))
        if memory:
            return "from memory"
        found = await self.memory.ask(cookie(number))
        return "alive" if isinstance(found, Entry) else found.code


@pytest.fixture
def world():
    return World()


@pytest.fixture
async def home(world):
    made = Home(world)
    await made.renew()
    assert await made.check(1) == "alive"
    assert await made.check(1) == "from memory"
    return made


def fails(*calls):
    def hook(call):
        if call in calls:
            raise GONE

    return hook


def watching(world):
    wire = Wire(world)
    watch = Watch(wire, lambda: world.now)
    return wire, lambda *ended: watch.open(list(ended))


async def test_an_end_is_acknowledged_when_both_nodes_have_confirmed_it_and_not_before(world, home):
    other = Home(world, "n2")
    await other.renew()
    ended, (_, watch) = world.end(1), watching(world)
    assert watch(ended) == [False]
    await home.renew()
    assert watch(ended) == [False]
    await other.renew()
    assert watch(ended) == [True]
    assert await home.check(1) is Code.SESSION_ENDED


async def test_a_node_without_a_lease_asks_the_truth_and_remembers_nothing(world):
    home = Home(world)
    assert [await home.check(1) for _ in range(2)] == ["alive", "alive"]
    assert home.memory.look() == math.inf


async def test_a_deaf_node_holds_up_nobody_for_longer_than_its_lease_and_answers_nothing_from_memory_by_then(
    world, home
):
    home.wire.before = fails("news", "renew")
    ended, (_, watch) = world.end(1), watching(world)
    world.now += LEASE_S - 0.01
    assert (await home.check(1), watch(ended)) == ("from memory", [False])
    world.now = ended[1] + PATIENCE_S
    assert watch(ended) == [True]
    assert await home.check(1) is Code.SESSION_ENDED


async def test_who_has_been_silent_for_a_lease_is_struck_off_and_delays_the_next_end_no_more(world, home):
    watch = watching(world)[1]
    ended = world.end(1)
    assert watch(ended) == [False]
    world.now += PATIENCE_S
    assert watch(ended) == [True]
    assert world.roll == {}
    assert watch(world.end(2)) == [True]


async def test_a_slow_node_that_confirms_what_it_read_before_the_end_confirms_nothing(world, home):
    ends = []
    home.wire.after = lambda call: ends.append(world.end(1)) if call == "news" else None
    await home.renew()
    home.wire.after = quiet
    watch = watching(world)[1]
    assert watch(ends[0]) == [False]
    assert await home.check(1) == "from memory"
    await home.renew()
    assert watch(ends[0]) == [True]
    assert await home.check(1) is Code.SESSION_ENDED


async def test_a_renewal_that_hangs_on_its_way_gives_a_lease_that_counts_from_before_the_question(world, home):
    def hang(call):
        if call == "renew":
            ended.append(world.end(1))
            world.now += LEASE_S * 0.9

    ended, home.wire.before = [], hang
    await home.renew()
    assert await home.check(1) == "from memory"
    world.now = ended[0][1] + PATIENCE_S
    assert watching(world)[1](ended[0]) == [True]
    assert await home.check(1) is Code.SESSION_ENDED


async def test_a_paused_node_that_wakes_after_its_lease_ended_does_not_answer_from_memory(world, home):
    world.end(1)
    world.now += LEASE_S
    assert home.memory.look() == math.inf
    assert home.memory.peek(cookie(1)) is None
    assert await home.check(1) is Code.SESSION_ENDED


async def test_a_node_that_slept_begins_with_an_empty_memory_even_where_the_announcement_is_gone(world, home):
    world.end(1)
    world.outbox.clear()
    world.now += 7200
    await home.renew()
    assert await home.check(1) is Code.SESSION_ENDED


async def test_a_renewal_whose_answer_is_lost_makes_the_node_trust_nothing_longer_and_hear_it_again(world, home):
    before, home.wire.after = world.now, fails("renew")
    world.now += 0.5
    ended = world.end(2)
    with pytest.raises(StoreUnavailable):
        await home.renew()
    assert watching(world)[1](ended) == [True]
    world.now = before + LEASE_S
    assert home.memory.look() == math.inf


async def test_a_transaction_id_that_a_crashed_database_uses_again_is_not_overlooked(world, home):
    lost = world.next + 3
    world.next += 4  # these were begun and never reached the disk; a snapshot counts them as over
    home.wire.before = fails("renew")
    with pytest.raises(StoreUnavailable):
        await home.renew()
    world.next, home.wire.before = lost, quiet
    world.end(1)
    await home.renew()
    assert await home.check(1) is Code.SESSION_ENDED


@pytest.mark.parametrize(("offset", "rate"), [(1e6, 1.0), (-900.0, 1.0), (0.0, 0.92), (0.0, 1.5)])
async def test_clocks_that_differ_and_drift_break_nothing(world, offset, rate):
    home = Home(world, offset=offset, rate=rate)
    await home.renew()
    assert await home.check(1) == "alive"
    ended, watch = world.end(1), watching(world)[1]
    for _ in range(120):
        world.now += 0.01
        if watch(ended) == [True]:
            break
    assert await home.check(1) is Code.SESSION_ENDED


async def test_a_fill_that_races_an_eviction_is_answered_and_not_remembered(world, home):
    world.store.open.clear()
    early = asyncio.ensure_future(home.check(2))
    await turn()
    ended = world.end(2)
    await home.renew()
    assert watching(world)[1](ended) == [True]
    world.store.open.set()
    assert await early == "alive"
    assert await home.check(2) is Code.SESSION_ENDED


async def test_a_fill_that_outlives_its_lease_is_not_remembered_under_the_next_one(world, home):
    world.store.open.clear()
    early = asyncio.ensure_future(home.check(2))
    await turn()
    world.end(2)
    world.outbox.clear()
    world.now += LEASE_S
    await home.renew()
    world.store.open.set()
    assert await early == "alive"
    assert await home.check(2) is Code.SESSION_ENDED


async def test_a_transaction_with_a_smaller_id_that_commits_late_is_heard(world, home):
    late = world.begin()
    world.end(2)
    await home.renew()
    assert await home.check(1) == "from memory"
    ended, watch = (world.commit(late, 1), world.now), watching(world)[1]
    assert watch(ended) == [False]
    await home.renew()
    assert watch(ended) == [True]
    assert await home.check(1) is Code.SESSION_ENDED


async def test_a_store_that_fails_while_an_end_waits_delays_the_acknowledgement_and_takes_nothing_back(world, home):
    ended, (wire, watch) = world.end(1), watching(world)
    wire.before = home.wire.before = fails("news", "renew", "roll")
    world.now += PATIENCE_S - 0.01
    assert watch(ended) == [False]
    world.now += 0.02
    assert watch(ended) == [True]
    assert home.memory.peek(cookie(1)) is None


async def test_what_a_prepared_answer_repeats_dies_with_the_lease_and_with_the_session(world, home):
    entry = home.memory.peek(cookie(1))
    glance = home.memory.glance(entry, {"status": 200})
    assert home.memory.look() < glance.until
    world.now += LEASE_S
    assert not home.memory.look() < glance.until
    await home.renew()
    assert not home.memory.look() < glance.until
    assert await home.check(1) == "alive"
    glance = home.memory.glance(home.memory.peek(cookie(1)), {"status": 200})
    assert home.memory.look() < glance.until
    world.end(1)
    await home.renew()
    assert not home.memory.look() < glance.until


async def test_a_node_confirms_nothing_before_the_services_that_keep_its_answers_have(world, home):
    home.memory.pledge(world.now + 60, home.memory.counted)
    ended, watch = world.end(1), watching(world)[1]
    renewing = asyncio.ensure_future(home.renew())
    await until(lambda: home.memory.since(0))
    assert home.memory.since(0) == [Change("session", name(1))]
    assert (renewing.done(), watch(ended)) == (False, [False])
    home.memory.pledge(world.now + 60, home.memory.counted)
    await renewing
    assert watch(ended) == [True]


async def test_a_node_waits_for_a_service_that_hangs_until_its_leave_has_run_out_and_no_longer(world, home):
    home.memory.pledge(world.now + 0.05, home.memory.counted)
    world.end(1)
    renewing = asyncio.ensure_future(home.renew())
    await until(lambda: home.memory.since(0))
    world.now += 0.05
    await asyncio.wait_for(renewing, 5)


async def test_a_node_stays_on_the_roll_until_the_leave_that_it_gave_has_run_out(world, home):
    home.memory.pledge(world.now + 0.05, home.memory.counted)
    stop = asyncio.Event()
    running = asyncio.ensure_future(home.keeper.run(stop))
    stop.set()
    await turn()
    assert world.roll
    world.now += 0.05
    await asyncio.wait_for(running, 5)
    assert not world.roll


async def until(happens):
    """Wait for something of which nobody tells."""
    for _ in range(2000):
        if happens():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


async def test_anything_but_a_session_that_loses_authority_empties_the_memory(home):
    home.memory.forget([Change("key", "sk-1")])
    assert home.memory.peek(cookie(1)) is None


async def test_who_leaves_trusts_nothing_and_is_off_the_roll(world, home):
    stop = asyncio.Event()
    running = asyncio.ensure_future(home.keeper.run(stop))
    await turn()
    stop.set()
    await running
    assert (world.roll, home.memory.look()) == ({}, math.inf)
