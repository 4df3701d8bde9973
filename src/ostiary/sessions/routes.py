"""Operations of sessions: who am I, my sessions, end one, end the others, sign out."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Literal

import msgspec

from ostiary.access import service as access
from ostiary.identities import service as identities
from ostiary.kernel.clock import SECOND, Clock, instant
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName, Factor
from ostiary.keys.model import Key, Purpose
from ostiary.sessions import bearer, csrf, own, service, wire
from ostiary.sessions.device.model import LABEL, OPENED_BY, DeviceSession, Reason
from ostiary.sessions.guard import bearer_token
from ostiary.sessions.model import BEARER, EndReason, Living, Session, ends_because
from ostiary.sessions.service import Rules
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.cookies import CSRF, SESSION, clear_cookie, set_cookie
from ostiary.web.operation import Audience, Exchange, Operation, Reply

__all__ = ["Desk", "SessionView", "Token", "csrf_cookie", "operations", "session_cookies", "token_of", "view"]

Instant = Annotated[str, msgspec.Meta(description="RFC 3339, UTC, microseconds")]


class Desk(msgspec.Struct, frozen=True):
    """What the handlers of sessions hold."""

    vault: Vault
    rules: Rules
    clock: Clock
    recognise: Callable[[bytes], Awaitable[tuple[str, Key] | Refusal]]


class SessionView(msgspec.Struct, frozen=True):
    """A session as its owner sees it. `alive_because` and `ends_because` are machine words.

    `scopes` are those that a token may use; a browser's session has none of its own and may use all of its person's.
    Of a device's session (`kind` is `device`) nobody keeps when it was seen, and it may never end by itself: what does
    not apply is null.
    """

    id: str
    kind: str
    actor_id: str
    actor_type: str
    label: str
    current: bool
    created_at: Instant
    last_seen_at: Instant | None
    idle_expires_at: Instant | None
    absolute_expires_at: Instant | None
    alive_because: str
    ends_because: str | None
    scopes: list[str] = []
    revoked: bool = False


class SessionList(msgspec.Struct, frozen=True):
    """The living sessions of the caller, newest first."""

    sessions: list[SessionView]


class RevokedCount(msgspec.Struct, frozen=True):
    """How many sessions were ended."""

    revoked_count: int


class Me(msgspec.Struct, frozen=True):
    """Who the caller is. `csrf_token` goes into X-CSRF-Token of unsafe requests; "" for a bearer, who needs none."""

    actor_id: str
    actor_type: str
    tenant_id: str
    name: str
    roles: list[str]
    session: SessionView
    csrf_token: str


class Token(msgspec.Struct, frozen=True):
    """A bearer token; it is shown this once."""

    id: str
    token: str
    token_type: str
    scopes: list[str]
    expires_at: Instant


class EndOthersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which sessions to end: all but the current one."""

    keep: Literal["current"] = msgspec.field(name="except")


def session_cookies(rules: Rules, opened: service.Opened) -> tuple[str, ...]:
    """Return the Set-Cookie values of a session that was just opened; both last as long as it can."""
    session = opened.session
    left = _left(rules, session, session.created_at)
    return (
        set_cookie(SESSION, opened.cookie, left, samesite=rules.settings.samesite),
        csrf_cookie(rules, session, session.created_at)[1],
    )


def csrf_cookie(rules: Rules, session: Living, now: int) -> tuple[str, str]:
    """Return the CSRF token of a session, and the Set-Cookie value that hands it to the session's pages."""
    token = csrf.token(rules.keyring.active(session.tenant, Purpose.CSRF), session.id, session.csrf_epoch)
    left = _left(rules, session, now)
    return token, set_cookie(CSRF, token, left, samesite=rules.settings.samesite, http_only=False)


def token_of(rules: Rules, opened: service.Opened) -> Token:
    """Return the answer that shows a token, this once."""
    session = opened.session
    return Token(session.id, opened.cookie, "Bearer", session.scopes.split(), instant(session.hard_end(rules.settings)))


def _left(rules: Rules, session: Living, now: int) -> int:
    """Return the whole seconds that a session has at most."""
    return (session.hard_end(rules.settings) - now) // SECOND


def view(rules: Rules, session: Session | DeviceSession, current: str) -> SessionView:
    """Show a session to its owner."""
    if isinstance(session, DeviceSession):
        return _device_view(session)
    return SessionView(
        id=session.id,
        kind=session.kind,
        actor_id=session.person,
        actor_type="User",
        label=service.label(rules, session),
        current=session.id == current,
        created_at=instant(session.created_at),
        last_seen_at=instant(session.last_seen_at),
        idle_expires_at=instant(session.idle_expires_at(rules.settings)),
        absolute_expires_at=instant(session.hard_end(rules.settings)),
        alive_because=session.factor,
        ends_because=ends_because(session, rules.settings),
        scopes=session.scopes.split(),
    )


def _device_view(session: DeviceSession) -> SessionView:
    return SessionView(
        id=session.id,
        kind="device",
        actor_id=session.person,
        actor_type="User",
        label=LABEL,
        current=False,
        created_at=instant(session.created_at),
        last_seen_at=None,
        idle_expires_at=None,
        absolute_expires_at=instant(session.expires_at) if session.expires_at else None,
        alive_because=OPENED_BY,
        ends_because=Reason.EXPIRED.value if session.expires_at else None,
    )


