"""A Redis that loses what it holds while it is filled: nobody who was revoked is let in by what the filling had read."""

import pytest

from ostiary.projection.rebuilding import fill
from ostiary.projection.restoring import Restorer
from ostiary.sessions.device import service as devices
from tests.projection.stage import ACT, silent

pytestmark = pytest.mark.redis

LIFE_MS = 60_000


@pytest.fixture
def stage(stages, redis):
    return stages(redis)


class Late:
    """A mirror of which something happens between the reading of the first page and its writing."""

    def __init__(self, mirror, happens):
        self.mirror, self.happens = mirror, happens

    def __getattr__(self, name):
        return getattr(self.mirror, name)

    async def write(self, entries):
        if self.happens:
            happens, self.happens = self.happens, None
            await happens()
        return await self.mirror.write(entries)


async def ended(stage, session):
    """Revoke and publish, until nothing waits."""
    await stage.house.vault.transact(stage.scope, lambda tx: devices.revoke(tx, ACT, session))
    assert await stage.publisher.publish([session])
    await stage.publisher._clear()


@pytest.mark.parametrize("lost", ["everything", "one"])
def test_a_rebuild_makes_nobody_active_who_was_revoked_meanwhile(stage, lost):
    session = stage.opened().id
    stage.followed()

    async def meanwhile():
        await ended(stage, session)
        if lost == "everything":
            stage.client.flushall()
        else:
            stage.client.delete(f"gateway:session:{session}")

    assert stage.run(fill(stage.truth(), Late(stage.mirror, meanwhile), silent)).changed == 2
    assert stage.value(session)["status"] == "revoked"
    assert stage.events(session)[-1]["status"] == "revoked"


def test_whoever_filled_a_redis_that_was_emptied_meanwhile_does_not_call_it_whole(stage):
    """What stood there before the filling came to it is gone: it must begin anew."""
    stage.opened()
    mirror = Late(stage.mirror, None)

    async def emptied():
        stage.client.flushall()

    mirror.happens = emptied
    restorer = Restorer(stage.truth(), mirror, "this one")

    async def filled():
        await restorer.look()
        await restorer._filling

    stage.run(filled())
    about = stage.run(stage.mirror.about())
    assert about.whole != about.run
    stage.run(filled())
    about = stage.run(stage.mirror.about())
    assert about.whole == about.run
    assert stage.client.exists("gateway:projection:rebuilding") == 0


def test_the_right_to_rebuild_is_kept_and_used_by_who_has_it(stage):
    run = stage.run(stage.mirror.about()).run
    assert not stage.run(stage.mirror.keep("one", LIFE_MS))
    assert stage.run(stage.mirror.claim("one", LIFE_MS))
    assert stage.run(stage.mirror.keep("one", LIFE_MS))
    assert not stage.run(stage.mirror.keep("another", LIFE_MS))
    assert not stage.run(stage.mirror.declare(run, "another"))
    assert stage.run(stage.mirror.about()).whole == ""
    assert stage.run(stage.mirror.declare(run, "one"))
    assert stage.run(stage.mirror.about()).whole == run
    assert not stage.run(stage.mirror.declare("later", "one")), "the right was given up"
