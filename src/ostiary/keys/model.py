"""Values of keys: their purposes, and one key as it is held in memory."""

from enum import StrEnum

import msgspec

__all__ = ["ROTATABLE", "Key", "Purpose"]


class Purpose(StrEnum):
    """What a key is for. One active key per purpose and tenant; none derives from another."""

    SESSION = "session"
    PRELOGIN = "prelogin"
    RECEIPT = "receipt"
    CSRF = "csrf"
    ADDRESS = "address"
    CALLER = "caller"
    DIGEST = "digest"
    DATA = "data"
    CODE = "code"


ROTATABLE = frozenset({Purpose.SESSION, Purpose.PRELOGIN, Purpose.RECEIPT})
"""Purposes whose values name their key, so that a new key does not orphan what the old one made."""


class Key(msgspec.Struct, frozen=True):
    """One key, opened. `secret` is 32 bytes; `public` is the Ed25519 public key of a receipt key, else empty.

    `retired_at` is 0 while the key is active, `revoked_at` 0 unless it was revoked; times are microseconds since 1970.
    """

    id: str
    tenant: str
    purpose: Purpose
    version: int
    secret: bytes
    public: bytes
    created_at: int
    retired_at: int = 0
    revoked_at: int = 0

    @property
    def state(self) -> str:
        """Return `active`, `retired` or `revoked`."""
        return "revoked" if self.revoked_at else "retired" if self.retired_at else "active"

    def purged_at(self, retention: int) -> int:
        """Return when it is deleted; 0 for a key in service, and for a receipt key, which is kept for ever."""
        return self.retired_at + retention if self.retired_at and self.purpose is not Purpose.RECEIPT else 0

    def __repr__(self) -> str:
        """Show no secret, whoever prints it."""
        return f"Key({self.id!r}, {self.purpose!r}, version={self.version})"
