"""What stands in Redis: the shapes of the contract, one step for value and event, and a revocation that stays."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from ostiary.kernel.clock import SECOND
from ostiary.projection.model import Written, entry_of
from ostiary.sessions.device.model import KEPT, DeviceSession
from tests.projection.stage import KEY

pytestmark = pytest.mark.redis

NOW = time.time_ns() // 1000
MS = 1775121700000
FUTURE = NOW // 1000 + 86_400_000


def session(name="device-session-123", **given):
    return DeviceSession(name, "default", "user-123", KEY, f"challenge-{name}", NOW, **given)


@pytest.fixture
def there(redis, stages):
    return stages(redis)


def write(stage, *sessions, now=NOW):
    return stage.run(stage.mirror.write([entry_of(one, now) for one in sessions])).changed


ACTIVE = {
    "device_session_id": "device-session-123",
    "user_id": "user-123",
    "client_public_key": "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no=",
    "status": "active",
}
"""The source's example, letter by letter (contract, section 10)."""

REVOKED = ACTIVE | {"status": "revoked", "revoked_at_ms": "1775121700000"}


def test_an_active_session_stands_as_the_source_shows(there):
    assert write(there, session()) == 1
    text = there.client.get("gateway:session:device-session-123")
    assert text == json.dumps(ACTIVE, separators=(",", ":"))
    assert there.events() == [ACTIVE]
    assert list(there.events()[0]) == list(ACTIVE)
    assert there.client.pexpiretime("gateway:session:device-session-123") == -1


def test_a_revoked_one_stands_as_the_source_shows_without_reason_or_actor(there):
    one = session(revoked_at=MS * 1000, reason="admin_revoke")
    assert write(there, one, now=MS * 1000) == 1
    assert there.events() == [REVOKED]
    assert list(there.events()[0]) == list(REVOKED)


