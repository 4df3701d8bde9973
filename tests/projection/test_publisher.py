"""Published right after the commit, and by the follower whenever that did not succeed; on each database."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from ostiary.kernel.clock import SECOND
from ostiary.projection.model import About, MirrorUnavailable
from ostiary.projection.publisher import nowhere
from ostiary.sessions.device import service as devices
from ostiary.storage import snapshots
from tests.projection.stage import ACT

pytestmark = pytest.mark.redis


class Between:
    """A mirror that does something of the test's before, or instead of, handing on."""

    def __init__(self, mirror):
        self.mirror, self.before_write, self.why, self.tries = mirror, [], "", 0

    def __getattr__(self, name):
        return getattr(self.mirror, name)

    async def about(self):
        if self.why:
            raise MirrorUnavailable(self.why)
        return await self.mirror.about()

    async def write(self, entries):
        self.tries += 1
        if self.why:
            raise MirrorUnavailable(self.why)
        while self.before_write:
            self.before_write.pop()()
        return await self.mirror.write(entries)


@pytest.fixture
def between(stage):
    made = Between(stage.mirror)
    stage.publisher = stage.publishing(made)
    return made


def test_a_session_is_there_when_the_publisher_says_so_and_its_mark_goes_with_the_next_round(stage):
    one = stage.opened()
    assert stage.waiting() == 1
    assert stage.published(one.id)
    assert stage.value(one.id)["status"] == "active"
    assert stage.waiting() == 1
    stage.followed()
    assert stage.waiting() == 0
    stage.revoked(one.id)
    assert stage.published(one.id)
    assert stage.value(one.id)["status"] == "revoked"
    stage.followed()
    assert [event["status"] for event in stage.events(one.id)] == ["active", "revoked"]
    assert stage.verified()[0] == {}


def test_the_follower_publishes_what_others_changed(stage):
    many = [stage.opened() for _ in range(3)]
    stage.revoked(many[0].id)
    stage.followed()
    assert [stage.value(one.id)["status"] for one in many] == ["revoked", "active", "active"]
    assert stage.waiting() == 0
    assert len(stage.events()) == 3


def test_more_than_one_batch_is_published_in_one_round(stage):
    def batch(tx):
        opened = (devices.Opening(f"user-{n}", "k", f"c-{n}") for n in range(1100))
        return [devices.open_session(tx, ACT.caller, one).id for one in opened]

    ids = stage.act(batch)
    stage.followed()
    assert stage.waiting() == 0
    assert len(stage.events()) == 1100
    assert stage.value(ids[-1])["user_id"] == "user-1099"


def test_of_very_many_a_request_publishes_some_and_the_follower_the_rest(stage, between):
    def batch(tx):
        opened = (devices.Opening(f"user-{n}", "k", f"c-{n}") for n in range(250))
        return [devices.open_session(tx, ACT.caller, one).id for one in opened]

    many = stage.act(batch)
    assert stage.published(*many) is False
    assert (between.tries, len(stage.events())) == (1, 100)
    stage.followed()
    assert (stage.waiting(), len(stage.events())) == (0, 250)


def test_what_is_asked_for_together_goes_together(stage, between):
    many = [stage.opened() for _ in range(20)]

    async def all_at_once():
        return await asyncio.gather(*(stage.publisher.publish([one.id]) for one in many))

    assert stage.run(all_at_once()) == [True] * 20
    assert between.tries <= 2
    assert len(stage.events()) == 20


def test_a_session_that_changes_between_reading_and_clearing_keeps_its_mark(stage, between):
    one = stage.opened()
    between.before_write.append(lambda: stage.revoked(one.id))
    assert stage.published(one.id)
    assert stage.value(one.id)["status"] == "active", "what was read before"
    stage.run(stage.publisher._clear())
    assert stage.waiting() == 1
    stage.followed()
    assert stage.value(one.id)["status"] == "revoked"
    assert stage.waiting() == 0


def test_a_mark_that_was_set_twice_is_not_the_mark_that_was_read(stage):
    """A changes to B and back to what it was: the second mark is another, though nothing else differs."""
    one = stage.opened()
    read = [mark for mark, _ in stage.read(lambda tx: devices.waiting(tx, 10))]
    stage.act(lambda tx: snapshots.mark(tx, one.id))
    assert stage.act(lambda tx: snapshots.clear(tx, read)) == 0
    assert stage.waiting() == 1


def test_a_failure_is_told_once_and_left_to_the_follower(stage, between):
    one, two = stage.opened(), stage.opened()
    between.why = "timeout"
    with capture_logs() as logs:
        assert stage.published(one.id) is False
        assert stage.published(two.id) is False
        stage.followed()
        assert between.tries == 1, "while Redis is known to be away, no request waits for it"
        assert stage.run(stage.publisher.standing()).state == "unavailable"
        between.why = ""
        stage.followed()
        stage.followed()
    told = [(line["event"], line.get("why")) for line in logs if "fill" not in line["event"]]
    assert told == [("projection_unavailable", "timeout"), ("projection_back", None)]
    assert {stage.value(each.id)["status"] for each in (one, two)} == {"active"}
    assert stage.waiting() == 0
    assert stage.published(one.id)


