"""Who calls: a browser of an attempt, a tenant's client or operator, the bearer of a session; and in which tenant."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.datastructures import Headers

from ostiary.access import clients
from ostiary.identities import refs
from ostiary.identities import service as identities
from ostiary.identities.model import Tenant
from ostiary.kernel.ids import Secrets, new_id
from ostiary.kernel.refs import named
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Mode, Scope
from ostiary.keys import service as keys
from ostiary.keys.keyring import Keyring
from ostiary.login.browser import browser_cookie
from ostiary.membrane.model import FIXTURE_WORD, Kind, Who
from ostiary.sessions import wire
from ostiary.sessions.guard import bearer_token, browser_of, cookies_of
from ostiary.sessions.liveness import Judge
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.operation import Audience

__all__ = ["Callers"]

_KEYS = ("ock-", "ook-")
_FIXTURE_SESSION = "auth_session:fixture_valid"
_TAMPERED = Refusal(Code.TOKEN_TAMPERED)
_ANSWERS = {
    Audience.CLIENT: frozenset({Kind.CLIENT, Kind.BROWSER}),
    Audience.TOKEN: frozenset({Kind.SESSION}),
    Audience.REGISTRANT: frozenset({Kind.SESSION, Kind.CLIENT, Kind.BROWSER}),
    Audience.OPERATOR: frozenset({Kind.OPERATOR}),
    Audience.FIXTURE: frozenset[Kind](),
}


class Callers:
    """Knows credentials and tenants. `learn` takes up keys that another process has made since.

    A tenant's mode and origins never change, so each is read once.
    """

    def __init__(
        self,
        vault: Vault,
        scope: Scope,
        keyring: Keyring,
        judge: Judge,
        learn: Callable[[], Awaitable[None]],
        secrets: Secrets,
    ) -> None:
        self._vault, self._scope, self._keyring, self._judge = vault, scope, keyring, judge
        self._learn, self._secrets = learn, secrets
        self._tenants: dict[str, Tenant] = {}

    async def who(self, headers: Headers, body: dict[str, Any]) -> Who | Refusal:
        """Return who calls, as far as the credential proves it; what it may do here is asked by `entitled`."""
        given = headers.getlist("authorization")
        if len(given) > 1:
            return _TAMPERED
        if not given:
            return await self._browser(headers, str(body.get("tenant") or ""))
        token = bearer_token(*given)
        text = token.decode("latin-1").removeprefix(wire.BEARER) if token else ""
        if text.startswith(_KEYS):
            return await self._client(text)
        return await self._seeded(body) if text == FIXTURE_WORD else await self._session(text)

    def entitled(self, audience: Audience, who: Who, body: dict[str, Any]) -> Refusal | None:
        """Refuse another tenant's credential, and one of the wrong kind; nothing is escalated, nothing pends."""
        if audience is Audience.FIXTURE:
            return None if who.seeded else Refusal(Code.ROUTE_UNKNOWN)
        tenant = str(body.get("tenant") or "")
        if tenant and named("tenant_node", tenant) is None:
            return Refusal(Code.REQUEST_MALFORMED, ("tenant",))
        if tenant and named("tenant_node", tenant) != who.tenant:
            return Refusal(Code.CROSS_TENANT_ACCESS)
        if who.kind in _ANSWERS[audience] or (who.seeded and audience in {Audience.CLIENT, Audience.OPERATOR}):
            return None
        return Refusal(Code.SESSION_MISSING if who.kind is Kind.BROWSER else Code.CALLER_REFUSED)

    async def tenant(self, name: str) -> Tenant | None:
        """Return a tenant whose keys this process holds."""
        known = self._tenants.get(name)
        if known is None:
            known = await self._vault.read(self._scope, lambda tx: identities.tenant_named(tx, name))
            if known is None:
                return None
            if keys.missing(self._keyring, name):
                await self._learn()
            self._tenants[name] = known
        return known

    def cookie(self, who: Who) -> str:
        """Return the Set-Cookie value that lets a browser go on with what it began, "" for another caller."""
        if who.kind is not Kind.BROWSER:
            return ""
        scope = Scope(who.tenant, self._tenants[who.tenant].mode)
        return browser_cookie(self._keyring, self._secrets, scope, who.id)[1]

    async def _browser(self, headers: Headers, asked: str) -> Who | Refusal:
        name = named("tenant_node", asked) if asked else self._scope.tenant
        if name is None:
            return Refusal(Code.REQUEST_MALFORMED, ("tenant",))
        tenant = await self.tenant(name) if name else None
        if tenant is None:
            return Refusal(Code.CROSS_TENANT_ACCESS)
        known = browser_of(self._keyring, tenant.id, cookies_of(headers))
        return Who(Kind.BROWSER, tenant.id, known or new_id("pl", self._secrets))

    async def _client(self, text: str) -> Who | Refusal:
        found = await self._vault.read(self._scope, lambda tx: clients.find(tx, text))
        if found is None:
            return _TAMPERED
        return Who(Kind(found.kind), found.tenant, found.id, found.scopes)

    async def _session(self, text: str) -> Who | Refusal:
        known = await self._judge.recognise((wire.BEARER + text).encode("latin-1"))
        if isinstance(known, Refusal):
            return _TAMPERED
        session, key = known
        return Who(Kind.SESSION, key.tenant, session, key=key, commitment=wire.commitment(text), token=text)

    async def _seeded(self, body: dict[str, Any]) -> Who | Refusal:
        """Return the bearer of a fixture tenant's own word: of the tenant that is named, or the only seeded one."""
        asked = str(body.get("tenant") or "")
        every = await self._vault.read(self._scope, identities.list_tenants)
        fit = [
            one
            for one in every
            if one.seeded and one.mode is Mode.FIXTURE and (not asked or named("tenant_node", asked) == one.id)
        ]
        if len(fit) != 1 or await self.tenant(fit[0].id) is None:
            return _TAMPERED
        scope = Scope(fit[0].id, Mode.FIXTURE)
        session = await self._vault.read(scope, _fixture_session)
        commitment = wire.commitment(FIXTURE_WORD)
        return Who(Kind.SESSION, fit[0].id, session, commitment=commitment, seeded=True, token=FIXTURE_WORD)


def _fixture_session(tx: Tx) -> str:
    return refs.target(tx, "auth_session", _FIXTURE_SESSION) or ""
