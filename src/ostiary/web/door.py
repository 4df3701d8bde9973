"""The door in front of every operation: limits, origin, guard, decoding; and its envelope on the way out."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec
import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Scope
from ostiary.web.decode import clean, decode_body, decode_query, malformed, parse_json
from ostiary.web.device import device_fault, device_problem
from ostiary.web.front import REQUEST_ID
from ostiary.web.operation import Dialect, Exchange, Operation, Record, Reply
from ostiary.web.problems import internal_fault, problem, unable

__all__ = ["Admitted", "Door", "Guard", "Knock", "Recorder", "knock_of", "read_body", "same_origin"]

_LARGEST = 65_536
_OUR_SITE = {"same-origin", "none"}
_LOG = structlog.get_logger("ostiary.door")


class Knock(msgspec.Struct, frozen=True):
    """What the guard is shown of a request. `covered` is what the request digest covers."""

    operation: Operation
    scope: Scope
    request_id: str
    peer: str
    headers: Headers
    covered: bytes


class Admitted(msgspec.Struct, frozen=True):
    """What the guard found: who calls, the living session (if any), the pre-login browser id (or "")."""

    caller: Caller
    session: Any = None
    browser: str = ""


class Guard(Protocol):
    """Decides who stands at the door. Handed in by app; the door knows no session."""

    def identify(self, knock: Knock) -> Caller:
        """Say what can be said of anybody: keyed hashes and the request digest."""

    async def admit(self, knock: Knock, caller: Caller) -> Admitted | Refusal:
        """Let in, or refuse."""

    def succeeded(self, admitted: Admitted) -> None:
        """Hear that the operation ended well (the idle time slides)."""


class Recorder(Protocol):
    """Takes the refusals that no use case has recorded."""

    async def refused(self, scope: Scope, event: EventName, caller: Caller, refusal: Refusal) -> Refusal:
        """Leave a receipt and return the refusal with it, or count it when they come in floods."""


class Door(msgspec.Struct, frozen=True):
    """Turns operations into routes.

    `origin` is the public origin, e.g. `https://id.example.test`; `patience` is how many seconds a body may take.
    The id of a request is the one that `web.front` gave it.
    """

    origin: str
    scope: Scope
    guard: Guard
    recorder: Recorder
    patience: float = 10.0

    def routes(self, operations: Iterable[Operation]) -> list[Route]:
        """Return one route per path, so that a wrong method hears all the right ones (RFC 9110 section 10.2.1)."""
        tables: dict[str, dict[str, Operation]] = {}
        for operation in operations:
            tables.setdefault(operation.path, {})[operation.method] = operation
        return [self._route(path, table) for path, table in tables.items()]

    def _route(self, path: str, table: Mapping[str, Operation]) -> Route:
        async def endpoint(request: Request) -> Response:
            asked = "GET" if request.method == "HEAD" else request.method
            if asked not in table:
                return _not_allowed(table)
            return await self._caught(table[asked], request)

        if all(operation.dialect is Dialect.DEVICE for operation in table.values()):
            return Route(path, _AnyMethod(endpoint))
        return Route(path, endpoint, methods=list(table))

    async def _caught(self, operation: Operation, request: Request) -> Response:
        request_id = str(request.scope.get(REQUEST_ID, "-"))
        try:
            return await self._pass(operation, request, request_id)
        except StoreUnavailable as fault:
            return _refused(operation, unable(fault, operation=operation.name, request_id=request_id), request_id)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:  # noqa: BLE001 - whatever broke, the caller learns nothing but a request id
            _LOG.exception("internal_fault", operation=operation.name, request_id=request_id)
            return device_fault() if operation.dialect is Dialect.DEVICE else internal_fault(request_id)

    async def _pass(self, operation: Operation, request: Request, request_id: str) -> Response:
        raw = await read_body(request, self.patience)
        value = None
        if operation.request is not None and isinstance(raw, bytes):
            value = parse_json(raw, request.headers.get("content-type", ""))
        knock = knock_of(operation, self.scope, request_id, request, value)
        caller = self.guard.identify(knock)
        admitted = raw if isinstance(raw, Refusal) else await self._admit(knock, caller)
        outcome = admitted if isinstance(admitted, Refusal) else await self._serve(knock, admitted, request, value)
        if not isinstance(outcome, Refusal):
            return outcome
        if not outcome.receipt and operation.record is not Record.NEVER:
            known = caller if isinstance(admitted, Refusal) else admitted.caller
            await self.recorder.refused(self.scope, operation.event, known, outcome)
        return _refused(operation, outcome, request_id)

    async def _admit(self, knock: Knock, caller: Caller) -> Admitted | Refusal:
        if knock.operation.unsafe and not same_origin(knock.headers, self.origin):
            return Refusal(Code.ORIGIN_REFUSED)
        return await self.guard.admit(knock, caller)

    async def _serve(self, knock: Knock, admitted: Admitted, request: Request, value: Any) -> Response | Refusal:  # noqa: ANN401 - any JSON value
        operation = knock.operation
        if not all(map(clean, request.path_params.values())):
            return malformed("bad_path")
        body = decode_body(value, operation.request) if operation.request is not None else None
        if isinstance(body, Refusal):
            return body
        query = decode_query(request.scope["query_string"], operation.query) if operation.query is not None else None
        if isinstance(query, Refusal):
            return query
        answer = await operation.handler(_exchange(knock, admitted, request, body, query))
        if isinstance(answer, Refusal):
            return answer
        self.guard.succeeded(admitted)
        return _answer(operation, answer)


class _AnyMethod:
    """ASGI application of one path that takes every method: a wrong one is refused in the path's own dialect."""

    def __init__(self, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        answer = await self._endpoint(Request(scope, receive))
        await answer(scope, receive, send)


def _not_allowed(table: Mapping[str, Operation]) -> Response:
    made = device_problem(Refusal(Code.METHOD_NOT_ALLOWED))
    made.headers["allow"] = ", ".join(table)
    return made


def same_origin(headers: Headers, origin: str) -> bool:
    """Tell whether an unsafe request comes from our own page, or from no browser at all.

    Origin, where sent, must be ours; Sec-Fetch-Site, where sent, must be `same-origin` (W3C Fetch Metadata), or
    `none`: the person's own doing.
    """
    return set(headers.getlist("origin")) <= {origin} and set(headers.getlist("sec-fetch-site")) <= _OUR_SITE


async def read_body(request: Request, patience: float) -> bytes | Refusal:
    """Read a body as far as it is wanted. What is declared too large is not read at all."""
    declared = request.headers.get("content-length", "0").lstrip("0") or "0"
    if not declared.isdecimal():
        return malformed("bad_content_length")
    if len(declared) > len(str(_LARGEST)) or int(declared) > _LARGEST:
        return Refusal(Code.REQUEST_TOO_LARGE)
    body = bytearray()
    try:
        async with asyncio.timeout(patience):
            async for chunk in request.stream():
                body += chunk
                if len(body) > _LARGEST:
                    return Refusal(Code.REQUEST_TOO_LARGE)
    except TimeoutError:
        return Refusal(Code.REQUEST_TOO_SLOW)
    return bytes(body)


def knock_of(operation: Operation, scope: Scope, request_id: str, request: Request, value: Any) -> Knock:  # noqa: ANN401 - any JSON value
    """Return what the guard is shown of a request; secrets are not covered by its digest (ruling 19)."""
    kept = {k: v for k, v in value.items() if k not in operation.secrets} if isinstance(value, dict) else None
    query = request.scope["query_string"].decode("latin-1")
    return Knock(
        operation=operation,
        scope=scope,
        request_id=request_id,
        peer=request.client.host if request.client else "",
        headers=request.headers,
        covered=msgspec.json.encode(
            (operation.name, operation.method, request.scope["path"], query, kept), order="sorted"
        ),
    )


def _refused(operation: Operation, refusal: Refusal, request_id: str) -> Response:
    """Answer a refusal in the dialect of its operation (ruling 56)."""
    return device_problem(refusal) if operation.dialect is Dialect.DEVICE else problem(refusal, request_id)


def _exchange(knock: Knock, admitted: Admitted, request: Request, body: Any, query: Any) -> Exchange:  # noqa: ANN401 - declared structs
    return Exchange(
        scope=knock.scope,
        caller=admitted.caller,
        body=body,
        query=query,
        path=request.path_params,
        headers=request.headers,
        browser=admitted.browser,
        agent=request.headers.get("user-agent", ""),
        session=admitted.session,
    )


def _answer(operation: Operation, reply: Reply) -> Response:
    headers = {"cache-control": "no-store"}
    if reply.body is None:
        made = Response(status_code=operation.status, headers=headers)
    else:
        made = Response(msgspec.json.encode(reply.body), operation.status, headers, media_type="application/json")
    for cookie in reply.cookies:
        made.headers.append("set-cookie", cookie)
    return made
