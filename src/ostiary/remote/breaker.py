"""The breaker: a service that has failed several times in a row is left alone for a while, and then tried once."""

from enum import Enum, auto

from ostiary.kernel.clock import Ticks

__all__ = ["MOST_FAILURES", "PAUSE_S", "Breaker", "Turn"]

MOST_FAILURES = 5
PAUSE_S = 5.0


class Turn(Enum):
    """On what somebody was let through: one turn among many, or the only one there is while the breaker is open."""

    ONE_OF_MANY = auto()
    SOLE = auto()


class Breaker:
    """Tells whether a service is worth asking; whoever was let through says how it went, or gives the turn back.

    Closed until `most` failures came in a row. Then open: nobody is let through for `pause` seconds, and after that
    one at a time, until one succeeds. For one event loop.
    """

    def __init__(self, ticks: Ticks, most: int = MOST_FAILURES, pause: float = PAUSE_S) -> None:
        self._ticks, self._most, self._pause = ticks, most, pause
        self._failures, self._until, self._trying = 0, 0.0, False

    def admits(self) -> Turn | None:
        """Return the turn on which to ask now; None while nobody should."""
        if self._failures < self._most:
            return Turn.ONE_OF_MANY
        if self._trying or self._ticks() < self._until:
            return None
        self._trying = True
        return Turn.SOLE

    def succeeded(self, turn: Turn) -> None:
        """Close: the service has done what was asked."""
        self._failures = 0
        self.returned(turn)

    def failed(self, turn: Turn) -> None:
        """Count a failure; the last one that is tolerated opens, and so does a sole turn that failed."""
        self._failures += 1
        if self._failures >= self._most:
            self._until = self._ticks() + self._pause
        self.returned(turn)

    def returned(self, turn: Turn) -> None:
        """Give the turn back, having learned nothing: where it was the sole one, the next is let through."""
        if turn is Turn.SOLE:
            self._trying = False
