"""Liveness on PostgreSQL: from memory while this node's lease holds, else from the truth (decision 0013).

The lease is compared with CLOCK_BOOTTIME at each check, so a process that was paused for longer than its lease
does not answer from memory when it wakes.
"""

import hmac
import math
from collections import OrderedDict
from collections.abc import Sequence

from ostiary.kernel.clock import SECOND, Ticks
from ostiary.kernel.refusals import Refusal
from ostiary.sessions.coalesced import AskedSessions, Fetch
from ostiary.sessions.liveness import Answer, Entry, Glance, Judge, place_of
from ostiary.storage.outbox import Change

__all__ = ["LeasedSessions"]

_MOST_GLANCES = 8
_SESSION = "session"


class LeasedSessions:
    """See `sessions.liveness.Liveness` and `storage.keeper.Memory`. Lives on the event loop's thread."""

    def __init__(self, judge: Judge, vault: Fetch, ticks: Ticks) -> None:
        self._judge, self._asked = judge, AskedSessions(judge, vault)
        self._clock, self._ticks, self._most = judge.clock, ticks, judge.settings.cache_size
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._filling: dict[bytes, object] = {}
        self._until, self.cleared = 0.0, 0

    @property
    def held(self) -> bool:
        """Whether memory is trusted at this moment."""
        return self._ticks() < self._until

    def look(self) -> float:
        """Return the ticks while the lease holds, else "too late"."""
        now = self._ticks()
        return now if now < self._until else math.inf

    def glance(self, entry: Entry, answer: Answer) -> Glance | None:
        """Return leave to repeat an answer; what is not in memory any more gets none, and no entry gets many."""
        given = entry.glances = entry.glances or []
        if len(given) >= _MOST_GLANCES or self._entries.get(entry.id.encode()) is not entry:
            return None
        made = Glance(answer, self._ticks() + (entry.rests_until - self._clock()) / SECOND)
        given.append(made)
        return made

    def peek(self, value: bytes) -> Entry | None:
        """Return a remembered, living session while the lease holds."""
        entry = self._entries.get(place_of(value)) if self.held else None
        if entry is None or not hmac.compare_digest(entry.value, value):
            return None
        return entry if self._clock() < entry.deadline else None

    async def ask(self, value: bytes) -> Entry | Refusal:
        """Answer from the truth; remember it unless an end, or the end of the lease, passed meanwhile (ruling 11)."""
        key, token = place_of(value), object()
        if self.held:
            self._filling[key] = token
        try:
            found = await self._asked.ask(value)
            if isinstance(found, Entry) and self._filling.get(key) is token:
                self._remember(key, value, found)
            return found
        finally:
            if self._filling.get(key) is token:
                del self._filling[key]

    def slide(self, entry: Entry) -> None:
        """Count a use that ended well."""
        self._judge.slide(entry)

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what lost authority; what is being read for it will not be remembered."""
        for change in changes:
            if change.kind != _SESSION:
                self._clear()
                return
            self._filling.pop(change.subject.encode(), None)
            self._drop(change.subject.encode())

    def grant(self, until: float) -> None:
        """Trust memory until those ticks; whoever was without a lease until now begins with an empty one.

        Those who ended something meanwhile did not wait for this node.
        """
        if not self.held:
            self._clear()
        self._until = until

    def lapse(self) -> None:
        """Trust memory no more."""
        self._until = 0.0

    def _clear(self) -> None:
        self.cleared += 1
        for entry in self._entries.values():
            entry.dim()
        self._entries.clear()
        self._filling.clear()

    def _remember(self, key: bytes, value: bytes, entry: Entry) -> None:
        self._drop(key)
        while len(self._entries) >= self._most:
            self._entries.popitem(last=False)[1].dim()
        entry.pack(value)
        self._entries[key] = entry

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            entry.dim()
