"""Asking the truth at every check, all of one loop turn in one statement (PostgreSQL)."""

import asyncio

import pytest

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code
from ostiary.keys.keyring import Keyring
from ostiary.sessions import store
from ostiary.sessions.coalesced import AskedSessions
from ostiary.sessions.liveness import Entry, Judge
from ostiary.sessions.model import SessionSettings
from ostiary.sessions.seen import Seen
from tests.sessions.home import HOUR, SPRING
from tests.sessions.test_cache import KEY, File, cookie, name


class Store:
    """A vault's `fetch` over a File; it answers when `open` is set."""

    def __init__(self):
        self.file, self.batches, self.fault = File(), [], None
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self, statement, *, sessions):
        assert statement is store.FIND_MANY
        self.batches.append(sorted(sessions))
        rows = [row for session in sessions for row in self.file._row(session)]
        await self.open.wait()
        if self.fault:
            raise self.fault
        return rows


@pytest.fixture
def vault():
    return Store()


@pytest.fixture
def asked(vault):
    async def learn(key_id):
        pass

    return AskedSessions(Judge(lambda: SPRING, Keyring([KEY]), SessionSettings(), HOUR, Seen(), learn), vault)


async def ask(asked, number):
    found = await asked.ask(cookie(number))
    return "alive" if isinstance(found, Entry) else found.code


async def test_nothing_is_ever_answered_from_before(asked, vault):
    assert await ask(asked, 1) == "alive"
    vault.file.end(1)
    assert await ask(asked, 1) is Code.SESSION_ENDED


async def test_all_checks_of_one_turn_share_one_statement(asked, vault):
    found = await asyncio.gather(*(ask(asked, number) for number in (1, 2, 2, 3, 99)))
    assert found == ["alive", "alive", "alive", "alive", Code.SESSION_INVALID]
    assert vault.batches == [[name(1), name(2), name(3), name(99)]]


async def test_a_check_never_joins_a_statement_that_is_already_under_way(asked, vault):
    vault.open.clear()
    early = asyncio.ensure_future(ask(asked, 1))
    await turn()
    vault.file.end(1)
    late = asyncio.ensure_future(ask(asked, 1))
    await turn()
    assert vault.batches == [[name(1)], [name(1)]]
    vault.open.set()
    assert (await early, await late) == ("alive", Code.SESSION_ENDED)


async def test_a_forgery_asks_nothing(asked, vault):
    assert (await asked.ask(cookie(1)[:-1] + b"!")).code is Code.SESSION_INVALID
    assert vault.batches == []


async def test_a_fault_is_told_to_everybody_who_waits_and_the_next_turn_asks_again(asked, vault):
    vault.fault = StoreUnavailable("gone")
    waiting = [asyncio.ensure_future(ask(asked, number)) for number in (1, 2, 2)]
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in outcomes] == [StoreUnavailable] * 3
    vault.fault = None
    assert await ask(asked, 1) == "alive"


async def test_one_who_goes_away_takes_nobody_along(asked, vault):
    vault.open.clear()
    gone, stays = asyncio.ensure_future(ask(asked, 1)), asyncio.ensure_future(ask(asked, 1))
    other = asyncio.ensure_future(ask(asked, 2))
    await turn()
    gone.cancel()
    await turn()
    vault.open.set()
    assert (await stays, await other) == ("alive", "alive")
    assert gone.cancelled()


async def turn():
    """Let the loop run until everybody waits."""
    for _ in range(5):
        await asyncio.sleep(0)
