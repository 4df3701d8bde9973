"""What a page says when there is little to say: who asks for help can name the request, and who is first knows how."""

import re
from contextlib import closing

import pytest
from structlog.testing import capture_logs

from ostiary.kernel.errors import StoreUnavailable
from tests.sessions.home import Home

PAGE = {"accept": "text/html"}
HINT = 'id="unset"'


class Ailing:
    """A vault that cannot read while `fault` is set."""

    def __init__(self, vault):
        self.vault, self.fault = vault, None

    def __getattr__(self, name):
        return getattr(self.vault, name)

    async def read(self, scope, use_case):
        if self.fault:
            raise self.fault
        return await self.vault.read(scope, use_case)


@pytest.fixture
def ailing(tmp_path):
    with closing(Home(tmp_path, vault=lambda house: Ailing(house.vault))) as made:
        yield made


def shown(answer):
    (found,) = re.findall(r"<dt>Request</dt><dd><code>([A-Za-z0-9_-]{16})</code></dd>", answer.body.decode())
    return found


def test_an_error_page_names_its_request_and_no_two_alike(home):
    answers = [home.visitor().send("GET", "/nowhere", headers=PAGE) for _ in range(2)]
    assert [one.status for one in answers] == [404, 404]
    assert len({shown(one) for one in answers}) == 2
    told = home.visitor().send("GET", "/nowhere").json["request_id"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{16}", told)


@pytest.mark.parametrize(
    ("fault", "status", "event"), [(StoreUnavailable("x"), 503, "store_unavailable"), (OSError("x"), 500, "page_broke")]
)
def test_by_the_id_on_the_page_the_fault_is_found_in_the_log(ailing, fault, status, event):
    visitor = ailing.enrolled()
    ailing.house.vault.fault = fault
    with capture_logs() as logged:
        answer = visitor.send("GET", "/account", headers=PAGE)
    assert answer.status == status
    assert [one["request_id"] for one in logged if one["event"] == event] == [shown(answer)]


def test_the_door_says_how_to_begin_until_there_is_an_administrator(anywhere):
    home, link = anywhere, anywhere.first_link()
    before = home.visitor().send("GET", "/sign-in").body.decode()
    assert HINT in before
    assert link not in before
    home.enrolled()
    assert HINT in home.visitor().send("GET", "/sign-in").body.decode(), "a person is no administrator"
    first = home.visitor()
    assert first.enrol(link).status == 200
    assert home.roles(first.person) == ["administrator"]
    assert HINT not in home.visitor().send("GET", "/sign-in").body.decode()


def test_a_store_that_cannot_answer_keeps_nobody_from_the_door(ailing):
    ailing.house.vault.fault = StoreUnavailable("x")
    answer = ailing.visitor().send("GET", "/sign-in", headers=PAGE)
    assert (answer.status, HINT in answer.body.decode()) == (200, False)


def test_once_somebody_administers_the_door_asks_for_that_no_more(home):
    assert home.visitor().enrol(home.first_link()).status == 200
    assert home.visitor().send("GET", "/sign-in").status == 200
    home.write("DELETE FROM grants")
    assert HINT not in home.visitor().send("GET", "/sign-in").body.decode()


def test_the_door_shows_what_the_tenant_offers_at_the_next_request(anywhere):
    ways = {"passkey": 'id="sign-in"', "email_code": 'id="by-code"'}
    for offered in (("passkey", "email_code"), ("email_code",), ("passkey",)):
        anywhere.offer(*offered)
        page = anywhere.visitor().send("GET", "/sign-in").body.decode()
        assert {name for name, mark in ways.items() if mark in page} == set(offered)


def test_a_store_that_cannot_answer_lets_the_door_show_every_way(ailing):
    ailing.house.vault.fault = StoreUnavailable("x")
    page = ailing.visitor().send("GET", "/sign-in", headers=PAGE).body.decode()
    assert 'id="sign-in"' in page
    assert 'id="by-code"' in page
