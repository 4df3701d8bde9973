"""The cache on SQLite: what it may remember, what makes it forget, and the races between the two, one step at a time."""

import asyncio
from types import SimpleNamespace

import pytest

from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Key, Purpose
from ostiary.sessions import store, wire
from ostiary.sessions.cache import BELT, SessionCache
from ostiary.sessions.liveness import Entry, Judge
from ostiary.sessions.model import SessionSettings
from ostiary.sessions.seen import Seen
from ostiary.storage.outbox import CHANGES_AFTER, CHANGES_RANGE, Change
from tests.sessions.home import HOUR, SPRING

LATER = int(BELT * SECOND)
KEY = Key("sk-CCCCCCCCCCCCCCCCCCCCCA", "default", Purpose.SESSION, 1, b"k" * 32, b"", 0)
LATE = Key("sk-DDDDDDDDDDDDDDDDDDDDDA", "default", Purpose.SESSION, 2, b"l" * 32, b"", 0)


def name(number):
    return f"ses-{number:021d}A"


def cookie(number, key=KEY):
    return wire.seal(name(number), key).encode()


def nothing(what):
    """Do nothing around a read."""


def fail():
    raise StoreUnavailable("not now")


class File:
    """What the database holds and answers; `before` and `after` are called around each read, with its name."""

    def __init__(self, sessions=10, key=KEY):
        self.moves, self.ended, self.changes, self.key = 1, set(), [], key
        self.sessions, self.rows = {name(number) for number in range(sessions)}, {}
        self.asked, self.tally = [], [0]
        self.before = self.after = nothing
        self.holding, self.state = False, None

    def end(self, number, *, told=True):
        """Another process ends a session, commits, moves the tally, and only then tells anybody (`told`)."""
        self.moves += 1
        self.ended.add(name(number))
        self.changes.append((self._next(), "session", name(number)))
        self.tally[0] += told

    def collect(self, keep=1):
        """Another process collects all announcements but the newest."""
        self.moves += 1
        self.changes = self.changes[-keep:]

    def hold(self):
        if not self.holding:
            self.holding, self.state = True, None

    def let_go(self):
        self.holding, self.state = False, None

    def version(self):
        return self._answer("version", lambda state: state.moves)

    def all(self, statement, **binds):
        if statement is CHANGES_RANGE:
            return self._answer("range", lambda state: [(state.changes[0][0], state.changes[-1][0])])
        if statement is CHANGES_AFTER:
            return self._answer("changes", lambda state: [one for one in state.changes if one[0] > binds["position"]])
        assert statement is store.FIND_COOKIE
        return self._answer("row", lambda state: self._row(binds["session"], state))

    def _answer(self, what, read):
        """Read what stands there; while it is held, what stood there at the first of these reads."""
        self.asked.append(what)
        self.before(what)
        if self.state is None or not self.holding:
            changes = list(self.changes) or [(0,)]
            self.state = SimpleNamespace(moves=self.moves, ended=set(self.ended), changes=changes)
        found = read(self.state)
        self.after(what)
        return found

    def _next(self):
        return self.changes[-1][0] + 1 if self.changes else 1

    def _row(self, session, state=None):
        if session not in self.sessions:
            return []
        if session in self.rows:
            return [(session, *self.rows[session])]
        ended = (SPRING, "ended_by_operator") if session in (state or self).ended else (0, "")
        times = (SPRING, SPRING + 8 * HOUR, SPRING)
        return [(session, "default", "browser", "user-1", self.key.id, "passkey", *times, "", 1, *ended)]


class World:
    """A cache, its file and its clock."""

    def __init__(self, most=100, file=None):
        self.now, self.file, self.learned = SPRING, file or File(), lambda: None
        self.keyring = Keyring([KEY])

        async def learn(key_id):
            self.learned()

        judge = Judge(lambda: self.now, self.keyring, SessionSettings(cache_size=most), HOUR, Seen(), learn)
        self.cache = SessionCache(judge, self.file)

    async def check(self, number, after=1, key=KEY):
        """One check, that long after the last one: the session, or why not."""
        self.now += after
        found = self.cache.peek(cookie(number, key)) or await self.cache.ask(cookie(number, key))
        return "alive" if isinstance(found, Entry) else found.code

    def remembered(self):
        return {entry.session.id for entry in self.cache._entries.values()}


@pytest.fixture
def world():
    return World()


