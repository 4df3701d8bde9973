"""What became of the last question that counts, for those who ask something smaller instead."""

import asyncio
from collections.abc import Awaitable, Callable

from ostiary.kernel.clock import Ticks

__all__ = ["MEMORY_S", "Lately"]

MEMORY_S = 30.0
"""Seconds after which a failure is no news any more, where nobody has asked since."""


class Lately:
    """Remembers the failure of the last question until one succeeds, or its time has passed. For one event loop.

    A service that answers a probe and fails whoever asks in earnest would tell the one from the other, and so would one
    that answers it sooner: how long the last question took is remembered too.
    """

    def __init__(self, ticks: Ticks) -> None:
        self.ticks, self._why, self._at, self._took = ticks, "", 0.0, 0.0

    def note(self, began: float, why: str) -> None:
        """Note how a question ended that began then: "" for well, or the machine word of its failure."""
        self._why, self._at = why, self.ticks()
        self._took = self._at - began

    @property
    def why(self) -> str:
        """Return the word of the failure that is remembered, "" for none."""
        return self._why if self.ticks() < self._at + MEMORY_S else ""

    async def instead(self, glance: Callable[[], Awaitable[str]]) -> str:
        """Return the failure that is remembered, else how a glance ends; no sooner than the last question took."""
        began = self.ticks()
        why = self.why or await glance()
        await asyncio.sleep(began + self._took - self.ticks())
        return why
