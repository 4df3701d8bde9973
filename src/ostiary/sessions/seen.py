"""Last-seen times, coalesced in memory and written behind; losing a batch may only shorten a session."""

from typing import TypeVar

import msgspec

from ostiary.sessions.model import Living

L = TypeVar("L", bound=Living)

__all__ = ["Seen"]


class Seen:
    """The newest use of each session that the store may not know yet."""

    def __init__(self) -> None:
        self._noted: dict[str, int] = {}
        self._leaving: dict[str, int] = {}

    def note(self, session: str, at: int) -> None:
        """Remember a use."""
        self._noted[session] = at

    def refreshed(self, session: L) -> L:
        """Return the session as it was last seen, where that is later than what is stored."""
        seen = self._noted.get(session.id) or self._leaving.get(session.id, 0)
        return msgspec.structs.replace(session, last_seen_at=seen) if seen > session.last_seen_at else session

    def drain(self) -> dict[str, int]:
        """Hand over what is to be written; it counts until `written` says that the store has it."""
        self._leaving = self._leaving | self._noted
        self._noted = {}
        return self._leaving

    def written(self) -> None:
        """Forget what was handed over: the store has it. Without this, the next `drain` hands it over again."""
        self._leaving = {}
