"""Values and rules of sessions; no I/O."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from ostiary.kernel.clock import SECOND
from ostiary.kernel.refusals import Code

__all__ = [
    "BEARER",
    "BEARER_LONGEST",
    "BROWSER_LONGEST",
    "ENDINGS",
    "FAMILY_LONGEST",
    "MOST_SESSIONS",
    "EndReason",
    "Living",
    "Session",
    "SessionSettings",
    "ends_because",
    "judge",
    "judged",
]

BROWSER_LONGEST = 8 * 3600 * SECOND
"""The longest life of a browser session where the setting does not say otherwise (ruling 3)."""

BEARER_LONGEST = 24 * 3600 * SECOND
"""The same of a bearer session."""

FAMILY_LONGEST = 30 * 24 * 3600 * SECOND
"""The longest life of a bearer token and all its successors together."""

BEARER = "bearer"
"""The kind of a session whose value stands in the Authorization header, not in a cookie."""

MOST_SESSIONS = 100
"""Living sessions of one person; the next one ends the oldest, so that no list of them grows without bound."""


class SessionSettings(msgspec.Struct, frozen=True):
    """Settings of sessions. Times are microseconds.

    `flush` is how often last-seen times are written behind; boot refuses more than a tenth of `idle`. `device` is the
    longest life of a device session, 0 for ever (ruling 3).
    """

    idle: int = 3600 * SECOND
    absolute: int = BROWSER_LONGEST
    bearer: int = BEARER_LONGEST
    family: int = FAMILY_LONGEST
    grace: int = 10 * SECOND
    samesite: str = "Lax"
    bind_address: bool = False
    bind_agent: bool = False
    flush: int = 30 * SECOND
    collect_every: int = 3600 * SECOND
    cache_size: int = 250_000
    device: int = 0


class EndReason(StrEnum):
    """Why a session was ended by an act. Expiry is no act and is not stored."""

    SIGNED_OUT = "signed_out"
    ENDED_BY_PERSON = "ended_by_person"
    ENDED_BY_OPERATOR = "ended_by_operator"
    PASSKEY_REMOVED = "passkey_removed"
    TOO_MANY = "too_many_sessions"
    KEY_REVOKED = "signing_key_revoked"
    REFRESHED = "token_refreshed"
    REUSED = "token_reused"
    RECOVERED = "account_recovered"
    CONTESTED = "recovery_contested"
    USER_BLOCKED = "user_blocked"


ENDINGS: dict[str, str] = {
    EndReason.SIGNED_OUT: "the person signed out in this session",
    EndReason.ENDED_BY_PERSON: "the person ended it from another of their sessions, or by its id",
    EndReason.ENDED_BY_OPERATOR: "an operator ended it at the command line",
    EndReason.PASSKEY_REMOVED: "the passkey that opened it was removed",
    EndReason.TOO_MANY: "the person opened more sessions than one may have, and it was the oldest",
    EndReason.KEY_REVOKED: "the key that signed it was revoked",
    EndReason.REFRESHED: "its token was refreshed, and another took its place",
    EndReason.REUSED: "a token of its family was used after it had been refreshed",
    EndReason.RECOVERED: "the account was recovered with a new passkey, which ends every session",
    EndReason.CONTESTED: "the recovery that it came from was contested and undone",
    EndReason.USER_BLOCKED: "the person was blocked, or their address was",
    "idle_timeout": "it was not used for the idle time",
    "absolute_timeout": "the absolute time since its beginning was over",
}
"""How a session can end, by the word that the check says. The last two are time, which is no act and is not stored."""


class Living(msgspec.Struct, frozen=True, array_like=True):
    """What is asked of a session on every request. Times are microseconds since 1970; `ended_at` is 0 while it lives.

    Four of what follows `end_reason` are empty where `kind` is not BEARER: the commitment to the token, its scopes
    (sorted, one space between), and when its family began and will end, whoever refreshes it. The two hashes are
    read only where sessions are bound to them.
    """

    id: str
    tenant: str
    kind: str
    person: str
    key: str
    factor: str
    created_at: int
    absolute_expires_at: int
    last_seen_at: int
    csrf_hash: str
    csrf_epoch: int
    ended_at: int
    end_reason: str
    commitment: str = ""
    scopes: str = ""
    family_began_at: int = 0
    family_ends_at: int = 0
    address_hash: str = ""
    agent_hash: str = ""

    def idle_expires_at(self, settings: SessionSettings) -> int:
        """Return when it dies unless it is used again."""
        return min(self.last_seen_at + settings.idle, self.hard_end(settings))

    def hard_end(self, settings: SessionSettings) -> int:
        """Return when it dies whatever is done: the smaller of what it was opened with and the setting now."""
        if self.kind != BEARER:
            return min(self.absolute_expires_at, self.created_at + settings.absolute)
        family = min(self.family_ends_at, self.family_began_at + settings.family)
        return min(self.absolute_expires_at, self.created_at + settings.bearer, family)

    def may_use(self, scopes: Iterable[str]) -> bool:
        """Tell whether all these scopes lie within the session's own; a browser's are all that its person holds."""
        return self.kind != BEARER or set(scopes).issubset(self.scopes.split())


class Session(Living, frozen=True, array_like=True):
    """One session, whole, as the store knows it: by which passkey or family, and what its person calls it."""

    binding: str = ""
    label_sealed: bytes = b""


def judge(session: Living, now: int, settings: SessionSettings) -> Code | None:
    """Return why the session is dead at `now`, None while it lives. At the instant of expiry it is dead."""
    return judged(session, now, session.hard_end(settings), settings.idle)


def judged(session: Living, now: int, hard: int, idle: int) -> Code | None:
    """Do the same where the hard end is known already."""
    if session.ended_at:
        return Code.SESSION_ENDED
    if now >= hard:
        return Code.SESSION_EXPIRED_ABSOLUTE
    if now >= session.last_seen_at + idle:
        return Code.SESSION_EXPIRED_IDLE
    return None


def ends_because(session: Living, settings: SessionSettings) -> str:
    """Return which limit will end the session first if nobody does anything."""
    idle = session.last_seen_at + settings.idle
    return "idle_timeout" if idle < session.hard_end(settings) else "absolute_timeout"
