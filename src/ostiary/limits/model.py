"""Values and rules of limits: policies, what is counted, and what the counts decide."""

import re
from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256

import msgspec

from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.kernel.refusals import Code, Refusal

__all__ = [
    "ADDRESS_FACTOR",
    "DEFAULT",
    "EVALUATION_LIFE",
    "Counted",
    "Counter",
    "Decision",
    "Evaluation",
    "Kind",
    "Knock",
    "Numbers",
    "Policy",
    "counters",
    "decide",
    "given",
    "seconds",
]

EVALUATION_LIFE = 10 * MINUTE
"""How long an evaluation serves one attempt."""
ADDRESS_FACTOR = 20
"""One address over all subjects has this many times a policy's numbers: many people may share an address."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_LONGEST_WINDOW, _LONGEST_PAUSE, _MOST = 24 * 60 * MINUTE, 7 * 24 * 60 * MINUTE, 1_000_000


class Decision(StrEnum):
    """What an evaluation says, best first."""

    ALLOW = "allow"
    THROTTLE = "throttle"
    LOCKOUT = "lockout"


class Policy(msgspec.Struct, frozen=True):
    """The numbers of one policy: `window` and `pause` in microseconds (whole seconds), `soft` and `lockout` in counts.

    Up to `soft` attempts in a window pass; from `lockout` on nothing passes for `pause`; between them: slow down.
    """

    name: str
    window: int
    soft: int
    lockout: int
    pause: int

    @property
    def faults(self) -> tuple[str, ...]:
        """Which parts keep this from being stored: `name`, `window` (1 s to 24 h), `soft`, `lockout`, `pause` (7 d)."""
        fit = {
            "name": _NAME.fullmatch(self.name) is not None,
            "window": _whole(self.window, _LONGEST_WINDOW),
            "soft": 1 <= self.soft <= _MOST,
            "lockout": max(1, self.soft) <= self.lockout <= _MOST,
            "pause": _whole(self.pause, _LONGEST_PAUSE),
        }
        return tuple(part for part, well in fit.items() if not well)


DEFAULT = Policy("default", 300 * SECOND, 5, 10, 900 * SECOND)
"""The policy of a tenant that has set none of that name."""


class Numbers(msgspec.Struct, frozen=True):
    """What a fixture tenant's request says of itself; microseconds and counts. `attempts` is the attempt's number."""

    window: int
    attempts: int
    soft: int
    lockout: int
    pause: int


class Knock(msgspec.Struct, frozen=True):
    """One attempt, as the door hands it over.

    `policy` is the name of one that is there. `subject` is whom it is about. `address` is the keyed hash of the
    client's address as the server saw it (IPv6 by /64), "" where none can be told. `device` and `source` are claims
    of the caller (a ref, a hash that the caller made): recorded, never trusted, and never raw material. `crowd` is
    False where the address is a known program's, behind which all its people stand: it is not counted as such.
    """

    policy: str
    subject: str
    route: str
    action: str
    address: str
    device: str = ""
    source: str = ""
    numbers: Numbers | None = None
    crowd: bool = True


class Kind(StrEnum):
    """What a counter counts within (tenant, policy, route and action), in the order in which counters are locked.

    SUBJECT is evidence only: a ground to refuse that strangers can make would lock a person out (decision 9).
    """

    PAIR = "pair"
    DEVICE = "device"
    ADDRESS = "address"
    SUBJECT = "subject"


class Counter(msgspec.Struct, frozen=True):
    """One counter that an attempt moves: above `soft` it asks to slow down, from `lockout` on it stops."""

    kind: Kind
    id: str
    soft: int
    lockout: int


class Counted(msgspec.Struct, frozen=True):
    """A counter as one attempt has left it; instants in microseconds since 1970, `locked_until` 0 where it is open."""

    counter: Counter
    count: int
    ends_at: int
    locked_until: int

    @property
    def decision(self) -> Decision:
        """What this counter alone says."""
        if self.locked_until:
            return Decision.LOCKOUT
        return Decision.THROTTLE if self.count > self.counter.soft else Decision.ALLOW

    @property
    def crossed(self) -> bool:
        """Whether this very attempt made it ask for slowness."""
        return self.count == self.counter.soft + 1

    @property
    def until(self) -> int:
        """When what it says is over."""
        return self.locked_until or self.ends_at


class Evaluation(msgspec.Struct, frozen=True):
    """What was decided about one attempt, and the evidence for it; `retry_after` in whole seconds.

    `id` and `receipt` are "" for a refusal that changed nothing and left no row: whoever answers it records it (ruling
    20). `attempt` is the login attempt that it serves, "" for none. `counters` are the ids of what its proof relieves.
    """

    id: str
    policy: str
    subject: str
    route: str
    action: str
    decision: Decision
    retry_after: int
    source: str
    device: str
    attempt: str
    at: int
    expires_at: int
    used_at: int = 0
    counters: tuple[str, ...] = ()
    receipt: str = ""

    @property
    def refusal(self) -> Refusal | None:
        """The refusal that a throttle or a lockout is; None where the attempt is allowed."""
        if self.decision is Decision.ALLOW:
            return None
        throttled = self.decision is Decision.THROTTLE
        code = Code.AUTH_RATE_LIMIT_THROTTLED if throttled else Code.AUTH_RATE_LIMIT_LOCKED
        return Refusal(code, retry_after=self.retry_after, receipt=self.receipt, subject=self.id)


def counters(tenant: str, knock: Knock, policy: Policy) -> list[Counter]:
    """Return what an attempt moves, in the order in which it is locked.

    Without an address nobody can be told from a stranger, so nothing is counted that could stop anybody. A device is
    counted where one is claimed: those who claim none are not one device. What the request's own numbers decide has
    counters apart, so that no fixture's request moves what the server enforces.
    """
    within = (tenant, policy.name, knock.route, knock.action, "given" if knock.numbers else "own")
    soft, lockout = policy.soft, policy.lockout
    made = [Counter(Kind.SUBJECT, _id(Kind.SUBJECT, *within, knock.subject), soft, lockout)]
    if knock.address:
        crowd = Counter(Kind.ADDRESS, _id(Kind.ADDRESS, *within, knock.address), 0, 0)
        crowd = msgspec.structs.replace(crowd, soft=ADDRESS_FACTOR * soft, lockout=ADDRESS_FACTOR * lockout)
        pair = Counter(Kind.PAIR, _id(Kind.PAIR, *within, knock.subject, knock.address), soft, lockout)
        device = Counter(Kind.DEVICE, _id(Kind.DEVICE, *within, knock.device, knock.address), soft, lockout)
        made = [pair, *((device,) if knock.device else ()), *((crowd,) if knock.crowd else ()), *made]
    return made


def decide(counted: Iterable[Counted], now: int) -> tuple[Decision, int]:
    """Return the worst that the counters say, and the seconds until it is over; the subject's own is not asked."""
    asked = [one for one in counted if one.counter.kind is not Kind.SUBJECT]
    worst = max((one.decision for one in asked), key=list(Decision).index, default=Decision.ALLOW)
    if worst is Decision.ALLOW:
        return worst, 0
    return worst, seconds(max(one.until for one in asked if one.decision is worst) - now)


def given(numbers: Numbers) -> tuple[Decision, int]:
    """Return the same by the numbers of a fixture's request: a lockout for its pause, a throttle for its window."""
    if numbers.attempts >= numbers.lockout:
        return Decision.LOCKOUT, seconds(numbers.pause)
    if numbers.attempts > numbers.soft:
        return Decision.THROTTLE, seconds(numbers.window)
    return Decision.ALLOW, 0


def seconds(micros: int) -> int:
    """Return a time to wait in whole seconds, never too few and at least one."""
    return max(1, -(-micros // SECOND))


def _whole(micros: int, most: int) -> bool:
    return SECOND <= micros <= most and micros % SECOND == 0


def _id(*parts: str) -> str:
    """Return the id of a counter: SHA-256, in hex, over netstrings, so that no part can pose as two."""
    covered = b"".join(b"%d:%b," % (len(part), part) for part in map(str.encode, parts))
    return sha256(covered).hexdigest()
