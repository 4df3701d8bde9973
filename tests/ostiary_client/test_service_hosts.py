"""The middleware on hosts of its own: the service cookie of that very host opens it, and nothing else does."""

import asyncio

import httpx2
import pytest
from starlette.applications import Starlette

from ostiary_client.authority import Authority
from ostiary_client.middleware import Ostiary
from tests.flows.browser import SESSION
from tests.gateway.test_service_cookies import APP, OTHER, SERVICE, furnished, landed, pass_of
from tests.ostiary_client.test_middleware import ROUTES, TOLD
from tests.sessions.conftest import anywhere, home, homes

__all__ = ["anywhere", "home", "homes"]

SECOND = "second.example.test"


class Behind:
    """An application behind the middleware, asking an authority that is in this process too."""

    def __init__(self, home, service="app", hosts=(APP,), *, warm=False):
        inside = httpx2.ASGITransport(home.application.internal, client=("127.0.0.1", 9))
        client = httpx2.AsyncClient(transport=inside, base_url="http://127.0.0.1")
        self.authority = Authority(service=service, client=client)
        self.middleware = Ostiary(Starlette(routes=ROUTES), hosts=hosts, authority=self.authority)
        self.home, self.warm = home, warm

    def get(self, cookie, host=APP, **headers):
        return self.home.run(self._get(cookie, host, headers))

    async def _get(self, cookie, host, headers):
        self.middleware._following = asyncio.get_running_loop().create_future()
        if self.warm and not self.authority.until:
            self.authority._take(TOLD | {"all": True}, self.authority._ticks())
        asked = httpx2.ASGITransport(self.middleware, client=("127.0.0.1", 9))
        async with httpx2.AsyncClient(transport=asked, base_url=f"https://{host}") as client:
            return (await client.get("/guarded", headers={"cookie": cookie, **headers})).status_code


@pytest.fixture
def house(anywhere):
    return furnished(anywhere)


@pytest.fixture
def stolen(house):
    """A service cookie of APP, as it stands in a Cookie header."""
    house.session, house.cookie = house.open()
    return f"a=b; {SERVICE}={pass_of(landed(house, house.cookie))}"


def test_the_service_cookie_of_this_host_is_let_in_until_its_parent_ends(house, stolen):
    behind = Behind(house)
    assert behind.get(stolen) == 200
    house.beside().end(house.session.id)
    assert behind.get(stolen) == 401


def test_a_stolen_service_cookie_at_another_service_is_refused(house, stolen):
    for hosts in ((APP,), (OTHER,), (APP, OTHER)):
        for host in hosts:
            assert Behind(house, "other", hosts).get(stolen, host) == 401


def test_a_stolen_service_cookie_on_another_host_is_refused_however_warm_the_memory(house, stolen):
    behind = Behind(house, hosts=(APP, SECOND), warm=True)
    assert [behind.get(stolen) for _ in range(3)] == [200] * 3
    assert len(behind.authority.known) == 1
    assert behind.get(stolen, SECOND) == 401
    assert behind.get(stolen, OTHER) == 401
    forged = {"x-forwarded-host": APP}
    assert behind.get(stolen, SECOND, **forged) == behind.get(stolen, OTHER, **forged) == 401
    assert behind.get(stolen) == 200


def test_the_cookie_of_the_authoritys_own_host_opens_no_host_of_a_service(house, stolen):
    behind = Behind(house)
    parent = f"{SESSION}={house.cookie}"
    for cookie in (parent, f"{stolen}; {parent}", f"{parent}; {stolen}"):
        assert behind.get(cookie) == 401
        assert behind.get(cookie, authorization=f"Bearer {house.cookie}") == 401
    assert behind.get(f"{SERVICE}={house.cookie}") == 401
    assert Behind(house, hosts=()).get(parent) == 200


def test_without_hosts_a_service_cookie_opens_nothing(house, stolen):
    assert Behind(house, hosts=()).get(stolen) == 401
