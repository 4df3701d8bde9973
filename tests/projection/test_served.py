"""A served Ostiary beside a Redis: other processes' changes, readiness, metrics, an outage, several workers, none."""

import json
import re
import time
import urllib.request
from contextlib import contextmanager

import pytest

from ostiary.house import open_house
from ostiary.sessions.device import service as devices
from ostiary.settings import read_settings
from ostiary.storage import snapshots
from tests.flows.server import Served, serving
from tests.projection.stage import ACT, KEY
from tests.rigs.redises import redis_server
from tests.sessions.home import OPERATOR

PATIENCE_S = 30


@contextmanager
def beside(served):
    """A process beside the server, on the same database."""
    house = open_house(read_settings(served.environ, served.folder))
    try:
        yield house
    finally:
        house.close()


def opened(house, count):
    """Open so many device sessions, each in its own transaction; return their ids."""
    made = []
    for _ in range(count):
        number = f"{time.monotonic_ns()}"
        opening = devices.Opening(f"user-{number}", KEY, f"challenge-{number}")
        made.append(
            house.vault.transact_now(house.scope, lambda tx, it=opening: devices.open_session(tx, OPERATOR, it))
        )
    return [one.id for one in made]


def revoked(house, session):
    house.vault.transact_now(house.scope, lambda tx: devices.revoke(tx, ACT, session))


def until(wanted, ask):
    """Ask until the answer is the wanted one."""
    deadline = time.monotonic() + PATIENCE_S
    while (answer := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    assert answer == wanted


def asked(served, path):
    with urllib.request.urlopen(f"{served.internal}{path}", timeout=10) as answer:
        return answer.read().decode()


def ready(served):
    return json.loads(asked(served, "/readyz"))


def metric(served, name):
    return float(re.search(rf"^ostiary_projection_{name} (\S+)$", asked(served, "/metrics"), re.MULTILINE)[1])


def agrees(served):
    """Whether `projection verify` finds nothing and nothing waits."""
    done = served.cli("projection", "verify", "--json", check=False)
    total = json.loads(done.stdout.splitlines()[-1])
    return done.returncode == 0 and total["differences"] == total["waiting"] == 0


@pytest.mark.redis
def test_redis_killed_and_started_again_while_sessions_open_and_end(tmp_path):
    with (
        redis_server(lasting=True) as redis,
        serving(tmp_path, OSTIARY_REDIS_ADDR=redis.addr) as served,
        beside(served) as house,
    ):
        until({"ready": True, "store": "ok", "projection": "ok", "projection_waiting": 0}, lambda: ready(served))
        many = opened(house, 30)
        until(True, lambda: agrees(served))
        assert metric(served, "published_total") >= 30
        redis.kill()
        for session in many[:10]:
            revoked(house, session)
        many += opened(house, 20)
        until("unavailable", lambda: ready(served)["projection"])
        assert ready(served)["projection_waiting"] == 30
        assert metric(served, "waiting") == 30
        assert metric(served, "up") == 0
        assert metric(served, "failures_total") >= 1
        assert metric(served, "oldest_seconds") > 0
        assert served.cli("projection", "status", check=False).returncode == 1
        assert served.cli("projection", "verify", check=False).returncode == 75
        redis.start()
        until(0, lambda: ready(served)["projection_waiting"])
        until("ok", lambda: ready(served)["projection"])
        until(True, lambda: agrees(served))
        with redis.client() as client:
            stands = [json.loads(client.get(f"gateway:session:{session}"))["status"] for session in many]
        assert stands == ["revoked"] * 10 + ["active"] * 40
        told = [line for line in served.stderr().splitlines() if "projection_unavailable" in line]
        assert len(told) == 1


@pytest.mark.redis
def test_several_workers_publish_and_a_redis_that_lost_everything_is_filled(tmp_path):
    with redis_server() as redis:
        served = Served(tmp_path, {"OSTIARY_REDIS_ADDR": redis.addr})
        served.cli("init")
        served.start("--workers", "2")
        try:
            with beside(served) as house:
                many = opened(house, 20)
                until(True, lambda: agrees(served))
                redis.kill()
                revoked(house, many[0])
                redis.start()
                until(True, lambda: agrees(served))
                with redis.client() as client:
                    events = [fields["device_session_id"] for _, fields in client.xrange("gateway:session_events")]
                assert sorted(events) == sorted(many), "each was told once, though two workers look"
        finally:
            served.stop()


def test_without_redis_nothing_waits_for_ever(tmp_path):
    with serving(tmp_path, OSTIARY_GC_INTERVAL="100ms") as served, beside(served) as house:
        opened(house, 5)
        until(0, lambda: house.vault.read_now(house.scope, snapshots.waiting)[0])
        assert ready(served) == {"ready": True, "store": "ok"}
        assert "ostiary_projection" not in asked(served, "/metrics")
        said = served.cli("projection", "status", check=False)
        assert (said.returncode, said.stderr) == (
            2,
            "ostiary: there is no projection: OSTIARY_REDIS_ADDR names no Redis\n",
        )
