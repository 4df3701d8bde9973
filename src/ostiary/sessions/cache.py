"""Liveness on SQLite: answers from memory while nothing has been ended since, else from the file.

The law (rulings 11 and 12): no check whose request was sent after an end was acknowledged is accepted.
Whoever ends a session moves the tally before anybody is told; here it is looked at for every check. The
file's data_version is read every BELT besides, so that a change by no process of ours is felt too.
"""

import asyncio
import hmac
import json
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from ostiary.kernel.clock import SECOND, ticks_of
from ostiary.kernel.refusals import Refusal
from ostiary.keys.model import Key
from ostiary.sessions import store
from ostiary.sessions.liveness import Answer, Entry, Glance, Judge, place_of
from ostiary.storage.outbox import CHANGES_AFTER, CHANGES_RANGE, Change
from ostiary.storage.tx import Row
from ostiary.storage.vault import Reader

__all__ = ["BELT", "SessionCache"]

BELT = 0.02
"""Seconds after which the file's data_version is read anew: how long a change made by hand may be overlooked."""

_MOST_GLANCES = 8
_RECENT = 10_000


class SessionCache:
    """See `sessions.liveness.Liveness`. Lives on the event loop's thread; nothing here awaits the store."""

    def __init__(self, judge: Judge, reader: Reader) -> None:
        self._judge, self._reader = judge, reader
        self._clock, self._most = judge.clock, judge.settings.cache_size
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._ticks = ticks_of(judge.clock)
        self.look = self._watching()
        self._waiting: list[tuple[bytes, str, Key, asyncio.Future[Entry | Refusal]]] = []
        self._version, self.counted = -1, -1
        self.cleared = 0
        self._recent: deque[tuple[int, Change]] = deque(maxlen=_RECENT)
        self.position = int(reader.all(CHANGES_RANGE)[0][1])

    def glance(self, entry: Entry, answer: Answer) -> Glance | None:
        """Return leave to repeat an answer; what is not in memory any more gets none, and no entry gets many."""
        given = entry.glances = entry.glances or []
        if len(given) >= _MOST_GLANCES or self._entries.get(entry.id.encode()) is not entry:
            return None
        made = Glance(answer, self._ticks() + (entry.rests_until - self._clock()) / SECOND)
        given.append(made)
        return made

    def peek(self, value: bytes) -> Entry | None:
        """Return a cached, living session after making sure that no end is overlooked."""
        self.look()
        entry = self._entries.get(place_of(value))
        if entry is None or not hmac.compare_digest(entry.value, value):
            return None
        return entry if self._clock() < entry.deadline else None

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
            self._lose(change.kind, change.subject)

    def since(self, position: int) -> list[Change] | None:
        """Return what was announced after that position, oldest first; None where not all of it is known."""
        if position > self.position or (position < self.position and not self._known_from(position)):
            return None
        return [change for at, change in self._recent if at > position]

    def _known_from(self, position: int) -> bool:
        """Tell whether nothing after that position was skipped or forgotten; positions leave no hole (outbox)."""
        return bool(self._recent) and self._recent[0][0] <= position + 1

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
        """Read what is new."""
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

    def _lose(self, kind: str, subject: str) -> None:
        """Drop a session; of anything else (a service) nobody here knows what was prepared from it: drop everything."""
        if kind == "session":
            self._drop(subject.encode())
        else:
            self._clear()

    def _clear(self) -> None:
        self.cleared += 1
        for entry in self._entries.values():
            entry.dim()
        self._entries.clear()

    def _remember(self, value: bytes, entry: Entry) -> None:
        key = place_of(value)
        self._drop(key)
        while len(self._entries) >= self._most:
            self._entries.popitem(last=False)[1].dim()
        entry.pack(value)
        self._entries[key] = entry

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            entry.dim()
