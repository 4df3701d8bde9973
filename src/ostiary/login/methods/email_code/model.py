"""Values and rules of e-mail codes: a challenge, its states, how often one may ask and guess; no I/O."""

import re
import zoneinfo
from enum import StrEnum
from functools import cache

import msgspec

from ostiary.kernel.clock import MINUTE, SECOND

__all__ = [
    "BUDGETS",
    "DIGITS",
    "LIFE",
    "LOCALES",
    "MOST_FAILURES",
    "MOVES",
    "QUANTUM_S",
    "RETENTION",
    "Budget",
    "Budgets",
    "Challenge",
    "Flow",
    "Happening",
    "State",
    "is_time_zone",
    "locale_of",
    "plain_code",
]

DIGITS = 6
LIFE = 5 * MINUTE
"""Microseconds for which a code can be confirmed; at that instant it no longer can."""

RETENTION = 5 * MINUTE
"""Microseconds for which a confirmed challenge answers the same confirm again."""

MOST_FAILURES = 5
"""Wrong codes after which a challenge has failed."""

QUANTUM_S = 0.15
"""Seconds: the answer to a send comes at a multiple of it, so that no class of address is told by its time."""

_DAY = 24 * 60 * MINUTE
_LANGUAGE = re.compile(r"([A-Za-z]{1,8})(?:-[A-Za-z0-9]{1,8})*\Z")
_TIME_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}\Z")
_MOST_LANGUAGES = 32

LOCALES = ("en", "de", "fr")
"""The languages of letters, the first for whoever asks for another."""


class Flow(StrEnum):
    """What a code is good for: a device's session, or a sign-in in the browser. One never serves the other."""

    DEVICE = "device"
    BROWSER = "browser"


class State(StrEnum):
    """Where a challenge stands. NOTE: the contract's words."""

    PENDING_SEND = "pending_send"
    SENT = "sent"
    SUPPRESSED = "delivery_suppressed"
    THROTTLED = "delivery_throttled"
    CONFIRMED = "confirmed_pending_expire"
    EXPIRED = "expired"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Happening(StrEnum):
    """What happens to a challenge.

    Its letter left, was held back, or could not leave; a right code came, or the last wrong one; its time came; it was
    called back.
    """

    LEFT = "left"
    HELD_BACK = "held_back"
    UNSENT = "unsent"
    CONFIRMED = "confirmed"
    EXHAUSTED = "exhausted"
    TIME = "time"
    CANCELLED = "cancelled"


MOVES: dict[tuple[State, Happening], State] = {
    (State.PENDING_SEND, Happening.LEFT): State.SENT,
    (State.PENDING_SEND, Happening.HELD_BACK): State.SUPPRESSED,
    (State.PENDING_SEND, Happening.UNSENT): State.FAILED,
    (State.PENDING_SEND, Happening.EXHAUSTED): State.FAILED,
    (State.PENDING_SEND, Happening.TIME): State.EXPIRED,
    (State.PENDING_SEND, Happening.CANCELLED): State.CANCELLED,
    (State.SENT, Happening.CONFIRMED): State.CONFIRMED,
    (State.SENT, Happening.EXHAUSTED): State.FAILED,
    (State.SENT, Happening.TIME): State.EXPIRED,
    (State.SENT, Happening.CANCELLED): State.CANCELLED,
    (State.SUPPRESSED, Happening.EXHAUSTED): State.FAILED,
    (State.SUPPRESSED, Happening.TIME): State.EXPIRED,
    (State.SUPPRESSED, Happening.CANCELLED): State.CANCELLED,
    (State.THROTTLED, Happening.EXHAUSTED): State.FAILED,
    (State.THROTTLED, Happening.TIME): State.EXPIRED,
    (State.THROTTLED, Happening.CANCELLED): State.CANCELLED,
    (State.CONFIRMED, Happening.TIME): State.EXPIRED,
}
"""Every move there is. What was held back or throttled is never confirmed (ruling 34), whatever code is typed."""


class Budget(msgspec.Struct, frozen=True):
    """How often something may happen within `window` microseconds, counted from the first time."""

    most: int
    window: int


class Budgets(msgspec.Struct, frozen=True):
    """Each by address and requester, and by the address alone, which is wider: nobody can mute somebody else.

    `letter`, `place` and `letters` are sends that a letter follows: of a requester to an address within a minute and
    within an hour, and of all requesters. `guess` and `guesses` are wrong codes (ruling 34). `requester` is by the
    requester alone: how many letters they let leave to whomever.
    """

    letter: Budget = Budget(1, 60 * SECOND)
    place: Budget = Budget(6, 60 * MINUTE)
    requester: Budget = Budget(600, 60 * MINUTE)
    letters: Budget = Budget(30, 60 * MINUTE)
    guess: Budget = Budget(20, _DAY)
    guesses: Budget = Budget(50, _DAY)


BUDGETS = Budgets()


class Challenge(msgspec.Struct, frozen=True):
    """One code on its way, or back. Times are microseconds since 1970, 0 for never.

    `address_hash` is the keyed hash of the folded address, `requester` that of who asked, "" where nobody can be told.
    `person` is who the browser's sign-in is for. `session` and `client_public_key` stand there once it is confirmed.
    """

    id: str
    tenant: str
    flow: Flow
    address_hash: str
    requester: str
    person: str
    address_sealed: bytes
    code_hash: str
    locale: str
    state: State
    failures: int
    created_at: int
    expires_at: int
    confirmed_at: int = 0
    session: str = ""
    client_public_key: str = ""

    @property
    def answers(self) -> bool:
        """Tell whether a right code is one: its letter left, and not too many wrong ones came."""
        return self.state is State.CONFIRMED or (self.state is State.SENT and self.failures < MOST_FAILURES)

    def over(self, now: int) -> bool:
        """Tell whether it answers no more: at the instant at which its time comes, it does not."""
        return self.state in {State.EXPIRED, State.FAILED, State.CANCELLED} or now >= self.expires_at


def plain_code(text: str) -> str:
    """Return a code as it is compared: without the space or hyphen that mail programs and people put into it."""
    return "".join(sign for sign in text if not sign.isspace() and sign != "-")


def locale_of(accept_language: str) -> str:
    """Return the language of a letter by Accept-Language (RFC 9110 section 12.5.4); `en` where none fits."""
    asked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language.split(",")[:_MOST_LANGUAGES]):
        tag, _, weight = part.partition(";")
        found = _LANGUAGE.match(tag.strip())
        if found and found[1].lower() in LOCALES:
            asked.append((-_weight(weight), place, found[1].lower()))
    wanted = [one for one in sorted(asked) if one[0] < 0]
    return wanted[0][2] if wanted else LOCALES[0]


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if not name:
        return 1.0
    try:
        return float(value) if name.strip() == "q" and len(value) <= len("0.000") else 0.0
    except ValueError:
        return 0.0


def is_time_zone(text: str) -> bool:
    """Tell whether a text names a time zone of the IANA database; by its form where this machine has none."""
    return _TIME_ZONE.match(text) is not None and (not _zones() or text in _zones())


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
