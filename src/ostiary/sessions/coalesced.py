"""Asking the truth on PostgreSQL: all that is asked for in one turn of the loop in one statement.

No entry outlives its request here, so an acknowledged end is never ignored, whoever made it. What may be remembered
is `sessions.leased`'s to say (ruling 12: "a node whose lease cannot be renewed asks the truth").
"""

import asyncio
import math
from typing import Protocol

from ostiary.kernel.refusals import Refusal
from ostiary.sessions import store
from ostiary.sessions.liveness import Answer, Entry, Judge
from ostiary.sessions.model import Living
from ostiary.storage.statements import Statement
from ostiary.storage.tx import Row

__all__ = ["AskedSessions", "Fetch", "Truth"]


class Fetch(Protocol):
    """What is needed of a vault: one read, off the event loop."""

    async def fetch(self, statement: Statement, **binds: object) -> list[Row]:
        """Run one read."""


class AskedSessions:
    """The last step of `sessions.liveness.Liveness`: the truth."""

    def __init__(self, judge: Judge, vault: Fetch) -> None:
        self._judge, self._vault = judge, vault
        self._waiting: dict[str, asyncio.Future[Living | None]] = {}
        self._asking: set[asyncio.Task[None]] = set()

    async def ask(self, value: bytes) -> Entry | Refusal:
        """Verify, then read the row together with all others that are asked for in this turn."""
        recognised = await self._judge.recognise(value)
        if isinstance(recognised, Refusal):
            return recognised
        session_id, key = recognised
        return self._judge.admit(await asyncio.shield(self._row(session_id)), key)

    def _row(self, session_id: str) -> asyncio.Future[Living | None]:
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._start)
        if session_id not in self._waiting:
            self._waiting[session_id] = loop.create_future()
        return self._waiting[session_id]

    def _start(self) -> None:
        batch, self._waiting = self._waiting, {}
        task = asyncio.ensure_future(self._answer(batch))
        self._asking.add(task)  # the loop itself holds tasks only weakly
        task.add_done_callback(self._asking.discard)

    async def _answer(self, batch: dict[str, asyncio.Future[Living | None]]) -> None:
        try:
            rows = await self._vault.fetch(store.FIND_MANY, sessions=list(batch))
        except Exception as fault:  # noqa: BLE001 - whoever waits is told, whatever it was
            for future in batch.values():
                if not future.done():
                    future.set_exception(fault)
            return
        found = {row[0]: store.living(row) for row in rows}
        for session_id, future in batch.items():
            if not future.done():
                future.set_result(found.get(session_id))


class Truth:
    """A `sessions.liveness.Liveness` that remembers nothing: for answers that somebody else will remember."""

    cleared = 0

    def __init__(self, asked: AskedSessions, judge: Judge) -> None:
        self.ask, self.slide = asked.ask, judge.slide

    def look(self) -> float:
        """Answer "too late"."""
        return math.inf

    def glance(self, entry: Entry, answer: Answer) -> None:
        """Give no leave."""
        del entry, answer

    def peek(self, value: bytes) -> None:
        """Answer nothing."""
        del value

    def read(self, value: bytes) -> None:
        """Answer nothing."""
        del value
