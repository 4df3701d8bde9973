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


ROTATABLE = frozenset({Purpose.SESSION, Purpose.PRELOGIN, Purpose.RECEIPT})
"""Purposes whose values name their key, so that a new key does not orphan what the old one made."""


class Key(msgspec.Struct, frozen=True):
    """One key, opened. `secret` is 32 bytes; `public` is the Ed25519 public key of a receipt key, else empty.

    `retired_at` is 0 while the key is active; times are microseconds since 1970.
    """

    id: str
    tenant: str
    purpose: Purpose
    version: int
    secret: bytes
    public: bytes
    created_at: int
    retired_at: int = 0

    def __repr__(self) -> str:
        """Show no secret, whoever prints it."""
        return f"Key({self.id!r}, {self.purpose!r}, version={self.version})"
