"""Redis killed and started again: with what it had, with less, or with nothing; afterwards all agree again."""

import pytest
from structlog.testing import capture_logs

from tests.rigs.redises import redis_server

pytestmark = pytest.mark.redis


def test_redis_that_kept_everything_gets_what_happened_meanwhile(stages):
    with redis_server(lasting=True) as server:
        stage = stages(server)
        one, two = stage.opened(), stage.opened()
        stage.followed()
        server.kill()
        stage.revoked(one.id)
        three = stage.opened()
        assert stage.published(one.id, three.id) is False
        stage.followed()
        assert stage.run(stage.publisher.standing()).state == "unavailable"
        server.start()
        stage.followed()
        assert {name: stage.value(name)["status"] for name in (one.id, two.id, three.id)} == {
            one.id: "revoked",
            two.id: "active",
            three.id: "active",
        }
        assert (stage.waiting(), stage.verified()[0]) == (0, {})


def test_what_a_filling_may_not_bring_back_is_logged(stages):
    with redis_server() as server:
        stage = stages(server)
        one = stage.opened()
        stage.followed()
        key = f"gateway:session:{one.id}"
        stage.client.set(key, stage.client.get(key).replace("active", "revoked"))
        stage.client.delete("gateway:projection:whole")
        stage.clock.turn(1_000_000)
        with capture_logs() as logs:
            stage.followed()
        assert logs[-1] == {"event": "projection_stuck", "log_level": "warning", "sessions": 1}


def test_redis_that_comes_back_empty_is_filled_without_anybodys_doing(stages):
    with redis_server() as server:
        stage = stages(server)
        many = [stage.opened() for _ in range(5)]
        stage.revoked(many[0].id)
        stage.followed()
        server.restart()
        assert stage.client.dbsize() == 0
        stage.clock.turn(1_000_000)
        with capture_logs() as logs:
            stage.followed()
        assert [line["event"] for line in logs][-2:] == ["projection_filling", "projection_filled"]
        assert stage.verified()[0] == {}
        stage.clock.turn(1_000_000)
        with capture_logs() as logs:
            stage.followed()
        assert logs == [], "once"


def test_a_revocation_that_redis_had_acknowledged_and_lost_is_found(stages):
    """The mark is gone, the server's file is from before: only the truth still knows."""
    with redis_server(lasting=True) as server:
        stage = stages(server)
        one = stage.opened()
        stage.followed()
        before = dict.fromkeys(path for path in server.folder.rglob("*") if path.is_file())
        for path in before:
            before[path] = path.read_bytes()
        stage.revoked(one.id)
        assert stage.published(one.id)
        stage.followed()
        assert stage.value(one.id)["status"] == "revoked"
        server.kill()
        for path, content in before.items():
            path.write_bytes(content)
        server.start()
        assert stage.value(one.id)["status"] == "active"
        assert stage.waiting() == 0
        stage.clock.turn(1_000_000)
        stage.followed()
        assert stage.value(one.id)["status"] == "revoked"
        assert stage.events(one.id)[-1]["status"] == "revoked"
        assert stage.verified()[0] == {}


def test_filling_removes_nothing_for_it_may_be_somebodys(stages):
    with redis_server() as server:
        stage = stages(server)
        stage.client.set("gateway:session:device-session-of-another-authority", "{}")
        stage.opened()
        stage.followed()
        assert stage.client.exists("gateway:session:device-session-of-another-authority")


def test_one_of_several_fills(stages):
    with redis_server() as server:
        stage = stages(server)
        stage.opened()
        assert stage.run(stage.mirror.claim("another", 60_000))
        assert stage.run(stage.mirror.claim("another", 60_000))
        stage.followed()
        assert stage.run(stage.mirror.about()).whole == ""
        assert stage.client.delete("gateway:projection:rebuilding") == 1
        stage.clock.turn(1_000_000)
        stage.followed()
        about = stage.run(stage.mirror.about())
        assert about.whole == about.run
