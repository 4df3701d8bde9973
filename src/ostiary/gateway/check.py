"""The check: "is this session alive?", asked by proxies and services on every request (rulings 11, 12, 14, 16).

A raw ASGI application: no framework object is made here. Any method, any suffix and any query are accepted;
what a service may learn comes from its registration, never from the request.
"""

from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from ostiary.gateway.model import HEADERS, SERVICES, GatewaySettings, no_caller
from ostiary.invocation.references import caller_epoch, caller_reference
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.sessions.guard import binding_broken, presented
from ostiary.sessions.liveness import Entry, Liveness
from ostiary.sessions.model import SessionSettings
from ostiary.sessions.service import keyed_hash
from ostiary.web.address import Network, client_address, counted_as
from ostiary.web.problems import problem

__all__ = ["Check", "CheckRules"]

_EMPTY: dict[str, Any] = {"type": "http.response.body", "body": b""}
_REFUSED_HEADERS = frozenset({b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"sec-fetch-user"})
_PATH = "/check"
_MOST_HOSTS = 1000


class CheckRules(msgspec.Struct, frozen=True):
    """What a check depends on besides the session."""

    keyring: Keyring
    sessions: SessionSettings
    gateway: GatewaySettings
    trusted: tuple[Network, ...]


class Check:
    """ASGI application of `/check` and `/check/{service}`. `counts` are answers so far, by status."""

    def __init__(self, liveness: Liveness, rules: CheckRules) -> None:
        self._liveness, self._rules = liveness, rules
        self._bound = rules.sessions.bind_address or rules.sessions.bind_agent
        self._hosts: dict[bytes, bool] = {}
        self.counts = {200: 0, 401: 0, 403: 0, 503: 0}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one check."""
        del receive
        try:
            service, cookie, refused = self._read(scope)
            found = refused or await self._look(scope, cookie)
            if isinstance(found, Refusal):
                await self._refuse(send, found)
                return
            self._liveness.slide(found)
            self.counts[200] += 1
            await send(found.headers.get(service) or self._prepare(found, service))
            await send(_EMPTY)
        except StoreUnavailable as fault:
            await self._refuse(send, Refusal(Code.STORE_UNAVAILABLE, retry_after=fault.retry_after))

    def _read(self, scope: Scope) -> tuple[str, bytes, Refusal | None]:
        """Read service and cookies off a request, or refuse it before anything is looked up."""
        cookie, host = b"", b""
        for name, value in scope["headers"]:
            if name == b"cookie":
                cookie = cookie + b"; " + value if cookie else value
            elif name == b"host":
                host = value
            elif name in _REFUSED_HEADERS:
                return "", b"", Refusal(Code.ORIGIN_REFUSED)
        if not self._answers_for(host):
            return "", b"", Refusal(Code.HOST_REFUSED)
        service = scope["path"][len(_PATH) + 1 :].partition("/")[0] or "default"
        return service, cookie, None if service in SERVICES else Refusal(Code.SERVICE_UNKNOWN)

    def _answers_for(self, host: bytes) -> bool:
        known = self._hosts.get(host)
        if known is None:
            name = host.decode("latin-1").lower()
            name = name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]
            known = name in self._rules.gateway.hosts
            if len(self._hosts) < _MOST_HOSTS:
                self._hosts[host] = known
        return known

    async def _look(self, scope: Scope, cookie: bytes) -> Entry | Refusal:
        entry = await presented(self._liveness, cookie)
        if self._bound and isinstance(entry, Entry):
            session = entry.session
            caller = self._caller(scope, session.tenant)
            broken = binding_broken(self._rules.sessions, session.address_hash, session.agent_hash, caller)
            return entry if broken is None else Refusal(broken)
        return entry

    def _caller(self, scope: Scope, tenant: str) -> Caller:
        headers = scope["headers"]
        forwarded = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
        agents = [value.decode("latin-1") for name, value in headers if name == b"user-agent"]
        peer = scope["client"][0] if scope.get("client") else ""
        address = counted_as(client_address(peer, forwarded, self._rules.trusted))
        return Caller(
            address=keyed_hash(self._rules.keyring, tenant, "address", address),
            agent=keyed_hash(self._rules.keyring, tenant, "agent", agents[-1] if agents else ""),
        )

    def _prepare(self, entry: Entry, service: str) -> dict[str, Any]:
        session, service_scope = entry.session, SERVICES[service]
        key = self._rules.keyring.active(session.tenant, Purpose.CALLER).secret
        values = (
            session.kind,
            caller_reference(key, service_scope, session.id),
            str(caller_epoch(key, service_scope, session.id)),
            str(entry.hard // 1_000_000),
            "-",
            "-",
        )
        headers = [(name, value.encode("ascii")) for name, value in zip(HEADERS, values, strict=True)]
        made = {"type": "http.response.start", "status": 200, "headers": [*headers, (b"content-length", b"0")]}
        entry.headers[service] = made
        return made

    async def _refuse(self, send: Send, refusal: Refusal) -> None:
        made = problem(refusal, "-")
        self.counts[made.status_code] += 1
        headers = [*made.raw_headers, *no_caller()]
        await send({"type": "http.response.start", "status": made.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": made.body})
