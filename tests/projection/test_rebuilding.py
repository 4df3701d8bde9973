"""Made anew from the truth and held against it: every planted difference is found, and mended; on each database."""

import json
from functools import partial

import pytest

from ostiary.kernel.clock import SECOND
from ostiary.projection.rebuilding import Filled, fill, sweep
from ostiary.sessions.device import service as devices
from ostiary.storage import snapshots
from tests.projection.stage import ACT, KEY, silent

pytestmark = pytest.mark.redis

HOUR = 3600 * SECOND


@pytest.fixture
def peopled(stage):
    """Four sessions, published: one lives, one ends in an hour, two were revoked."""
    stage.many = [stage.opened(), stage.opened(life=HOUR), stage.opened(), stage.opened(life=HOUR)]
    for one in stage.many[2:]:
        stage.revoked(one.id)
    stage.followed()
    assert stage.verified()[0] == {}
    return stage


def key(session):
    return f"gateway:session:{session.id}"


def test_every_planted_difference_is_found_by_name_and_mended_by_a_rebuild(peopled):
    living, ending, revoked, both = peopled.many
    client = peopled.client
    client.delete(key(living))
    client.persist(key(ending))
    client.set(key(revoked), client.get(key(revoked)).replace("revoked", "active"))
    client.pexpireat(key(both), client.pexpiretime(key(both)) + 1)
    client.set("gateway:session:dev-unknown", json.dumps({"status": "active", "user_id": "user-x"}))
    client.set("gateway:session:not even an id", "rubbish")
    client.set(b"gateway:session:\xff\xfe\0", json.dumps({"status": "active", "user_id": "user-x"}))
    client.set("gateway:session_events_of_another", "is no session")
    found, walk = peopled.verified()
    assert {name: one.fault for name, one in found.items()} == {
        living.id: "missing",
        ending.id: "expiry",
        revoked.id: "different",
        both.id: "expiry",
        "dev-unknown": "unknown",
        "not even an id": "unknown",
        "\udcff\udcfe\0": "unknown",
    }
    assert (walk.sessions, walk.waiting) == (4, 0)
    assert json.loads(found[revoked.id].stands)["status"] == "active"
    assert json.loads(found[revoked.id].should)["status"] == "revoked"
    assert (found[ending.id].should, found[ending.id].stands) == (str(ending.expires_at // 1000), "0")
    before = len(peopled.events())
    assert peopled.rebuilt() == (4, 3)
    assert peopled.verified()[0] == {}
    told = {fields["device_session_id"]: fields["status"] for fields in peopled.events()[before:]}
    assert told == {living.id: "active", revoked.id: "revoked", "dev-unknown": "revoked"}
    assert client.get("gateway:session_events_of_another") == "is no session"
    assert peopled.rebuilt() == (0, 0)
    assert len(peopled.events()) == before + 3, "a rebuild of what is right tells nobody anything"


def test_an_empty_redis_is_filled(peopled):
    peopled.client.flushall()
    found, _ = peopled.verified()
    assert {one.fault for one in found.values()} == {"missing"}
    assert len(found) == 4
    assert peopled.rebuilt() == (4, 0)
    assert peopled.verified()[0] == {}
    assert [fields["status"] for fields in peopled.events()].count("revoked") == 2


def test_what_waits_is_counted_and_no_difference(peopled):
    living = peopled.many[0]
    peopled.revoked(living.id)
    another = peopled.opened()
    found, walk = peopled.verified()
    assert (found, walk.sessions, walk.waiting) == ({}, 5, 2)
    peopled.act(lambda tx: (snapshots.mark(tx, another.id), peopled.forget(tx, another.id)))
    peopled.followed()
    assert peopled.verified()[0] == {}


def test_a_session_that_goes_about_now_may_be_there_or_not(peopled):
    ending = peopled.many[1]
    peopled.clock.turn(HOUR - SECOND)
    peopled.client.delete(key(ending))
    assert peopled.verified()[0] == {}
    peopled.clock.turn(2 * SECOND)
    found, _ = peopled.verified()
    assert {name: one.fault for name, one in found.items()} == {ending.id: "missing"}, (
        "as revoked, once its time has come"
    )
    peopled.rebuilt()
    assert peopled.value(ending.id)["status"] == "revoked"
    assert peopled.verified()[0] == {}


def test_a_revocation_during_a_rebuild_stays(peopled):
    """The rebuild has read the session as active, and writes it after it was revoked and published."""
    living = peopled.many[0]

    async def revoked_meanwhile(mirror, entries):
        peopled.revoked(living.id)
        assert await peopled.publisher.publish([living.id])
        return await mirror.write(entries)

    class Late:
        def __getattr__(self, name):
            return getattr(peopled.mirror, name)

        write = partial(revoked_meanwhile, peopled.mirror)

    assert peopled.run(fill(peopled.truth(), Late(), silent)) == Filled(0, ())
    assert peopled.value(living.id)["status"] == "revoked"
    peopled.followed()
    assert peopled.verified()[0] == {}


def test_what_stands_as_revoked_and_lives_in_the_truth_is_named_and_stays(peopled):
    """As after a restore of a backup: the revocation is gone from the truth, and gateways have heard of it."""
    living = peopled.many[0]
    told = peopled.client.get(key(living)).replace("active", "revoked")
    peopled.client.set(key(living), told)
    assert peopled.run(fill(peopled.truth(), peopled.mirror, silent)) == Filled(0, (living.id,))
    assert peopled.client.get(key(living)) == told
    peopled.client.delete(key(living))
    assert peopled.run(fill(peopled.truth(), peopled.mirror, silent)) == Filled(1, ())
    assert peopled.verified()[0] == {}


def test_what_opens_while_unknown_ones_are_swept_stays(peopled):
    opened = []

    class Late:
        def __getattr__(self, name):
            return getattr(peopled.mirror, name)

        async def scan(self, cursor):
            opened.append(peopled.opened())
            assert await peopled.publisher.publish([opened[-1].id])
            return await peopled.mirror.scan(cursor)

    assert peopled.run(sweep(peopled.truth(), Late())) == 0
    peopled.followed()
    assert peopled.verified()[0] == {}


def test_sessions_of_all_live_tenants_are_there_and_none_of_a_fixture(peopled):
    """A gateway knows no tenants: it must not accept a session whose code a program could read."""
    live, fixture = peopled.of_another_tenant("live"), peopled.of_another_tenant("fixture")
    assert peopled.published(live, fixture)
    peopled.followed()
    assert peopled.waiting() == 0
    assert peopled.value(live)["user_id"] == "user-9"
    assert peopled.value(fixture) is None
    assert peopled.verified()[0] == {}
    peopled.client.flushall()
    assert peopled.rebuilt() == (5, 0)
    peopled.client.set(f"gateway:session:{fixture}", '{"status":"active"}')
    assert {name: one.fault for name, one in peopled.verified()[0].items()} == {fixture: "unknown"}
    assert peopled.rebuilt() == (0, 1)
    assert peopled.verified()[0] == {}


def test_many_are_told_as_they_go(peopled):
    def batch(tx):
        opened = (devices.Opening(f"user-{n}", KEY, f"c-{n}") for n in range(1300))
        return [devices.open_session(tx, ACT.caller, one).id for one in opened]

    many, told = peopled.act(batch), []

    async def note(count):
        told.append(count)

    assert peopled.run(fill(peopled.truth(), peopled.mirror, note)).changed == 1300
    assert told == [500, 1000, 1304]
    assert peopled.verified()[1].sessions == 1304
    peopled.client.delete(*(f"gateway:session:{session}" for session in many[:700]))
    found, walk = peopled.verified()
    assert (found, walk.waiting) == ({}, 700), "they still bear a mark"
    peopled.followed()
    assert peopled.rebuilt() == (0, 0)
