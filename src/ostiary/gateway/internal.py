"""The internal listener: the check in front, then health, readiness, metrics and what else services ask."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ostiary.gateway.check import CHECK, Check
from ostiary.gateway.model import DEVICE_CHECK
from ostiary.kernel.errors import StoreUnavailable
from ostiary.web.problems import problem

__all__ = ["Internal"]

_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class Internal:
    """ASGI application of the internal listener.

    `ping` asks the store for a sign of life; `more` are other routes; `lease` tells whether memory is trusted now,
    where that needs a lease (PostgreSQL); `counted` are the answers of the whole server by status (else the check's).
    """

    def __init__(
        self,
        check: Check,
        ping: Callable[[], Awaitable[object]],
        more: Iterable[Route] = (),
        lease: Callable[[], bool] | None = None,
        counted: Callable[[], Mapping[int, int]] | None = None,
    ) -> None:
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
            ]
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Send checks straight to the check, everything else to the router; foreign hosts and pages nowhere."""
        if scope["type"] != "http":
            return self._rest(scope, receive, send)
        path = scope["path"]
        if path in self._usual or (path.startswith(f"{CHECK}/") and not _of_device(path)):
            return self._asked(scope, receive, send)
        _, refused = self._check.read(scope)
        return (problem(refused, "-") if refused else self._rest)(scope, receive, send)

    async def _healthz(self, request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def _readyz(self, request: Request) -> Response:
        try:
            await self._ping()
        except StoreUnavailable:
            return JSONResponse({"ready": False, "store": "unavailable"}, 503, {"retry-after": "1"})
        lease = {} if self._lease is None else {"lease": "held" if self._lease() else "lapsed"}
        return JSONResponse({"ready": True, "store": "ok", **lease})

    async def _metrics(self, request: Request) -> Response:
        return Response(generate_latest(self._registry), media_type=_METRICS)


def _of_device(path: str) -> bool:
    return path == DEVICE_CHECK or path.startswith(f"{DEVICE_CHECK}/")


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
