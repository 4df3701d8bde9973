"""Routes of the internal listener whose faults are answered in one way: whatever broke, nobody learns of it."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.kernel.errors import StoreUnavailable
from ostiary.web.problems import internal_fault, unavailable

__all__ = ["guarded"]

_LOG = structlog.get_logger("ostiary.internal")


def guarded(path: str, answer: Callable[[Request], Awaitable[Response]], methods: Sequence[str] = ("GET",)) -> Route:
    """Return a route: a store that cannot answer is 503, whatever else broke is 500 and stands in our own log only."""
    return Route(path, partial(_caught, answer), methods=list(methods))


async def _caught(answer: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    try:
        return await answer(request)
    except StoreUnavailable as fault:
        return unavailable("-", fault.retry_after)
    except ClientDisconnect:
        return Response(status_code=400)
    except Exception:  # noqa: BLE001 - whatever broke, whoever asked learns nothing
        _LOG.exception("internal_route_broke", path=request.url.path)
        return internal_fault("-")
