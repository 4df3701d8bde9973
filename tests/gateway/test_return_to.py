"""`/sign-in?return_to=`: only to registered hosts; anything else is left out, in plain words."""

from urllib.parse import quote

import pytest

from ostiary.services import service
from ostiary.services.model import Registration
from tests.gateway.walk import Walk
from tests.services.test_destinations import HOSTILE
from tests.sessions.home import OPERATOR

SAID = b"The address that you came from is not one of ours."
APP = "https://app.example.test"
STRANGERS = {
    "another host": "https://evil.test/",
    "a host below": "https://x.app.example.test/",
    "a host above": "https://example.test/",
    "a lookalike": "https://app.example.test.evil.test/",
    "another port": "https://app.example.test:8443/",
    "the usual port, written out": "https://app.example.test:443/",
    "a host of a removed service": "https://gone.example.test/",
    "the origin, which is not registered": "http://localhost:8080/account",
}


@pytest.fixture
def house(home):
    for name in ("app", "gone"):
        asked = Registration(name, (f"{name}.example.test",))
        assert isinstance(home.act(lambda tx, asked=asked: service.add(tx, OPERATOR, asked)), str)
    home.act(lambda tx: service.remove(tx, OPERATOR, "gone"))
    return home


def test_an_open_redirect_is_not_to_be_had(house):
    """Neither on the page, for who is not signed in, nor by a redirect, for who is."""
    anybody, known = Walk(house), Walk(house, house.open()[1])
    for name, text in (HOSTILE | STRANGERS).items():
        url = f"{known.own}/sign-in?return_to={quote(text, safe='')}"
        page = anybody.go(url)
        assert (page.status, SAID in page.body) == (200, text != ""), name
        assert b'data-next="/account"' in page.body, name
        answer = known.go(url)
        assert (answer.status, answer.header("location")) == (303, "/account"), name


def test_the_last_of_several_counts_and_is_looked_at(house):
    walk = Walk(house, house.open()[1])
    answer = walk.go(f"{walk.own}/sign-in?return_to={APP}/&return_to=https://evil.test/")
    assert answer.header("location") == "/account"


def test_a_registered_host_is_remembered_while_somebody_signs_in(house):
    walk = Walk(house)
    page = walk.go(f"{walk.own}/sign-in?return_to={APP}/a?b=c").body
    assert SAID not in page
    assert b'data-next="/sign-in?return_to=https%3A%2F%2Fapp.example.test%2Fa%3Fb%3Dc&amp;browser="' in page


@pytest.mark.parametrize("browser", ["", "x", "0" * 63, "0" * 65])
def test_no_code_for_a_browser_that_did_not_begin(house, browser):
    walk = Walk(house, house.open()[1])
    answer = walk.go(f"{walk.own}/sign-in?return_to={APP}/a&browser={browser}")
    assert answer.header("location") == f"{APP}/.ostiary/sign-in?to=%2Fa"


@pytest.mark.parametrize("to", ["//evil.test", "https://evil.test", "/\\evil.test", "%0d%0aa:b", "/.ostiary/sign-in"])
def test_a_hostile_wish_on_a_services_host_becomes_its_start_page(house, to):
    walk = Walk(house)
    answer = walk.go(f"{APP}/.ostiary/sign-in?to={quote(to, safe='%')}")
    assert answer.header("location").startswith(
        "http://localhost:8080/sign-in?return_to=https%3A%2F%2Fapp.example.test%2F&"
    )
