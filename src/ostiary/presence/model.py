"""Values of presence: challenges, purposes, what is approved, receipts of presence."""

import hashlib
import re
from enum import StrEnum

import msgspec

from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.kernel.legible import readable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Factor

__all__ = [
    "BUILT_IN",
    "CHALLENGE_LIFE",
    "PRESENCE_LIFE",
    "Approval",
    "Challenge",
    "Held",
    "Minimum",
    "Presence",
    "PresenceReceipt",
    "Purpose",
    "PurposeRule",
    "State",
    "plain",
]

CHALLENGE_LIFE = 5 * MINUTE
PRESENCE_LIFE = 5 * MINUTE
_SAYS_LONGEST = 200
_TITLE_LONGEST = 64
_NAME = re.compile(r"(?=.{3,64}\Z)[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
"""Spaces that do not break, and joiners that are spelling in many languages."""


class Purpose(StrEnum):
    """What a challenge is for, and the purposes of presence that Ostiary itself asks for.

    A challenge serves one of them only; where it is for presence, it names the purpose of that presence besides.
    """

    LOGIN = "login"
    ENROLMENT = "enrolment"
    PASSKEY_ADD = "passkey.add"
    PASSKEY_REMOVE = "passkey.remove"
    SESSION_ISSUE = "session.issue"
    RECOVERY_CODES = "recovery.codes"
    PASSKEY_REGISTRATION = "passkey.registration"
    PRESENCE = "presence"


class Minimum(StrEnum):
    """How presence must have been proved: by a user-verified passkey where the person has one, or by any method."""

    PASSKEY = "passkey"
    ANY = "any"


class PurposeRule(msgspec.Struct, frozen=True):
    """One purpose that presence can serve.

    `title` names it in plain words, `life` is how long a proof serves (microseconds). Where `commits_operation`,
    a proof approves one operation: its digest, and the sentence that the person was shown.
    """

    name: str
    title: str
    minimum: Minimum = Minimum.PASSKEY
    commits_operation: bool = False
    life: int = PRESENCE_LIFE

    @property
    def faults(self) -> tuple[str, ...]:
        """Which parts keep this from being declared: `name` (not `noun.verb`), `title` (unreadable), `life`."""
        fit = {
            "name": _NAME.fullmatch(self.name) is not None,
            "title": plain(self.title, _TITLE_LONGEST),
            "life": SECOND <= self.life <= PRESENCE_LIFE,
        }
        return tuple(part for part, well in fit.items() if not well)


BUILT_IN = (
    PurposeRule(Purpose.PASSKEY_ADD.value, "Add a passkey to your account"),
    PurposeRule(Purpose.PASSKEY_REMOVE.value, "Remove a passkey from your account"),
    PurposeRule(Purpose.RECOVERY_CODES.value, "Make new recovery codes"),
    PurposeRule(Purpose.SESSION_ISSUE.value, "Issue a token that acts for a person"),
)
"""The purposes of Ostiary's own acts. Those of services are declared in the table `purposes`."""


class Approval(msgspec.Struct, frozen=True):
    """What presence is asked for: a purpose, perhaps one thing it is about, perhaps one operation.

    `operation` is the digest of the operation, `sha256:` and 64 hex digits; `says` is the sentence that tells the
    person what it is. Both or neither, as the purpose demands.
    """

    purpose: str
    subject: str = ""
    operation: str = ""
    says: str = ""

    @property
    def commitment(self) -> str:
        """What binds a proof to the operation and to the very sentence that was shown; "" for no operation.

        NOTE: wire format, frozen in tests/wire/approvals.json. `sha256:` and SHA-256, in hex, over netstrings of
        `ostiary.approval.v1`, purpose, operation, sentence (UTF-8).
        """
        if not self.operation:
            return ""
        parts = ("ostiary.approval.v1", self.purpose, self.operation, self.says)
        covered = b"".join(b"%d:%b," % (len(part), part) for part in map(str.encode, parts))
        return "sha256:" + hashlib.sha256(covered).hexdigest()

    def unfit(self, rule: PurposeRule) -> Refusal | None:
        """Refuse an operation that the purpose does not know, and a missing or unreadable one that it demands."""
        if not rule.commits_operation:
            return Refusal(Code.REQUEST_MALFORMED, ("operation_unasked",)) if self.operation or self.says else None
        if _DIGEST.fullmatch(self.operation) is None:
            return Refusal(Code.REQUEST_MALFORMED, ("operation_digest",))
        return None if plain(self.says, _SAYS_LONGEST) else Refusal(Code.REQUEST_MALFORMED, ("operation_sentence",))


def plain(text: str, longest: int) -> bool:
    """Tell whether people read exactly what stands there: one line, nothing invisible, nothing that turns its order."""
    return 0 < len(text) <= longest and text == text.strip() and readable(text)


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
    Where it is for presence, `act` is the purpose of that presence and `commitment` what it approves, or "".
    """

    id: str
    purpose: Purpose
    method: str
    subject: str
    browser: str
    expires_at: int
    token: str = ""
    nonce: bytes = b""
    act: str = ""
    commitment: str = ""


class PresenceReceipt(msgspec.Struct, frozen=True):
    """A fresh proof of presence: what its holder shows, and until when (microseconds since 1970)."""

    id: str
    expires_at: int


class Held(msgspec.Struct, frozen=True):
    """A proof of presence as it is kept, whether it still serves or not. Times are microseconds since 1970."""

    id: str
    person: str
    session: str
    purpose: str
    subject: str
    factor: str
    user_verified: int
    expires_at: int
    consumed_at: int


class Presence(msgspec.Struct, frozen=True):
    """A proof of presence that has been consumed; `proved_at` in microseconds since 1970."""

    id: str
    factor: str
    user_verified: bool
    proved_at: int

    @property
    def strong(self) -> bool:
        """Whether it came from a user-verified passkey (ruling 9)."""
        return self.factor == Factor.PASSKEY and self.user_verified
