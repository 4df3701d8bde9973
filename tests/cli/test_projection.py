"""`ostiary projection`: how it stands, made anew, held against the truth, by name."""

import json

import pytest

from ostiary.storage import snapshots
from tests.cli.shell import kinds
from tests.projection.test_served import beside, opened, revoked
from tests.rigs.redises import redis_server

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module")
def redis():
    with redis_server() as server:
        yield server


@pytest.fixture
def shown(settled, redis):
    """A shell beside a Redis that has nothing yet, and five sessions that wait."""
    with redis.client() as client:
        client.flushall()
        settled.set(REDIS_ADDR=redis.addr)
        with beside(settled) as house:
            settled.many = opened(house, 5)
            revoked(house, settled.many[0])
        settled.client = client
        yield settled


def test_status_tells_what_waits_and_what_redis_is(shown):
    (row,) = shown.rows("projection", "status")
    kind = {"redis": "str", "waiting": "int", "oldest_seconds": "float", "events": "int", "whole": "bool"}
    assert kinds(row) == kind
    assert (row["waiting"], row["events"], row["whole"]) == (5, 0, False)
    text = shown.done("projection", "status")
    assert text.startswith("redis           Redis ")
    assert "waiting         5\n" in text


def test_a_rebuild_says_what_it_did_and_verify_agrees(shown):
    shown.client.set("gateway:session:dev-unknown", "{}")
    row = shown.rows("projection", "rebuild")[0]
    assert kinds(row) == {"sessions": "int", "changed": "int", "removed": "int", "seconds": "float"}
    assert (row["sessions"], row["changed"], row["removed"]) == (5, 5, 1)
    assert shown.rows("projection", "status")[0]["whole"] is True
    assert shown.done("projection", "rebuild").startswith("5 sessions in ")
    code, out, err = shown("projection", "rebuild", "--progress")
    assert (code, "5 sessions" in err) == (0, True)
    assert "0 stood otherwise, 0 unknown ones removed" in out


def test_verify_names_every_difference_and_exits_with_one(shown):
    shown.done("projection", "rebuild")
    assert shown.rows("projection", "verify") == [{"sessions": 5, "waiting": 0, "differences": 0}]
    assert shown.done("projection", "verify") == "5 sessions, 0 of them waiting: 0 differences\n"
    shown.client.set(f"gateway:session:{shown.many[0]}", "{}")
    shown.client.set("gateway:session:dev-unknown", "{}")
    code, out, err = shown("projection", "verify", "--json")
    assert (code, err) == (1, "")
    *rows, total = map(json.loads, out.splitlines())
    assert {row["session"]: row["difference"] for row in rows} == {"dev-unknown": "unknown"}
    assert total == {"sessions": 5, "waiting": 1, "differences": 1}, "a session that waits is not one that differs"


def test_verify_says_what_stands_and_what_should(shown):
    shown.done("projection", "rebuild")
    with beside(shown) as house:
        house.vault.transact_now(house.scope, snapshots.drop_all)
    shown.client.set(f"gateway:session:{shown.many[0]}", "{}")
    shown.client.delete(f"gateway:session:{shown.many[1]}")
    code, out, _ = shown("projection", "verify")
    assert code == 1
    assert f'different: {shown.many[0]}: {{}}, not {{"device_session_id":"{shown.many[0]}"' in out
    assert f"missing: {shown.many[1]}: -, not " in out
    assert out.endswith("5 sessions, 0 of them waiting: 2 differences\n")


def test_without_redis_it_is_said_and_with_one_that_is_away_too(shown):
    shown.set(REDIS_ADDR="127.0.0.1:1")
    code, out, _ = shown("projection", "status")
    assert (code, "unavailable (unreachable)" in out) == (1, True)
    code, _, err = shown("projection", "rebuild")
    assert (code, "Redis cannot be used (unreachable)" in err) == (75, True)
    shown.set(REDIS_ADDR="")
    code, _, err = shown("projection", "verify")
    assert (code, "there is no projection" in err) == (2, True)
