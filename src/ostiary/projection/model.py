"""Values of the projection: its settings, one session as it stands there, what Redis says of itself; no I/O."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import StoreUnavailable
from ostiary.sessions.device.model import KEPT, DeviceSession, Status

__all__ = [
    "PATIENCE",
    "About",
    "Entry",
    "Held",
    "Mirror",
    "MirrorUnavailable",
    "ProjectionSettings",
    "Standing",
    "State",
    "Written",
    "entry_of",
]


PATIENCE = 10 * SECOND
"""Microseconds that one step may take where nobody waits for it: the follower's, a rebuild's, a command's."""


class ProjectionSettings(msgspec.Struct, frozen=True):
    """Where the projection is. Without `addr` there is none; `timeout` is in microseconds."""

    addr: tuple[str, int] | None = None
    username: str = ""
    password_file: Path | None = None
    password: str = ""
    tls: bool = False
    ca_file: Path | None = None
    db: int = 0
    timeout: int = SECOND // 4
    cluster: bool = False
    prefix: str = "gateway:"
    maxlen: int = 100_000

    @property
    def patient(self) -> "ProjectionSettings":
        """The same for what nobody waits for: a busy moment must not undo the work of minutes."""
        return msgspec.structs.replace(self, timeout=max(self.timeout, PATIENCE))

    def __repr__(self) -> str:
        """Show no password, whoever prints it."""
        return f"ProjectionSettings(addr={self.addr!r})"


_REMEDY = "See that it is up and that OSTIARY_REDIS_ADDR and what goes with it are right, then try again"
_REMEDIES = {
    "sign_in": "See that OSTIARY_REDIS_PASSWORD_FILE and OSTIARY_REDIS_USERNAME are those of this Redis",
    "foreign_key": "Somebody else wrote a key that the projection needs: session_events must be a stream, "
    "projection:whole and projection:rebuilding strings, each behind its prefix. Remove the other",
}
"""What to do, by the word, where that is something else."""


class MirrorUnavailable(StoreUnavailable):
    """Redis cannot do what was asked. `why` is a machine word; nothing in it comes from the other side."""

    def __init__(self, why: str) -> None:
        super().__init__(f"Redis cannot be used ({why})", remedy=_REMEDIES.get(why, _REMEDY))
        self.why = why


class Entry(msgspec.Struct, frozen=True):
    """One session as it is to stand in Redis: the value of its key, and when that goes by itself.

    `until` is in milliseconds since 1970, 0 for never. NOTE: wire format (device-sessions contract, section 10).
    """

    session: str
    record: bytes
    until: int


class Held(msgspec.Struct, frozen=True):
    """What stands under one session's key: its value (None: nothing) and until when, as in Entry."""

    record: bytes | None
    until: int


class Written(msgspec.Struct, frozen=True):
    """What a write did: `changed` stood otherwise and are right now; the sessions `kept` stay revoked."""

    changed: int
    kept: tuple[str, ...]


class About(msgspec.Struct, frozen=True):
    """What Redis says of itself.

    `run` names this run of the server, `whole` the run in which the projection was last known to lack nothing: where
    they differ, Redis was started anew and may have lost what it had acknowledged. `events` is the stream's length.
    """

    version: str
    run: str
    whole: str
    events: int


class State(StrEnum):
    """How the projection stands. NOTE: wire format (`/readyz`)."""

    OK = "ok"
    BEHIND = "behind"
    UNAVAILABLE = "unavailable"


class Standing(msgspec.Struct, frozen=True):
    """How the projection stands: `waiting` sessions, the oldest for `age` microseconds; counts of this process."""

    state: State
    waiting: int
    age: int
    published: int
    failures: int


class Mirror(Protocol):
    """The projection's side of Redis. Everything raises MirrorUnavailable; nothing takes longer than the timeout."""

    async def write(self, entries: Sequence[Entry]) -> Written:
        """Write entries and append an event for each whose value changed, in atomic steps.

        A session that stands there as revoked stays so, whatever comes later.
        """

    async def remove(self, sessions: Sequence[str], now: int) -> int:
        """Remove what stands there, and tell those who follow that what was active is revoked; return how many."""

    async def read(self, sessions: Sequence[str]) -> list[Held]:
        """Return what stands there, in the order of the sessions."""

    async def scan(self, cursor: int) -> tuple[int, list[str]]:
        """Return some sessions that stand there, perhaps twice, and the cursor to go on with; 0 begins, and ends."""

    async def about(self) -> About:
        """Return what Redis says of itself."""

    async def claim(self, who: str, life: int) -> bool:
        """Take, or keep, the right to rebuild for `life` milliseconds; False while somebody else has it."""

    async def keep(self, who: str, life: int) -> bool:
        """Keep the right to rebuild; False where it is no longer theirs: perhaps all that Redis held went with it."""

    async def declare(self, run: str, who: str) -> bool:
        """Note that the projection lacks nothing in this run of Redis, and give up the right to rebuild.

        False, and nothing noted, where the right is no longer theirs.
        """

    async def close(self) -> None:
        """Close the connections."""


def entry_of(session: DeviceSession, now: int) -> Entry:
    """Return how a session is to stand there; one whose time has come is told as revoked, whoever has noted it yet."""
    ended = session.revoked_at or (0 if session.lives(now) else session.expires_at)
    record: dict[str, object] = {
        "device_session_id": session.id,
        "user_id": session.person,
        "client_public_key": session.client_public_key,
        "status": Status.REVOKED if ended else Status.ACTIVE,
    }
    if ended:
        record["revoked_at_ms"] = ended // 1000
    return Entry(session.id, msgspec.json.encode(record), (ended + KEPT if ended else session.expires_at) // 1000)
