"""Liveness on SQLite: answers from memory while the file has provably not changed, else from the file.

The law (rulings 11 and 12): no check whose request was sent after an end was acknowledged is accepted.
An entry is trusted only while the file's data_version was read less than WINDOW ago; whoever ends a
session acknowledges it SETTLE after the commit, which is longer.
"""

from collections import OrderedDict
from collections.abc import Sequence

from ostiary.kernel.refusals import Refusal
from ostiary.sessions import store
from ostiary.sessions.liveness import Entry, Judge
from ostiary.storage.outbox import CHANGES_AFTER, CHANGES_RANGE, WINDOW, Change
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
        """Read the session's row on the spot and remember it when it lives.

        The row is as new as the file. An end that commits right after it was read stands in the outbox
        beyond the position read so far, so the next look at the file drops the entry again.
        """
        recognised = await self._judge.recognise(value)
        if isinstance(recognised, Refusal):
            return recognised
        session_id, key = recognised
        rows = self._reader.all(store.FIND, session=session_id)
        entry = self._judge.admit(store.session(rows[0]) if rows else None, key)
        if isinstance(entry, Entry):
            self._remember(value, entry)
        return entry

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
        """Drop one session, or everything where a signing key was revoked: that is rare, and a miss is cheap."""
        if session_id.startswith("sk-"):
            self._entries.clear()
            self._values.clear()
            return
        value = self._values.pop(session_id, None)
        if value is not None:
            self._entries.pop(value, None)
