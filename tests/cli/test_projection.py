"""`ostiary projection`: how it stands, made anew, held against the truth, by name."""

import json
import signal
import time

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
        settled.set(REDIS_ADDR=redis.addr, REDIS_OPERATION_TIMEOUT="5s")
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
    assert kinds(row) == {"sessions": "int", "changed": "int", "removed": "int", "stuck": "list", "seconds": "float"}
    assert (row["sessions"], row["changed"], row["removed"]) == (5, 5, 1)
    assert shown.rows("projection", "status")[0]["whole"] is True
    assert shown.done("projection", "rebuild").startswith("5 sessions in ")
    code, out, err = shown("projection", "rebuild", "--progress")
    assert (code, "5 sessions" in err) == (0, True)
    assert "0 stood otherwise, 0 unknown removed, 0 stuck" in out


def test_verify_names_every_difference_and_exits_with_one(shown):
    shown.done("projection", "rebuild")
    assert shown.rows("projection", "verify") == [{"sessions": 5, "waiting": 0, "differences": 0}]
    assert shown.done("projection", "verify") == "5 sessions, 0 waiting: 0 differences\n"
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
    assert f'different: {shown.many[0]}: stands {{}}, should be {{"device_session_id":"{shown.many[0]}"' in out
    assert f"missing: {shown.many[1]}: stands nothing, should be {{" in out
    assert out.endswith("5 sessions, 0 waiting: 2 differences\n")


def test_without_redis_it_is_said_and_with_one_that_is_away_too(shown):
    shown.set(REDIS_ADDR="127.0.0.1:1")
    code, out, _ = shown("projection", "status")
    assert (code, "unavailable (unreachable)" in out) == (1, True)
    code, _, err = shown("projection", "rebuild")
    assert (code, "Redis cannot be used (unreachable)" in err) == (75, True)
    shown.set(REDIS_ADDR="", REDIS_OPERATION_TIMEOUT="250ms")
    code, _, err = shown("projection", "verify")
    assert (code, "there is no projection" in err) == (2, True)


def test_a_rebuild_names_what_it_may_not_bring_back_and_says_what_to_do(shown):
    shown.done("projection", "rebuild")
    key = f"gateway:session:{shown.many[1]}"
    shown.client.set(key, shown.client.get(key).replace("active", "revoked"))
    code, out, err = shown("projection", "rebuild")
    assert code == 1
    assert out.startswith(f"stuck: {shown.many[1]}: stands as revoked, should be active\n5 sessions in ")
    assert out.endswith(" 0 stood otherwise, 0 unknown removed, 1 stuck\n")
    assert "ostiary sessions revoke ID" in err
    code, out, _ = shown("projection", "rebuild", "--json")
    assert (code, json.loads(out)["stuck"]) == (1, [shown.many[1]])
    with beside(shown) as house:
        revoked(house, shown.many[1])
    assert shown.rows("projection", "rebuild")[0]["stuck"] == []
    shown.client.set(key, "{}")
    with beside(shown) as house:
        house.vault.transact_now(house.scope, snapshots.drop_all)
    code, out, _ = shown("projection", "verify")
    assert (code, out.splitlines()[-1]) == (1, "5 sessions, 0 waiting: 1 difference")


def test_a_redis_that_hangs_is_told_about_as_soon_as_is_set(shown, redis):
    """Three waits of ten seconds, if it were the patience of a walk."""
    shown.set(REDIS_OPERATION_TIMEOUT="100ms")
    redis.process.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    try:
        code, out, _ = shown("projection", "status")
        assert (code, "unavailable (timeout)" in out) == (1, True)
        for command in ("verify", "rebuild"):
            code, _, err = shown("projection", command)
            assert (code, "Redis cannot be used (timeout)" in err) == (75, True)
    finally:
        redis.process.send_signal(signal.SIGCONT)
    assert time.monotonic() - began < 10


def test_status_says_which_settings_sign_in(settled):
    with redis_server("--requirepass", "secret") as guarded:
        settled.set(REDIS_ADDR=guarded.addr)
        code, out, err = settled("projection", "status")
    assert (code, "unavailable (sign_in)" in out) == (1, True)
    assert "OSTIARY_REDIS_PASSWORD_FILE" in err


def test_status_says_what_to_do_about_a_key_that_somebody_else_wrote(shown):
    shown.client.delete("gateway:session_events")
    shown.client.set("gateway:session_events", "a text")
    code, out, err = shown("projection", "status")
    assert (code, "unavailable (foreign_key)" in out) == (1, True)
    assert "session_events must be a stream" in err
    assert shown.client.get("gateway:session_events") == "a text"
    code, _, err = shown("projection", "rebuild")
    assert (code, "session_events must be a stream" in err) == (75, True)
    _, out, _ = shown("doctor")
    assert "session_events must be a stream" in out
