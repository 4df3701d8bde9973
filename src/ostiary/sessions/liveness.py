"""What a check may ask: is the session behind this cookie value alive? One protocol, one answer per database."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from ostiary.kernel.clock import Clock
from ostiary.kernel.refusals import Code, Refusal
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Key, Purpose
from ostiary.sessions import wire
from ostiary.sessions.model import Session, SessionSettings, judge
from ostiary.sessions.seen import Seen

__all__ = ["Entry", "Judge", "Learn", "Liveness"]

Learn = Callable[[str], Awaitable[None]]
"""Load a signing key that another process may have made since."""

INVALID = Refusal(Code.SESSION_INVALID)


class Entry:
    """A living session in memory, as it was last used. Times are microseconds since 1970.

    `hard` is when it dies whatever is done, `deadline` when it dies unless it is used, `rests_until` when a use
    of it will next change something; `headers` are prepared by the gateway.
    """

    __slots__ = ("deadline", "hard", "headers", "rests_until", "session")

    def __init__(self, session: Session, hard: int, idle: int) -> None:
        self.session = session
        self.hard = hard
        self.headers: dict[str, dict[str, Any]] = {}
        self.used(session.last_seen_at, idle)

    def used(self, at: int, idle: int) -> None:
        """Let the idle time start at `at`; uses within the next hundredth of it change nothing."""
        self.deadline = min(self.hard, at + idle)
        self.rests_until = min(self.deadline, at + idle // 100)


class Liveness(Protocol):
    """The steps of the hot path: at a glance, from memory, from the truth."""

    def glance(self, value: bytes) -> Entry | None:
        """Do as `peek` does, for a use that changes nothing; None too when the idle time is due to start anew."""

    def peek(self, value: bytes) -> Entry | None:
        """Return the living session of a cookie value, from memory only; None when the truth must be asked."""

    async def ask(self, value: bytes) -> Entry | Refusal:
        """Answer from the truth. Raises StoreUnavailable when it cannot be reached."""

    def slide(self, entry: Entry) -> None:
        """Count a use that ended well: the idle time starts anew."""


class Judge(msgspec.Struct, frozen=True):
    """The rules that turn a cookie value and a row into an entry or a refusal, shared by both databases."""

    clock: Clock
    keyring: Keyring
    settings: SessionSettings
    retention: int
    seen: Seen
    learn: Learn

    async def recognise(self, value: bytes) -> tuple[str, Key] | Refusal:
        """Verify form and signature; return (session id, signing key). The store is asked only for unknown keys."""
        text = value.decode("latin-1")
        parsed = wire.parse(text[1:], "tok") if text.startswith(wire.BEARER) else wire.parse(text, "ses")
        if parsed is None:
            return INVALID
        if self.keyring.find(parsed[1]) is None:
            await self.learn(parsed[1])
        key = self.keyring.find(parsed[1])
        if key is None or not wire.verify(parsed, key, Purpose.SESSION):
            return INVALID
        return parsed[0], key

    def admit(self, session: Session | None, key: Key) -> Entry | Refusal:
        """Judge what the truth says about a recognised cookie."""
        if session is None or session.key != key.id or session.tenant != key.tenant:
            return INVALID
        now, current = self.clock(), self.seen.refreshed(session)
        dead = judge(current, now, self.settings)
        if dead is not None:
            return Refusal(dead, (session.end_reason,) if session.end_reason else (), subject=session.id)
        hard = current.hard_end(self.settings)
        if key.retired_at:
            hard = min(hard, key.retired_at + self.retention)
        if now >= hard:
            return Refusal(Code.SESSION_INVALID, ("signing_key_retired",), subject=session.id)
        return Entry(current, hard, self.settings.idle)

    def slide(self, entry: Entry) -> None:
        """Move an entry's idle deadline to start now, at most once in a hundredth of the idle time."""
        now = self.clock()
        if now >= entry.rests_until:
            entry.session = msgspec.structs.replace(entry.session, last_seen_at=now)
            entry.used(now, self.settings.idle)
            self.seen.note(entry.session.id, now)
