"""Use cases of bearer sessions: issue one on an operator's word, refresh a token."""

import msgspec

from ostiary.identities import service as identities
from ostiary.kernel.ids import b64url, new_id
from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.keys.model import Key, Purpose
from ostiary.sessions import store, wire
from ostiary.sessions.model import BEARER, MOST_SESSIONS, EndReason, Session, judge
from ostiary.sessions.service import Opened, Rules, end_found, label, sealed_label
from ostiary.storage.tx import Tx

__all__ = ["issue", "refresh"]

_OPERATOR = "operator"


def issue(tx: Tx, rules: Rules, caller: Caller, person: str, text: str, life: int) -> Opened | Refusal:
    """Issue a bearer session to a person: `cookie` of the answer is its token, which is kept nowhere.

    It lives for the smaller of `life` (microseconds, 0 for no wish) and the setting. `text` is its label, kept
    sealed. No proof stands behind it but the operator's word, and the receipt says so.
    """
    if identities.find_person(tx, rules.keyring, person) is None:
        return tx.refuse(EventName.SESSION_OPEN, caller, person, Code.PERSON_UNKNOWN)
    key, session_id = rules.keyring.active(tx.scope.tenant, Purpose.SESSION), new_id("tok", tx.secrets)
    made = _fresh(tx, rules, key, session_id, (person, _OPERATOR, session_id), text, life)
    store.add(tx, made, session_id)
    tx.emit(Event(EventName.SESSION_OPEN, caller, made.id, reasons=(BEARER, f"person:{person}")))
    for oldest in store.beyond(tx, person, MOST_SESSIONS):
        end_found(tx, caller, oldest, EndReason.TOO_MANY, EventName.SESSION_END)
    return Opened(made, wire.seal(made.id, key))


def refresh(tx: Tx, rules: Rules, caller: Caller, session_id: str, key: Key) -> Opened | Refusal:
    """Exchange a token whose signature held under `key` for a fresh one of the same life; the old one ends.

    Who ends it has won: of two at once one makes the successor. The same request sent again within the grace gets
    the same token, computed anew: the successor's id is HMAC(key, old id, request digest). Any other use of a token
    that was refreshed before ends its whole family (RFC 9700 section 4.14.2).
    """
    found = store.find(tx, session_id)
    if found is None or found.key != key.id or store.key_revoked(tx, key.id):
        return tx.refuse(EventName.SESSION_REFRESH, caller, session_id, Code.SESSION_INVALID)
    mine = msgspec.structs.replace(caller, actor=found.person, session=found.id)
    dead = judge(rules.seen.refreshed(found), tx.now, rules.settings)
    if dead is None and end_found(tx, mine, found, EndReason.REFRESHED, EventName.SESSION_REFRESH):
        return _succeed(tx, rules, mine, found, key)
    now = store.find(tx, session_id) or found
    if now.end_reason == EndReason.REFRESHED:
        return _again(tx, rules, mine, now, key)
    reasons = (now.end_reason,) if now.end_reason else ()
    return tx.refuse(EventName.SESSION_REFRESH, mine, found.id, Refusal(dead or Code.SESSION_ENDED, reasons))


def _succeed(tx: Tx, rules: Rules, caller: Caller, old: Session, key: Key) -> Opened:
    """Open the successor of a token that has just ended, in its family."""
    signer = rules.keyring.active(tx.scope.tenant, Purpose.SESSION)
    life, text = old.absolute_expires_at - old.created_at, label(rules, old)
    about = (old.person, old.factor, old.binding)
    made = _fresh(tx, rules, signer, _successor(key, old.id, caller.digest), about, text, life)
    store.add(tx, made, f"refresh:{old.id}")
    tx.emit(Event(EventName.SESSION_OPEN, caller, made.id, reasons=(BEARER, f"refreshes:{old.id}")))
    return Opened(made, wire.seal(made.id, signer))


def _again(tx: Tx, rules: Rules, caller: Caller, old: Session, key: Key) -> Opened | Refusal:
    """Answer a token that was refreshed before: a retry by the same token, a reuse by the end of the family."""
    after = store.find(tx, _successor(key, old.id, caller.digest))
    alive = after is not None and judge(rules.seen.refreshed(after), tx.now, rules.settings) is None
    signer = rules.keyring.find(after.key) if after is not None else None
    if after is not None and alive and signer is not None and tx.now - old.ended_at <= rules.settings.grace:
        return Opened(after, wire.seal(after.id, signer))
    for member in store.live_of(tx, old.person):
        if member.binding == old.binding:
            end_found(tx, caller, member, EndReason.REUSED, EventName.SESSION_END)
    tx.settle("session", old.id)
    return tx.refuse(EventName.SESSION_REFRESH, caller, old.id, Code.TOKEN_REUSED)


def _successor(key: Key, session_id: str, digest: str) -> str:
    return f"tok-{b64url(mac(key.secret, f'refresh|{session_id}|{digest}'.encode('ascii'))[:16])}"


def _fresh(
    tx: Tx, rules: Rules, key: Key, session_id: str, about: tuple[str, str, str], text: str, life: int
) -> Session:
    """Return a bearer session; `about` are its person, how it came about, and the first token of its family."""
    longest = rules.settings.bearer
    return Session(
        id=session_id,
        tenant=tx.scope.tenant,
        kind=BEARER,
        person=about[0],
        key=key.id,
        factor=about[1],
        binding=about[2],
        created_at=tx.now,
        absolute_expires_at=tx.now + min(longest, life or longest),
        last_seen_at=tx.now,
        csrf_hash="",
        csrf_epoch=0,
        address_hash="",
        agent_hash="",
        label_sealed=sealed_label(tx, rules, session_id, text),
        ended_at=0,
        end_reason="",
    )
