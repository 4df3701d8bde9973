"""A person's own sessions, those of devices among them: listed, ended one by one, ended with all others."""

from ostiary.sessions.device import service as devices
from ostiary.sessions.device.model import Actor, Status
from ostiary.sessions.device.service import Opening
from ostiary.storage import snapshots
from tests.login.email_code.handset import new_key
from tests.login.gatehouse import OPERATOR
from tests.sessions.home import MINUTE, micros

SESSIONS = "/api/v1/auth/sessions"


def opened(home, person, challenge, life=0):
    """Open a device's session."""
    return home.act(lambda tx: devices.open_session(tx, OPERATOR, Opening(person, new_key(), challenge, life)))


def found(home, session):
    return home.read(lambda tx: devices.find(tx, session.id))


def listed(visitor):
    return visitor.send("GET", SESSIONS).json["sessions"]


def test_a_device_is_listed_with_what_is_known_of_it(anywhere):
    visitor = anywhere.enrolled()
    anywhere.clock.turn(1)
    device = opened(anywhere, visitor.person, "challenge-1")
    opened(anywhere, anywhere.enrolled().person, "challenge-2")
    first, second = listed(visitor)
    assert second["id"] == visitor.session
    assert first == {
        "id": device.id,
        "kind": "device",
        "actor_id": visitor.person,
        "actor_type": "User",
        "label": "Device, signed in by e-mail code",
        "current": False,
        "created_at": first["created_at"],
        "last_seen_at": None,
        "idle_expires_at": None,
        "absolute_expires_at": None,
        "alive_because": "email_code",
        "ends_because": None,
        "scopes": [],
        "revoked": False,
    }
    assert micros(first["created_at"]) == device.created_at


def test_a_device_that_ends_by_itself_says_when_and_is_listed_until_then(anywhere):
    visitor = anywhere.enrolled()
    device = opened(anywhere, visitor.person, "challenge-1", MINUTE)
    told = next(one for one in listed(visitor) if one["id"] == device.id)
    assert micros(told["absolute_expires_at"]) == device.expires_at
    assert told["ends_because"] == "expired"
    anywhere.clock.turn(MINUTE)
    assert [one["kind"] for one in listed(visitor)] == ["browser"]


def test_a_person_ends_their_device_and_gateways_are_to_hear_of_it(anywhere):
    visitor = anywhere.enrolled()
    device, kept = (opened(anywhere, visitor.person, f"challenge-{n}") for n in range(2))
    anywhere.act(lambda tx: snapshots.clear(tx, [mark for mark, _ in devices.waiting(tx, 10)]))
    before = len(anywhere.receipts())
    for _ in range(2):
        assert visitor.send("DELETE", f"{SESSIONS}/{device.id}").status == 204
    ended = found(anywhere, device)
    assert (ended.status, ended.reason, ended.actor) == (
        Status.REVOKED,
        "device_logout",
        Actor("user", visitor.person),
    )
    assert ended.revoked_by == visitor.person
    (told,) = anywhere.receipts()[before:]
    assert (told.operation, told.subject, told.actor) == ("session.end", device.id, visitor.person)
    assert told.reasons == ("device_logout", "actor:user", f"actor_id:{visitor.person}")
    assert {mark.session for mark, _ in anywhere.read(lambda tx: devices.waiting(tx, 10))} == {device.id}
    assert {one["id"] for one in listed(visitor)} == {visitor.session, kept.id}


def test_somebody_elses_device_is_as_unknown_as_one_that_never_was(anywhere):
    visitor, stranger = anywhere.enrolled(), anywhere.enrolled()
    theirs = opened(anywhere, stranger.person, "challenge-1")
    answers = [visitor.send("DELETE", f"{SESSIONS}/{one}") for one in (theirs.id, "dev-AAAAAAAAAAAAAAAAAAAAAA", "dev-")]
    assert {(answer.status, answer.code) for answer in answers} == {(404, "session_unknown")}
    assert found(anywhere, theirs).status is Status.ACTIVE
    assert (anywhere.last().operation, anywhere.last().reasons) == ("session.end", ("session_unknown",))


def test_ending_all_others_ends_devices_too(anywhere):
    visitor, stranger = anywhere.enrolled(), anywhere.enrolled()
    mine = [opened(anywhere, visitor.person, f"challenge-{n}") for n in range(3)]
    visitor.send("DELETE", f"{SESSIONS}/{mine[0].id}")
    theirs = opened(anywhere, stranger.person, "challenge-9")
    assert visitor.send("DELETE", f"{SESSIONS}?except=current").json == {"revoked_count": 2}
    assert [found(anywhere, one).reason for one in mine] == ["device_logout", "logout_all", "logout_all"]
    assert {found(anywhere, one).actor for one in mine} == {Actor("user", visitor.person)}
    assert found(anywhere, theirs).status is Status.ACTIVE
    assert [one["id"] for one in listed(visitor)] == [visitor.session]
    assert visitor.send("DELETE", f"{SESSIONS}?except=current").json == {"revoked_count": 0}
