"""Use cases of bearer sessions: issue one to a person, refresh a token."""

import hmac
from collections.abc import Callable, Iterable

import msgspec

from ostiary.access import service as access
from ostiary.identities import service as identities
from ostiary.kernel.ids import b64url, timed_id
from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.keys.model import Key, Purpose
from ostiary.sessions import store, wire
from ostiary.sessions.model import BEARER, MOST_SESSIONS, EndReason, Session, judge
from ostiary.sessions.service import Opened, Rules, end_family, end_found, label, sealed_label
from ostiary.storage.tx import Tx

__all__ = ["Renewal", "Wish", "issue", "living", "new_token_id", "refresh", "reused", "unfit"]


class Wish(msgspec.Struct, frozen=True):
    """What is asked for: a token for `person`, with a label, for at most `life` microseconds (0 for no wish).

    `scopes` are those of the person's that it may use; without any it opens only what asks for none. `session` is
    the id that it shall have, "" for a fresh one, and `family` what it shall end with, "" for one of its own.
    """

    person: str
    label: str
    life: int = 0
    scopes: tuple[str, ...] = ()
    session: str = ""
    family: str = ""


class Renewal(msgspec.Struct, frozen=True):
    """How a token is refreshed. `scopes` None keeps them all, `life` 0 the old token's.

    `gate` is asked while the old token still lives, and may refuse; what it consumes is consumed by the winner only.
    """

    scopes: tuple[str, ...] | None = None
    life: int = 0
    gate: Callable[[Session], Refusal | None] = lambda _: None


_AS_BEFORE = Renewal()


class _About(msgspec.Struct, frozen=True):
    """What a token has from its issue, or from the token that it takes the place of."""

    person: str
    factor: str
    family: str
    began_at: int
    ends_at: int


def unfit(tx: Tx, rules: Rules, wish: Wish) -> Refusal | None:
    """Refuse a token for nobody, for who is blocked, and a scope that its person does not hold (ruling 24).

    The person is held: whoever blocks them at this moment waits, and ends what is issued.
    """
    if identities.find_person(tx, rules.keyring, wish.person) is None:
        return Refusal(Code.PERSON_UNKNOWN)
    if identities.hold(tx, wish.person):
        return Refusal(Code.BLOCKED_BY_POLICY)
    lacking = sorted(set(wish.scopes).difference(access.scopes(tx, wish.person)))
    if not lacking:
        return None
    return Refusal(Code.SCOPE_NOT_ALLOWED, tuple(f"scope:{scope}" for scope in lacking if access.is_scope(scope)))


def issue(tx: Tx, rules: Rules, caller: Caller, wish: Wish, because: str, *told: str) -> Opened | Refusal:
    """Issue a bearer session to a person: `cookie` of the answer is its token, of which only a commitment is kept.

    It lives for the smallest of the wish and the settings. Its label is kept sealed. `because` says on whose word
    (`operator`, `administrator`), for no proof of the person's stands behind it; `told` are words for the receipt.
    """
    refused = unfit(tx, rules, wish)
    if refused is not None:
        return tx.refuse(EventName.SESSION_OPEN, caller, wish.person, refused)
    key = rules.keyring.active(tx.scope.tenant, Purpose.SESSION)
    session_id = wish.session or new_token_id(tx)
    about = _About(wish.person, because, wish.family or session_id, tx.now, tx.now + rules.settings.family)
    made = _fresh(tx, rules, key, session_id, about, wish)
    store.add(tx, made, session_id)
    for oldest in store.beyond(tx, wish.person, MOST_SESSIONS):
        end_found(tx, caller, oldest, EndReason.TOO_MANY, EventName.SESSION_END)
    scopes = (f"scope:{scope}" for scope in made.scopes.split())
    reasons = (BEARER, f"person:{wish.person}", *scopes, *told)
    tx.emit(Event(EventName.SESSION_OPEN, caller, made.id, reasons=reasons))
    return Opened(made, wire.seal(made.id, key))


def new_token_id(tx: Tx) -> str:
    """Return a fresh id of a bearer session."""
    return timed_id("tok", tx.secrets, tx.now)


def living(tx: Tx, rules: Rules, session_id: str, key: Key | None, commitment: str) -> Session | Refusal:
    """Return the living bearer session of a token, by the truth, and as it was last seen.

    `key` signed the token, whose signature held, and `commitment` commits to it; a token that no key signed (that of
    a seeded fixture tenant) has none. Refused as at every check: unknown, ended, past its time.
    """
    found = store.find(tx, session_id)
    if found is None or not hmac.compare_digest(found.commitment, commitment):
        return Refusal(Code.SESSION_INVALID, subject=session_id)
    if key is not None and (found.key != key.id or store.key_revoked(tx, key.id)):
        return Refusal(Code.SESSION_INVALID, subject=session_id)
    current = rules.seen.refreshed(found)
    dead = judge(current, tx.now, rules.settings)
    if dead is not None:
        return Refusal(dead, (found.end_reason,) if found.end_reason else (), subject=found.id)
    return current