async def _me(desk: Desk, x: Exchange) -> Reply | Refusal:
    session: Living = x.session.session
    token, *cookies = ("",) if session.kind == BEARER else csrf_cookie(desk.rules, session, desk.clock())

    def use_case(tx: Tx) -> Me | Refusal:
        found = service.find(tx, session.id)
        if isinstance(found, Refusal):
            return Refusal(Code.SESSION_INVALID)  # its time was over, and it was collected, while this was asked
        person = identities.find_person(tx, desk.rules.keyring, session.person)
        title = person.title if person else ""
        roles = access.roles(tx, session.person)
        shown = view(desk.rules, desk.rules.seen.refreshed(found), session.id)
        return Me(session.person, "User", session.tenant, title, roles, shown, token)

    me = await desk.vault.read(x.scope, use_case)
    return me if isinstance(me, Refusal) else Reply(me, tuple(cookies))


async def _list(desk: Desk, x: Exchange) -> Reply:
    found = await desk.vault.read(x.scope, lambda tx: own.living(tx, desk.rules, x.caller.actor))
    return Reply(SessionList([view(desk.rules, session, x.caller.session) for session in found]))


async def _end(desk: Desk, x: Exchange) -> Reply | Refusal:
    refused = await desk.vault.transact(x.scope, lambda tx: own.end(tx, x.caller, x.path["id"]))
    return refused or Reply()


async def _end_others(desk: Desk, x: Exchange) -> Reply:
    return Reply(RevokedCount(await desk.vault.transact(x.scope, lambda tx: own.end_others(tx, desk.rules, x.caller))))


async def _logout(desk: Desk, x: Exchange) -> Reply:
    if x.session is not None:
        await desk.vault.transact(x.scope, lambda tx: service.end(tx, x.caller, x.caller.session, EndReason.SIGNED_OUT))
    samesite = desk.rules.settings.samesite
    return Reply(None, tuple(clear_cookie(n, samesite=samesite, http_only=n == SESSION) for n in (SESSION, CSRF)))


async def _refresh(desk: Desk, x: Exchange) -> Reply | Refusal:
    known = await desk.recognise(bearer_token(x.headers.get("authorization", "")) or wire.BEARER.encode())
    if isinstance(known, Refusal):
        return known
    renewal = bearer.Renewal(gate=_on_somebodys_word)
    outcome = await desk.vault.transact(x.scope, lambda tx: bearer.refresh(tx, desk.rules, x.caller, *known, renewal))
    if isinstance(outcome, Refusal):
        return outcome
    return Reply(token_of(desk.rules, outcome))


def _on_somebodys_word(old: Session) -> Refusal | None:
    """Refuse a token that a person's own proof has issued: only fresh presence refreshes it, at the membrane."""
    return Refusal(Code.PRESENCE_REQUIRED) if old.factor in set(Factor) else None


def operations(desk: Desk) -> tuple[Operation, ...]:
    """Return the operations of sessions. A person needs no permission for their own (decision 10)."""
    return (*_reading(desk), *_ending(desk), *_refreshing(desk))


def _reading(desk: Desk) -> tuple[Operation, ...]:
    return (
        Operation(
            name="account.read",
            method="GET",
            path="/api/v1/auth/me",
            summary="Who is signed in, with which roles, in which session; and the CSRF token.",
            audience=Audience.SESSION,
            event=EventName.ACCOUNT_READ,
            handler=partial(_me, desk),
            response=Me,
        ),
        Operation(
            name="session.list",
            method="GET",
            path="/api/v1/auth/sessions",
            summary="The caller's living sessions, of devices too, newest first.",
            audience=Audience.SESSION,
            event=EventName.SESSION_LIST,
            handler=partial(_list, desk),
            response=SessionList,
        ),
    )


def _ending(desk: Desk) -> tuple[Operation, ...]:
    return (
        Operation(
            name="session.end",
            method="DELETE",
            path="/api/v1/auth/sessions/{id}",
            summary="End one of the caller's sessions; ending it again succeeds too.",
            audience=Audience.SESSION,
            event=EventName.SESSION_END,
            handler=partial(_end, desk),
            status=204,
            refusals=(Code.SESSION_UNKNOWN,),
        ),
        Operation(
            name="session.end_others",
            method="DELETE",
            path="/api/v1/auth/sessions",
            summary="End all of the caller's sessions but the current one, of devices too.",
            audience=Audience.SESSION,
            event=EventName.SESSION_END_OTHERS,
            handler=partial(_end_others, desk),
            query=EndOthersQuery,
            response=RevokedCount,
        ),
        Operation(
            name="session.logout",
            method="POST",
            path="/auth/logout",
            summary="Sign out: end the current session, if there is one, and clear its cookies.",
            audience=Audience.LEAVING,
            event=EventName.SESSION_LOGOUT,
            handler=partial(_logout, desk),
            status=204,
        ),
    )


def _refreshing(desk: Desk) -> tuple[Operation, ...]:
    return (
        Operation(
            name="session.refresh",
            method="POST",
            path="/api/v1/auth/token/refresh",
            summary="Exchange the bearer token of the Authorization header for a fresh one; the old one ends.",
            audience=Audience.PUBLIC,
            event=EventName.SESSION_REFRESH,
            handler=partial(_refresh, desk),
            response=Token,
            refusals=(
                Code.SESSION_INVALID,
                Code.SESSION_ENDED,
                Code.SESSION_EXPIRED_IDLE,
                Code.SESSION_EXPIRED_ABSOLUTE,
                Code.TOKEN_REUSED,
                Code.PRESENCE_REQUIRED,
            ),
        ),
    )
