"""Use cases of sessions: open, end, end the others, list, collect. Each runs in one transaction."""

from collections.abc import Iterable

import msgspec

from ostiary.access import service as access
from ostiary.identities import service as identities
from ostiary.kernel.ids import Secrets, is_id, timed_id
from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName, Proof
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Key, Purpose
from ostiary.keys.sealing import Sealer
from ostiary.sessions import csrf, store, wire
from ostiary.sessions.model import BEARER, MOST_SESSIONS, EndReason, Session, SessionSettings, judge
from ostiary.sessions.seen import Seen
from ostiary.storage.tx import Tx

__all__ = [
    "Opened",
    "Rules",
    "collect",
    "end",
    "end_all",
    "end_family",
    "end_found",
    "end_opened_by",
    "end_others",
    "find",
    "is_session",
    "keyed_hash",
    "label",
    "list_live",
    "newest",
    "newest_seen",
    "open_session",
    "sealed_label",
    "still",
    "withdraw_scope",
    "write_seen",
]

_BATCH = 1000
_FIRST_EPOCH = 1


class Rules(msgspec.Struct, frozen=True):
    """What every use case of sessions needs besides its transaction.

    `seen` knows the uses that are not written yet; a process that serves nobody has none.
    """

    keyring: Keyring
    settings: SessionSettings
    seen: Seen = msgspec.field(default_factory=Seen)


class Opened(msgspec.Struct, frozen=True):
    """A session that was just opened; its cookie value is shown this once."""

    session: Session
    cookie: str

    def __repr__(self) -> str:
        """Show no cookie, whoever prints it."""
        return f"Opened({self.session.id!r})"


def open_session(tx: Tx, rules: Rules, caller: Caller, proof: Proof, agent: str) -> Opened | Refusal:
    """Open a browser session from a proof. One login attempt opens at most one session.

    The person is held: who is blocked at this moment gets none (`blocked_by_policy`), or it ends with the others. A
    person has at most MOST_SESSIONS; one more ends the oldest.

    `agent` is a coarse label of the client ("Firefox on Linux"); it is kept sealed.
    """
    if identities.hold(tx, proof.person):
        return tx.refuse(EventName.SESSION_OPEN, caller, proof.person, Code.BLOCKED_BY_POLICY)
    key = rules.keyring.active(tx.scope.tenant, Purpose.SESSION)
    made = _fresh(tx, rules, key, caller, proof, agent)
    if not store.add(tx, made, proof.attempt):
        return tx.refuse(EventName.SESSION_OPEN, caller, proof.person, Code.LOGIN_ATTEMPT_SPENT)
    opener = msgspec.structs.replace(caller, actor=proof.person, session=made.id)
    tx.emit(Event(EventName.SESSION_OPEN, opener, made.id, reasons=(proof.factor.value, f"attempt:{proof.attempt}")))
    for oldest in store.beyond(tx, proof.person, MOST_SESSIONS):
        end_found(tx, opener, oldest, EndReason.TOO_MANY, EventName.SESSION_END)
    return Opened(made, wire.seal(made.id, key))


def end(tx: Tx, caller: Caller, session_id: str, reason: EndReason, *, person: str = "") -> Session | Refusal:
    """End one session; with `person`, only if it is theirs. Ending a dead one again changes nothing and succeeds.

    Unknown and foreign ids are refused alike (SESSION_UNKNOWN). With a token that was refreshed meanwhile, what took
    its place ends.
    """
    found = store.find(tx, session_id)
    if found is None or (person and found.person != person):
        return tx.refuse(EventName.SESSION_END, caller, session_id, Code.SESSION_UNKNOWN)
    name = EventName.SESSION_LOGOUT if reason is EndReason.SIGNED_OUT else EventName.SESSION_END
    if found.kind == BEARER:
        identities.hold(tx, found.person)  # nobody refreshes it meanwhile
        found = store.find(tx, session_id) or found
    if not end_found(tx, caller, found, reason, name) and found.end_reason == EndReason.REFRESHED:
        end_family(tx, caller, found, reason)
    return found


def end_family(tx: Tx, caller: Caller, member: Session, reason: EndReason) -> int:
    """End what lives of a token's family; return how many. Whoever calls this holds the person."""
    family = [one for one in store.live_of(tx, member.person) if one.binding == member.binding]
    return sum(end_found(tx, caller, one, reason, EventName.SESSION_END) for one in family)


def end_others(tx: Tx, rules: Rules, caller: Caller, keep: str) -> int:
    """End all sessions of the caller but one; return how many were alive. One receipt each.

    Those that are past their idle time end too: a longer idle time, set later, must not bring them back. The
    answer waits even where nothing was left to end: another process may just have done it.
    """
    tx.settle("session", keep)
    identities.hold(tx, caller.actor)  # nobody refreshes one of them meanwhile
    alive = {found.id for found in list_live(tx, rules, caller.actor)}
    others = [found for found in store.live_of(tx, caller.actor) if found.id != keep]
    ended = [s.id for s in others if end_found(tx, caller, s, EndReason.ENDED_BY_PERSON, EventName.SESSION_END)]
    return len(alive.intersection(ended))


def end_all(tx: Tx, caller: Caller, person: str, reason: EndReason) -> int:
    """End every session of a person, of whatever kind; return how many lived. Whoever calls holds the person."""
    tx.settle("person", person)
    return sum(end_found(tx, caller, s, reason, EventName.SESSION_END) for s in store.live_of(tx, person))


