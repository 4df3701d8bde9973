"""Routes of the internal listener: what they are given is read in one way, and their faults are answered in one way."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Refusal
from ostiary.web.decode import decode_body, parse_json
from ostiary.web.device import device_fault, device_problem, speaks_device
from ostiary.web.door import read_body
from ostiary.web.problems import internal_fault, unable, unavailable

__all__ = ["given", "guarded"]

T = TypeVar("T")

_PATIENCE_S = 10.0
_LOG = structlog.get_logger("ostiary.internal")


Answer = Callable[[Request], Awaitable[Response]]


def guarded(
    path: str, answer: Answer, methods: Sequence[str] = ("GET",), done: Callable[[Response], None] = lambda _: None
) -> Route:
    """Return a route: a store that cannot answer is 503, whatever else broke is 500 and stands in our own log only.

    Both are said in the dialect of the path. `done` is shown each answer, those two too, before it leaves.
    """
    return Route(path, partial(_shown, answer, done), methods=list(methods))


async def given(request: Request, wanted: type[T]) -> T | Refusal:
    """Return the struct that a request's body is, or the refusal of one that is none."""
    raw = await read_body(request, _PATIENCE_S)
    value = raw if isinstance(raw, Refusal) else parse_json(raw, request.headers.get("content-type", ""))
    decoded: T | Refusal = decode_body(value, wanted)
    return decoded


async def _shown(answer: Answer, done: Callable[[Response], None], request: Request) -> Response:
    made = await _caught(answer, request)
    done(made)
    return made


async def _caught(answer: Answer, request: Request) -> Response:
    path = request.url.path
    try:
        return await answer(request)
    except StoreUnavailable as fault:
        return device_problem(unable(fault, path=path)) if speaks_device(path) else unavailable("-", fault.retry_after)
    except ClientDisconnect:
        return Response(status_code=400)
    except Exception:  # noqa: BLE001 - whatever broke, whoever asked learns nothing
        _LOG.exception("internal_route_broke", path=path)
        return device_fault() if speaks_device(path) else internal_fault("-")
