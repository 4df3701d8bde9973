"""The life of a session after the login: issue, inspect, refresh, revoke. A token is told once; repr never shows it."""

from dataclasses import dataclass, field

from ostiary_client.membrane.answers import Body, Committed
from ostiary_client.membrane.verbs import Request, TenantRequest, Words

__all__ = [
    "AuthSessionExchange",
    "AuthSessionInspect",
    "AuthSessionIssue",
    "AuthSessionRefresh",
    "AuthoritySessionRevoke",
    "SessionExchanged",
    "SessionInspected",
    "SessionIssued",
    "SessionRefreshed",
    "SessionRevoked",
]


@dataclass(frozen=True, kw_only=True)
class SessionExchanged(Body):
    """The fixture session behind the fixture word."""

    token: str = field(repr=False)
    session: str
    token_type: str = "Bearer"
    tenant: str | None = None
    production_admission: bool | None = None


@dataclass(frozen=True, kw_only=True)
class SessionIssued(Committed):
    """A session and its token. The server keeps the token's commitment only: lose it, and it is lost."""

    session: str
    bearer_token: str = field(repr=False)
    token_commitment: str
    token_type: str = "Bearer"
    session_lifecycle: str | None = None
    expires_at: str | None = None
    raw_session_token_stored: bool | None = None
    raw_session_token_exposed_in_proof: bool | None = None
    fixture_session: bool | None = None
    production_session: bool | None = None


@dataclass(frozen=True, kw_only=True)
class SessionRefreshed(SessionIssued):
    """The session that takes the place of the previous one, which has ended."""

    previous_session: str
    previous_token_commitment: str | None = None
    scope_expansion_allowed: bool | None = None
    previous_session_remains_valid: bool | None = None


@dataclass(frozen=True, kw_only=True)
class SessionInspected(Committed):
    """What a session is, as its own token is told."""

    session: str
    revoked: bool
    session_lifecycle: str | None = None
    tenant: str | None = None
    actor: str | None = None
    vessel: str | None = None
    standing: str | None = None
    scopes: tuple[str, ...] = ()
    holder_key: str | None = None
    issued_at: str | None = None
    expires_at: str | None = None
    token_commitment: str | None = None
    stale_key: bool | None = None
    fixture_session: bool | None = None
    production_session: bool | None = None
    raw_session_token_exposed: bool | None = None
    raw_session_token_stored_durably: bool | None = None
    database_locator_exposed: bool | None = None


@dataclass(frozen=True, kw_only=True)
class SessionRevoked(Committed):
    """A session that has ended. `stable_code` is `auth_session_already_revoked` where it had before."""

    session: str
    revoked: bool
    session_lifecycle: str | None = None
    stable_code: str | None = None
    enforced_in_runtime_overlay: bool | None = None
    raw_session_token_exposed: bool | None = None


@dataclass(frozen=True, kw_only=True)
class AuthSessionExchange(
    Request[SessionExchanged], operation="auth.session.exchange", path="/v1/auth/session/exchange"
):
    """Trade the fixture word for its session. Seeded fixture tenants only: NotFound elsewhere."""


@dataclass(frozen=True, kw_only=True)
class AuthSessionIssue(TenantRequest[SessionIssued], operation="auth.sessionIssue", path="/v1/auth/sessions/issue"):
    """Issue one more session, with presence for `auth.session.issue`. Never sent twice. Caller: a session."""

    actor: str
    scopes: Words
    human_presence_receipt: str
    device_binding: str
    expires_in_seconds: int = 3600
    session: str | None = None
    vessel: str | None = None
    standing: str | None = None
    holder_key: str | None = None
    fixture: bool | None = None
    production_session: bool | None = None


@dataclass(frozen=True, kw_only=True)
class AuthSessionInspect(
    TenantRequest[SessionInspected], operation="auth.sessionInspect", path="/v1/auth/sessions/inspect", again=True
):
    """Look at one's own session: changes nothing, needs no presence. Caller: the session."""

    session: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuthSessionRefresh(
    TenantRequest[SessionRefreshed], operation="auth.sessionRefresh", path="/v1/auth/sessions/refresh", again=True
):
    """Put a new session in this one's place, with presence for `auth.session.refresh`. Caller: the session.

    No scope is added; an empty list keeps them as they are. May be sent again for a moment: the server answers the very
    same request within its grace with the very same token. Later, or with another request, that ends the whole family.
    """

    human_presence_receipt: str
    device_binding: str
    scopes: Words = ()
    expires_in_seconds: int = 3600
    session: str | None = None
    holder_key: str | None = None
    fixture: bool | None = None
    production_session: bool | None = None


@dataclass(frozen=True, kw_only=True)
class AuthoritySessionRevoke(
    TenantRequest[SessionRevoked],
    operation="authority.sessionRevoke",
    path="/v1/authority/sessions/revoke",
    again=True,
):
    """End a session, at once and everywhere; a second time answers `verified`. Caller: a session."""

    session: str
    enforce_runtime_overlay: bool = True
