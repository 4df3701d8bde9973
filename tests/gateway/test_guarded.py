"""Whatever breaks on a route of the internal listener, the answer says nothing of it."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect

from ostiary.gateway.guarded import guarded
from ostiary.kernel.errors import StoreUnavailable
from tests.login.gatehouse import call


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (StoreUnavailable("secret words", retry_after=7), 503, "store_unavailable"),
        (RuntimeError("secret words"), 500, "internal_error"),
        (ClientDisconnect(), 400, None),
    ],
)
def test_a_fault_is_answered_and_tells_nothing(fault, status, code):
    async def answer(request):
        raise fault

    application = Starlette(routes=[guarded("/x", answer, ("POST",))])
    told = asyncio.run(call(application, "POST", "/x", b"", {"host": "localhost"}))
    assert told.status == status
    assert b"secret" not in told.body
    if code:
        assert told.code == code
    if status == 503:
        assert told.header("retry-after") == "7"
    assert asyncio.run(call(application, "GET", "/x", b"", {"host": "localhost"})).status == 405


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (StoreUnavailable("secret words", retry_after=7), 503, "service_unavailable"),
        (RuntimeError("secret words"), 500, "internal_error"),
    ],
)
def test_a_fault_is_answered_in_the_dialect_of_its_path(fault, status, code):
    async def answer(request):
        raise fault

    application = Starlette(routes=[guarded("/api/v1/internal/x", answer)])
    told = asyncio.run(call(application, "GET", "/api/v1/internal/x", b"", {"host": "localhost"}))
    assert (told.status, told.code, set(told.json)) == (status, code, {"error"})
    assert b"secret" not in told.body


def test_every_route_that_asks_the_store_stands_behind_it(home):
    names = {"/feed", "/presence/consume", "/presence/consume/{service}", "/api/v1/receipts/head"}
    names |= {"/api/v1/receipts/proof", "/api/v1/receipts/consistency", "/check/device", "/check/device/{service}"}
    routes = {route.path: route.endpoint for route in home.application.internal._rest.routes}
    behind = {path for path, endpoint in routes.items() if getattr(endpoint, "func", None).__class__ is not type(None)}
    devices = {path for path in routes if path.startswith("/api/v1/internal/")}
    pages = {path for path in routes if path.startswith(("/dev/", "/static/"))}
    assert behind == names | devices
    assert len(devices) == 5
    assert set(routes) - behind == {"/healthz", "/readyz", "/metrics"} | pages
