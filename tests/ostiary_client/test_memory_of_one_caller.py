"""What one person can make a service remember: a session is one caller, however its Cookie header is dressed."""

import math

import httpx2

from ostiary_client.authority import Authority
from tests.flows.browser import SESSION

HEADERS = {
    "ostiary-session": "browser",
    "ostiary-caller": "0" * 32,
    "ostiary-epoch": "1",
    "ostiary-expires": "9999999999",
    "ostiary-scopes": "-",
    "ostiary-disclosed": "-",
}


async def test_one_session_cannot_fill_the_memory_of_a_service():
    answers = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=HEADERS))
    authority = Authority(client=httpx2.AsyncClient(transport=answers, base_url="http://a.test"))
    authority.until, authority._again = math.inf, math.inf
    for number in range(200):
        for filling in ("x", "x" * 3900):
            await authority.ask((f"{SESSION}=v1.one; a={number:05}{filling}".encode(), b""), {})
    held = sum(map(len, authority.known))
    assert 0 < held < 20_000, "the newest few, and none that is long"
    assert authority.repeated(f"{SESSION}=v1.one; a=00199x".encode()) is not None
    assert authority.repeated(f"{SESSION}=v1.one; a=00000x".encode()) is None
    assert len(authority._names) == 1
    assert len(authority._names["0" * 32]) == len(authority.known)
    await authority.close()
