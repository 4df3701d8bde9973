"""Everything that can expire is collected, in batches with one event each; nothing that lives is touched."""

import asyncio
from contextlib import closing

import pytest

from ostiary.house import database_path
from ostiary.keys.model import Purpose
from ostiary.storage.outbox import KEEP
from ostiary.storage.sqlite import connect
from tests.sessions.home import HOUR, MINUTE, cause

BATCH = 1000
UNIQUE = {
    "sessions": ("id", "attempt_id"),
    "session_seen": ("session_id",),
    "challenges": ("id",),
    "presence": ("id",),
    "invitations": ("id", "token_hash"),
    "outbox": (),
}


def write(home, sql):
    with closing(connect(database_path(home.house.settings))) as connection:
        return connection.execute(sql).rowcount


def count(home, table, where="1"):
    return home.rows(f"SELECT count(*) FROM {table} WHERE {where}")[0][0]


def multiply(home, table, times):
    """Copy a table's first row that often, with unique values of its own."""
    columns = [row[1] for row in home.rows(f"PRAGMA table_info({table})") if (table, row[1]) != ("outbox", "id")]
    values = [f"{column} || '-' || i" if column in UNIQUE[table] else column for column in columns]
    write(
        home,
        f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {times}) "
        f"INSERT INTO {table} ({', '.join(columns)}) "
        f"SELECT {', '.join(values)} FROM (SELECT * FROM {table} LIMIT 1), n",
    )


def fill(home):
    """One row of each kind that can expire, and all of it in the past."""
    person = home.enrolled()
    home.clock.turn(MINUTE)
    assert person.check().status == 200
    person.presence("passkey.add")
    home.beside().end(home.open()[0].id)
    home.flush()
    home.clock.turn(25 * HOUR)


def collected(home):
    """The collection events so far: (operation, count)."""
    return [
        (one.operation, int(one.reasons[0].removeprefix("count:")))
        for one in home.receipts()
        if one.operation.endswith(".collect")
    ]


def test_everything_that_can_expire_is_collected(home):
    fill(home)
    assert all(count(home, table) for table in UNIQUE)
    home.collect()
    assert {table: count(home, table) for table in UNIQUE} == dict.fromkeys(UNIQUE, 0) | {"outbox": 1}
    assert [name for name, _ in collected(home)] == ["session.collect", "challenge.collect", "invitation.collect"]
    before = len(home.receipts())
    home.collect()
    assert len(home.receipts()) == before, "nothing to collect leaves nothing on record"


@pytest.mark.parametrize(
    ("table", "event"), [("sessions", "session"), ("challenges", "challenge"), ("invitations", "invitation")]
)
def test_a_large_backlog_goes_in_batches_each_with_its_event(home, table, event):
    fill(home)
    home.collect()
    fill(home)
    multiply(home, table, 2 * BATCH + 5)
    there, before = count(home, table), len(collected(home))
    home.collect()
    batches = [number for name, number in collected(home)[before:] if name == f"{event}.collect"]
    assert count(home, table) == 0
    assert len(batches) == 3
    assert [min(number, BATCH) for number in batches[:2]] == [BATCH, BATCH]
    assert sum(batches) >= there


def test_a_large_backlog_of_last_seen_times_and_announcements_goes_too(home):
    fill(home)
    multiply(home, "sessions", BATCH + 5)
    write(home, f"INSERT INTO session_seen SELECT id, {home.clock()} FROM sessions WHERE true ON CONFLICT DO NOTHING")
    multiply(home, "outbox", BATCH + 5)
    assert count(home, "session_seen") > BATCH < count(home, "outbox")
    home.collect()
    assert (count(home, "session_seen"), count(home, "outbox")) == (0, 1)


def test_a_living_session_keeps_its_row_and_its_last_use(home):
    visitor = home.enrolled()
    home.clock.turn(50 * MINUTE)
    assert visitor.check().status == 200
    home.flush()
    home.collect()
    home.crash()
    home.clock.turn(50 * MINUTE)
    assert visitor.check().status == 200, "collection must not forget when a living session was seen"


