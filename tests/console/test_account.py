"""What the account's page shows and offers, and where those are led who are signed in."""

import re

import pytest

from ostiary.console.model import PasskeyRow
from ostiary.console.pages import Pages
from ostiary.recovery.routes import RecoveryView
from tests.console.test_pages import session

PHONE = '<rect x="7" y="3"'
AGENTS = {
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1": True,
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) Chrome/140.0 Mobile Safari/537.36": True,
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": False,
    "curl/8.0": False,
}


def passkey(number):
    return PasskeyRow(
        id=f"pk-{number}", label="Blue", created_at="2026-11-21T08:05:00Z", last_used_at=None, synced=False
    )


@pytest.mark.parametrize(("agent", "handheld"), AGENTS.items())
def test_a_session_on_a_phone_looks_like_a_phone(gatehouse, agent, handheld):
    person = gatehouse.visitor()
    person.agent = agent
    assert person.enrol(gatehouse.invite()[1]).status == 200
    text = person.send("GET", "/account").body.decode()
    assert (PHONE in text) is handheld


@pytest.mark.parametrize(("count", "offered"), [(1, 0), (2, 2)])
def test_the_only_passkey_is_not_offered_to_be_removed(count, offered):
    html = Pages().render(
        "account",
        name="Ann",
        sessions=[session()],
        passkeys=[passkey(n) for n in range(count)],
        recovery=RecoveryView([], 0, None, None),
    )
    assert len(re.findall('data-act="remove"', html)) == offered
    assert ("Add another one first." in html) is (offered == 0)


def test_who_is_signed_in_is_not_told_that_the_session_has_ended(gatehouse):
    person = gatehouse.enrolled()
    answer = person.send("GET", "/signed-out")
    assert (answer.status, answer.header("location")) == (303, "/account")
    assert person.send("POST", "/auth/logout").status == 204
    answer = person.send("GET", "/signed-out")
    assert (answer.status, "This session has ended" in answer.body.decode()) == (200, True)


def test_the_documentation_begins_at_its_first_page(gatehouse):
    answer = gatehouse.visitor().send("GET", "/docs")
    assert (answer.status, answer.header("location")) == (303, "/docs/api")