def end_opened_by(tx: Tx, caller: Caller, binding: str, reason: EndReason) -> int:
    """End the caller's sessions that one passkey opened, but for the session that asks; return how many.

    A bearer session that a proof opened has a family whose name begins with its passkey.
    """
    tx.settle("session", caller.session)
    own = [s for s in store.live_of(tx, caller.actor) if s.id != caller.session]
    opened = [s for s in own if s.binding == binding or s.binding.startswith(f"{binding}:")]
    return sum(end_found(tx, caller, found, reason, EventName.SESSION_END) for found in opened)


def still(tx: Tx, caller: Caller) -> Refusal | None:
    """Refuse an act whose session was ended after it had passed the door; for acts that outlive a session."""
    return None if store.hold(tx, caller.session) else Refusal(Code.SESSION_ENDED, subject=caller.session)


def withdraw_scope(tx: Tx, caller: Caller, person: str, scope: str) -> bool:
    """Take a scope from a person; no check sent after the answer counts it (ruling 10). False when it was not held."""
    withdrawn = access.withdraw_scope(tx, caller, person, scope)
    (tx.shrink if withdrawn else tx.settle)("person", person)  # not by session: one may be opening at this moment
    return withdrawn


def list_live(tx: Tx, rules: Rules, person: str) -> list[Session]:
    """Return a person's living sessions, newest first, as they were last seen."""
    current = [rules.seen.refreshed(found) for found in store.live_of(tx, person)]
    return [found for found in current if judge(found, tx.now, rules.settings) is None]


def newest(tx: Tx, most: int) -> list[Session]:
    """Return up to `most` sessions of the tenant, dead or alive, newest first."""
    return store.newest(tx, most)


def find(tx: Tx, session_id: str) -> Session | Refusal:
    """Return one session of the tenant, dead or alive."""
    return store.find(tx, session_id) or Refusal(Code.SESSION_UNKNOWN)


def is_session(text: str) -> bool:
    """Tell whether a text is the id of a session, of whatever kind."""
    return is_id("ses", text) or is_id("tok", text)


def label(rules: Rules, session: Session) -> str:
    """Open a session's coarse label."""
    sealer = _sealer(rules, session.tenant, _no_randomness)
    return sealer.open(_label_place(session.id, session.tenant), session.label_sealed).decode()


def newest_seen(tx: Tx) -> int:
    """Return the newest last-seen time, 0 where there is none: no clock of ours may read earlier."""
    return store.newest_seen(tx)


def collect(tx: Tx) -> int:
    """Delete sessions past their absolute time, in one batch with one event; return how many."""
    count = store.collect(tx, _BATCH)
    if count:
        tx.emit(Event(EventName.SESSION_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count


def write_seen(tx: Tx, batch: Iterable[tuple[str, int]]) -> None:
    """Write last-seen times behind, and the server's own; bookkeeping, so it leaves no receipt."""
    store.beat(tx)
    for session_id, at in batch:
        store.write_seen(tx, session_id, at)


def keyed_hash(keyring: Keyring, tenant: str, kind: str, value: str) -> str:
    """Return the keyed hash (hex) under which an address or a user agent is kept; "" for an empty value."""
    if not value:
        return ""
    key = keyring.active(tenant, Purpose.ADDRESS).secret
    return mac(key, f"{kind}\0{value}".encode()).hex()


def _fresh(tx: Tx, rules: Rules, key: Key, caller: Caller, proof: Proof, agent: str) -> Session:
    """Return a session that `key` signs; whoever calls has looked it up once, for it may change meanwhile."""
    session_id, tenant = timed_id("ses", tx.secrets, tx.now), tx.scope.tenant
    token = csrf.token(rules.keyring.active(tenant, Purpose.CSRF), session_id, _FIRST_EPOCH)
    return Session(
        id=session_id,
        tenant=tenant,
        kind="browser",
        person=proof.person,
        key=key.id,
        factor=proof.factor.value,
        binding=proof.binding,
        created_at=tx.now,
        absolute_expires_at=tx.now + rules.settings.absolute,
        last_seen_at=tx.now,
        csrf_hash=csrf.digest(token),
        csrf_epoch=_FIRST_EPOCH,
        address_hash=caller.address,
        agent_hash=caller.agent,
        label_sealed=sealed_label(tx, rules, session_id, agent),
        ended_at=0,
        end_reason="",
    )


def end_found(tx: Tx, caller: Caller, found: Session, reason: EndReason, name: EventName) -> bool:
    """End a session that was found, with its event; False when somebody has ended it before."""
    if store.end(tx, found.id, reason, caller.actor):
        tx.shrink("session", found.id)
        tx.emit(Event(name, caller, found.id, reasons=(reason.value,)))
        return True
    tx.settle("session", found.id)
    return False


def sealed_label(tx: Tx, rules: Rules, session_id: str, text: str) -> bytes:
    """Seal a session's coarse label."""
    place = _label_place(session_id, tx.scope.tenant)
    return _sealer(rules, tx.scope.tenant, tx.secrets).seal(place, text.encode())


def _sealer(rules: Rules, tenant: str, secrets: Secrets) -> Sealer:
    return Sealer(rules.keyring.active(tenant, Purpose.DATA).secret, secrets)


def _label_place(session_id: str, tenant: str) -> tuple[str, str, str]:
    return ("sessions.label", session_id, tenant)


def _no_randomness(count: int) -> bytes:
    raise ValueError(f"opening needs no randomness, yet {count} bytes were asked for")
