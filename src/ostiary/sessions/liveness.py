"""What a check may ask: is the session behind this cookie value alive? One protocol, one answer per database."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from ostiary.kernel.clock import Clock
from ostiary.kernel.refusals import Code, Refusal
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Key, Purpose
from ostiary.sessions import wire
from ostiary.sessions.model import BEARER, Living, SessionSettings, judged
from ostiary.sessions.seen import Seen

__all__ = ["TOKEN", "Answer", "Entry", "Glance", "Judge", "Learn", "Liveness", "place_of"]

Learn = Callable[[str], Awaitable[None]]
"""Load a signing key that another process may have made since."""

Answer = dict[str, Any]
"""The first message of an HTTP answer, as ASGI wants it."""

TOKEN = wire.BEARER.encode()
"""What a bearer token begins with where liveness is asked, and no cookie's value."""

_PACK = msgspec.msgpack.Encoder().encode
_UNPACK = msgspec.msgpack.Decoder(Living).decode

INVALID = Refusal(Code.SESSION_INVALID)


def place_of(value: bytes) -> bytes:
    """Return under what a memory keeps a value: the session's id as it stands there, for whoever it may be.

    NOTE: wire format `v1.<id>.…` (sessions.wire), with BEARER in front of a token. What is found is compared whole.
    """
    return value[4:30] if value[:1] == TOKEN else value[3:29]


def _key_of(value: bytes) -> str:
    """Return the id of the key that is said to have signed a value of the right form."""
    return value.decode("latin-1").split(".")[2]


class Glance:
    """An answer that may be repeated as it is: `answer` until `until`, in the ticks of `Liveness.look`."""

    __slots__ = ("answer", "until")

    def __init__(self, answer: Answer, until: float) -> None:
        self.answer, self.until = answer, until


class Entry:
    """A living session in memory, as it was last used. Times are microseconds since 1970.

    `hard` is when it dies whatever is done, `deadline` when it dies unless it is used, `rests_until` when a use
    of it will next change something; `headers` and `glances` are prepared by the gateway. At rest, that is after a
    use of it, it is a handful of objects: what is not there need not be fetched from memory, nor be let go one by one.
    `value` is the cookie value that it is remembered by.
    """

    __slots__ = ("_session", "deadline", "glances", "hard", "headers", "id", "rests_until", "value")

    def __init__(self, session: Living, hard: int, idle: int) -> None:
        self._session: Living | bytes = session
        self.id, self.hard, self.value = session.id, hard, b""
        self.headers: dict[str, Answer] | None = None
        self.glances: list[Glance] | None = None
        self.used(session.last_seen_at, idle)

    @property
    def session(self) -> Living:
        """The session; unpacked anew each time where the entry is at rest."""
        held = self._session
        return _UNPACK(held) if isinstance(held, bytes) else held

    def rest(self) -> None:
        """Keep the session packed until it is asked for."""
        held = self._session
        if not isinstance(held, bytes):
            self._session = _PACK(held)

    def used_again(self) -> None:
        """Keep what is prepared from now on: a first use need not, for there may be no second."""
        if self.headers is None:
            self.headers = {}

    def used(self, at: int, idle: int) -> None:
        """Let the idle time start at `at`; uses within the next hundredth of it change nothing."""
        self.deadline = min(self.hard, at + idle)
        self.rests_until = min(self.deadline, at + idle // 100)

    def slide(self, at: int, idle: int) -> None:
        """Do the same, and let the session say when it was last seen."""
        self._session = msgspec.structs.replace(self.session, last_seen_at=at)
        self.used(at, idle)

    def dim(self) -> None:
        """Let no prepared answer be repeated any more; asked of every entry that its cache lets go."""
        for glance in self.glances or ():
            glance.until = 0
        self.glances = None


class Liveness(Protocol):
    """The steps of the hot path: a look at what is new, then from memory, then from the truth.

    `cleared` counts how often everything was dropped: what was read before must not be kept after.
    """

    cleared: int

    def look(self) -> float:
        """Make sure that no end is overlooked, and return the ticks: what memory holds is good at this moment.

        Raises StoreUnavailable.
        """

    def glance(self, entry: Entry, answer: Answer) -> Glance | None:
        """Return leave to repeat an answer for as long as a use of the entry changes nothing; None for no leave."""

    def peek(self, value: bytes) -> Entry | None:
        """Return the living session of a cookie value, from memory only; None when the truth must be asked."""

    def read(self, value: bytes) -> Entry | Refusal | None:
        """Answer from the truth on the spot; None where it must be waited for (`ask`). Raises StoreUnavailable."""

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
        known = self.recognised(value)
        if known is None:
            await self.learn(_key_of(value))
            known = self.recognised(value) or INVALID
        return known

    def recognised(self, value: bytes) -> tuple[str, Key] | Refusal | None:
        """Do the same with the keys that are known here; None for any other key."""
        text = value.decode("latin-1")
        parsed = wire.parse(text[1:], "tok") if text.startswith(wire.BEARER) else wire.parse(text, "ses")
        if parsed is None:
            return INVALID
        key = self.keyring.find(parsed[1])
        if key is None:
            return None
        return (parsed[0], key) if wire.verify(parsed, key, Purpose.SESSION) else INVALID

    def admit(self, session: Living | None, key: Key) -> Entry | Refusal:
        """Judge what the truth says about a recognised cookie."""
        if session is None or session.key != key.id or session.tenant != key.tenant:
            return INVALID
        if session.kind == BEARER and not wire.committed(session.commitment, session.id, key):
            return INVALID
        now, current = self.clock(), self.seen.refreshed(session)
        hard = current.hard_end(self.settings)
        dead = judged(current, now, hard, self.settings.idle)
        if dead is not None:
            return Refusal(dead, (session.end_reason,) if session.end_reason else (), subject=session.id)
        if key.retired_at:
            hard = min(hard, key.retired_at + self.retention)
        if now >= hard:
            return Refusal(Code.SESSION_INVALID, ("signing_key_retired",), subject=session.id)
        return Entry(current, hard, self.settings.idle)

    def slide(self, entry: Entry) -> None:
        """Move an entry's idle deadline to start now, at most once in a hundredth of the idle time."""
        now = self.clock()
        if now >= entry.rests_until:
            entry.slide(now, self.settings.idle)
            self.seen.note(entry.id, now)
        entry.rest()
