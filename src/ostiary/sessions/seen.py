"""Last-seen times, coalesced in memory and written behind; losing a batch may only shorten a session."""

__all__ = ["Seen"]


class Seen:
    """The newest use of each session since the last flush."""

    def __init__(self) -> None:
        self._pending: dict[str, int] = {}

    def note(self, session: str, at: int) -> None:
        """Remember a use."""
        self._pending[session] = at

    def latest(self, session: str, stored: int) -> int:
        """Return the newer of the stored time and what is pending."""
        return max(stored, self._pending.get(session, 0))

    def drain(self) -> dict[str, int]:
        """Hand over what is pending and start anew."""
        pending, self._pending = self._pending, {}
        return pending

    def restore(self, batch: dict[str, int]) -> None:
        """Take back a batch that could not be written; newer uses win."""
        self._pending = batch | self._pending
