"""The breaker: a service that has failed several times in a row is left alone for a while, and then tried once."""

from ostiary.kernel.clock import Ticks

__all__ = ["MOST_FAILURES", "PAUSE_S", "Breaker"]

MOST_FAILURES = 5
PAUSE_S = 5.0


class Breaker:
    """Tells whether a service is worth asking; whoever was let through says how it went, or gives the turn back.

    Closed until `most` failures came in a row. Then open: nobody is let through for `pause` seconds, and after that
    one at a time, until one succeeds. For one event loop.
    """

    def __init__(self, ticks: Ticks, most: int = MOST_FAILURES, pause: float = PAUSE_S) -> None:
        self._ticks, self._most, self._pause = ticks, most, pause
        self._failures, self._until = 0, 0.0

    def admits(self) -> bool:
        """Tell whether to ask now; while open, a yes is the one turn that there is."""
        if self._failures < self._most:
            return True
        now = self._ticks()
        if now < self._until:
            return False
        self._until = now + self._pause  # who never says how it went holds up nobody for longer than this
        return True

    def succeeded(self) -> None:
        """Close: the service has done what was asked."""
        self._failures = 0

    def failed(self) -> None:
        """Count a failure; the last one that is tolerated opens, and so does a turn that failed."""
        self._failures += 1
        if self._failures >= self._most:
            self._until = self._ticks() + self._pause

    def returned(self) -> None:
        """Give the turn back, having learned nothing: the next one is let through."""
        if self._failures >= self._most:
            self._until = self._ticks()
