"""The life of a session by contract: issue one beside, inspect, refresh, revoke; and the fixture tenant's exchange."""

import msgspec

from ostiary.access import service as access
from ostiary.kernel.clock import SECOND, instant
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refs import ref
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName, Outcome
from ostiary.membrane import store
from ostiary.membrane.bodies import Durable, Exchange, Inspected, Issued, Refreshed, Revoked
from ostiary.membrane.crossing import Crossing
from ostiary.membrane.issuing import Issue, chosen_ref, issue, lifecycle, shown, token_fields
from ostiary.membrane.model import FIXTURE_WORD, Binding
from ostiary.membrane.requests import InspectWanted, IssueWanted, RefreshWanted, RevokeWanted
from ostiary.presence import service as presence
from ostiary.sessions import bearer
from ostiary.sessions import service as sessions
from ostiary.sessions.model import EndReason, Session
from ostiary.web.envelope import Envelope, FixtureEnvelope

__all__ = ["exchange", "inspect", "issue_beside", "refresh", "revoke"]

_ISSUE, _REFRESH = "auth.session.issue", "auth.session.refresh"
_REVOKE = "auth.session.revoke"
_ALREADY = "auth_session_already_revoked"


def issue_beside(c: Crossing) -> Envelope[Issued] | Refusal:
    """Issue a session for other scopes beside the caller's own, with fresh presence of the same person."""
    body: IssueWanted = c.body
    own = c.own()
    if isinstance(own, Refusal):
        return own
    bound = c.binding(own.id)
    wanted = _beside(c, body, own, bound)
    if isinstance(wanted, Refusal):
        return wanted
    held = c.proof(body.human_presence_receipt, _ISSUE, own.person, body.device_binding)
    if isinstance(held, Refusal):
        return held
    made = issue(c, wanted, held, Code.AUTH_SESSION_ISSUE_ALREADY_ISSUED)
    if isinstance(made, Refusal):
        return made
    receipt = c.tx.receipt
    return c.done(Outcome.ADMITTED, receipt, Issued, **token_fields(c, made, receipt))


def _beside(c: Crossing, body: IssueWanted, own: Session, bound: Binding | None) -> Issue | Refusal:
    if c.person(body.actor) != own.person:
        return Refusal(Code.M13_WRONG_ACTOR)
    vessel = c.vessel(body.vessel, own.person, bound.vessel if bound else "")
    if isinstance(vessel, Refusal):
        return vessel
    if bound is not None and vessel != bound.vessel:
        return Refusal(Code.M13_WRONG_VESSEL)
    standing = c.standing(body.standing, own.person, Code.AUTH_SESSION_ISSUE_STANDING_MISMATCH)
    if isinstance(standing, Refusal):
        return standing
    key = c.signing_key(body.holder_key, Code.AUTH_SESSION_ISSUE_HOLDER_KEY_MISMATCH)
    if isinstance(key, Refusal):
        return key
    device, client = (bound.device, bound.client) if bound else (body.device_binding, "")
    if body.device_binding != device:
        return Refusal(Code.AUTH_SESSION_DEVICE_MISMATCH)
    refused = c.allowed(body.scopes, own.person, c.client_scopes(client))
    if refused is not None:
        return refused
    life = body.expires_in_seconds * SECOND
    scopes = tuple(body.scopes)
    return Issue(own.person, body.session, scopes, life, vessel, standing, device, client, own.binding)


def inspect(c: Crossing) -> Envelope[Inspected] | Refusal:
    """Show the caller's own session. Another's ref and one of nobody are refused alike.

    A token of ours whose session was over so long ago that its row is gone is answered that there is none.
    """
    body: InspectWanted = c.body
    own = c.own(acting=False)
    if isinstance(own, Refusal):
        collected = isinstance(sessions.find(c.tx, c.who.id), Refusal)
        return Refusal(Code.AUTH_SESSION_UNKNOWN) if collected else own
    mine = c.session_ref(own.id)
    if body.session and c.session_named(body.session) != own.id:
        return Refusal(Code.AUTH_SESSION_INSPECT_SESSION_MISMATCH)
    bound, key = c.binding(own.id), c.desk.keyring.find(own.key)
    c.witness.stored("sessions", *msgspec.structs.astuple(own))
    receipt = c.tell(EventName.SESSION_INSPECT, own.id)
    return c.done(
        Outcome.ADMITTED,
        receipt,
        Inspected,
        session=mine,
        session_lifecycle=lifecycle(own.id),
        tenant=ref("tenant_node", c.tenant.id),
        actor=c.person_ref(own.person),
        vessel=ref("vessel", bound.vessel) if bound and bound.vessel else "",
        standing=ref("standing", bound.standing) if bound and bound.standing else "",
        scopes=own.scopes.split(),
        holder_key=c.signer(own.key).key,
        device_binding=bound.device if bound else "",
        issued_at=instant(own.created_at),
        expires_at=instant(own.hard_end(c.desk.sessions.settings)),
        token_commitment=own.commitment,
        revoked=bool(own.ended_at),
        stale_key=key is None or bool(key.retired_at or key.revoked_at),
    )


