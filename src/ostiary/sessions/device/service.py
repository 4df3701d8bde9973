"""Use cases of device sessions: open, revoke one or all, let them expire, limit, collect.

Whatever changes one marks it for publication in the same transaction. No memory of ours holds one, so nothing need be
announced: what is asked of us about one is answered from the truth.
"""

from collections.abc import Iterable, Sequence

import msgspec

from ostiary.identities import service as identities
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.ids import is_id, timed_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName
from ostiary.sessions.device import store
from ostiary.sessions.device.model import KEPT, Act, Actor, DeviceSession, Outcome, Reason
from ostiary.storage import snapshots
from ostiary.storage.snapshots import Mark
from ostiary.storage.tx import Tx

__all__ = [
    "Acknowledgement",
    "Opening",
    "after",
    "collect",
    "expire",
    "find",
    "has_expired",
    "is_device_session",
    "limit",
    "list_of",
    "living_of",
    "newest",
    "open_session",
    "revoke",
    "revoke_all",
    "set_limit",
    "states",
    "unpublished_of",
    "waiting",
]

_KIND = "dev"
_BATCH = 500


class Opening(msgspec.Struct, frozen=True):
    """What a device session is opened from: whose, with which key, by which challenge, for how long (0 for ever)."""

    person: str
    client_public_key: str
    challenge: str
    life: int = 0


class Acknowledgement(msgspec.Struct, frozen=True):
    """How an act ended and which sessions it ended, newest first."""

    outcome: Outcome
    sessions: tuple[str, ...] = ()


def open_session(tx: Tx, caller: Caller, opening: Opening) -> DeviceSession | Refusal:
    """Open a device session; one challenge opens at most one, whoever races. The person is held meanwhile.

    Refused where the person is blocked (`blocked_by_policy`) or has as many as one may have
    (`session_limit_exceeded`). Raises StoreUnavailable where the limit makes no sense: better nobody than anybody.
    """
    if identities.hold(tx, opening.person):
        return tx.refuse(EventName.SESSION_OPEN, caller, opening.person, Code.BLOCKED_BY_POLICY)
    most = _limit(tx)
    if most is not None and store.count_active(tx, opening.person) >= most:
        return tx.refuse(EventName.SESSION_OPEN, caller, opening.person, Code.SESSION_LIMIT_EXCEEDED)
    made = DeviceSession(
        id=timed_id(_KIND, tx.secrets, tx.now),
        tenant=tx.scope.tenant,
        person=opening.person,
        client_public_key=opening.client_public_key,
        challenge=opening.challenge,
        created_at=tx.now,
        expires_at=tx.now + opening.life if opening.life else 0,
    )
    if not store.add(tx, made):
        return tx.refuse(EventName.SESSION_OPEN, caller, opening.person, Code.LOGIN_ATTEMPT_SPENT)
    snapshots.mark(tx, made.id)
    opener = msgspec.structs.replace(caller, actor=opening.person, session=made.id)
    tx.emit(Event(EventName.SESSION_OPEN, opener, made.id, reasons=("device", f"challenge:{opening.challenge}")))
    return made


def revoke(tx: Tx, act: Act, session: str) -> Acknowledgement | Refusal:
    """Revoke one session. A repeat is acknowledged with no session; an unknown one is refused (`session_not_found`)."""
    found = store.find(tx, session) if is_device_session(session) else None
    if found is None:
        return tx.refuse(EventName.SESSION_END, act.caller, "-", Code.SESSION_NOT_FOUND)
    if _revoke(tx, act, found):
        return Acknowledgement(Outcome.REVOKED, (found.id,))
    return Acknowledgement(Outcome.ALREADY_REVOKED)


def revoke_all(tx: Tx, act: Act, person: str) -> Acknowledgement:
    """Revoke every living session of a person, who is held meanwhile: none opens behind its back."""
    identities.hold(tx, person)
    ended = tuple(found.id for found in store.active_of(tx, person) if _revoke(tx, act, found))
    return Acknowledgement(Outcome.REVOKED if ended else Outcome.NO_ACTIVE_SESSIONS, ended)


