"""The check: "is this session alive?", asked by proxies and services on every request (rulings 11, 12, 14, 16).

A raw ASGI application: no framework object is made here. Any method, any suffix and any query are accepted;
what a service may learn comes from its registration, never from the request.
"""

import msgspec
import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ostiary.gateway.counts import STATUSES
from ostiary.gateway.model import DISCLOSE, FORWARDED_HOST, SERVICE_KEY, GatewaySettings, no_caller
from ostiary.gateway.passes import Passes
from ostiary.gateway.teller import Teller, Wanted, wanted
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.keys.keyring import Keyring
from ostiary.services.model import DEFAULT, Service
from ostiary.sessions.guard import binding_broken, hashed, presented
from ostiary.sessions.liveness import Answer, Entry, Glance, Liveness
from ostiary.sessions.model import SessionSettings
from ostiary.web.address import Network
from ostiary.web.cookies import SERVICE, SESSION, Twice, find_cookie
from ostiary.web.problems import internal_fault, problem

__all__ = ["CHECK", "Check", "CheckRules"]

CHECK = "/check"
"""The path of the check; a service's name may follow."""

_PLAIN = (CHECK, f"{CHECK}/{DEFAULT.name}")
_EMPTY: Message = {"type": "http.response.body", "body": b""}
_REFUSED_HEADERS = frozenset({b"origin", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"sec-fetch-user"})
_TELLING = _REFUSED_HEADERS | {b"authorization", b"cookie", b"host", DISCLOSE, SERVICE_KEY}
_PAIR = f"{SESSION}=".encode()
_SERVICE_PAIR = f"{SERVICE}=".encode()
_SEVERAL_COOKIES = Refusal(Code.SESSION_INVALID, ("session_cookie_twice",))
_MOST_HOSTS = _MOST_PATHS = 1000
_LONGEST = 1024
"""The longest Cookie header for which an answer is prepared, so that its size times the cache's bounds the memory."""

_NO_FACTS: frozenset[str] = frozenset()
_SEVERAL = b"several hosts"
_LOG = structlog.get_logger("ostiary.check")


class CheckRules(msgspec.Struct, frozen=True):
    """What a check depends on besides the session."""

    keyring: Keyring
    sessions: SessionSettings
    gateway: GatewaySettings
    trusted: tuple[Network, ...]
    teller: Teller
    passes: Passes