async def test_a_warm_check_reads_nothing_and_only_the_version_when_the_belt_is_due(world):
    assert await world.check(1) == "alive"
    world.file.asked.clear()
    assert await world.check(1, after=LATER) == "alive"
    assert world.file.asked == []
    assert await world.check(1, after=1) == "alive"
    assert world.file.asked == ["version"]


async def test_an_end_by_another_process_is_felt_by_the_first_check_after_the_tally_has_moved(world):
    assert await world.check(1) == await world.check(2) == "alive"
    world.file.end(1)
    assert await world.check(1, after=0) is Code.SESSION_ENDED
    assert world.remembered() == {name(2)}
    assert await world.check(2, after=0) == "alive"


async def test_a_change_that_moved_no_tally_is_felt_when_the_belt_is_due(world):
    assert await world.check(1) == "alive"
    world.file.end(1, told=False)
    assert await world.check(1, after=LATER) == "alive", "nobody was told of it"
    assert await world.check(1, after=1) is Code.SESSION_ENDED


async def test_an_end_by_this_process_is_felt_at_once(world):
    assert await world.check(1, after=0) == "alive"
    world.file.ended.add(name(1))
    world.cache.forget([Change("session", name(1)), Change("session", name(7))])
    assert await world.check(1, after=0) is Code.SESSION_ENDED


async def test_what_changes_nobodys_authority_evicts_nobody(world):
    assert await world.check(1) == "alive"
    world.file.moves += 1
    world.file.asked.clear()
    assert await world.check(1, after=LATER + 1) == "alive"
    assert world.file.asked == ["version", "changes", "range"]


# The races of a fill (ruling 11)


@pytest.mark.parametrize("moment", ["version", "changes", "range", "row"])
async def test_an_end_just_before_any_read_of_a_fill_is_never_overlooked(world, moment):
    fired = []
    world.file.moves += 1

    def end(what):
        if what == moment and not fired:
            fired.append(what)
            world.file.end(1)

    world.file.before = end
    verdict = await world.check(1)
    assert fired == [moment]
    assert verdict is Code.SESSION_ENDED
    assert await world.check(1, after=0) is Code.SESSION_ENDED


@pytest.mark.parametrize("moment", ["version", "changes", "range", "row"])
async def test_an_end_just_after_any_read_of_a_fill_is_felt_by_the_time_it_is_acknowledged(world, moment):
    fired = []
    world.file.moves += 1

    def end(what):
        if what == moment and not fired:
            fired.append(what)
            world.file.end(1)

    world.file.after = end
    await world.check(1)
    assert fired == [moment]
    assert await world.check(1, after=0) is Code.SESSION_ENDED


async def test_an_end_while_a_fill_waits_for_its_key_is_seen_by_the_fill():
    world = World(file=File(key=LATE))

    def learned():
        world.keyring.replace([KEY, LATE])
        world.file.end(1)

    world.learned = learned
    assert await world.check(1, key=LATE) is Code.SESSION_ENDED
    assert world.remembered() == set()


async def test_two_fills_of_one_session_leave_one_entry_that_an_end_removes(world):
    first, second = await world.cache.ask(cookie(1)), await world.cache.ask(cookie(1))
    assert first is not second
    world.file.end(1)
    assert await world.check(1) is Code.SESSION_ENDED
    assert world.remembered() == set()


async def test_the_file_is_read_on_the_spot_where_the_key_is_known(world):
    world.file.ended.add(name(2))
    assert world.cache.read(cookie(1)).session.id == name(1)
    assert world.cache.read(cookie(2)).code is Code.SESSION_ENDED
    assert world.cache.read(cookie(99)).code is Code.SESSION_INVALID
    assert world.remembered() == {name(1)}


async def test_one_turn_of_the_loop_reads_one_state_of_the_file_and_the_next_turn_another(world):
    world.cache.read(cookie(1))
    world.file.end(2, told=False)  # committed, and nobody has been told of it
    assert world.cache.read(cookie(2)).session.id == name(2)
    await asyncio.sleep(0)
    assert not world.file.holding
    assert world.cache.read(cookie(3)).session.id == name(3)
    world.file.tally[0] += 1  # now it is told
    assert await world.check(2) is Code.SESSION_ENDED


async def test_an_end_that_was_told_in_mid_turn_is_felt_in_that_turn(world):
    world.cache.read(cookie(1))
    world.file.end(2)
    assert world.cache.peek(cookie(2)) is None
    assert world.cache.read(cookie(2)).code is Code.SESSION_ENDED
    assert world.file.holding


