"""The check: "is this session alive?", asked by proxies and services on every request (rulings 11, 12, 14, 16).

A raw ASGI application: no framework object is made here. Any method, any suffix and any query are accepted;
what a service may learn comes from its registration, never from the request.
"""

from functools import lru_cache
from typing import Any

import msgspec
import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ostiary.gateway.model import HEADERS, SERVICES, GatewaySettings, no_caller
from ostiary.invocation.references import caller_epoch, caller_reference
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.sessions.guard import binding_broken, hashed, presented
from ostiary.sessions.liveness import Entry, Liveness
from ostiary.sessions.model import SessionSettings
from ostiary.web.address import Network
from ostiary.web.cookies import SESSION
from ostiary.web.problems import internal_fault, problem

__all__ = ["Check", "CheckRules"]

_EMPTY: Message = {"type": "http.response.body", "body": b""}
_REFUSED_HEADERS = frozenset({b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"sec-fetch-user"})
_TELLING = _REFUSED_HEADERS | {b"cookie", b"host"}
_PAIR = f"{SESSION}=".encode()
_PATH = "/check"
_SERVICE_AT = {_PATH: "default"} | {f"{_PATH}/{service}": service for service in SERVICES}
_MOST_HOSTS = 1000
_SEVERAL = b"several hosts"
_KIND, _CALLER, _EPOCH, _EXPIRES, *_EMPTY_ONES = HEADERS
_NOTHING_MORE = (*((name, b"-") for name in _EMPTY_ONES), (b"content-length", b"0"))
_UNKNOWN = Refusal(Code.SERVICE_UNKNOWN)
_LOG = structlog.get_logger("ostiary.check")


class CheckRules(msgspec.Struct, frozen=True):
    """What a check depends on besides the session."""

    keyring: Keyring
    sessions: SessionSettings
    gateway: GatewaySettings
    trusted: tuple[Network, ...]


class Check:
    """ASGI application of `/check` and `/check/{service}`. `counts` are answers so far, by status."""

    def __init__(self, liveness: Liveness, rules: CheckRules) -> None:
        self._liveness, self._rules, self._glance = liveness, rules, liveness.glance
        self._bound = rules.sessions.bind_address or rules.sessions.bind_agent
        self._hosts: dict[bytes, bool] = {}
        self.counts = {200: 0, 401: 0, 403: 0, 500: 0, 503: 0}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one check. Whatever breaks, the answer names nobody.

        What memory knows is answered at a glance, in this one function, because a call costs a fiftieth of a
        whole answer (decision 4). The glance says yes to nothing that the long way would not: a known Host, one
        Cookie header that begins with our cookie and names it once, no refused header, no binding. Everything
        else goes the long way.
        """
        del receive
        cookie = host = b""
        start: Message | None = None
        body = _EMPTY
        try:
            for name, value in scope["headers"]:
                if name in _TELLING:
                    if name == b"cookie" and not cookie:
                        cookie = value
                    elif name == b"host" and not host:
                        host = value
                    else:
                        host = _SEVERAL
            if self._hosts.get(host) and cookie.rfind(_PAIR) == 0 and not self._bound:
                entry = self._glance(cookie[len(_PAIR) :].partition(b";")[0])
                if entry is not None:
                    start = entry.headers.get(_SERVICE_AT.get(scope["path"], ""))
            if start is None:
                start, body = await self._judge(scope)
            else:
                self.counts[200] += 1
        except StoreUnavailable as fault:
            start, body = self._refuse(problem(Refusal(Code.STORE_UNAVAILABLE, retry_after=fault.retry_after), "-"))
        except Exception:  # noqa: BLE001 - a proxy needs an answer with every header, whatever broke
            _LOG.exception("check_broke")
            start, body = self._refuse(internal_fault("-"))
        await send(start)
        await send(body)

    async def _judge(self, scope: Scope) -> tuple[Message, Message]:
        """Go the long way."""
        service, (cookie, refused) = self._service(scope), self.read(scope)
        refused = refused or (None if service in SERVICES else _UNKNOWN)
        return self._answer(refused or await self._look(scope, cookie), service)

    def read(self, scope: Scope) -> tuple[bytes, Refusal | None]:
        """Read the cookies off a request of the internal listener, and whether it is refused at the threshold."""
        cookie, host = b"", b""
        for name, value in scope["headers"]:
            if name == b"cookie":
                cookie = cookie + b"; " + value if cookie else value
            elif name == b"host":
                host = _SEVERAL if host else value
            elif name in _REFUSED_HEADERS:
                return b"", Refusal(Code.ORIGIN_REFUSED)
        return cookie, None if self._answers_for(host) else Refusal(Code.HOST_REFUSED)

    def _service(self, scope: Scope) -> str:
        return scope["path"][len(_PATH) + 1 :].partition("/")[0] or "default"

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
        tokens = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
        entry = await presented(self._liveness, cookie, tokens)
        if not self._bound or isinstance(entry, Refusal):
            return entry
        rules, peer = self._rules, scope["client"][0] if scope.get("client") else ""
        caller = hashed(rules.keyring, rules.trusted, entry.session.tenant, peer, Headers(scope=scope))
        return binding_broken(rules.sessions, entry.session, caller) or entry

    def _answer(self, found: Entry | Refusal, service: str) -> tuple[Message, Message]:
        if isinstance(found, Refusal):
            return self._refuse(problem(found, "-"))
        start = found.headers.get(service) or self._prepare(found, service)
        self._liveness.slide(found)
        self.counts[200] += 1
        return start, _EMPTY

    def _prepare(self, entry: Entry, service: str) -> dict[str, Any]:
        session, service_scope = entry.session, SERVICES[service]
        key = self._rules.keyring.active(session.tenant, Purpose.CALLER).secret
        headers = [
            _common(_KIND, session.kind),
            (_CALLER, caller_reference(key, service_scope, session.id).encode("ascii")),
            _common(_EPOCH, str(caller_epoch(key, service_scope))),
            (_EXPIRES, str(entry.hard // 1_000_000).encode("ascii")),
            *_NOTHING_MORE,
        ]
        made = {"type": "http.response.start", "status": 200, "headers": headers}
        entry.headers[service] = made
        return made

    def _refuse(self, made: Response) -> tuple[Message, Message]:
        self.counts[made.status_code] += 1
        headers = [*made.raw_headers, *no_caller()]
        start = {"type": "http.response.start", "status": made.status_code, "headers": headers}
        return start, {"type": "http.response.body", "body": made.body}


@lru_cache(maxsize=256)
def _common(name: bytes, value: str) -> tuple[bytes, bytes]:
    """Return a header that many sessions share, once for all of them: what is not touched need not be fetched."""
    return name, value.encode("ascii")