class Check:
    """ASGI application of `/check` and `/check/{service}`. `counts` are answers so far, by status."""

    def __init__(self, liveness: Liveness, rules: CheckRules) -> None:
        self._liveness, self._rules, self._look = liveness, rules, liveness.look
        self._teller = rules.teller
        self._bound = rules.sessions.bind_address or rules.sessions.bind_agent
        self._hosts: dict[bytes, bool] = {}
        self._known: dict[str, dict[bytes, Glance]] = {path: {} for path in _PLAIN}
        self.usual = self._known.keys()
        self.counts = dict.fromkeys(STATUSES, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one check. Whatever breaks, the answer names nobody.

        The usual request is answered in this one function, because a call costs a fiftieth of a whole answer
        (decision 4): one Cookie header, as whole bytes, under which an answer was prepared, a known Host, no
        refused header. It says yes to nothing that the long way would refuse. Everything else goes the long way.
        """
        del receive
        cookie = host = b""
        body = _EMPTY
        try:
            known = self._known.get(scope["path"])
            for name, value in scope["headers"]:
                if name in _TELLING:
                    if name == b"cookie" and not cookie:
                        cookie = value
                    elif name == b"host" and not host:
                        host = value
                    else:
                        host = _SEVERAL
            now = self._look()
            glance = known.get(cookie) if known is not None else None
            if glance is not None and now < glance.until and self._hosts.get(host):
                self.counts[200] += 1
                start = glance.answer
            elif (
                cookie.rfind(_PAIR) == 0
                and _SERVICE_PAIR not in cookie
                and known is not None
                and self._hosts.get(host)
                and not self._bound
            ):
                start, body = self._at_once(scope["path"], known, cookie) or await self._usual(
                    scope["path"], known, cookie
                )
            else:
                start, body = await self._judge(scope)
        except StoreUnavailable as fault:
            start, body = self._refuse(problem(Refusal(Code.STORE_UNAVAILABLE, retry_after=fault.retry_after), "-"))
        except Exception:  # noqa: BLE001 - a proxy needs an answer with every header, whatever broke
            _LOG.exception("check_broke")
            start, body = self._refuse(internal_fault("-"))
        await send(start)
        await send(body)

    def _at_once(self, path: str, known: dict[bytes, Glance], cookie: bytes) -> tuple[Answer, Message] | None:
        """Do as `_usual` for the default service, which nothing need be awaited for; None where it must be."""
        if path not in _PLAIN:
            return None
        value = _value(cookie)
        entry = self._liveness.peek(value)
        found = entry or self._liveness.read(value)
        if found is None:
            return None
        if isinstance(found, Refusal):
            return self._refuse(problem(found, "-"))
        if entry is not None:
            entry.used_again()
        start = self._teller.plain(found)
        if isinstance(start, Refusal):
            return self._refuse(problem(start, "-"))
        self._liveness.slide(found)
        self.counts[200] += 1
        if entry is not None:
            self._repeat(known, cookie, entry, start)
        return start, _EMPTY

    async def _usual(self, path: str, known: dict[bytes, Glance], cookie: bytes) -> tuple[Answer, Message]:
        """Answer for a Cookie header that begins with our cookie and names it once; prepare its next answer."""
        noted = self._liveness.cleared
        service = await self._teller.admit(Wanted(path[len(CHECK) + 1 :] or DEFAULT.name))
        if isinstance(service, Refusal):
            return self._refuse(problem(service, "-"))
        value = _value(cookie)
        entry = self._liveness.peek(value)
        if entry is not None:
            entry.used_again()
        answer = await self._told(entry or await self._liveness.ask(value), service, _NO_FACTS, noted)
        if entry is not None and noted == self._liveness.cleared and answer[1] is _EMPTY:
            self._repeat(known, cookie, entry, answer[0])
        return answer

    def _repeat(self, known: dict[bytes, Glance], cookie: bytes, entry: Entry, start: Answer) -> None:
        """Let an answer be repeated to whoever sends the same Cookie header."""
        glance = self._liveness.glance(entry, start) if len(cookie) <= _LONGEST else None
        if glance is not None:
            if len(known) >= self._rules.sessions.cache_size:
                known.clear()
            known[cookie] = glance

    async def _judge(self, scope: Scope) -> tuple[Answer, Message]:
        """Go the long way. The service is known, and let in, before anybody is named."""
        cookie, refused = self.read(scope)
        given = refused or wanted(scope, self._service(scope))
        if isinstance(given, Refusal):
            return self._refuse(problem(given, "-"))
        noted = self._liveness.cleared
        service = await self._teller.admit(given)
        if isinstance(service, Refusal):
            return self._refuse(problem(service, "-"))
        return await self._told(await self.look(scope, cookie, service), service, given.facts, noted)

    async def _told(
        self, found: Entry | Refusal, service: Service, facts: frozenset[str], noted: int
    ) -> tuple[Answer, Message]:
        if isinstance(found, Refusal):
            return self._refuse(problem(found, "-"))
        start = await self._teller.tell(found, service, facts, lambda: noted == self._liveness.cleared)
        if isinstance(start, Refusal):
            return self._refuse(problem(start, "-"))
        self._liveness.slide(found)
        self._learn(service)
        self.counts[200] += 1
        return start, _EMPTY

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
        return scope["path"][len(CHECK) + 1 :].partition("/")[0] or DEFAULT.name

    def _answers_for(self, host: bytes) -> bool:
        known = self._hosts.get(host)
        if known is None:
            name = host.decode("latin-1").lower()
            name = name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]
            known = name in self._rules.gateway.hosts
            if len(self._hosts) < _MOST_HOSTS:
                self._hosts[host] = known
        return known

    async def look(self, scope: Scope, cookie: bytes, service: Service) -> Entry | Refusal:
        """Return the living session of a request's cookies, bound to its client where that is switched on."""
        entry = await self._presented(scope, cookie, service)
        if not self._bound or isinstance(entry, Refusal):
            return entry
        rules, peer = self._rules, scope["client"][0] if scope.get("client") else ""
        caller = hashed(rules.keyring, rules.trusted, entry.session.tenant, peer, Headers(scope=scope))
        return binding_broken(rules.sessions, entry.session, caller) or entry

    async def _presented(self, scope: Scope, cookie: bytes, service: Service) -> Entry | Refusal:
        """Return the living session of a request: its own cookie's, or the parent of its service cookie."""
        try:
            given, own = find_cookie(cookie, _SERVICE_PAIR), find_cookie(cookie, _PAIR)
        except Twice:
            return _SEVERAL_COOKIES
        if given is None:
            tokens = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
            return await presented(self._liveness, cookie, tokens)
        if own is not None:
            return _SEVERAL_COOKIES
        hosts = [value for name, value in scope["headers"] if name == FORWARDED_HOST]
        parent = await self._rules.passes.parent(given, service, hosts)
        if isinstance(parent, Refusal):
            return parent
        return self._liveness.peek(parent) or await self._liveness.ask(parent)

    def _learn(self, service: Service) -> None:
        """Let the short way know the path of a service; what needs a key is found at no path."""
        if not service.requires_key and len(self._known) < _MOST_PATHS:
            self._known.setdefault(f"{CHECK}/{service.name}", {})

    def _refuse(self, made: Response) -> tuple[Answer, Message]:
        self.counts[made.status_code] += 1
        headers = [*made.raw_headers, *no_caller()]
        start: Answer = {"type": "http.response.start", "status": made.status_code, "headers": headers}
        return start, {"type": "http.response.body", "body": made.body}


def _value(cookie: bytes) -> bytes:
    """Return the value of the first cookie of a header that begins with ours."""
    return cookie[len(_PAIR) :].partition(b";")[0].strip(b" \t")
