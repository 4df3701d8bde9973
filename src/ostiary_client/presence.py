"""`require_presence`: an ASGI application that is reached only with a fresh proof that the caller is here.

Needs the extra `ostiary[client]` (httpx2). Whatever goes wrong on the way to Ostiary, the application is not reached.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx2

from ostiary_client.caller import Caller, Refused
from ostiary_client.operations import Operation

__all__ = ["RequirePresence", "require_presence"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Describe = Callable[[Scope, bytes], Operation]

_LARGEST = 1 << 20
_ON_BEHALF = ("cookie", "authorization", "user-agent", "x-forwarded-for")
_NO_OPERATION = (LookupError, RecursionError, TypeError, ValueError)
_NOBODY = {401: "session_missing", 403: "scope_missing"}
_ASK_AGAIN = frozenset({"presence_required", "presence_refused"})
_WORDS = {
    400: ("Bad Request", "The request cannot be read."),
    401: ("Unauthorized", "This act needs a proof that you are here."),
    403: ("Forbidden", "The proof of presence was not accepted."),
    413: ("Content Too Large", "The request is too large."),
    503: ("Service Unavailable", "Presence cannot be checked just now."),
}


def require_presence(
    purpose: str,
    *,
    ostiary: httpx2.AsyncClient,
    page: str,
    describe: Describe | None = None,
    service: str = "default",
) -> Callable[[App], "RequirePresence"]:
    """Return a decorator for ASGI applications.

    `ostiary` reaches the internal listener (its `base_url`), `page` is where people prove presence
    (`https://id.example.test/presence`). A purpose that commits to an operation needs `describe`, which reads the
    operation off the request; where it finds none, what Python raises (ValueError, KeyError, TypeError) is a 400.
    """
    return lambda app: RequirePresence(app, purpose, ostiary, page, describe, service)


@dataclass(frozen=True)
class RequirePresence:
    """Consumes the receipt in the header `Ostiary-Presence`, then calls the application.

    Behind the middleware, `Ostiary(require_presence(…)(app))`, the caller is whom the middleware found. Else it is whom
    the request's cookie or token shows, compared with the reference of a proxy's check where there is one.

    It finds the proof (`factor`, `proved_at`, …) in `scope["ostiary.presence"]`. Without a good receipt the answer is
    401 or 403 in JSON; where asking the person helps, `presence.page` is the address to send them to, with
    `&return_to=` added.
    """

    app: App
    purpose: str
    ostiary: httpx2.AsyncClient
    page: str
    describe: Describe | None = None
    service: str = "default"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError("presence can be required of requests only")
        body = await _body(receive)
        if body is None:
            await _answer(send, 413, "request_too_large")
            return
        try:
            described = self.describe(scope, body) if self.describe else Operation("", "")
        except _NO_OPERATION:
            await _answer(send, 400, "operation_malformed")
            return
        known = scope.get("ostiary")
        if isinstance(known, Refused):
            await _answer(send, known.status, _NOBODY.get(known.status, "presence_unavailable"), {}, known.challenge)
            return
        status, told, challenge = await self._consume(scope, described)
        if status != httpx2.codes.OK:
            code = str(told.get("code", "presence_unavailable"))
            await _answer(send, status, code, self._asks(described) if code in _ASK_AGAIN else {}, challenge)
            return
        await self.app({**scope, "ostiary.presence": told}, _replay(body, receive), send)

    async def _consume(self, scope: Scope, described: Operation) -> tuple[int, dict[str, Any], str]:
        sent = {"purpose": self.purpose, "operation": described.digest, "says": described.says}
        caller, headers = _caller(scope)
        sent |= {"receipt": _header(scope, "ostiary-presence"), "caller": caller}
        try:
            answer = await self.ostiary.post(f"/presence/consume/{self.service}", json=sent, headers=headers)
            told = answer.json()
        except (httpx2.HTTPError, ValueError):
            return 503, {}, ""
        if not isinstance(told, dict) or answer.status_code not in {200, 400, 401, 403}:
            return 503, {}, ""
        return answer.status_code, told, answer.headers.get("www-authenticate", "")

    def _asks(self, described: Operation) -> dict[str, Any]:
        wanted = {"purpose": self.purpose}
        if described.digest:
            wanted |= {"operation": described.digest, "says": described.says}
        return {"presence": {"page": f"{self.page}?{urlencode(wanted)}", **wanted}}


def _caller(scope: Scope) -> tuple[str, list[tuple[bytes, bytes]]]:
    """Return the reference of who calls, "" where there is none, and what of the request shows it.

    Of whom the middleware found, nothing of the request itself says any more. Else the reference is that of the
    proxy's check; `-` is what a check says of nobody.
    """
    known = scope.get("ostiary")
    if isinstance(known, Caller):
        return known.reference, []
    shown = {name: _header(scope, name) for name in _ON_BEHALF}
    headers = [(name.encode(), value.encode("latin-1")) for name, value in shown.items() if value]
    return _header(scope, "ostiary-caller").strip("-"), headers


def _header(scope: Scope, wanted: str) -> str:
    pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]
    values = [value.decode("latin-1") for name, value in pairs if name.lower() == wanted.encode()]
    return ("; " if wanted == "cookie" else ", ").join(values)


async def _body(receive: Receive) -> bytes | None:
    """Read the whole body, None where it is too large or the client has gone."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > _LARGEST:
            return None
        if not message.get("more_body"):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


async def _answer(send: Send, status: int, code: str, more: dict[str, Any] | None = None, challenge: str = "") -> None:
    error, message = _WORDS[status]
    raw = json.dumps({"error": error, "message": message, "code": code, **(more or {})}).encode()
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    headers += [(b"content-length", str(len(raw)).encode())]
    headers += [(b"www-authenticate", challenge.encode("latin-1"))] if challenge else []
    headers += [(b"retry-after", b"1")] if status == httpx2.codes.SERVICE_UNAVAILABLE else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": raw})