def reused(tx: Tx, rules: Rules, caller: Caller, session_id: str) -> Refusal | None:
    """End the family of a token that was refreshed longer than the grace ago and is used again; else None."""
    found = store.find(tx, session_id)
    if found is None or found.end_reason != EndReason.REFRESHED or tx.now - found.ended_at <= rules.settings.grace:
        return None
    identities.hold(tx, found.person)
    mine = msgspec.structs.replace(caller, actor=found.person, session=found.id)
    return _reused(tx, mine, found)


def refresh(
    tx: Tx, rules: Rules, caller: Caller, session_id: str, key: Key, renewal: Renewal = _AS_BEFORE
) -> Opened | Refusal:
    """Exchange a token whose signature held under `key` for a fresh one of the same life; the old one ends.

    Who ends it has won: of two at once one makes the successor. The same request sent again within the grace gets
    the same token, computed anew: the successor's id is HMAC(key, old id, request digest). Any other use of a token
    that was refreshed before ends its whole family (RFC 9700 section 4.14.2).
    """
    found = store.find(tx, session_id)
    if found is None or found.key != key.id or store.key_revoked(tx, key.id) or not _kept(found, key):
        return Refusal(Code.SESSION_INVALID, subject=session_id)
    identities.hold(tx, found.person)  # whoever ends all that a person has, or a family, ends the successor too
    mine = msgspec.structs.replace(caller, actor=found.person, session=found.id)
    dead = judge(rules.seen.refreshed(found), tx.now, rules.settings)
    if dead is None and store.hold(tx, session_id):
        refused = renewal.gate(found)
        if refused is not None:
            return tx.refuse(EventName.SESSION_REFRESH, mine, session_id, refused)
        end_found(tx, mine, found, EndReason.REFRESHED, EventName.SESSION_REFRESH)
        return _succeed(tx, rules, mine, found, key, renewal)
    now = store.find(tx, session_id) or found
    if now.end_reason == EndReason.REFRESHED:
        return _again(tx, rules, mine, now, key)
    reasons = (now.end_reason,) if now.end_reason else ()
    return Refusal(dead or Code.SESSION_ENDED, reasons, subject=found.id)


def _kept(found: Session, key: Key) -> bool:
    """Tell whether the row commits to the token whose signature held."""
    return wire.committed(found.commitment, found.id, key)


def _succeed(tx: Tx, rules: Rules, caller: Caller, old: Session, key: Key, renewal: Renewal) -> Opened:
    """Open the successor of a token that has just ended, in its family.

    It has no scope that the old one had not, and none that its person has lost since; nor is the family's end moved.
    """
    signer = rules.keyring.active(tx.scope.tenant, Purpose.SESSION)
    wanted = old.scopes.split() if renewal.scopes is None else renewal.scopes
    kept = set(old.scopes.split()).intersection(access.scopes(tx, old.person), wanted)
    life = renewal.life or old.absolute_expires_at - old.created_at
    wish = Wish(old.person, label(rules, old), life, tuple(kept))
    about = _About(old.person, old.factor, old.binding, old.family_began_at, old.family_ends_at)
    made = _fresh(tx, rules, signer, _successor(key, old.id, caller.digest), about, wish)
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
    return _reused(tx, caller, old)


def _reused(tx: Tx, caller: Caller, old: Session) -> Refusal:
    tx.settle("session", old.id)
    if not end_family(tx, caller, old, EndReason.REUSED):
        return Refusal(Code.TOKEN_REUSED, subject=old.id)
    return tx.refuse(EventName.SESSION_REFRESH, caller, old.id, Code.TOKEN_REUSED)


def _successor(key: Key, session_id: str, digest: str) -> str:
    return f"tok-{b64url(mac(key.secret, f'refresh|{session_id}|{digest}'.encode('ascii'))[:16])}"


def _fresh(tx: Tx, rules: Rules, key: Key, session_id: str, about: _About, wish: Wish) -> Session:
    """Return a bearer session that `key` signs."""
    longest = rules.settings.bearer
    return Session(
        id=session_id,
        tenant=tx.scope.tenant,
        kind=BEARER,
        person=about.person,
        key=key.id,
        factor=about.factor,
        binding=about.family,
        created_at=tx.now,
        absolute_expires_at=min(tx.now + min(longest, wish.life or longest), about.ends_at),
        last_seen_at=tx.now,
        csrf_hash="",
        csrf_epoch=0,
        address_hash="",
        agent_hash="",
        label_sealed=sealed_label(tx, rules, session_id, wish.label),
        ended_at=0,
        end_reason="",
        commitment=wire.commitment(wire.seal(session_id, key)),
        scopes=_words(wish.scopes),
        family_began_at=about.began_at,
        family_ends_at=about.ends_at,
    )


def _words(scopes: Iterable[str]) -> str:
    return " ".join(sorted(set(scopes)))
