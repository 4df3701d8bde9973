"""Bytes beyond ASCII in a header are no reason to keep a signed-in person out: browsers send cookies as UTF-8."""

import asyncio

import httpx2
import pytest

from ostiary_client.authority import Authority
from ostiary_client.caller import Caller
from ostiary_client.middleware import Ostiary
from tests.flows.browser import SESSION


@pytest.mark.parametrize(
    "header", [(b"cookie", "name=Zoë".encode()), (b"cookie", b"name=\xff"), (b"user-agent", "Lesegerät".encode())]
)
def test_a_living_session_is_let_in_whatever_else_is_sent(gatehouse, header):
    person = gatehouse.enrolled()
    cookie = f"{SESSION}={person.cookies[SESSION]}".encode()
    assert gatehouse.run(_found(gatehouse, [(b"cookie", cookie)])).__class__ is Caller
    found = gatehouse.run(_found(gatehouse, [(b"cookie", cookie), header]))
    assert isinstance(found, Caller), found


async def _found(gatehouse, headers):
    transport = httpx2.ASGITransport(app=gatehouse.application.internal)
    authority = Authority(client=httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081"))
    seen = {}

    async def app(scope, receive, send):
        seen.update(scope)

    middleware = Ostiary(app, authority=authority)
    middleware._following = asyncio.get_running_loop().create_future()  # no feed: every request is asked about
    await middleware({"type": "http", "path": "/", "headers": headers, "client": ("127.0.0.1", 9)}, None, None)
    return seen["ostiary"]