def test_an_event_says_letter_by_letter_what_the_value_says(there):
    odd = 'user-"\\/\u0000\u20ac\U0001f512 "status":"active"'
    one = msgspec.structs.replace(session(revoked_at=NOW), person=odd)
    write(there, one)
    (event,) = there.events()
    assert event["user_id"] == there.value("device-session-123")["user_id"] == odd
    assert write(there, msgspec.structs.replace(one, revoked_at=0)) == 0
    assert event["revoked_at_ms"] == str(NOW // 1000)


def test_a_revoked_ones_value_has_the_time_as_a_number_and_goes_when_the_truth_lets_go(there):
    write(there, session(revoked_at=NOW))
    key = "gateway:session:device-session-123"
    assert json.loads(there.client.get(key)) == ACTIVE | {"status": "revoked", "revoked_at_ms": NOW // 1000}
    assert there.client.pexpiretime(key) == (NOW + KEPT) // 1000


def test_a_session_with_an_end_goes_by_itself(there):
    write(there, session(expires_at=FUTURE * 1000))
    assert there.client.pexpiretime("gateway:session:device-session-123") == FUTURE
    write(there, session("short", expires_at=NOW + 60 * SECOND))
    there.client.pexpireat("gateway:session:short", 1)
    assert there.value("short") is None


def test_one_whose_time_has_come_is_told_as_revoked_whoever_has_noted_it(there):
    write(there, session(expires_at=NOW))
    assert there.value("device-session-123")["status"] == "revoked"
    assert there.events()[-1]["revoked_at_ms"] == str(NOW // 1000)


def test_a_late_active_one_never_undoes_a_revocation_and_tells_nobody(there):
    write(there, session())
    write(there, session(revoked_at=NOW))
    before = (there.value("device-session-123"), there.events(), there.client.pexpiretime("gateway:session:x"))
    assert write(there, session()) == 0
    assert write(there, session(expires_at=FUTURE * 1000)) == 0
    after = (there.value("device-session-123"), there.events(), there.client.pexpiretime("gateway:session:x"))
    assert after == before
    assert there.value("device-session-123")["status"] == "revoked"


def test_those_that_stay_revoked_are_named(there):
    names = [f"dev-{number}" for number in range(250)]
    write(there, *(session(name, revoked_at=NOW) for name in names[99:201]))
    written = there.run(there.mirror.write([entry_of(session(name), NOW) for name in names]))
    assert written == Written(148, tuple(names[99:201]))


def test_a_revocation_stays_though_somebody_spelt_it_otherwise(there):
    there.client.set("gateway:session:device-session-123", '{ "status" : "revoked" }')
    assert write(there, session()) == 0
    assert there.value("device-session-123") == {"status": "revoked"}


@pytest.mark.parametrize("rubbish", ["", "{", "[]", "7", '"revoked"', '{"status":["revoked"]}', "\x00"])
def test_what_is_no_session_is_overwritten(there, rubbish):
    there.client.set("gateway:session:device-session-123", rubbish)
    assert write(there, session()) == 1
    assert there.value("device-session-123") == ACTIVE


def test_another_type_under_the_key_is_overwritten(there):
    there.client.rpush("gateway:session:device-session-123", "x")
    assert stands(there) == b""
    assert write(there, session()) == 1
    assert there.value("device-session-123") == ACTIVE


def stands(stage):
    (held,) = stage.run(stage.mirror.read(["device-session-123"]))
    return held.record


def test_what_stands_there_already_is_told_to_nobody_again_but_goes_when_it_should(there):
    write(there, session(expires_at=FUTURE * 1000))
    there.client.persist("gateway:session:device-session-123")
    assert write(there, session(expires_at=FUTURE * 1000)) == 1
    assert there.client.pexpiretime("gateway:session:device-session-123") == FUTURE
    assert write(there, session(expires_at=FUTURE * 1000)) == 0
    assert write(there, session()) == 1
    assert there.client.pexpiretime("gateway:session:device-session-123") == -1
    assert write(there, session()) == 0
    assert len(there.events()) == 1


def test_a_script_that_redis_has_forgotten_is_sent_again(there):
    write(there, session())
    there.client.script_flush()
    assert write(there, session(revoked_at=NOW)) == 1
    there.client.script_flush()
    assert stands(there) is not None


def test_the_stream_keeps_about_as_many_as_is_set(there):
    mirror = there.mirrored(maxlen=1000)
    many = [entry_of(session(f"dev-{number}"), NOW) for number in range(3000)]
    assert there.run(mirror.write(many)) == Written(3000, ())
    assert 1000 <= there.client.xlen("gateway:session_events") < 1200
    assert there.events()[-1]["device_session_id"] == "dev-2999"


def test_no_reader_sees_an_event_without_its_value(there):
    """A reader that looks at each event's value as soon as it comes finds it, or one that came after it."""
    many = [session(f"dev-{number}") for number in range(300)]
    ended = [session(one.id, revoked_at=NOW) for one in many]
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_along, there.server, 2 * len(many))
        for one in (*many, *ended):
            write(there, one)
        seen = reading.result(60)
    assert [event for event, _ in seen] == ["active"] * 300 + ["revoked"] * 300
    assert all(value is not None and (event == "active" or value == "revoked") for event, value in seen)


def read_along(server, count):
    """What each event said, and what its value said a moment later."""
    seen, last = [], "0"
    with server.client() as reader:
        while len(seen) < count:
            for _, entries in reader.xread({"gateway:session_events": last}, 128, 20_000):
                for last, fields in entries:  # noqa: B007 - where to go on
                    text = reader.get(f"gateway:session:{fields['device_session_id']}")
                    seen.append((fields["status"], text and json.loads(text)["status"]))
    return seen


def test_what_is_removed_is_told_as_revoked_if_it_was_active(there):
    write(there, session("a"), session("b", revoked_at=NOW))
    there.client.set("gateway:session:c", "rubbish")
    assert there.run(there.mirror.remove(["a", "b", "c", "d"], NOW)) == 3
    assert there.client.keys("gateway:session:*") == []
    *_, last = there.events()
    assert last == ACTIVE | {"device_session_id": "a", "status": "revoked", "revoked_at_ms": str(NOW // 1000)}
    assert len(there.events()) == 3
