"""Two nodes on one PostgreSQL: what one does while the other is in the middle of a recovery."""

import asyncio
import threading
import time
from contextlib import closing

import pytest

from ostiary import app
from ostiary.membrane import registration
from ostiary.recovery import runs
from tests.login.gatehouse import call, postgres_url
from tests.membrane.stage import Asking, Stage
from tests.recovery.story import Story
from tests.sessions.home import Home

PATIENCE = 15.0


@pytest.fixture
def stage(tmp_path):
    with postgres_url() as url, closing(Home(tmp_path, url=url)) as made:
        yield Stage(made)


class Beside:
    """What another node is asked in the middle of something; `answer` is its status, 0 for none."""

    def __init__(self, stage, asking):
        self.stage, self.said, self.answer = stage, stage.said(asking), 0
        self.application = app.build(stage.home.beside().house)
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self):
        path, raw, sent = self.said
        self.answer = asyncio.run(call(self.application.public, "POST", path, raw, sent)).status

    def begin(self):
        """Ask, and go on as soon as the other node waits for a row that is held here, or has answered."""
        self.thread.start()
        until = time.monotonic() + PATIENCE
        while self.thread.is_alive() and not self._waits() and time.monotonic() < until:
            time.sleep(0.01)

    def _waits(self):
        wanted = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        return bool(self.stage.home.rows(wanted))

    def heard(self):
        """Its status, once it has answered."""
        self.thread.join(PATIENCE)
        return self.answer


def in_the_middle(monkeypatch, module, name, beside):
    """Let the other node be asked when this function is called for the first time, before it does its work."""
    real = getattr(module, name)

    def slow(*given):
        monkeypatch.setattr(module, name, real)
        beside.begin()
        return real(*given)

    monkeypatch.setattr(module, name, slow)


def executable(stage):
    """A recovery that has waited and has its replacement."""
    story = Story(stage)
    story.begin()
    story.wait()
    assert story.register().status == 200
    return story


def adding(stage):
    """Somebody at the old device, with a session: (story, token, options for another passkey, presence for it)."""
    story, token = Story(stage), stage.login()["bearer_token"]
    story.begun = {"subject": stage.person.ref, "auth_recovery_execution": None, "recovery_token": None}
    return story, token, story.options(key=token), stage.presence("passkey.add")


def test_an_execution_and_a_new_policy_do_not_wait_for_each_other(stage, monkeypatch):
    story = executable(stage)
    token, proof = stage.login()["bearer_token"], stage.presence("auth.recovery.policy")
    beside = Beside(stage, Asking("auth.recoveryPolicy", token, story.setting(proof)))
    said = story.executing()
    in_the_middle(monkeypatch, runs, "ready", beside)
    assert story.execute(**said).status == 200
    assert beside.heard() in {401, 403}, "its session ended, and what it proved is void"


def test_a_contest_and_a_new_recovery_do_not_wait_for_each_other(stage, monkeypatch):
    story = Story(stage)
    story.recovered()
    stage.home.clock.turn(3600 * 1_000_000)
    again = Story(stage)
    sent = again.send()
    contact = sent.json["body"]["recovery_contact"]
    said = {"tenant": stage.ref, "recovery_contact": contact, "code": again.code()}
    beside = Beside(stage, Asking("auth.recoveryContactConfirm", stage.client, said))
    proof = story.presence(story.person.passkey, "auth.recovery.contest")
    in_the_middle(monkeypatch, runs, "end_open", beside)
    assert story.contest(presence=proof).status == 200
    assert beside.heard() < 500


def test_a_passkey_that_is_being_added_does_not_outlive_a_recovery(stage, monkeypatch):
    owner = executable(stage)
    thief, token, asked, proof = adding(stage)
    beside = Beside(stage, Asking("auth.recoveryExecute", stage.client, owner.executing()))
    in_the_middle(monkeypatch, registration, "_placed", beside)
    made = thief.registered(asked, key=token, human_presence_receipt=proof)
    assert (made.status, beside.heard()) == (200, 200)
    assert thief.signs_in(thief.passkey) == "passkey_quarantined"


def test_a_passkey_is_not_added_by_what_a_recovery_ends_at_this_moment(stage, monkeypatch):
    owner = executable(stage)
    thief, token, asked, proof = adding(stage)
    wanted = {}
    keep = lambda asking: wanted.setdefault("asking", asking)  # noqa: E731 - stands in for the sending
    monkeypatch.setattr(stage, "send", keep)
    with pytest.raises(AttributeError):
        thief.registered(asked, key=token, human_presence_receipt=proof)
    monkeypatch.undo()
    beside = Beside(stage, wanted["asking"])
    said = owner.executing()
    in_the_middle(monkeypatch, runs, "page", beside)
    assert owner.execute(**said).status == 200
    assert beside.heard() in {401, 403}