def refresh(c: Crossing) -> Envelope[Refreshed] | Refusal:
    """Exchange the caller's token for a fresh one, with fresh presence; the old one ends, and no scope is added.

    The same request sent again within the grace gets the same answer, token and all; any other use of the old token
    ends its family.
    """
    body: RefreshWanted = c.body
    if c.who.key is None:
        return Refusal(Code.TOKEN_TAMPERED, ("fixture_word",))
    scopes = tuple(body.scopes) if body.scopes else None
    renewal = bearer.Renewal(scopes, body.expires_in_seconds * SECOND, lambda old: _renewable(c, body, old))
    opened = bearer.refresh(c.tx, c.desk.sessions, c.caller, c.who.id, c.who.key, renewal)
    if isinstance(opened, Refusal):
        return c.dead(opened)
    bound = c.binding(opened.session.id) or _succeeding(c, body, opened.session)
    made = shown(c, opened, bound)
    old = sessions.find(c.tx, c.who.id)
    receipt = c.tx.receipt or c.tell(EventName.SESSION_REFRESH, opened.session.id, "repeated")
    return c.done(
        Outcome.ADMITTED,
        receipt,
        Refreshed,
        **token_fields(c, made, receipt),
        previous_session=c.session_ref(c.who.id),
        previous_token_commitment=c.who.commitment,
        scope_expansion_allowed=not (isinstance(old, Session) and set(made.scopes) <= set(old.scopes.split())),
        previous_session_remains_valid=isinstance(old, Session) and not old.ended_at,
    )


def _renewable(c: Crossing, body: RefreshWanted, old: Session) -> Refusal | None:
    """Ask everything that may be refused, while the old token lives; consume the presence at the end."""
    bound = c.binding(old.id)
    if not set(body.scopes) <= set(old.scopes.split()):
        return Refusal(Code.AUTH_SESSION_REFRESH_SCOPE_EXPANSION_REFUSED)
    if bound is not None and c.client_scopes(bound.client) == ():
        return Refusal(Code.AUTH_SESSION_SCOPE_NOT_ALLOWED, ("client_removed",))
    key = c.signing_key(body.holder_key, Code.AUTH_SESSION_REFRESH_HOLDER_KEY_MISMATCH)
    if isinstance(key, Refusal):
        return key
    if bound is not None and body.device_binding != bound.device:
        return Refusal(Code.AUTH_SESSION_DEVICE_MISMATCH)
    chosen = chosen_ref(c, body.session, Code.AUTH_SESSION_ISSUE_ALREADY_ISSUED)
    if isinstance(chosen, Refusal):
        return chosen
    held = c.proof(body.human_presence_receipt, _REFRESH, old.person, body.device_binding)
    if isinstance(held, Refusal):
        return held
    return None if presence.use(c.tx, held) else Refusal(Code.M13_HUMAN_PRESENCE_CONSUMED)


def _succeeding(c: Crossing, body: RefreshWanted, made: Session) -> Binding:
    """Bind the new session to what the old one was bound to."""
    old = c.binding(c.who.id)
    bound = Binding(
        made.id,
        body.session or c.session_ref(made.id),
        old.vessel if old else "",
        old.standing if old else "",
        old.device if old else body.device_binding,
        old.client if old else "",
        body.human_presence_receipt.partition(":")[2],
        c.who.id,
        made.absolute_expires_at,
    )
    if not store.add_binding(c.tx, bound):
        raise StoreUnavailable("the ref of the new session was taken at this moment")
    return bound


def revoke(c: Crossing) -> Envelope[Revoked] | Refusal:
    """End a session: one's own person's, or anybody's of the tenant for an administrator. The next request feels it.

    Ending it again changes nothing and promises the same; a session that has ended itself may ask again.
    """
    body: RevokeWanted = c.body
    wanted = c.session_named(body.session)
    own = c.own()
    if isinstance(own, Refusal) and not (own.code is Code.SESSION_REVOKED and wanted == c.who.id):
        return own
    found = sessions.find(c.tx, wanted)
    if isinstance(found, Refusal):
        return Refusal(Code.M13_SESSION_UNKNOWN)
    if isinstance(own, Session) and not _may_end(c, own, found):
        return Refusal(Code.M13_WRONG_ACTOR)
    before = c.tx.receipt
    mine = msgspec.structs.replace(c.caller, actor=own.person if isinstance(own, Session) else found.person)
    sessions.end(c.tx, mine, found.id, EndReason.ENDED_BY_PERSON)
    first = c.tx.receipt != before
    return _revoked(c, found, first=first)


def _may_end(c: Crossing, own: Session, found: Session) -> bool:
    """Tell whether the session's person may end another: their own, or an administrator's token that is for it."""
    administrator = access.ADMINISTRATOR in access.roles(c.tx, own.person)
    return found.person == own.person or (administrator and own.may_use((_REVOKE,)))


def _revoked(c: Crossing, found: Session, *, first: bool) -> Envelope[Revoked]:
    outcome = Outcome.ADMITTED if first else Outcome.VERIFIED
    receipt = c.tx.receipt if first else c.tell(EventName.SESSION_END, found.id, _ALREADY, outcome=outcome)
    now = sessions.find(c.tx, found.id)
    mine = c.session_ref(found.id)
    return c.done(
        outcome,
        receipt,
        Revoked,
        session=mine,
        session_lifecycle=lifecycle(found.id),
        revoked=isinstance(now, Session) and bool(now.ended_at),
        enforced_in_runtime_overlay=any(change.subject == found.id for change in c.tx.changes),
        signer=c.signer(found.key),
        durable_commit=c.commit(receipt),
        durable_state=Durable(mine, "revoked"),
        stable_code=None if first else _ALREADY,
    )


def exchange(c: Crossing) -> FixtureEnvelope[Exchange] | Refusal:
    """Show the context of a seeded fixture tenant's own word; no ceremony stands behind it (ruling 26)."""
    own = c.own()
    if isinstance(own, Refusal):
        return own
    receipt = c.tell(EventName.SESSION_EXCHANGE, own.id)
    made = c.done(
        Outcome.ADMITTED,
        receipt,
        Exchange,
        token=FIXTURE_WORD,
        token_type="Bearer",
        session=c.session_ref(own.id),
        tenant=ref("tenant_node", c.tenant.id),
    )
    return FixtureEnvelope(made.operation, made.outcome, made.body, made.receipt)
