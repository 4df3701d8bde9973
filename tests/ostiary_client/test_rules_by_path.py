"""A rule by path holds however a router lets the path be spelled, and wherever the application is mounted."""

import asyncio

import fastapi
import litestar
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from ostiary_client.authority import Authority
from ostiary_client.middleware import Ostiary, Rule


class Nobody(Authority):
    """An authority that is never asked: no request here shows anything."""

    async def follow(self):
        await asyncio.sleep(3600)


@litestar.get("/admin/x")
async def secret() -> str:
    return "reached"


async def reached(request):
    return PlainTextResponse("reached")


def fast():
    made = fastapi.FastAPI()
    made.get("/admin/x")(lambda: "reached")
    return made


APPS = {
    "starlette": lambda: Starlette(routes=[Route("/admin/x", reached)]),
    "fastapi": fast,
    "litestar": lambda: litestar.Litestar([secret]),
}


async def asked(app, path, root_path=""):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"}
    scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": root_path, "state": {}}
    scope |= {"headers": [(b"host", b"app.example.test")], "client": ("127.0.0.1", 9), "server": ("127.0.0.1", 80)}
    await app(scope, receive, send)
    return b"".join(one.get("body", b"") for one in sent)


@pytest.mark.parametrize("name", APPS)
@pytest.mark.parametrize("path", ["/admin/x", "//admin/x", "/admin//x", "//admin//x", "/admin/x/", "/./admin/x"])
async def test_no_spelling_of_a_path_gets_round_its_rule(name, path):
    guard = Ostiary(APPS[name](), authority=Nobody(client=None), rules={"/admin": Rule()})
    assert b"reached" not in await asked(guard, path)
    guard._following.cancel()


@pytest.mark.parametrize("name", APPS)
async def test_a_rule_holds_behind_a_root_path(name):
    """What a server is told by `--root-path /app` (uvicorn puts it before the path, as ASGI wants it)."""
    guard = Ostiary(APPS[name](), authority=Nobody(client=None), rules={"/admin": Rule()})
    assert b"reached" not in await asked(guard, "/app/admin/x", "/app")
    guard._following.cancel()


async def test_a_rule_holds_in_an_application_that_is_mounted():
    guard = Ostiary(APPS["starlette"](), authority=Nobody(client=None), rules={"/admin": Rule()})
    assert b"reached" not in await asked(Starlette(routes=[Mount("/app", guard)]), "/app/admin/x")
    guard._following.cancel()
