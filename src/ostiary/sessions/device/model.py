"""Values and rules of device sessions; no I/O."""

import binascii
from enum import StrEnum

import msgspec

from ostiary.kernel.values import Caller

__all__ = [
    "KEPT",
    "LABEL",
    "OPENED_BY",
    "Act",
    "Actor",
    "DeviceSession",
    "Outcome",
    "Reason",
    "Snapshot",
    "Status",
    "key_bytes",
    "octets",
]

KEPT = 30 * 24 * 3600 * 1_000_000
"""Microseconds for which a revoked session is kept, to be read and to be published again."""

LABEL = "Device, signed in by e-mail code"
"""What lists call one: a device says nothing of itself but its key."""

OPENED_BY = "email_code"
"""The only way in there is."""

_KEY_LENGTH = 32


class Status(StrEnum):
    """Whether a device session lives. It goes from `active` to `revoked` and never back. NOTE: wire format."""

    ACTIVE = "active"
    REVOKED = "revoked"


class Reason(StrEnum):
    """Why one was revoked, where Ostiary itself says so; others may say other words. NOTE: wire format."""

    DEVICE_LOGOUT = "device_logout"
    LOGOUT_ALL = "logout_all"
    ADMIN_REVOKE = "admin_revoke"
    USER_BLOCKED = "user_blocked"
    EXPIRED = "expired"
    RECOVERED = "account_recovered"
    CONTESTED = "recovery_contested"


class Outcome(StrEnum):
    """How an act of revoking or blocking ended. A repeat is an acknowledgement, not an error. NOTE: wire format."""

    REVOKED = "revoked"
    ALREADY_REVOKED = "already_revoked"
    NO_ACTIVE_SESSIONS = "no_active_sessions"
    BLOCKED = "blocked"
    ALREADY_BLOCKED = "already_blocked"
    UNBLOCKED = "unblocked"
    NOT_BLOCKED = "not_blocked"


class Actor(msgspec.Struct, frozen=True):
    """Who revokes or blocks, as the caller claims it (ruling 14): the authenticated peer stands in `Caller`."""

    type: str
    id: str = ""


class Act(msgspec.Struct, frozen=True):
    """An act against sessions: who is at the door, on whose word, and why."""

    caller: Caller
    actor: Actor
    reason: str


class DeviceSession(msgspec.Struct, frozen=True):
    """One device session. Times are microseconds since 1970; `expires_at` is 0 for never, `revoked_at` 0 while active.

    `client_public_key` is the raw Ed25519 key (RFC 8032) in padded base64 (RFC 4648 section 4).
    """

    id: str
    tenant: str
    person: str
    client_public_key: str
    challenge: str
    created_at: int
    expires_at: int = 0
    revoked_at: int = 0
    reason: str = ""
    actor: Actor = Actor("")
    revoked_by: str = ""

    @property
    def status(self) -> Status:
        """Tell whether it lives."""
        return Status.REVOKED if self.revoked_at else Status.ACTIVE

    def lives(self, now: int) -> bool:
        """Tell whether it may be used at `now`; at the instant of expiry it may not."""
        return not self.revoked_at and not 0 < self.expires_at <= now

    @property
    def snapshot(self) -> "Snapshot":
        """Return what gateways are told."""
        return Snapshot(
            self.id, self.person, self.client_public_key, self.status, self.revoked_at // 1000, self.expires_at // 1000
        )


class Snapshot(msgspec.Struct, frozen=True):
    """A session as gateways are told of it, whole; why and by whom it was revoked is none of theirs.

    `revoked_at_ms` is 0 for an active one, `expires_at_ms` 0 for one that never expires; milliseconds since 1970.
    """

    device_session_id: str
    user_id: str
    client_public_key: str
    status: Status
    revoked_at_ms: int = 0
    expires_at_ms: int = 0


def key_bytes(text: str) -> bytes | None:
    """Return the 32 bytes that a text encodes in padded base64, in its only spelling; None where it does not."""
    raw = octets(text)
    return raw if raw is not None and len(raw) == _KEY_LENGTH else None


def octets(text: str) -> bytes | None:
    """Return the bytes that a text encodes in padded base64 (RFC 4648 section 4), in its only spelling; else None."""
    if not text.isascii():
        return None
    try:
        raw = binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        return None
    return raw if binascii.b2a_base64(raw, newline=False).decode() == text else None
