"""Two nodes on one PostgreSQL: what one does while the other is in the middle of a recovery."""

import asyncio
import threading
import time
from contextlib import closing

import pytest

from ostiary import app
from tests.login.gatehouse import call
from tests.membrane.stage import Asking, Stage
from tests.recovery.between import Between
from tests.recovery.story import Story
from tests.rigs.databases import migrated_url
from tests.sessions.home import Home

pytestmark = pytest.mark.postgres

PATIENCE = 15.0


@pytest.fixture
def stage(tmp_path):
    with migrated_url() as url:
        home = Home(tmp_path, url=url, vault=lambda house: Between(house.vault))
        with closing(home):
            yield Stage(home)


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


def in_the_middle(stage, table, beside):
    """Let the other node be asked just before the next change of this table."""
    stage.home.house.vault.once(table, lambda _: beside.begin())


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


def test_an_execution_and_a_new_policy_do_not_wait_for_each_other(stage):
    story = executable(stage)
    token, proof = stage.login()["bearer_token"], stage.presence("auth.recovery.policy")
    beside = Beside(stage, Asking("auth.recoveryPolicy", token, story.setting(proof)))
    said = story.executing()
    in_the_middle(stage, "recovery_policies", beside)
    assert story.execute(**said).status == 200
    assert beside.heard() in {401, 403}, "its session ended, and what it proved is void"


def test_a_passkey_that_is_being_added_does_not_outlive_a_recovery(stage):
    owner = executable(stage)
    thief, token, asked, proof = adding(stage)
    beside = Beside(stage, Asking("auth.recoveryExecute", stage.client, owner.executing()))
    in_the_middle(stage, "passkey_bindings", beside)
    made = thief.registered(asked, key=token, human_presence_receipt=proof)
    assert (made.status, beside.heard()) == (200, 200)
    assert thief.signs_in(thief.passkey) == "passkey_quarantined"


def test_a_passkey_is_not_added_by_what_a_recovery_ends_at_this_moment(stage):
    owner = executable(stage)
    thief, token, asked, proof = adding(stage)
    beside = Beside(stage, thief.registering(asked, key=token, human_presence_receipt=proof))
    said = owner.executing()
    in_the_middle(stage, "mail_outbox", beside)
    assert owner.execute(**said).status == 200
    assert beside.heard() in {401, 403}


def test_a_passkey_that_is_being_added_on_the_account_page_does_not_outlive_a_recovery(stage):
    owner, visitor = executable(stage), stage.home.visitor(stage.person.passkey)
    assert visitor.sign_in().status == 200
    presence = visitor.presence("passkey.add")
    begun = visitor.send("POST", "/api/v1/auth/passkeys/begin", {}).json
    thief, _ = owner.fresh()
    made = {"attempt": begun["attempt"], "credential": thief.create(begun["options"]), "presence": presence}
    beside = Beside(stage, Asking("auth.recoveryExecute", stage.client, owner.executing()))
    in_the_middle(stage, "passkeys", beside)
    added = visitor.send("POST", "/api/v1/auth/passkeys/finish", made | {"label": "another"})
    assert (added.status, beside.heard()) == (201, 200)
    assert owner.signs_in(thief) == "passkey_quarantined"
