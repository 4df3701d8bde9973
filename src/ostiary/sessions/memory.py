"""What both databases' livenesses remember: living sessions by cookie value, and the leave given to repeat answers."""

import hmac
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence

from ostiary.kernel.clock import SECOND, Ticks
from ostiary.sessions.liveness import Answer, Entry, Glance, Judge, place_of
from ostiary.storage.outbox import Change

__all__ = ["SessionMemory"]

_MOST_GLANCES = 8
_RECENT = 10_000


class SessionMemory:
    """The part of `sessions.liveness.Liveness` that answers from memory; a database says when that may be trusted.

    Lives on the event loop's thread; nothing here awaits the store. Whoever builds on it sets `look`, after which
    nothing is in here that may not be trusted at that moment; and counts what is announced in `position`, without a
    hole, and keeps the newest of it in `_recent`, for those who follow.
    """

    look: Callable[[], float]

    def __init__(self, judge: Judge, ticks: Ticks) -> None:
        self._judge, self._ticks = judge, ticks
        self._clock, self._most = judge.clock, judge.settings.cache_size
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self.cleared = self.counted = self.position = 0
        self._recent: deque[tuple[int, Change]] = deque(maxlen=_RECENT)

    def glance(self, entry: Entry, answer: Answer) -> Glance | None:
        """Return leave to repeat an answer; what is not in memory any more gets none, and no entry gets many."""
        now = self._ticks()
        given = entry.glances = [one for one in entry.glances or () if now < one.until]
        if len(given) >= _MOST_GLANCES or self._entries.get(entry.id.encode()) is not entry:
            return None
        made = Glance(answer, now + (entry.rests_until - self._clock()) / SECOND)
        given.append(made)
        return made

    def peek(self, value: bytes) -> Entry | None:
        """Return a remembered, living session after making sure that no end is overlooked."""
        self.look()
        entry = self._entries.get(place_of(value))
        if entry is None or not hmac.compare_digest(entry.value, value):
            return None
        return entry if self._clock() < entry.deadline else None

    def slide(self, entry: Entry) -> None:
        """Count a use that ended well."""
        self._judge.slide(entry)

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what lost authority."""
        for change in changes:
            self._lose(change.kind, change.subject)

    def since(self, position: int) -> list[Change] | None:
        """Return what was announced after that position, oldest first; None where not all of it is known."""
        if position > self.position or (position < self.position and not self._known_from(position)):
            return None
        return [change for at, change in self._recent if at > position]

    def _known_from(self, position: int) -> bool:
        """Tell whether nothing after that position was skipped or forgotten."""
        return bool(self._recent) and self._recent[0][0] <= position + 1

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
        key, entries = place_of(value), self._entries
        if key in entries:
            self._drop(key)
        while len(entries) >= self._most:
            entries.popitem(last=False)[1].dim()
        entry.value = value
        entries[key] = entry

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            entry.dim()
