"""The life of a login attempt: one table of moves, one dispatcher; every step returns here.

An attempt is a signed challenge; its row is made by the first answer. Whoever changes the row's state in
one statement has won: a second answer to the same attempt is refused, however close.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName, Proof
from ostiary.limits import service as limits
from ostiary.limits.model import DEFAULT, Knock
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
"""Every move there is; what is not here is refused. An answer enters from open, what the world told from waiting."""


class Step(msgspec.Struct, frozen=True):
    """One step of an attempt: who answers what, entering from which state, and how it is judged."""

    method: Method
    caller: Caller
    challenge: Challenge
    enter: State
    judge: Callable[[Tx], Verdict]
    event: EventName = EventName.LOGIN_FINISH


def dispatch(tx: Tx, step: Step) -> Verdict:
    """Take one step: enter, judge, move, and leave a receipt of a refusal or an Ask; sessions and presence of a Proof.

    Only the one who moves the attempt's row keeps the verdict. An answer to an attempt that is over changes
    nothing, so the door records it (and counts it, in a flood): a stranger could repeat it for ever.
    """
    found = presence.recorded(tx, step.challenge)
    if isinstance(found, Refusal):
        return msgspec.structs.replace(found, subject=step.challenge.id)
    state, failures = found
    if state is not step.enter:
        over = Code.LOGIN_ATTEMPTS_EXHAUSTED if state is State.EXHAUSTED else Code.LOGIN_ATTEMPT_SPENT
        return Refusal(over, subject=step.challenge.id)
    verdict = step.judge(tx)
    failures += isinstance(verdict, Refusal)
    becomes = MOVES[state, _happening(verdict, failures, step.method.guesses)]
    if not presence.move(tx, step.challenge, found, (becomes, failures)):
        return _refuse(tx, step, Refusal(Code.LOGIN_ATTEMPT_SPENT))
    return _noted(tx, step, verdict)


def _happening(verdict: Proof | Refusal | Ask, failures: int, guesses: int) -> Happening:
    match verdict:
        case Proof():
            return Happening.PROVED
        case Ask():
            return Happening.ASKED
        case Refusal():
            return Happening.LAST_WRONG if failures >= guesses else Happening.WRONG


def _noted(tx: Tx, step: Step, verdict: Verdict) -> Verdict:
    match verdict:
        case Refusal():
            return _refuse(tx, step, verdict)
        case Ask():
            tx.emit(Event(EventName.LOGIN_ASK, step.caller, step.challenge.id, reasons=(verdict.name,)))
            return verdict
        case Proof():
            return verdict


def _refuse(tx: Tx, step: Step, refusal: Refusal) -> Refusal:
    return tx.refuse(step.event, step.caller, step.challenge.id, _limited(tx, step, refusal))


def _limited(tx: Tx, step: Step, refusal: Refusal) -> Refusal:
    """Count a wrong answer of a sign-in by where it came from; beyond the limit the answer says so, and for how long.

    Only wrong answers are counted; a right one, and that of a passkey which is set aside, is never asked here: whoever
    guesses locks nobody out (ruling 27).
    """
    if step.event is not EventName.LOGIN_FINISH or refusal.code is not Code.LOGIN_REFUSED:
        return refusal
    route, method = "/login", step.method.name
    beyond = limits.count(tx, Knock(DEFAULT.name, "-", route, method, step.caller.address)).refusal
    if beyond is None:
        return refusal
    return msgspec.structs.replace(beyond, reasons=(refusal.code.value, *refusal.reasons))
