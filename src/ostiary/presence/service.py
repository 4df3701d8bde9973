"""Use cases of presence: answer a challenge once and in time, prove presence, consume it inside the act."""

from ostiary.kernel.ids import is_id, new_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName, Proof
from ostiary.presence import purposes, store
from ostiary.presence.model import PRESENCE_LIFE, Challenge, Held, Presence, PresenceReceipt, State
from ostiary.storage.tx import Tx

__all__ = ["collect", "consume", "holder", "look", "move", "prove", "recorded", "spend", "use", "void", "vouch"]

_BATCH = 1000


def recorded(tx: Tx, challenge: Challenge) -> tuple[State, int] | Refusal:
    """Return the challenge's state and number of wrong answers; the first answer puts it on record."""
    if tx.now >= challenge.expires_at:
        return Refusal(Code.LOGIN_ATTEMPT_EXPIRED)
    store.record(tx, challenge, State.OPEN)
    return store.load(tx, challenge) or Refusal(Code.LOGIN_ATTEMPT_INVALID, ("challenge_of_another_tenant",))


def move(tx: Tx, challenge: Challenge, was: tuple[State, int], becomes: tuple[State, int]) -> bool:
    """Move a challenge that is on record; False when somebody else moved it first."""
    return store.move(tx, challenge, was, becomes)


def spend(tx: Tx, challenge: Challenge) -> Refusal | None:
    """Spend a challenge of one answer; the loser of two concurrent answers is refused."""
    if tx.now >= challenge.expires_at:
        return Refusal(Code.LOGIN_ATTEMPT_EXPIRED)
    return None if store.record(tx, challenge, State.PROVED) else Refusal(Code.LOGIN_ATTEMPT_SPENT)


def prove(tx: Tx, caller: Caller, challenge: Challenge, proof: Proof) -> PresenceReceipt | Refusal:
    """Store a proof of presence for the caller's own session and what the challenge asked approval of.

    Refused where the purpose was removed, or declared otherwise, since the challenge was made.
    """
    rule = purposes.held(tx, challenge.act)
    if isinstance(rule, Refusal) or rule.commits_operation != bool(challenge.commitment):
        return tx.refuse(EventName.PRESENCE_PROVE, caller, challenge.id, Refusal(Code.PURPOSE_UNKNOWN))
    made = PresenceReceipt(new_id("hp", tx.secrets), tx.now + rule.life)
    store.add_presence(
        tx,
        id=made.id,
        person_id=proof.person,
        session_id=caller.session,
        purpose=challenge.act,
        subject=challenge.subject,
        operation=challenge.commitment,
        factor=proof.factor.value,
        user_verified=int(proof.user_verified),
        expires_at=made.expires_at,
    )
    reasons = (challenge.act, proof.factor.value, *_told(challenge.commitment))
    tx.emit(Event(EventName.PRESENCE_PROVE, caller, made.id, reasons=reasons))
    return made


def _told(commitment: str) -> tuple[str, ...]:
    return (f"approves:{commitment}",) if commitment else ()


def collect(tx: Tx) -> int:
    """Delete challenges and proofs whose time has come, one batch with one event; return how many."""
    count = store.collect(tx, tx.now, _BATCH)
    if count:
        tx.emit(Event(EventName.CHALLENGE_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count


def holder(tx: Tx, receipt: str) -> tuple[str, str] | None:
    """Return (person, session) whose proof this is; None for what is no proof of this tenant."""
    return store.holder(tx, receipt) if is_id("hp", receipt) else None


def consume(
    tx: Tx, caller: Caller, receipt: str, purpose: str, subject: str = "", commitment: str = ""
) -> Presence | Refusal:
    """Consume the caller's proof for exactly this; refuse a stale, used, foreign or absent one."""
    if not receipt:
        return Refusal(Code.PRESENCE_REQUIRED)
    if not is_id("hp", receipt):
        return Refusal(Code.PRESENCE_REFUSED)
    binds = {"person": caller.actor, "session": caller.session, "wanted": str(purpose), "about": subject}
    return store.consume_presence(tx, receipt, commitment, **binds) or Refusal(Code.PRESENCE_REFUSED)


def vouch(tx: Tx, proof: Proof, words: str, subject: str) -> PresenceReceipt:
    """Store a proof of presence that belongs to no session: whoever shows it first uses it, for one of these words.

    `subject` is the challenge that was answered. Whoever calls emits the event.
    """
    made = PresenceReceipt(new_id("hp", tx.secrets), tx.now + PRESENCE_LIFE)
    store.add_presence(
        tx,
        id=made.id,
        person_id=proof.person,
        session_id="",
        purpose=words,
        subject=subject,
        factor=proof.factor.value,
        user_verified=int(proof.user_verified),
        expires_at=made.expires_at,
    )
    return made


def look(tx: Tx, receipt: str) -> Held | None:
    """Return a proof of presence as it is kept and hold it until this transaction is over; None for no proof."""
    return store.look(tx, receipt) if is_id("hp", receipt) else None


def use(tx: Tx, held: Held) -> bool:
    """Consume a proof that was looked at; False when it is used or stale."""
    binds = {"person": held.person, "session": held.session, "wanted": held.purpose, "about": held.subject}
    return store.consume_presence(tx, held.id, **binds) is not None


def void(tx: Tx, person: str) -> int:
    """Void every unused proof of a person: what proved them proves them no more. Whoever calls emits the event."""
    return store.void_of(tx, person)
