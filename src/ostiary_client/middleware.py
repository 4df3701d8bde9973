"""ASGI middleware: every request of a service knows its caller, or that there is none (ASGI 3.0).

    app = Ostiary(app, service="default")

`scope["ostiary"]` is a Caller, or a Refused that says why not. Requests go on either way unless a rule says no:
`Ostiary(app, rules={"/admin": Rule(scopes={"admin.read"})})`, or `@requires(...)` on a handler of Starlette, FastAPI
or Litestar. The session's own cookies never reach the application, nor does any `Ostiary-*` header of the client.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from typing import Any

from ostiary_client.authority import Authority
from ostiary_client.caller import OURS, Caller, Refused, without_ours
from ostiary_client.rules import REALM, WORDS, Rule, headers_of, requires

__all__ = ["Ostiary", "Rule", "requires"]

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[Any]]
_Send = Callable[[Any], Awaitable[None]]
_App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]


class Ostiary:
    """See the module.

    `rules` are by path prefix, the longest that fits counts. `authority` replaces the one that `base`, `service` and
    `key` describe.
    """

    def __init__(
        self,
        app: _App,
        base: str = "http://127.0.0.1:8081",
        service: str = "default",
        key: str = "",
        *,
        rules: Mapping[str, Rule] | None = None,
        authority: Authority | None = None,
    ) -> None:
        self._app, self._authority = app, authority or Authority(base, service, key)
        self._rules = sorted((rules or {}).items(), key=lambda one: len(one[0]), reverse=True)
        self._following: asyncio.Task[None] | None = None

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Answer one connection."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, self._closing(send))
            return
        if self._following is None or self._following.done():
            self._following = asyncio.ensure_future(self._authority.follow())
        cookie = authorization = b""
        kept = []
        for header in scope["headers"]:
            name = header[0]
            if name == b"cookie":
                cookie = cookie + b"; " + header[1] if cookie else header[1]
            elif name == b"authorization":
                authorization = authorization + b", " + header[1] if authorization else header[1]
                kept.append(header)
            elif name[:7] != b"ostiary":
                kept.append(header)
        known = self._authority.repeated((cookie, authorization))
        found: Caller | Refused
        if known is not None:
            found, rest = known.caller, known.cookie
        else:
            found, rest = await self._found(scope, cookie, authorization), without_ours(cookie)
        if rest:
            kept.append((b"cookie", rest))
        inner = {**scope, "headers": kept, "ostiary": found}
        broken = self._broken(scope["path"], found) if self._rules else None
        await (self._app(inner, receive, send) if broken is None else _answer(broken, scope, receive, send))

    async def _found(self, scope: _Scope, cookie: bytes, authorization: bytes) -> Caller | Refused:
        if not any(name in cookie for name in OURS) and authorization[:10].lower() != b"bearer v1.":
            return Refused(401, REALM)
        more = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"] if name in _TOLD}
        if scope.get("client"):
            hops = [*filter(None, [more.get("x-forwarded-for")]), scope["client"][0]]
            more["x-forwarded-for"] = ", ".join(hops)
        return await self._authority.ask((cookie, authorization), more)

    def _broken(self, path: str, found: Caller | Refused) -> Refused | None:
        for prefix, rule in self._rules:
            if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                return rule.broken_by(found)
        return None

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


_TOLD = frozenset({b"user-agent", b"x-forwarded-for"})


async def _answer(refused: Refused, scope: _Scope, receive: _Receive, send: _Send) -> None:
    del receive
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    headers += [(name.encode(), value.encode("latin-1")) for name, value in headers_of(refused).items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": WORDS[refused.status].encode() + b"\n"})
