"""Values of presence: challenges, purposes, receipts of presence."""

from enum import StrEnum

import msgspec

from ostiary.kernel.clock import MINUTE
from ostiary.kernel.values import Factor

__all__ = [
    "CHALLENGE_LIFE",
    "PRESENCE_LIFE",
    "PRESENCE_PURPOSES",
    "Challenge",
    "Presence",
    "PresenceReceipt",
    "Purpose",
    "State",
]

CHALLENGE_LIFE = 5 * MINUTE
PRESENCE_LIFE = 5 * MINUTE


class Purpose(StrEnum):
    """What a challenge or a proof of presence is for; one made for one purpose serves no other."""

    LOGIN = "login"
    ENROLMENT = "enrolment"
    PASSKEY_ADD = "passkey.add"
    PASSKEY_REMOVE = "passkey.remove"
    PASSKEY_REGISTRATION = "passkey.registration"


PRESENCE_PURPOSES = frozenset({Purpose.PASSKEY_ADD, Purpose.PASSKEY_REMOVE})


class State(StrEnum):
    """The life of a recorded challenge (the table of moves stands in `login.flow`)."""

    OPEN = "open"
    WAITING = "waiting"
    PROVED = "proved"
    EXHAUSTED = "exhausted"


class Challenge(msgspec.Struct, frozen=True):
    """A single-use, expiring question.

    `subject` is what it is about (a person, an invitation, or ""), `browser` the pre-login cookie's or the
    session's id that may answer it, `method` the login method. `nonce` are 32 bytes that the answer must carry.
    """

    id: str
    purpose: Purpose
    method: str
    subject: str
    browser: str
    expires_at: int
    token: str = ""
    nonce: bytes = b""


class PresenceReceipt(msgspec.Struct, frozen=True):
    """A fresh proof of presence: what its holder shows, and until when (microseconds since 1970)."""

    id: str
    expires_at: int


class Presence(msgspec.Struct, frozen=True):
    """A proof of presence that has been consumed."""

    id: str
    factor: str
    user_verified: bool

    @property
    def strong(self) -> bool:
        """Whether it came from a user-verified passkey (ruling 9)."""
        return self.factor == Factor.PASSKEY and self.user_verified
