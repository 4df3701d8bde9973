"""Device logins on a user service and a mail service elsewhere: the whole way, and one answer for all addresses on a bad day."""

from contextlib import ExitStack, closing

import pytest

from ostiary.identities import service as identities
from tests.login.email_code.handset import SYSTEM, Handset, Tower
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

    def begun(self, address, place="192.0.2.77"):
        """Ask for a code at the browser; return visitor, answer, and the code of the letter that followed, "" for none."""
        visitor, before = self.home.visitor(), len(self.mail.codes)
        came_from = {"x-forwarded-for": place}
        begun = visitor.send("POST", "/login/email_code/begin", {"email": address}, headers=came_from)
        return visitor, begun, self.mail.codes[-1]["code"] if self.mail.codes[before:] else ""

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
    elsewhere.home.clock.turn(31_000_000)
    assert set(elsewhere.statuses().values()) == {200}


def test_the_browser_signs_in_whom_the_directory_names(elsewhere):
    ours = elsewhere.home.invite("pilot@example.com")[0]
    elsewhere.people.people[ours] = ("pilot@example.com", {})
    visitor, begun, code = elsewhere.begun("pilot@example.com")
    given = {"attempt": begun.json["attempt"], "code": code}
    assert visitor.send("POST", "/login/email_code/finish", given).status == 200
    assert visitor.person == ours


@pytest.mark.parametrize("gone", [True, False])
def test_a_mailbox_that_is_somebody_elses_by_now_opens_nothing_of_its_old_owner(elsewhere, gone):
    """Our table still has the address at the person of before; the directory knows nobody of it, or another."""
    elsewhere.home.invite("handed.on@example.com")
    if not gone:
        elsewhere.people.add("handed.on@example.com")
    _, begun, code = elsewhere.begun("handed.on@example.com")
    assert (begun.status, code) == (200, "")


def test_a_directory_hands_out_nobody_who_came_to_this_server_itself(elsewhere):
    """It names whoever holds the console here for an address of its own: nobody gets in by that, at either door."""
    admin = elsewhere.home.visitor()
    assert admin.enrol(elsewhere.home.first_link()).status == 200
    elsewhere.people.people[admin.person] = ("mallory@example.com", {})
    challenge = elsewhere.device.asked("mallory@example.com")
    assert elsewhere.device.confirm(challenge, elsewhere.mail.codes[-1]["code"]).status == 503
    assert elsewhere.begun("mallory@example.com")[2] == ""


@pytest.mark.parametrize("odd", ["a/b", "a\\b", "operator:x", "system", "internal", "-"])
def test_an_id_that_can_be_nobodys_is_the_directorys_fault(elsewhere, odd):
    elsewhere.people.people[odd] = ("odd@example.com", {})
    assert elsewhere.device.send("odd@example.com").status == 503
    assert elsewhere.mail.codes == []


def test_somebody_whom_only_we_know_can_be_blocked(elsewhere):
    ours = elsewhere.home.invite("ours@example.com")[0]
    answer = elsewhere.tower.post("/user-blocks", SYSTEM | {"user_id": ours})
    ring = elsewhere.home.house.keyring
    assert (answer.status, answer.json["outcome"]) == (200, "blocked")
    assert elsewhere.home.read(lambda tx: identities.find_person(tx, ring, ours).blocked_at)
    assert elsewhere.tower.post("/user-blocks", SYSTEM | {"user_id": "user-404"}).status == 404


@pytest.mark.parametrize("status", [400, 409, 429, 500])
def test_a_mail_service_that_refuses_whole_letters_only_tells_nobody_who_has_an_account(elsewhere, status):
    """It takes the empty letter that we look with: what became of the last whole one counts too."""
    elsewhere.people.people[elsewhere.home.invite("pilot@example.com")[0]] = ("pilot@example.com", {})
    elsewhere.mail.refuses = status
    assert elsewhere.device.send(KNOWN).status == 503
    for address in ("pilot@example.com", "nobody@example.com", BARRED):
        assert elsewhere.begun(address)[1].status == 503
    elsewhere.mail.refuses = 0
    assert elsewhere.device.send(NEW).status == 200
    assert elsewhere.begun("nobody@example.com")[1].status == 200


def test_a_directory_that_fails_to_look_up_tells_no_one_who_has_just_asked(elsewhere):
    elsewhere.device.asked(HASTY)
    elsewhere.people.faults = [500]
    assert [elsewhere.device.send(address).status for address in (KNOWN, HASTY)] == [503, 503]
    assert [elsewhere.device.send(address).status for address in (KNOWN, HASTY)] == [200, 200]


def test_a_letter_that_may_have_left_is_one_that_left(elsewhere):
    """The service takes it and answers too late: who asks again within the minute gets no second one."""
    elsewhere.mail.fault = "slow"
    assert elsewhere.device.send(NEW).status == 503
    elsewhere.mail.let_go.set()
    elsewhere.mail.fault = None
    elsewhere.home.clock.turn(31_000_000)
    elsewhere.device.asked(NEW)
    assert elsewhere.mail.codes == []


@pytest.mark.parametrize("fault", [503, 429, 401])
def test_a_letter_that_was_refused_holds_up_no_other(elsewhere, fault):
    elsewhere.mail.fault = fault
    assert elsewhere.device.send(NEW).status == 503
    elsewhere.mail.fault = None
    elsewhere.device.asked(NEW)
    assert [one["email"] for one in elsewhere.mail.codes] == [NEW]
