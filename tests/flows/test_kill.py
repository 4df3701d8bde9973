"""`kill -9` under load: no session, end or receipt that was acknowledged is lost, and nothing is half-written."""

import random
import threading
import time
from http.client import HTTPException

import pytest

from ostiary_client.authenticator import SoftPasskey
from tests.flows.browser import SESSION, Browser
from tests.flows.server import serving

_CALLERS = 6


class Caller(threading.Thread):
    """Signs in and ends sessions as fast as it can, and remembers what was acknowledged, until the server is gone."""

    def __init__(self, served, passkey):
        super().__init__()
        self.browser = Browser(served, passkey)
        self.opened, self.ended, self.signed_in = {}, {}, 0

    def run(self):
        try:
            while True:
                self.once()
        except (OSError, HTTPException):
            return  # the server was killed: what it did not acknowledge it does not owe

    def once(self):
        browser = self.browser
        browser.cookies.clear()
        answer = browser.sign_in()
        assert answer.status == 200, answer.body
        session, cookie = browser.session, browser.cookies[SESSION]
        self.signed_in += 1
        if self.signed_in % 2:
            self.opened[session] = cookie
            return
        ended = browser.send("DELETE", f"/api/v1/auth/sessions/{session}")  # killed in here, it may be either
        assert ended.status == 204, ended.body
        self.ended[session] = cookie


def kill_rounds(tmp_path, rounds):
    """Kill the server `rounds` times under load; return (alive, ended) as they were acknowledged over all rounds."""
    chance = random.Random(20261122)
    alive, ended = {}, {}
    with serving(tmp_path) as served:
        people = []
        first = Browser(served)
        first.enrol(served.token)
        people.append(first.passkey)
        for number in range(1, _CALLERS * (1 + rounds // 20)):  # nobody opens so many that the oldest must go
            person = Browser(served, SoftPasskey(served.origin))
            person.enrol(served.invite(f"person{number}@example.test"))
            people.append(person.passkey)
        for turn in range(rounds):
            callers = [Caller(served, people[(turn * _CALLERS + number) % len(people)]) for number in range(_CALLERS)]
            for caller in callers:
                caller.start()
            done = chance.randrange(3, 25)
            deadline = time.monotonic() + 20
            while sum(len(c.opened) + len(c.ended) for c in callers) < done and time.monotonic() < deadline:
                time.sleep(0.001)
            served.kill()
            for caller in callers:
                caller.join(30)
                alive |= caller.opened
                ended |= caller.ended
            served.start()
        judged(served, alive, ended)
    return alive, ended


def judged(served, alive, ended):
    """Every acknowledged session lives, every acknowledged end holds, and each has its receipt."""
    probe = Browser(served)
    for sessions, status in ((alive, 200), (ended, 401)):
        for session, cookie in sessions.items():
            probe.cookies = {SESSION: cookie}
            found = probe.check()
            assert found.status == status, (session, found.header("www-authenticate"))
    receipts = {
        (row["operation"], row["subject"])
        for row in served.json("receipts", "list", "--most", "1000000")
        if row["outcome"] == "admitted"
    }
    assert {s for s in {**alive, **ended} if ("session.open", s) not in receipts} == set()
    assert {s for s in ended if ("session.end", s) not in receipts} == set()


def test_nothing_acknowledged_is_lost_by_kill_9(tmp_path):
    alive, ended = kill_rounds(tmp_path, 3)
    assert alive
    assert ended


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_by_kill_9_50_times(tmp_path):
    alive, ended = kill_rounds(tmp_path, 50)
    assert len(alive) + len(ended) > 300
