"""Liveness on SQLite: answers from memory while nothing has been ended since, else from the file.

The law (rulings 11 and 12): no check whose request was sent after an end was acknowledged is accepted.
Whoever ends a session moves the tally before anybody is told; here it is looked at for every check. The
file's data_version is read every BELT besides, so that a change by no process of ours is felt too.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

from ostiary.kernel.clock import ticks_of
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Refusal
from ostiary.keys.model import Key
from ostiary.sessions import store
from ostiary.sessions.liveness import TOKEN, Entry, Judge
from ostiary.sessions.memory import SessionMemory
from ostiary.storage.outbox import CHANGES_AFTER, CHANGES_RANGE, Change
from ostiary.storage.vault import Reader

__all__ = ["BELT", "SessionCache"]

BELT = 0.02
"""Seconds after which the file's data_version is read anew: how long a change made by hand may be overlooked."""


class SessionCache(SessionMemory):
    """See `sessions.liveness.Liveness`. The vault's listener calls `forget`."""

    def __init__(self, judge: Judge, reader: Reader) -> None:
        super().__init__(judge, ticks_of(judge.clock))
        self._reader = reader
        self.look = self._watching()
        self._version, self.counted, self._held = -1, -1, False
        self._brief = not (judge.settings.bind_address or judge.settings.bind_agent)
        self.position = int(reader.all(CHANGES_RANGE)[0][1])

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what lost authority by this process; what is read from here on is read anew."""
        self._let_go()
        super().forget(changes)

    async def ask(self, value: bytes) -> Entry | Refusal:
        """Answer from the file, after learning the key that signed the value where it is not known here."""
        recognised = await self._judge.recognise(value)
        return recognised if isinstance(recognised, Refusal) else self._read(value, *recognised)

    def read(self, value: bytes) -> Entry | Refusal | None:
        """Answer from the file; None where a key must be learned first."""
        recognised = self._judge.recognised(value)
        return self._read(value, *recognised) if isinstance(recognised, tuple) else recognised

    def _read(self, value: bytes, session: str, key: Key) -> Entry | Refusal:
        """Read, judge and remember in one go, so that no end comes between.

        The row is as new as this turn of the loop: what is asked in this turn was sent before it. An end that commits
        later stands in the outbox beyond the position read so far, so the next look at the file drops the entry again.
        """
        self._hold()
        statement = store.FIND_COOKIE if self._brief and value[:1] != TOKEN else store.FIND_LIVING
        rows = self._reader.all(statement, session=session)
        verdict = self._judge.admit(store.living(rows[0]) if rows else None, key)
        if isinstance(verdict, Entry):
            self._remember(value, verdict)
        return verdict

    def _hold(self) -> None:
        """Read all that this turn of the loop asks for in one state of the file, whose locks cost as much as a row."""
        if not self._held:
            self._reader.hold()
            self._held = True
            asyncio.get_running_loop().call_soon(self._let_go)

    def _let_go(self) -> None:
        self._held = False
        with suppress(StoreUnavailable):
            self._reader.let_go()

    def _watching(self) -> Callable[[], float]:
        """Return `look`. A closure, because it runs for every check: it costs half of what a method does."""
        ticks, tally = self._ticks, self._reader.tally
        counted, due = -1, 0.0

        def look() -> float:
            """Make sure that no end is overlooked, and return the ticks."""
            nonlocal counted, due
            now = ticks()
            if tally[0] != counted or now > due:
                found = tally[0]  # noted before the file is read: a move in between shows at the next look
                self._follow(moved=found != counted)
                counted, due = found, now + BELT
                self.counted = found
            return now

        return look

    def _follow(self, *, moved: bool) -> None:
        """Read what is new, in a state of the file that is newer than the move. Raises StoreUnavailable."""
        self._held = False
        self._reader.let_go()
        version = self._reader.version()
        if moved or version != self._version:
            self._catch_up()
        self._version = version

    def _catch_up(self) -> None:
        """Drop what the outbox names; drop everything where rows are gone that this node has not read.

        The rows are read before the range, so that rows collected in between count as gone.
        """
        was = self.position
        changes = self._reader.all(CHANGES_AFTER, position=was)
        oldest, newest = self._reader.all(CHANGES_RANGE)[0]
        if oldest > was + 1:
            self._clear()
            self._recent.clear()
            self.position = newest
            return
        for position, kind, subject in changes:
            self._lose(kind, subject)
            self._recent.append((position, Change(kind, subject)))
            self.position = position
