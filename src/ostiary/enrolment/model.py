"""Values of enrolment."""

import hashlib

import msgspec

from ostiary.kernel.clock import MINUTE

__all__ = ["BOOT_LIFE", "INVITATION_LIFE", "Invitation", "token_hash"]

INVITATION_LIFE = 24 * 60 * MINUTE
BOOT_LIFE = 15 * MINUTE


class Invitation(msgspec.Struct, frozen=True):
    """A one-time link's record: for whom, and which role goes with it ("" for none)."""

    id: str
    person: str
    role: str
    expires_at: int


def token_hash(token: str) -> str:
    """Return what is kept of a link's token: SHA-256 in hex; the token has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
