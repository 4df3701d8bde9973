"""Use cases of presence: spend a challenge once, prove presence, consume it inside the act."""

from ostiary.kernel.ids import new_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName, Proof
from ostiary.presence import store
from ostiary.presence.model import PRESENCE_LIFE, Challenge, Presence, Purpose, State
from ostiary.storage.tx import Tx

__all__ = ["collect", "consume", "move", "prove", "recorded", "spend"]


def recorded(tx: Tx, challenge: Challenge) -> tuple[State, int] | None:
    """Return the challenge's state and number of wrong answers; the first answer puts it on record."""
    store.touch(tx, challenge)
    return store.load(tx, challenge)


def move(tx: Tx, challenge: Challenge, was: tuple[State, int], becomes: tuple[State, int]) -> bool:
    """Move a challenge that is on record; False when somebody else moved it first."""
    return store.move(tx, challenge, was, becomes)


def spend(tx: Tx, challenge: Challenge) -> Refusal | None:
    """Spend a challenge of one answer; the loser of two concurrent answers is refused."""
    if store.touch(tx, challenge) and store.move(tx, challenge, (State.OPEN, 0), (State.PROVED, 0)):
        return None
    return Refusal(Code.LOGIN_ATTEMPT_SPENT)


def prove(tx: Tx, caller: Caller, challenge: Challenge, proof: Proof) -> str:
    """Store a proof of presence for the caller's own session and the challenge's purpose; return its id."""
    receipt = new_id("hp", tx.secrets)
    store.add_presence(
        tx,
        id=receipt,
        person_id=proof.person,
        session_id=caller.session,
        purpose=challenge.purpose.value,
        subject=challenge.subject,
        factor=proof.factor.value,
        user_verified=int(proof.user_verified),
        expires_at=tx.now + PRESENCE_LIFE,
    )
    tx.emit(Event(EventName.PRESENCE_PROVE, caller, receipt, reasons=(challenge.purpose.value, proof.factor.value)))
    return receipt


def collect(tx: Tx) -> int:
    """Delete challenges and proofs whose time has come; return how many."""
    count = store.collect(tx, tx.now)
    if count:
        tx.emit(Event(EventName.CHALLENGE_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count


def consume(tx: Tx, caller: Caller, receipt: str, purpose: Purpose, subject: str = "") -> Presence | Refusal:
    """Consume the caller's proof for one purpose and subject; refuse a stale, used, foreign or absent one."""
    if not receipt:
        return Refusal(Code.PRESENCE_REQUIRED)
    binds = {"person": caller.actor, "session": caller.session, "wanted": purpose.value, "about": subject}
    return store.consume_presence(tx, receipt, **binds) or Refusal(Code.PRESENCE_REFUSED)
