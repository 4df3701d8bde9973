"""Liveness on PostgreSQL: from memory while this node's lease holds, else from the truth (decision 0013).

The lease is compared with CLOCK_BOOTTIME at each check, so a process that was paused for longer than its lease
does not answer from memory when it wakes.
"""

import math

from ostiary.kernel.clock import Ticks
from ostiary.kernel.refusals import Refusal
from ostiary.sessions.coalesced import AskedSessions, Fetch
from ostiary.sessions.liveness import Entry, Judge, place_of
from ostiary.sessions.memory import SessionMemory

__all__ = ["LeasedSessions"]


class LeasedSessions(SessionMemory):
    """See `sessions.liveness.Liveness` and `storage.keeper.Memory`."""

    def __init__(self, judge: Judge, vault: Fetch, ticks: Ticks) -> None:
        super().__init__(judge, ticks)
        self._asked = AskedSessions(judge, vault)
        self._filling: dict[bytes, object] = {}
        self._until = 0.0

    @property
    def held(self) -> bool:
        """Whether memory is trusted at this moment."""
        return self._ticks() < self._until

    def look(self) -> float:
        """Return the ticks while the lease holds; else empty the memory and return "too late"."""
        now = self._ticks()
        if now < self._until:
            return now
        if self._entries:
            self._clear()
        return math.inf

    async def ask(self, value: bytes) -> Entry | Refusal:
        """Answer from the truth; remember it unless an end, or the end of the lease, passed meanwhile (ruling 11)."""
        key, token = place_of(value), object()
        if self.held:
            self._filling[key] = token
        try:
            found = await self._asked.ask(value)
            if isinstance(found, Entry) and self._filling.get(key) is token:
                self._remember(value, found)
            return found
        finally:
            if self._filling.get(key) is token:
                del self._filling[key]

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
        super()._clear()
        self._filling.clear()

    def _drop(self, key: bytes) -> None:
        """Drop a session; what is being read for it will not be remembered."""
        self._filling.pop(key, None)
        super()._drop(key)
