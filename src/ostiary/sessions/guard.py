"""The guard of the public listener: cookie to living session, CSRF, optional binding, pre-login browser."""

import hmac

import msgspec

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.sessions import csrf, wire
from ostiary.sessions.liveness import Entry, Liveness
from ostiary.sessions.model import SessionSettings
from ostiary.sessions.service import keyed_hash
from ostiary.web.address import Network, client_address, counted_as
from ostiary.web.cookies import PRELOGIN, SESSION, Twice, find_cookie
from ostiary.web.door import Admitted, Knock
from ostiary.web.operation import Audience

__all__ = ["SessionGuard", "binding_broken", "presented"]

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
        address = counted_as(client_address(knock.peer, knock.forwarded_for, self.trusted))
        digest = hmac.digest(self.keyring.active(tenant, Purpose.DIGEST).secret, knock.covered, "sha256")
        return Caller(
            digest=digest.hex(),
            request_id=knock.request_id,
            address=keyed_hash(self.keyring, tenant, "address", address),
            agent=keyed_hash(self.keyring, tenant, "agent", knock.headers.get("user-agent", "")),
        )

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

    async def _session(self, knock: Knock, caller: Caller) -> Admitted | Refusal:
        entry = await presented(self.liveness, knock.headers.get("cookie", "").encode("latin-1"))
        if isinstance(entry, Refusal):
            return entry
        session = entry.session
        if session.tenant != knock.scope.tenant:
            return Refusal(Code.SESSION_INVALID, ("session_of_another_tenant",))
        broken = binding_broken(self.settings, session.address_hash, session.agent_hash, caller)
        if broken is not None:
            return Refusal(broken)
        if knock.operation.unsafe and not csrf.matches(knock.headers.get("x-csrf-token", ""), session.csrf_hash):
            return Refusal(Code.CSRF_REFUSED)
        known = msgspec.structs.replace(caller, actor=session.person, session=session.id)
        return Admitted(known, session=entry, browser=session.id)

    def _browser(self, knock: Knock) -> str:
        try:
            value = find_cookie(knock.headers.get("cookie", "").encode("latin-1"), _PRELOGIN)
        except Twice:
            return ""
        parsed = wire.parse((value or b"").decode("latin-1"), "pl")
        key = self.keyring.find(parsed[1]) if parsed else None
        if parsed is None or key is None or key.tenant != knock.scope.tenant:
            return ""
        return parsed[0] if wire.verify(parsed, key, Purpose.PRELOGIN) else ""


async def presented(liveness: Liveness, cookie_header: bytes) -> Entry | Refusal:
    """Return the living session of a Cookie header. Two session cookies in one request are refused (ruling 57)."""
    try:
        value = find_cookie(cookie_header, _SESSION)
    except Twice:
        return Refusal(Code.SESSION_INVALID, ("session_cookie_twice",))
    if value is None:
        return Refusal(Code.SESSION_MISSING)
    entry = liveness.peek(value)
    return entry if entry is not None else await liveness.ask(value)


def binding_broken(settings: SessionSettings, address_hash: str, agent_hash: str, caller: Caller) -> Code | None:
    """Return the mismatch where a binding is switched on; an absent header never matches a present one."""
    if settings.bind_address and not hmac.compare_digest(address_hash, caller.address):
        return Code.SESSION_ADDRESS_MISMATCH
    if settings.bind_agent and not hmac.compare_digest(agent_hash, caller.agent):
        return Code.SESSION_AGENT_MISMATCH
    return None
