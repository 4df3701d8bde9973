"""The internal listener: the check in front, then health, readiness, metrics and what else services ask."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ostiary.gateway.check import CHECK, Check
from ostiary.gateway.model import DEVICE_CHECK
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import StoreUnavailable
from ostiary.web.device import device_misrouted, device_problem, speaks_device
from ostiary.web.problems import problem

__all__ = ["Internal"]

_OWN_DOING = {b"none", b"same-origin"}
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Projected(Protocol):
    """How the projection stands: sessions that wait, the oldest for `age` microseconds; counts of this process."""

    @property
    def state(self) -> str: ...
    @property
    def waiting(self) -> int: ...
    @property
    def age(self) -> int: ...
    @property
    def published(self) -> int: ...
    @property
    def failures(self) -> int: ...


class Internal:
    """ASGI application of the internal listener.

    `ping` asks the store for a sign of life; `more` are other routes; `lease` tells whether memory is trusted now,
    where that needs a lease (PostgreSQL); `counted` are the answers of the whole server by status (else the check's);
    `projection` tells how the projection stands, where there is one; `pages` begin the paths that a person may open in
    a browser of their own.
    """

    def __init__(
        self,
        check: Check,
        ping: Callable[[], Awaitable[object]],
        more: Iterable[Route] = (),
        lease: Callable[[], bool] | None = None,
        counted: Callable[[], Mapping[int, int]] | None = None,
        projection: Callable[[], Awaitable[Projected]] | None = None,
        pages: tuple[str, ...] = (),
    ) -> None:
        self._projection, self._pages = projection, pages
        self._lease = lease
        self._check, self._asked, self._usual, self._ping = check, check.__call__, check.usual, ping
        self._registry = CollectorRegistry()
        self._registry.register(_Checks(counted or (lambda: check.counts)))
        self._rest: ASGIApp = Starlette(
            routes=[
                Route("/healthz", self._healthz),
                Route("/readyz", self._readyz),
                Route("/metrics", self._metrics),
                *more,
            ],
            exception_handlers={HTTPException: _misrouted},
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Send checks straight to the check, everything else to the router; foreign hosts and pages nowhere."""
        if scope["type"] != "http":
            return self._rest(scope, receive, send)
        path = scope["path"]
        if path in self._usual or (path.startswith(f"{CHECK}/") and not _of_device(path)):
            return self._asked(scope, receive, send)
        typed = self._pages and path.startswith(self._pages) and scope["method"] == "GET"
        _, refused = self._check.read(_as_typed(scope) if typed else scope)
        if refused is None:
            return self._rest(scope, receive, send)
        return (device_problem(refused) if speaks_device(path) else problem(refused, "-"))(scope, receive, send)

    async def _healthz(self, request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def _readyz(self, request: Request) -> Response:
        try:
            await self._ping()
            projected = await self._projection() if self._projection else None
        except StoreUnavailable:
            return JSONResponse({"ready": False, "store": "unavailable"}, 503, {"retry-after": "1"})
        lease = {} if self._lease is None else {"lease": "held" if self._lease() else "lapsed"}
        more = {"projection": projected.state, "projection_waiting": projected.waiting} if projected else {}
        return JSONResponse({"ready": True, "store": "ok", **lease, **more})

    async def _metrics(self, request: Request) -> Response:
        told = generate_latest(self._registry)
        if self._projection is not None:
            with suppress(StoreUnavailable):  # the other numbers are true all the same
                told += generate_latest(_Projection(await self._projection()))
        return Response(told, media_type=_METRICS)


async def _misrouted(request: Request, fault: Exception) -> Response:
    """Answer for an address or a method that is not there, in the dialect of what stands near."""
    status, detail, headers = 404, "", {}
    if isinstance(fault, HTTPException):
        status, detail, headers = fault.status_code, fault.detail, dict(fault.headers or {})
    if speaks_device(request.url.path):
        return device_misrouted(status, headers)
    return PlainTextResponse(detail, status, headers)


def _of_device(path: str) -> bool:
    return path == DEVICE_CHECK or path.startswith(f"{DEVICE_CHECK}/")


def _as_typed(scope: Scope) -> Scope:
    """Leave out what a browser says of itself, where the person or one of our pages went there; never another's page.

    W3C Fetch Metadata: `none` is the person's own doing.
    """
    headers = scope["headers"]
    if not {value for name, value in headers if name == b"sec-fetch-site"} <= _OWN_DOING:
        return scope
    return {**scope, "headers": [(name, value) for name, value in headers if not name.startswith(b"sec-fetch-")]}


class _Checks(Collector):
    """Reads the check's counters when somebody asks; the check itself never touches a metrics library."""

    def __init__(self, counted: Callable[[], Mapping[int, int]]) -> None:
        self._counted = counted

    def collect(self) -> Iterable[Metric]:
        """Yield one counter, by status."""
        family = CounterMetricFamily("ostiary_checks", "Answers to the session check.", labels=["status"])
        for status, count in self._counted().items():
            family.add_metric([str(status)], count)
        yield family


class _Projection(Collector):
    """What is known of the projection at this moment."""

    def __init__(self, projected: Projected) -> None:
        self._projected = projected

    def collect(self) -> Iterable[Metric]:
        """Yield what waits and what was done, each as one number."""
        known, name = self._projected, "ostiary_projection"
        gauges = (
            ("waiting", "Device sessions that gateways have not been told of.", known.waiting),
            ("oldest_seconds", "For how long the oldest of them has waited.", known.age / SECOND),
            ("up", "Whether Redis takes what it is given.", known.state != "unavailable"),
        )
        for metric, meaning, value in gauges:
            yield GaugeMetricFamily(f"{name}_{metric}", meaning, value)
        yield CounterMetricFamily(f"{name}_published", "Sessions published by this process.", known.published)
        yield CounterMetricFamily(f"{name}_failures", "Times that Redis failed this process.", known.failures)