def test_a_late_active_snapshot_of_one_process_never_undoes_the_revocation_of_another(stage, between):
    one = stage.opened()
    other = stage.publishing(stage.mirrored())

    def meanwhile():
        stage.revoked(one.id)
        asyncio.run(revoked_elsewhere())

    async def revoked_elsewhere():
        mirror = stage.mirrored()
        try:
            assert await stage.publishing(mirror).publish([one.id])
        finally:
            await mirror.close()

    between.before_write.append(lambda: in_thread(meanwhile))
    assert stage.published(one.id)
    assert stage.value(one.id)["status"] == "revoked"
    assert [event["status"] for event in stage.events(one.id)] == ["revoked"]
    assert stage.run(other.publish([one.id]))


def in_thread(work):
    """Run it on another thread, where no loop runs, and wait."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result(20)


def test_a_session_that_is_gone_is_removed_and_told_as_revoked(stage):
    one = stage.opened()
    assert stage.published(one.id)
    stage.followed()
    stage.act(lambda tx: (snapshots.mark(tx, one.id), stage.forget(tx, one.id)))
    stage.followed()
    assert stage.value(one.id) is None
    assert [event["status"] for event in stage.events(one.id)] == ["active", "revoked"]
    assert stage.waiting() == 0


def test_an_expired_session_is_published_as_revoked(stage):
    one = stage.opened(life=3600 * SECOND)
    stage.followed()
    stage.clock.turn(3600 * SECOND)
    assert stage.act(devices.expire) == 1
    stage.followed()
    assert stage.value(one.id)["status"] == "revoked"
    assert [event["status"] for event in stage.events(one.id)] == ["active", "revoked"]


def test_a_publication_takes_no_longer_than_two_steps_at_a_redis_that_hangs(stage, redis):
    stage.publisher = stage.publishing(stage.mirrored(timeout=SECOND // 5))
    one, two = stage.opened(), stage.opened()
    assert stage.published(one.id)
    stage.client.execute_command("CLIENT", "PAUSE", 3000)
    began = time.monotonic()

    async def both():
        return await asyncio.gather(stage.publisher.publish([one.id, two.id]), stage.publisher.publish([two.id]))

    stage.revoked(one.id)
    assert stage.run(both()) == [False, False]
    assert time.monotonic() - began < 1.5
    assert stage.run(stage.publisher.publish([one.id])) is False
    stage.client.execute_command("CLIENT", "UNPAUSE")
    stage.followed()
    assert stage.value(one.id)["status"] == "revoked"
    assert stage.waiting() == 0


def test_the_standing_tells_what_waits_and_since_when(stage, between):
    stage.followed()
    assert stage.run(stage.publisher.standing()).state == "ok"
    stage.clock.hold()
    stage.opened()
    stage.clock.turn(3 * SECOND)
    stage.opened()
    told = stage.run(stage.publisher.standing())
    assert (told.state, told.waiting, told.age) == ("behind", 2, 3 * SECOND)
    stage.followed()
    told = stage.run(stage.publisher.standing())
    assert (told.state, told.waiting, told.age, told.published, told.failures) == ("ok", 0, 0, 2, 0)
    between.why = "timeout"
    stage.opened()
    stage.clock.turn(2 * SECOND)
    stage.followed()
    told = stage.run(stage.publisher.standing())
    assert (told.state, told.waiting, told.failures) == ("unavailable", 1, 1)


def test_where_no_redis_is_set_nothing_is_published():
    assert asyncio.run(nowhere(["dev-x"])) is True


def test_the_follower_runs_until_it_is_told_and_publishes_once_more_then(stage):
    stage.opened()

    async def followed():
        stop = asyncio.Event()
        running = asyncio.create_task(stage.publisher.follow(stop))
        await asyncio.to_thread(stage.client.xread, {"gateway:session_events": "0"}, block=20_000)
        two = stage.opened()
        stop.set()
        await running
        return two

    two = stage.run(followed())
    assert stage.value(two.id)["status"] == "active"
    assert stage.waiting() == 0


def test_a_follower_that_meets_a_fault_of_ours_goes_on(stage, between):
    def broken():
        raise RuntimeError("a bug")

    one = stage.opened()
    between.before_write += [broken, broken]
    with capture_logs() as logs:
        assert stage.published(one.id) is False
        stage.followed()
        stage.followed()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["projection_broke"] * 2
    assert stage.value(one.id)["status"] == "active"


def test_what_redis_says_of_itself(stage):
    about = stage.run(stage.mirror.about())
    assert isinstance(about, About)
    assert about.version.startswith("Redis ")
    assert (len(about.run), about.whole, about.events) == (40, "", 0)
