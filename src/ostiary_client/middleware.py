"""ASGI middleware: every request of a service knows its caller, or that there is none (ASGI 3.0).

    app = Ostiary(app, service="default")

`scope["ostiary"]` is a Caller, or a Refused that says why not. Requests go on either way unless a rule says no:
`Ostiary(app, rules={"/admin": Rule(scopes={"admin.read"})})`, or `@requires(...)` on a handler of Starlette, FastAPI
or Litestar. The session's own cookies never reach the application, nor does any `Ostiary-*` header of the client but
`Ostiary-Presence`: with presence, it is `Ostiary(require_presence(…)(app))`. A rule holds however a router reads the
path: with doubled slashes, and after a `root_path`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from ostiary_client.authority import Authority, Key, place_of
from ostiary_client.caller import OURS, SESSION, Caller, Refused
from ostiary_client.headers import ORDINARY, Header, sort_out
from ostiary_client.rules import REALM, WORDS, PathRules, Rule, headers_of, requires

__all__ = ["Ostiary", "Rule", "requires"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class Ostiary:
    """See the module.

    `rules` are by path prefix, the longest that fits counts. `hosts` are those of the service's registration that this
    application is reached under, with a port where one stands there: only there is anybody let in, by the service
    cookie of that very host, never by the cookie of the authority's own host. `authority` replaces the one that
    `base`, `service` and `key` describe.
    """

    def __init__(
        self,
        app: _App,
        base: str = "http://127.0.0.1:8081",
        service: str = "default",
        key: str = "",
        *,
        rules: Mapping[str, Rule] | None = None,
        hosts: Collection[str] = (),
        authority: Authority | None = None,
    ) -> None:
        self._app, self._authority = app, authority or Authority(base, service, key)
        self._rules = PathRules(rules) if rules else None
        self._hosts = frozenset(host.lower().encode() for host in hosts)
        self._following: asyncio.Task[None] | None = None

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, self._closing(send))
            return
        # The usual request is answered here: one Cookie header, and no other that says anything of a session.
        kept: list[Header] = []
        keep, other = kept.append, None
        for header in scope["headers"]:
            if header[0] in ORDINARY:
                keep(header)
            else:
                other = header if other is None else _SEVERAL
        known = self._authority.repeated(other[1]) if other and other[0] == b"cookie" and not self._hosts else None
        inner = dict(scope)
        if known is None:
            inner["ostiary"], inner["headers"] = await self._asked(scope)
        else:
            if known.cookie:
                keep(known.cookie)
            inner["ostiary"], inner["headers"] = known.caller, kept
        broken = self._rules.broken_by(scope, inner["ostiary"]) if self._rules else None
        await (self._app(inner, receive, send) if broken is None else _answer(broken, scope, receive, send))

    async def _asked(self, scope: _Scope) -> tuple[Caller | Refused, list[Header]]:
        """Return who calls, and the headers that the application may see."""
        if self._following is None or self._following.done():
            self._following = asyncio.ensure_future(self._authority.follow())
        cookie, authorization, kept = sort_out(scope["headers"])
        shown = (cookie, authorization, _host(scope)) if self._hosts else (cookie, authorization)
        known = self._authority.repeated(place_of(shown))
        found = known.caller if known is not None else await self._found(scope, shown)
        return found, kept

    async def _found(self, scope: _Scope, shown: Key) -> Caller | Refused:
        more = {name: value for name, value in scope["headers"] if name in _TOLD}
        if self._hosts:
            if shown[2] not in self._hosts or SESSION in shown[0]:
                return Refused(401, REALM)
            more[b"x-forwarded-host"] = shown[2]
        if not any(name in shown[0] for name in OURS) and shown[1][:10].lower() != b"bearer v1.":
            return Refused(401, REALM)
        if scope.get("client"):
            hops = [*filter(None, [more.get(b"x-forwarded-for")]), scope["client"][0].encode()]
            more[b"x-forwarded-for"] = b", ".join(hops)
        return await self._authority.ask(shown, more)

    def _closing(self, send: _Send) -> _Send:
        async def sending(message: Any) -> None:  # noqa: ANN401 - an ASGI message
            if message["type"] == "lifespan.shutdown.complete":
                await self.close()
            await send(message)

        return sending

    async def close(self) -> None:
        """Let go of the feed and hang up; done by itself when the server ends the application's life."""
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        await self._authority.close()


_SEVERAL = b"", b""
_TOLD = frozenset({b"user-agent", b"x-forwarded-for"})


def _host(scope: _Scope) -> bytes:
    """Return the host that was asked; nothing that is registered where a request names several."""
    return b", ".join(value for name, value in scope["headers"] if name == b"host").lower()


async def _answer(refused: Refused, scope: _Scope, receive: _Receive, send: _Send) -> None:
    del receive
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in headers_of(refused).items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": WORDS[refused.status].encode() + b"\n"})
