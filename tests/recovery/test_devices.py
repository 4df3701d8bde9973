"""Who takes an account back turns out whoever signed a device in by the mailbox meanwhile, and so does who contests."""

from ostiary.sessions.device import service as devices
from ostiary.sessions.device.service import Opening
from ostiary.storage import snapshots
from tests.login.gatehouse import OPERATOR

KEY = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="


def signed_in(story, person=None):
    """Open a device session, and publish it."""
    opening = Opening(person or story.person.id, KEY, f"challenge-of-{person or 'a thief'}")
    made = story.stage.act(lambda tx: devices.open_session(tx, OPERATOR, opening))
    story.stage.act(lambda tx: snapshots.clear(tx, [mark for mark, _ in devices.waiting(tx, 100)]))
    return made.id


def seen(story, session):
    """Status, reason and actor of a session, and whether gateways are still to be told of it."""
    found = story.stage.act(lambda tx: devices.find(tx, session))
    waits = story.stage.act(lambda tx: bool(devices.unpublished_of(tx, [session])))
    return found.status.value, found.reason, found.actor.type, waits


def test_a_recovery_ends_the_sessions_of_devices_and_marks_them_for_gateways(anywhere):
    thief, other = signed_in(anywhere), signed_in(anywhere, "person_somebody_else")
    anywhere.insured()
    assert anywhere.recovered()["sessions_ended"] >= 1
    assert seen(anywhere, thief) == ("revoked", "account_recovered", "system", True)
    assert seen(anywhere, other) == ("active", "", "", False)


def test_a_recovery_that_waits_ends_nobody(lost):
    thief = signed_in(lost)
    lost.begin()
    assert seen(lost, thief)[0] == "active"


def test_a_contest_ends_the_sessions_of_devices_that_came_after(anywhere):
    anywhere.insured()
    anywhere.recovered()
    thief = signed_in(anywhere)
    assert anywhere.contest().status == 200
    assert seen(anywhere, thief) == ("revoked", "recovery_contested", "system", True)