async def test_a_file_that_cannot_be_let_go_is_let_go_later(world):
    world.cache.read(cookie(1))
    let_go, world.file.let_go = world.file.let_go, fail
    world.file.end(3)
    with pytest.raises(StoreUnavailable):
        world.cache.peek(cookie(3))
    await asyncio.sleep(0)
    assert world.file.holding
    world.file.let_go = let_go
    assert await world.check(3) is Code.SESSION_ENDED
    assert world.cache.read(cookie(2)).session.id == name(2)
    await asyncio.sleep(0)
    assert not world.file.holding


async def test_what_an_unknown_key_signed_is_not_answered_on_the_spot(world):
    world.file.asked.clear()
    assert world.cache.read(cookie(1, LATE)) is None
    assert world.file.asked == [], "nothing is read before the signature is known to be good"


# A node that slept


async def test_announcements_collected_while_this_node_slept_empty_the_cache(world):
    world.file.end(8)
    for number in (1, 2, 3):
        assert await world.check(number) == "alive"
    world.file.end(1)
    world.file.end(9)
    world.file.collect()
    assert await world.check(2) == "alive"
    assert world.remembered() == {name(2)}
    assert await world.check(1) is Code.SESSION_ENDED
    assert await world.check(3) == "alive"
    world.file.end(7)
    assert await world.check(2) == "alive"
    assert world.remembered() == {name(2), name(3)}, "once is enough"
    world.file.end(2)
    assert await world.check(2) is Code.SESSION_ENDED, "and goes on from there"


async def test_announcements_collected_before_this_node_saw_the_first_one_empty_the_cache(world):
    assert await world.check(1) == "alive"
    world.file.end(1)
    world.file.end(9)
    world.file.collect()
    assert await world.check(1) is Code.SESSION_ENDED


@pytest.mark.parametrize("moment", ["version", "changes", "range"])
async def test_announcements_collected_between_two_reads_are_not_overlooked(world, moment):
    assert await world.check(1) == await world.check(2) == "alive"
    world.file.end(9)
    assert await world.check(2) == "alive"
    world.file.end(1)
    world.file.end(8)
    world.file.before = lambda what: world.file.collect() if what == moment else None
    assert await world.check(1) is Code.SESSION_ENDED


async def test_announcements_that_were_read_and_then_collected_empty_nothing(world):
    assert await world.check(1) == "alive"
    for number in (7, 8, 9):
        world.file.end(number)
    assert await world.check(1) == "alive"
    world.file.collect()
    world.file.asked.clear()
    assert await world.check(1) == "alive"
    assert "row" not in world.file.asked


# Bounds


async def test_the_cache_is_bounded_and_forgets_the_oldest_first():
    world = World(most=3)
    for number in range(6):
        assert await world.check(number) == "alive"
        assert len(world.cache._entries) <= 3
    assert world.remembered() == {name(3), name(4), name(5)}
    assert await world.check(0) == "alive"


async def test_nothing_refused_is_remembered(world):
    for value in (b"", b"x", cookie(99), cookie(1)[:-1] + b"!", cookie(1, LATE)):
        await world.cache.ask(value)
    world.file.ended.add(name(1))
    assert await world.check(1) is Code.SESSION_ENDED
    assert world.cache._entries == {}


async def test_an_entry_dies_at_its_deadline_and_not_before(world):
    assert await world.check(1) == "alive"
    world.file.asked.clear()
    assert await world.check(1, after=HOUR - (world.now - SPRING) - 1) == "alive"
    assert "row" not in world.file.asked
    assert await world.check(1, after=1) is Code.SESSION_EXPIRED_IDLE


# A store that does not answer


@pytest.mark.parametrize("moment", ["version", "changes", "range", "row"])
async def test_a_store_that_cannot_answer_is_told_and_nothing_is_trusted_until_it_can(world, moment):
    assert await world.check(1) == await world.check(2) == "alive"
    world.file.end(1)

    def fail(what):
        if what == moment:
            raise StoreUnavailable("disk I/O error")

    world.file.before = fail
    for number in (1, 1, 3):
        with pytest.raises(StoreUnavailable):
            await world.check(number)
    world.file.before = nothing
    assert await world.check(1) is Code.SESSION_ENDED
    assert await world.check(2) == "alive"