def test_a_dead_session_is_kept_until_its_absolute_time_to_the_microsecond(home):
    made, cookie = home.open()
    home.beside().end(made.id)
    home.clock.hold(made.absolute_expires_at - 1)
    home.collect()
    assert cause(home.check(cookie)) == "ended_by_operator"
    home.clock.hold(made.absolute_expires_at)
    home.collect()
    assert (count(home, "sessions"), home.check(cookie).code) == (0, "session_invalid")


def test_last_uses_that_are_written_after_the_collection_leave_nothing_behind(home):
    made, cookie = home.open()
    for _ in range(15):
        home.clock.turn(HOUR // 2)
        assert home.check(cookie).status == 200
    home.clock.hold(made.absolute_expires_at)
    home.collect()
    home.flush()
    assert (count(home, "sessions"), count(home, "session_seen")) == (0, 0)


@pytest.mark.parametrize("purpose", [Purpose.SESSION, Purpose.PRELOGIN])
def test_a_retired_signing_key_is_collected_when_its_retention_has_passed_to_the_microsecond(home, purpose):
    old = home.key(purpose).id
    home.clock.hold()
    home.beside().rotate(purpose)
    home.clock.turn(24 * HOUR - 1)
    home.collect()
    assert count(home, "keys", f"id = '{old}'") == 1
    home.clock.turn(1)
    home.collect()
    assert count(home, "keys", f"id = '{old}'") == 0
    assert ("key.collect", 1) in collected(home)
    assert count(home, "keys", f"purpose = '{purpose.value}'") == 1


def test_receipt_keys_are_kept_for_ever(home):
    home.beside().rotate(Purpose.RECEIPT)
    home.clock.turn(1000 * HOUR)
    home.collect()
    assert count(home, "keys", "purpose = 'receipt'") == 2


def test_announcements_are_kept_an_hour_and_the_newest_for_ever(home):
    for _ in range(3):
        home.beside().end(home.open()[0].id)
    home.clock.hold()
    newest = home.rows("SELECT max(id), max(at) FROM outbox")[0]
    home.clock.hold(newest[1] + KEEP)
    home.collect()
    ids = [row[0] for row in home.rows("SELECT id FROM outbox WHERE at >= " + str(newest[1]) + " ORDER BY id")]
    assert count(home, "outbox") == len(ids), "only what is older than an hour is gone"
    home.clock.turn(HOUR)
    home.collect()
    assert home.rows("SELECT id FROM outbox") == [(newest[0],)]


def test_no_hole_is_left_between_announcements(home):
    for _ in range(4):
        home.beside().end(home.open()[0].id)
    write(home, f"UPDATE outbox SET at = at + {10 * HOUR} WHERE id = 2")
    home.clock.turn(2 * HOUR)
    home.collect()
    assert [row[0] for row in home.rows("SELECT id FROM outbox ORDER BY id")] == [2, 3, 4]


def test_invitations_are_collected_at_their_time_used_or_not(home):
    home.invite()
    home.clock.turn(24 * HOUR - MINUTE)
    home.collect()
    assert count(home, "invitations") == 1
    home.clock.turn(MINUTE)
    home.collect()
    assert count(home, "invitations") == 0


def test_collection_begins_with_the_server_and_stops_between_batches_when_told(home):
    fill(home)
    multiply(home, "sessions", 3 * BATCH)

    async def serve_until(enough):
        stop = asyncio.Event()
        chores = asyncio.ensure_future(home.application.chores(stop))
        async with asyncio.timeout(20):
            while not enough():  # noqa: ASYNC110 - what is waited for happens in the store
                await asyncio.sleep(0)
        stop.set()
        async with asyncio.timeout(20):
            await chores

    home.run(serve_until(lambda: count(home, "sessions") < 3 * BATCH))
    assert collected(home)[0] == ("session.collect", BATCH)
    home.run(serve_until(lambda: count(home, "invitations") == 0))
    assert count(home, "sessions") == 0
