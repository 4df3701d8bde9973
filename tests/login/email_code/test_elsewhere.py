"""Device logins on a user service and a mail service elsewhere: the whole way, and one answer for all addresses on a bad day."""

from contextlib import ExitStack, closing

import pytest

from tests.login.email_code.handset import Handset, Tower
from tests.rigs.mailservice import mailservice
from tests.rigs.userservice import userservice
from tests.sessions.home import Home

KNOWN, NEW, BARRED, HASTY = (f"{name}@example.com" for name in ("known", "new", "barred", "hasty"))


class Elsewhere:
    """A home whose people and letters are elsewhere. One address is known, one blocked, one has just been asked for."""

    def __init__(self, stack, folder):
        self.people, self.mail = stack.enter_context(userservice()), stack.enter_context(mailservice())
        given = {
            "TRUSTED_PROXIES": "127.0.0.1",
            "USER_SERVICE_MODE": "rest",
            "USER_SERVICE_BASE_URL": self.people.url,
            "USER_SERVICE_REQUEST_TIMEOUT": "300ms",
            "MAIL_SERVICE_MODE": "rest",
            "MAIL_SERVICE_BASE_URL": self.mail.url,
            "MAIL_SERVICE_REQUEST_TIMEOUT": "300ms",
        }
        self.home = stack.enter_context(closing(Home(folder, **given)))
        self.tower = Tower(self.home)
        self.device = Handset(self.tower)
        self.people.add(KNOWN)
        self.people.blocked_addresses[BARRED] = "abuse"

    def statuses(self):
        """The status of a send for an address of each class."""
        return {address: self.device.send(address).status for address in (HASTY, BARRED, KNOWN, NEW)}


@pytest.fixture
def elsewhere(tmp_path):
    with ExitStack() as stack:
        yield Elsewhere(stack, tmp_path)


def test_a_device_signs_in_with_people_and_letters_elsewhere(elsewhere):
    for address in (KNOWN, NEW):
        challenge = elsewhere.device.asked(address, accept_language="de")
        assert elsewhere.tower.state(challenge)[0] == "sent"
        sent = elsewhere.mail.codes[-1]
        assert (sent["email"], sent["locale"]) == (address, "de")
        answer = elsewhere.device.confirm(challenge, sent["code"], time_zone="Europe/Berlin")
        assert answer.status == 200, answer.body
        owner = elsewhere.tower.user(answer.json["device_session_id"])
        assert elsewhere.people.people[owner][0] == address
    assert elsewhere.people.people["user-2"][1] == {"preferred_language": "de", "time_zone": "Europe/Berlin"}


def test_each_class_of_address_gets_the_same_answer(elsewhere):
    elsewhere.device.asked(HASTY)
    elsewhere.mail.suppressed.add(NEW)
    assert set(elsewhere.statuses().values()) == {200}
    assert [one["email"] for one in elsewhere.mail.codes] == [HASTY, KNOWN]


@pytest.mark.parametrize("fault", [401, 404, 500, 503, "close", "slow", b"junk\r\n"])
@pytest.mark.parametrize("which", ["mail", "people"])
def test_on_a_bad_day_each_class_of_address_gets_the_same_answer(elsewhere, which, fault):
    """Ruling 36: again and again, so with the breaker closed, open and half open."""
    elsewhere.device.asked(HASTY)
    getattr(elsewhere, which).fault = fault
    for _ in range(2):
        assert set(elsewhere.statuses().values()) == {503}
    elsewhere.home.clock.turn(6_000_000)
    assert set(elsewhere.statuses().values()) == {503}
    getattr(elsewhere, which).fault = None
    elsewhere.home.clock.turn(6_000_000)
    assert set(elsewhere.statuses().values()) == {200}
