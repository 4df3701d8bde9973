"""What became of the last question that counts, for those who ask something smaller instead."""

from ostiary.kernel.clock import Ticks

__all__ = ["MEMORY_S", "Lately"]

MEMORY_S = 30.0
"""Seconds after which a failure is no news any more, where nobody has asked since."""


class Lately:
    """Remembers the failure of the last question until one succeeds, or its time has passed. For one event loop.

    A service that answers a probe and fails whoever asks in earnest would tell the one from the other.
    """

    def __init__(self, ticks: Ticks) -> None:
        self._ticks, self._why, self._at = ticks, "", 0.0

    def note(self, why: str) -> None:
        """Note how a question ended: "" for well, or the machine word of its failure."""
        self._why, self._at = why, self._ticks()

    @property
    def why(self) -> str:
        """Return the word of the failure that is remembered, "" for none."""
        return self._why if self._ticks() < self._at + MEMORY_S else ""
