"""The guard of the public listener: cookie to living session, CSRF, optional binding, pre-login browser."""

import hmac
from collections.abc import Sequence

import msgspec
from starlette.datastructures import Headers

from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Scope
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.sessions import csrf, wire
from ostiary.sessions.liveness import Entry, Liveness
from ostiary.sessions.model import BEARER, Living, SessionSettings
from ostiary.sessions.service import keyed_hash
from ostiary.web.address import Network, client_address, counted_as
from ostiary.web.cookies import PRELOGIN, SESSION, Twice, find_cookie
from ostiary.web.door import Admitted, Knock
from ostiary.web.operation import Audience

__all__ = ["SessionGuard", "bearer_token", "binding_broken", "browser_of", "cookies_of", "hashed", "presented"]

_PRELOGIN = f"{PRELOGIN}=".encode()
_SESSION = f"{SESSION}=".encode()


class SessionGuard(msgspec.Struct, frozen=True):
    """See `web.door.Guard`."""

    liveness: Liveness
    keyring: Keyring
    settings: SessionSettings
    trusted: tuple[Network, ...]

    def identify(self, knock: Knock) -> Caller:
        """Hash the client's address and agent, and digest the request; nothing raw is kept."""
        tenant = knock.scope.tenant
        digest = mac(self.keyring.active(tenant, Purpose.DIGEST).secret, knock.covered)
        known = hashed(self.keyring, self.trusted, tenant, knock.peer, knock.headers)
        return msgspec.structs.replace(known, digest=digest.hex(), request_id=knock.request_id)

    async def admit(self, knock: Knock, caller: Caller) -> Admitted | Refusal:
        """Let anybody in to public operations; ask for a browser or a living session elsewhere."""
        audience = knock.operation.audience
        if audience in {Audience.SESSION, Audience.LEAVING}:
            admitted = await self._session(knock, caller)
            gone = isinstance(admitted, Refusal) and admitted.code is not Code.CSRF_REFUSED
            return Admitted(caller) if gone and audience is Audience.LEAVING else admitted
        browser = self._browser(knock)
        if audience is Audience.PRELOGIN and not browser:
            return Refusal(Code.LOGIN_ATTEMPT_INVALID, ("prelogin_cookie_missing",))
        return Admitted(caller, browser=browser)

    def succeeded(self, admitted: Admitted) -> None:
        """Slide the idle time of the session that was used."""
        if isinstance(admitted.session, Entry):
            self.liveness.slide(admitted.session)

    async def look(self, scope: Scope, peer: str, headers: Headers) -> Entry | Refusal:
        """Return the living session of a request, for a page."""
        caller = hashed(self.keyring, self.trusted, scope.tenant, peer, headers)
        return await self._living(scope, headers, caller)

    async def _session(self, knock: Knock, caller: Caller) -> Admitted | Refusal:
        leaving = knock.operation.audience is Audience.LEAVING
        entry = await self._living(knock.scope, knock.headers, caller, bound=not leaving)
        if isinstance(entry, Refusal):
            return entry
        session, token = entry.session, knock.headers.get("x-csrf-token", "")
        if knock.operation.unsafe and session.kind != BEARER and not csrf.matches(token, session.csrf_hash):
            return Refusal(Code.CSRF_REFUSED, ("mismatch" if token else "missing",), subject=session.id)
        known = msgspec.structs.replace(caller, actor=session.person, session=session.id)
        return Admitted(known, session=entry, browser=session.id)

    async def _living(self, scope: Scope, headers: Headers, caller: Caller, *, bound: bool = True) -> Entry | Refusal:
        """Judge the session cookie; a binding does not keep a person from signing out (`bound`)."""
        entry = await presented(self.liveness, cookies_of(headers), headers.getlist("authorization"))
        if isinstance(entry, Refusal):
            return entry
        session = entry.session
        if session.tenant != scope.tenant:
            return Refusal(Code.SESSION_INVALID, ("session_of_another_tenant",), subject=session.id)
        broken = binding_broken(self.settings, session, caller) if bound else None
        return broken or entry

    def _browser(self, knock: Knock) -> str:
        return browser_of(self.keyring, knock.scope.tenant, cookies_of(knock.headers))


def hashed(keyring: Keyring, trusted: Sequence[Network], tenant: str, peer: str, headers: Headers) -> Caller:
    """Return what can be said of anybody: the keyed hashes of address and agent.

    The one place that reads them off a request, whichever listener it came by (decision 8).
    """
    address = counted_as(client_address(peer, headers.getlist("x-forwarded-for"), trusted))
    agent = ", ".join(headers.getlist("user-agent"))
    return Caller(
        address=keyed_hash(keyring, tenant, "address", address), agent=keyed_hash(keyring, tenant, "agent", agent)
    )


def browser_of(keyring: Keyring, tenant: str, cookie_header: bytes) -> str:
    """Return the id of a signed pre-login cookie, "" where there is none, or several."""
    try:
        value = find_cookie(cookie_header, _PRELOGIN)
    except Twice:
        return ""
    parsed = wire.parse((value or b"").decode("latin-1"), "pl")
    key = keyring.trusted(parsed[1]) if parsed else None
    if parsed is None or key is None or key.tenant != tenant:
        return ""
    return parsed[0] if wire.verify(parsed, key, Purpose.PRELOGIN) else ""


def cookies_of(headers: Headers) -> bytes:
    """Return all Cookie headers of a request as one (RFC 9113 section 8.2.3 lets a client split them)."""
    return "; ".join(headers.getlist("cookie")).encode("latin-1")


async def presented(liveness: Liveness, cookie_header: bytes, authorization: Sequence[str] = ()) -> Entry | Refusal:
    """Return the living session of a request's Cookie and Authorization headers.

    Two session cookies in one request are refused (ruling 57), and so are two Authorization headers. With a good
    cookie and a good bearer token the cookie wins; a bad cookie falls to the bearer.
    """
    try:
        value = find_cookie(cookie_header, _SESSION)
    except Twice:
        return Refusal(Code.SESSION_INVALID, ("session_cookie_twice",))
    if len(authorization) > 1:
        return Refusal(Code.SESSION_INVALID, ("authorization_twice",))
    found: Entry | Refusal = Refusal(Code.SESSION_MISSING)
    for one in (value, bearer_token(*authorization)):
        if one is not None and isinstance(found, Refusal):
            found = liveness.peek(one) or await liveness.ask(one)
    return found


def bearer_token(authorization: str = "") -> bytes | None:
    """Return the token of `Bearer <token>` (RFC 6750 section 2.1) as liveness knows it; None for another scheme."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return None
    return (wire.BEARER + token.strip(" ")).encode("latin-1")


def binding_broken(settings: SessionSettings, session: Living, caller: Caller) -> Refusal | None:
    """Return the mismatch where a binding is switched on; an absent header never matches a present one.

    A bearer token is handed over by whoever issued it, so nobody knows where it belongs.
    """
    if session.kind == BEARER:
        return None
    if settings.bind_address and not hmac.compare_digest(session.address_hash, caller.address):
        return Refusal(Code.SESSION_ADDRESS_MISMATCH, subject=session.id)
    if settings.bind_agent and not hmac.compare_digest(session.agent_hash, caller.agent):
        return Refusal(Code.SESSION_AGENT_MISMATCH, subject=session.id)
    return None
