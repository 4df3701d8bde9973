"""A served server whose people and whose mail are elsewhere: the reference services, their deaths, and their return."""

import json
import time
from contextlib import contextmanager

import pytest

from tests.flows.browser import Browser
from tests.flows.server import serving
from tests.login.email_code.handset import CONFIRM, INTERNAL, SEND, new_key
from tests.rigs.mailservice import MailService
from tests.rigs.restservice import running
from tests.rigs.userservice import UserService

PATIENCE_S = 30
ADMIN = {"type": "admin", "id": "admin-1"}
OLD, NEW, BLOCKED, THROTTLED = "old@example.com", "new@example.com", "blocked@example.com", "throttled@example.com"


class Elsewhere:
    """One service that can be killed and comes back at the same port, with what it knew."""

    def __init__(self, service):
        self.service, self.run = service, None

    def start(self):
        """Answer from now on."""
        self.service.fault = None
        self.run = running(self.service, self.service.port)
        self.run.__enter__()

    def kill(self):
        """Answer nobody any more: not on a new line, and not on one that is open."""
        if self.run is not None:
            self.service.fault = "close"
            self.run.__exit__(None, None, None)
            self.run = None


class Scene:
    """The server, a device that asks it, and the two services."""

    def __init__(self, served, people, mail):
        self.served, self.people, self.mail = served, people, mail
        self.users, self.post = people.service, mail.service
        self.browser = Browser(served)

    def send(self, address, **headers):
        """Ask for a code; return the whole answer."""
        return self.browser.send("POST", SEND, {"email": address}, headers=headers)

    def sign_in(self, address, language="en"):
        """Ask for a code, read it where the mail service keeps it, confirm; return the session as services read it."""
        asked = self.send(address, **{"accept-language": language})
        assert asked.status == 200, asked.body
        challenge = asked.json["challenge_id"]
        delivered, _ = self.post.keys[challenge]
        assert (delivered["email"], delivered["locale"], self.post.codes[-1]) == (address, language, delivered)
        confirmed = self.confirm(challenge, delivered["code"])
        assert confirmed.status == 200, confirmed.body
        return self.session(confirmed.json["device_session_id"])

    def confirm(self, challenge, code):
        """Confirm a code; return the whole answer."""
        body = {"challenge_id": challenge, "code": code, "client_public_key": new_key(), "time_zone": "Europe/Vienna"}
        return self.browser.send("POST", CONFIRM, body)

    def session(self, session):
        """A session as services read it."""
        return self.browser.send("GET", f"{INTERNAL}/sessions/{session}", internal=True).json["session"]

    def act(self, path, **body):
        """Do something internally; return the whole answer."""
        body |= {"reason_code": "policy_blocked", "actor": ADMIN}
        return self.browser.send("POST", INTERNAL + path, body, internal=True)


@contextmanager
def scene(folder):
    """Everything up, for the block."""
    people, mail = Elsewhere(UserService()), Elsewhere(MailService())
    try:
        people.start()
        mail.start()
        settings = {
            "OSTIARY_USER_SERVICE_MODE": "rest",
            "OSTIARY_USER_SERVICE_BASE_URL": people.service.url,
            "OSTIARY_USER_SERVICE_REQUEST_TIMEOUT": "10s",
            "OSTIARY_MAIL_SERVICE_MODE": "rest",
            "OSTIARY_MAIL_SERVICE_BASE_URL": mail.service.url,
            "OSTIARY_MAIL_SERVICE_REQUEST_TIMEOUT": "10s",
        }
        with serving(folder, **settings) as served:
            yield Scene(served, people, mail)
    finally:
        people.kill()
        mail.kill()


def until(true, what):
    """Wait until something is true; fail with what was waited for."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        if true():
            return
        time.sleep(0.1)
    raise AssertionError(what)


def test_somebody_signs_in_and_is_blocked_where_people_are_kept(tmp_path):
    with scene(tmp_path) as made:
        session = made.sign_in("pilot@example.com", language="de")
        user = session["user_id"]
        context = {"preferred_language": "de", "time_zone": "Europe/Vienna"}
        assert made.users.people == {user: ("pilot@example.com", context)}
        assert session["status"] == "active"

        done = made.act("/user-blocks", email="pilot@example.com")
        assert (done.status, done.json["affected_session_count"]) == (200, 1)
        assert made.users.blocked_addresses == {"pilot@example.com": "policy_blocked"}
        assert made.session(session["device_session_id"])["status"] == "revoked"
        assert len(made.post.codes) == 1


def test_who_is_there_already_stays_who_they_are(tmp_path):
    with scene(tmp_path) as made:
        user = made.users.add(OLD, preferred_language="fr")
        assert made.sign_in(OLD)["user_id"] == user
        assert made.users.people == {user: (OLD, {"preferred_language": "fr"})}
        done = made.act("/user-blocks", user_id=user)
        assert (done.status, made.users.blocked_people) == (200, {user: "policy_blocked"})


def test_an_id_that_the_user_service_does_not_know(tmp_path):
    with scene(tmp_path) as made:
        answers = [made.act("/user-blocks", user_id="user-99"), made.act("/users/user-99/sessions/revoke-all")]
        assert [(one.status, one.code) for one in answers] == [(404, "subject_not_found")] * 2


@pytest.mark.parametrize(("which", "logged"), [("people", "directory"), ("mail", "mail")])
def test_a_service_that_died_tells_no_address_from_another_and_is_found_again(tmp_path, which, logged):
    with scene(tmp_path) as made:
        made.users.add(OLD)
        assert made.act("/user-blocks", email=BLOCKED).status == 200
        assert made.send(THROTTLED).status == 200
        session = made.sign_in("pilot@example.com")
        dead = getattr(made, which)
        dead.kill()

        told = [made.send(address) for _ in range(3) for address in (OLD, NEW, BLOCKED, THROTTLED)]
        assert {(one.status, one.body, one.header("retry-after")) for one in told} == {(503, told[0].body, "1")}
        assert told[0].json["error"] == {
            "code": "service_unavailable",
            "message": "A service that this needs cannot answer just now. Try again in a moment.",
        }
        assert len(made.post.codes) == 2
        if which == "people":
            assert made.act("/user-blocks", email="pilot@example.com").json["error"] == told[0].json["error"]
        assert made.session(session["device_session_id"])["status"] == "active"

        said = [json.loads(line) for line in made.served.stderr().splitlines()]
        assert {one["why"] for one in said if one["event"] == "service_unavailable"} == {logged}
        assert "store_unavailable" not in {one["event"] for one in said}

        dead.start()
        until(lambda: made.send(OLD).status == 200, "it is not found again")
        assert [made.send(address).status for address in (NEW, BLOCKED, THROTTLED)] == [200] * 3
        came = {one["email"] for one in made.post.codes[2:]}
        assert {NEW} <= came <= {OLD, NEW}, (
            "what may have left on the line that broke is counted: no second letter at once"
        )
