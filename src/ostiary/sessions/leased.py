"""Liveness on PostgreSQL: from memory while this node's lease holds, else from the truth (decision 0013).

The lease is compared with CLOCK_BOOTTIME at each check, so a process that was paused for longer than its lease
does not answer from memory when it wakes.
"""

import asyncio
import math
from collections.abc import Sequence
from contextlib import suppress

from ostiary.kernel.clock import Ticks
from ostiary.kernel.refusals import Refusal
from ostiary.sessions.coalesced import AskedSessions, Fetch, Truth
from ostiary.sessions.liveness import Entry, Judge, place_of
from ostiary.sessions.memory import SessionMemory
from ostiary.storage.outbox import Change

__all__ = ["LeasedSessions"]


class LeasedSessions(SessionMemory):
    """See `sessions.liveness.Liveness`, `storage.keeper.Memory`, and `gateway.feed.Followed` and `Pledged`.

    `counted` and `position` are how many changes this node has heard of.
    """

    def __init__(self, judge: Judge, vault: Fetch, ticks: Ticks) -> None:
        super().__init__(judge, ticks)
        self._asked = AskedSessions(judge, vault)
        self._filling: dict[bytes, object] = {}
        self.until, self.truth = 0.0, Truth(self._asked, judge)
        self._pledged, self._confirmed = (0.0, 0), asyncio.Event()

    @property
    def held(self) -> bool:
        """Whether memory is trusted at this moment."""
        return self._ticks() < self.until

    def look(self) -> float:
        """Return the ticks while the lease holds; else empty the memory and return "too late"."""
        now = self._ticks()
        if now < self.until:
            return now
        if self._entries:
            self._clear()
        return math.inf

    def read(self, value: bytes) -> None:
        """Answer nothing: the truth is not on this machine."""
        del value

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
        self.until = until

    def lapse(self) -> None:
        """Trust memory no more."""
        self.until = 0.0

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what lost authority, and let those know who follow this node."""
        super().forget(changes)
        for change in changes:
            self.counted += 1
            self._recent.append((self.counted, change))
        self.position = self.counted

    def pledge(self, until: float, confirmed: int) -> None:
        """Put on record that services trust, until those ticks, what they followed up to the count `confirmed`."""
        self._pledged = until, confirmed
        self._confirmed.set()

    async def settled(self) -> None:
        """Return when every service that keeps answers of this node has followed as far as the node itself."""
        await self._outstanding(self.counted)

    async def over(self) -> None:
        """Return when every leave that services have from this node has run out."""
        await self._outstanding(math.inf)

    async def _outstanding(self, count: float) -> None:
        while self._pledged[1] < count and (left := self._pledged[0] - self._ticks()) > 0:
            self._confirmed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._confirmed.wait(), left)

    def _clear(self) -> None:
        super()._clear()
        self._filling.clear()

    def _drop(self, key: bytes) -> None:
        """Drop a session; what is being read for it will not be remembered."""
        self._filling.pop(key, None)
        super()._drop(key)
