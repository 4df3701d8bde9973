"""Liveness on SQLite: answers from memory while the file has provably not changed, else from the file.

The law (rulings 11 and 12): no check whose request was sent after an end was acknowledged is accepted.
An entry is trusted only while the file's data_version was read less than WINDOW ago; whoever ends a
session acknowledges it SETTLE after the commit, which is longer.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Sequence

from ostiary.kernel.refusals import Refusal
from ostiary.keys.model import Key
from ostiary.sessions import store
from ostiary.sessions.liveness import Entry, Judge
from ostiary.storage.outbox import CHANGES_AFTER, CHANGES_RANGE, WINDOW, Change
from ostiary.storage.tx import Row
from ostiary.storage.vault import Reader

__all__ = ["SessionCache"]


class SessionCache:
    """See `sessions.liveness.Liveness`. Lives on the event loop's thread; nothing here awaits the store."""

    def __init__(self, judge: Judge, reader: Reader) -> None:
        self._judge, self._reader = judge, reader
        self._clock, self._most = judge.clock, judge.settings.cache_size
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._values: dict[str, bytes] = {}
        self._read_at = 0
        self._waiting: list[tuple[bytes, str, Key, asyncio.Future[Entry | Refusal]]] = []
        self._version = -1
        self._position = int(reader.all(CHANGES_RANGE)[0][1])

    def glance(self, value: bytes) -> Entry | None:
        """Return a cached, resting session after making sure that the file says nothing new."""
        now = self._clock()
        if now - self._read_at > WINDOW:
            self._follow(now)
        entry = self._entries.get(value)
        return entry if entry is not None and now < entry.rests_until else None

    def peek(self, value: bytes) -> Entry | None:
        """Return a cached, living session after making sure that the file says nothing new."""
        entry = self.glance(value) or self._entries.get(value)
        return entry if entry is not None and self._clock() < entry.deadline else None

    async def ask(self, value: bytes) -> Entry | Refusal:
        """Read the session's row, in one statement with all others that are asked for in this turn of the loop."""
        recognised = await self._judge.recognise(value)
        if isinstance(recognised, Refusal):
            return recognised
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._fill)
        told: asyncio.Future[Entry | Refusal] = loop.create_future()
        self._waiting.append((value, *recognised, told))
        return await told

    def _fill(self) -> None:
        """Read, judge and remember in one go, so that no end comes between; the waiters hear of it afterwards.

        The rows are as new as the file. An end that commits right after they were read stands in the outbox
        beyond the position read so far, so the next look at the file drops the entry again.
        """
        waiting, self._waiting = self._waiting, []
        try:
            ids = json.dumps([session_id for _, session_id, _, _ in waiting])
            rows = {row[0]: row for row in self._reader.all(store.FIND_LISTED, sessions=ids)}
        except Exception as fault:  # noqa: BLE001 - whoever waits is told, whatever it was
            for *_, told in waiting:
                if not told.done():
                    told.set_exception(fault)
            return
        for value, session_id, key, told in waiting:
            if not told.done():
                self._tell(told, value, rows.get(session_id), key)

    def _tell(self, told: asyncio.Future[Entry | Refusal], value: bytes, row: Row | None, key: Key) -> None:
        try:
            verdict = self._judge.admit(None if row is None else store.session(row), key)
            if isinstance(verdict, Entry):
                self._remember(value, verdict)
            told.set_result(verdict)
        except Exception as fault:  # noqa: BLE001 - as above; what broke for one breaks nothing for the others
            told.set_exception(fault)

    def slide(self, entry: Entry) -> None:
        """Count a use that ended well."""
        self._judge.slide(entry)

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what lost authority (the vault's listener)."""
        for change in changes:
            self._drop(change.subject)

    def _follow(self, now: int) -> None:
        version = self._reader.version()
        if version != self._version:
            self._catch_up()
            self._version = version
        self._read_at = now

    def _catch_up(self) -> None:
        """Drop what the outbox names; drop everything where rows are gone that this node has not read.

        The rows are read before the range, so that rows collected in between count as gone.
        """
        was = self._position
        changes = self._reader.all(CHANGES_AFTER, position=was)
        oldest, newest = self._reader.all(CHANGES_RANGE)[0]
        if oldest > was + 1:
            self._entries.clear()
            self._values.clear()
            self._position = newest
            return
        for position, _, subject in changes:
            self._drop(subject)
            self._position = position

    def _remember(self, value: bytes, entry: Entry) -> None:
        while len(self._entries) >= self._most:
            _, oldest = self._entries.popitem(last=False)
            self._values.pop(oldest.session.id, None)
        self._entries[value] = entry
        self._values[entry.session.id] = value

    def _drop(self, session_id: str) -> None:
        value = self._values.pop(session_id, None)
        if value is not None:
            self._entries.pop(value, None)