def has_expired(tx: Tx) -> bool:
    """Tell whether the time of a living session of the tenant has come."""
    return bool(store.expired(tx, 1))


def expire(tx: Tx) -> int:
    """Revoke a batch of sessions whose time has come (ruling 37); return how many."""
    act = Act(SYSTEM, Actor("system"), Reason.EXPIRED.value)
    return sum(_revoke(tx, act, found) for found in store.expired(tx, _BATCH))


def find(tx: Tx, session: str) -> DeviceSession | None:
    """Return one session of the tenant, whatever its state."""
    return store.find(tx, session) if is_device_session(session) else None


def list_of(tx: Tx, person: str) -> list[DeviceSession]:
    """Return a person's sessions, active and revoked, newest first."""
    return store.list_of(tx, person)


def living_of(tx: Tx, person: str) -> list[DeviceSession]:
    """Return a person's living sessions, newest first."""
    return store.active_of(tx, person)


def newest(tx: Tx, most: int) -> list[DeviceSession]:
    """Return up to `most` sessions of the tenant, active and revoked, newest first."""
    return store.newest(tx, most)


def after(tx: Tx, last: str, most: int) -> list[DeviceSession]:
    """Return up to `most` sessions of all tenants in order of their ids, from the one after `last` on ("" for all)."""
    return store.after(tx, last, most)


def waiting(tx: Tx, most: int) -> list[tuple[Mark, DeviceSession | None]]:
    """Return up to `most` sessions of all tenants that wait to be published, oldest mark first; None for one gone."""
    return store.waiting(tx, most)


def unpublished_of(tx: Tx, sessions: Iterable[str]) -> list[tuple[Mark, DeviceSession | None]]:
    """Return those of these sessions that wait to be published."""
    return store.unpublished_of(tx, sessions)


def states(tx: Tx, sessions: Sequence[str]) -> dict[str, DeviceSession]:
    """Return those of these sessions, of all tenants, that there are, by id."""
    return store.states(tx, sessions)


def is_device_session(text: str) -> bool:
    """Tell whether a text is the id of a device session."""
    return is_id(_KIND, text)


def limit(tx: Tx) -> int | None:
    """Return how many living sessions one person may have, None for as many as they like."""
    return store.limit(tx)


def set_limit(tx: Tx, caller: Caller, most: int | None) -> Refusal | None:
    """Set how many living sessions one person of the tenant may have, None for no limit; the next confirm counts.

    Sessions that live already stay. Refused where the number is not positive.
    """
    if most is not None and not 0 < most < 1 << 31:
        return tx.refuse(EventName.LIMIT_SET, caller, "device_sessions", Code.LIMIT_POLICY_INVALID)
    if most is None:
        store.forget_limit(tx)
        tx.emit(Event(EventName.LIMIT_REMOVE, caller, "device_sessions"))
        return None
    store.set_limit(tx, most)
    tx.emit(Event(EventName.LIMIT_SET, caller, "device_sessions", reasons=(f"most:{most}",)))
    return None


def collect(tx: Tx) -> int:
    """Delete sessions that were revoked a month ago, a batch of them with one event; return how many."""
    count = store.collect(tx, tx.now - KEPT, _BATCH)
    if count:
        tx.emit(Event(EventName.SESSION_COLLECT, SYSTEM, tx.scope.tenant, reasons=("device", f"count:{count}")))
    return count


def _limit(tx: Tx) -> int | None:
    most = store.limit(tx)
    if most is not None and most <= 0:
        raise StoreUnavailable("the limit of device sessions makes no sense")
    return most


def _revoke(tx: Tx, act: Act, found: DeviceSession) -> bool:
    if not store.revoke(tx, found.id, act):
        return False
    snapshots.mark(tx, found.id)
    reasons = (act.reason, f"actor:{act.actor.type}", *((f"actor_id:{act.actor.id}",) if act.actor.id else ()))
    tx.emit(Event(EventName.SESSION_END, act.caller, found.id, reasons=reasons))
    return True
