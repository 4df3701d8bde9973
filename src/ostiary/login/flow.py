"""The life of a login attempt: one table of moves, one dispatcher; every step returns here.

An attempt is a signed challenge; its row is made by the first answer. Whoever changes the row's state in
one statement has won: a second answer to the same attempt is refused, however close.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Proof
from ostiary.login.method import Ask, Method, Verdict
from ostiary.presence import service as presence
from ostiary.presence.model import Challenge, State
from ostiary.storage.tx import Tx

__all__ = ["MOVES", "Happening", "Step", "dispatch"]


class Happening(StrEnum):
    """What an answer turned out to be."""

    PROVED = "proved"
    WRONG = "wrong"
    LAST_WRONG = "last_wrong"
    ASKED = "asked"


MOVES: dict[tuple[State, Happening], State] = {
    (State.OPEN, Happening.PROVED): State.PROVED,
    (State.OPEN, Happening.WRONG): State.OPEN,
    (State.OPEN, Happening.LAST_WRONG): State.EXHAUSTED,
    (State.OPEN, Happening.ASKED): State.WAITING,
    (State.WAITING, Happening.PROVED): State.PROVED,
    (State.WAITING, Happening.WRONG): State.OPEN,
    (State.WAITING, Happening.LAST_WRONG): State.EXHAUSTED,
    (State.WAITING, Happening.ASKED): State.WAITING,
}
"""Every move there is; what is not here is refused."""

_CLOSED = {
    State.PROVED: Code.LOGIN_ATTEMPT_SPENT,
    State.WAITING: Code.LOGIN_ATTEMPT_SPENT,
    State.OPEN: Code.LOGIN_ATTEMPT_SPENT,
    State.EXHAUSTED: Code.LOGIN_ATTEMPTS_EXHAUSTED,
}


class Step(msgspec.Struct, frozen=True):
    """One step of an attempt: who answers what, entering from which state, and how it is judged."""

    method: Method
    caller: Caller
    challenge: Challenge
    enter: State
    judge: Callable[[Tx], Verdict]
    event: EventName = EventName.LOGIN_FINISH


def dispatch(tx: Tx, step: Step) -> Verdict:
    """Take one step: enter, judge, move. Only the one who moves the attempt's row keeps the verdict."""
    recorded = presence.recorded(tx, step.challenge)
    if recorded is None or recorded[0] is not step.enter:
        return _refuse(tx, step, Refusal(_CLOSED[recorded[0]] if recorded else Code.LOGIN_ATTEMPT_INVALID))
    verdict = step.judge(tx)
    failures = recorded[1] + isinstance(verdict, Refusal)
    becomes = MOVES[step.enter, _happening(verdict, failures, step.method.guesses)]
    if not presence.move(tx, step.challenge, recorded, (becomes, failures)):
        return _refuse(tx, step, Refusal(Code.LOGIN_ATTEMPT_SPENT))
    return _refuse(tx, step, verdict) if isinstance(verdict, Refusal) else verdict


def _happening(verdict: Proof | Refusal | Ask, failures: int, guesses: int) -> Happening:
    match verdict:
        case Proof():
            return Happening.PROVED
        case Ask():
            return Happening.ASKED
        case Refusal():
            return Happening.LAST_WRONG if failures >= guesses else Happening.WRONG


def _refuse(tx: Tx, step: Step, refusal: Refusal) -> Refusal:
    return tx.refuse(step.event, step.caller, step.challenge.id, refusal)
