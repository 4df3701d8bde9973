"""SQLite at its worst, each fault really provoked: who is told what, what stands, and that it works again."""

import asyncio
import os
import shutil

import pytest
from psycopg import OperationalError

from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import ContractBroken, StoreUnavailable
from ostiary.storage.faults import classify, translated
from ostiary.storage.sqlite import SqliteReader, SqliteVault, connect
from tests.storage.ground import ALL, CLOCK, INSERT, SCOPE, add, event, together

MALFORMED = b"\xff" * 4096


async def test_a_foreign_lock_is_waited_for_and_then_told(sqlite):
    vault = sqlite.vault(patience=SECOND // 5)
    with sqlite.eyes() as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await vault.transact(SCOPE, add("refused"))
        assert await vault.read(SCOPE, lambda tx: tx.all(ALL)) == []
        stranger.execute("COMMIT")
    assert await vault.transact(SCOPE, add("later")) == 1
    assert sqlite.things() == ["later"]


async def test_a_foreign_lock_that_is_let_go_is_no_fault(sqlite):
    vault = sqlite.vault()
    with sqlite.eyes() as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        waits = asyncio.create_task(vault.transact(SCOPE, add("patient")))
        await asyncio.sleep(0.1)  # long enough for an impatient writer to give up
        stranger.execute("COMMIT")
        assert await waits == 1


def fill(connection, pages):
    (count,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {count + pages}").fetchone()


def large(name):
    """A use case that adds some 200 KB of things."""

    def use_case(tx):
        tx.emit(event(name))
        for part in range(400):
            tx.do(INSERT, id=f"{name}-{part}-{'x' * 400}", mode="new", created_at=tx.now)

    return use_case


async def test_a_full_disk_undoes_the_whole_group_and_nothing_that_was_answered(sqlite):
    vault = sqlite.vault()
    told = []
    vault.listen(told.extend)
    await vault.transact(SCOPE, add("answered"))
    receipts = sqlite.receipts()
    fill(vault._writer, 10)
    # SQLite ends the whole transaction here: a plain INSERT has no journal of its own to go back by.
    outcomes = await together(vault, add("first"), lambda tx: tx.shrink("session", "s"), large("large"), add("last"))
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 4
    assert {"full" in str(outcome) for outcome in outcomes} == {True}
    assert not vault._writer.in_transaction
    assert (sqlite.things(), sqlite.receipts(), told) == (["answered"], receipts, [])
    fill(vault._writer, 1_000_000)
    assert await together(vault, add("later"), large("larger")) == [1, None]
    assert len(sqlite.things()) == 402
    assert sqlite.look("PRAGMA integrity_check") == [("ok",)]


async def test_a_full_disk_may_spare_the_others_of_the_group(sqlite):
    vault = sqlite.vault()
    fill(vault._writer, 10)
    # Here the statement has one, for the trigger of receipts, so only the use case is undone.
    first, full, last = await together(
        vault, add("first"), lambda tx: [tx.emit(event("x" * 1000)) for _ in range(100)], add("last")
    )
    assert (first, type(full), last) == (1, StoreUnavailable, 1)
    assert sqlite.things() == ["first", "last"]
    assert [receipt[2] for receipt in sqlite.receipts()] == ["first", "last"]


@pytest.mark.parametrize("replace", [False, True], ids=["moved", "replaced"])
async def test_a_file_that_was_moved_away_is_not_written_to(replace, sqlite):
    vault = sqlite.vault()
    await vault.transact(SCOPE, add("answered"))
    moved = sqlite.path.with_name("moved")
    sqlite.path.rename(moved)
    if replace:
        shutil.copy(moved, sqlite.path)
    with pytest.raises(StoreUnavailable, match="moved or replaced"):
        await vault.transact(SCOPE, add("lost"))
    with pytest.raises(StoreUnavailable, match="moved or replaced"):
        vault.transact_now(SCOPE, add("lost"))
    moved.rename(sqlite.path)
    assert await vault.transact(SCOPE, add("later")) == 1
    assert sqlite.things() == ["answered", "later"]


async def test_a_file_that_must_not_be_written_is_told(sqlite):
    vault = sqlite.vault()
    vault._writer.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailable, match="readonly"):
        await vault.transact(SCOPE, add("refused"))
    vault._writer.execute("PRAGMA query_only = OFF")
    assert await vault.transact(SCOPE, add("later")) == 1


async def test_a_corrupted_file_is_told_by_writers_and_readers(sqlite):
    with sqlite.eyes() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    vault, reader = sqlite.vault(), SqliteReader(sqlite.path)
    size = sqlite.path.stat().st_size
    with sqlite.path.open("r+b") as file:
        for page in range(1, size // 4096):
            file.seek(page * 4096)
            file.write(MALFORMED)
    with pytest.raises(StoreUnavailable, match="malformed"):
        await vault.transact(SCOPE, add("lost"))
    with pytest.raises(StoreUnavailable, match="malformed"):
        await vault.read(SCOPE, lambda tx: tx.all(ALL))
    with pytest.raises(StoreUnavailable, match="malformed"):
        reader.all(ALL)
    reader.close()


def test_a_file_that_is_no_database_is_told_when_it_is_opened(tmp_path):
    path = tmp_path / "odd.sqlite"
    path.write_bytes(b"not a database at all" * 500)
    with pytest.raises(StoreUnavailable, match="not a database"):
        SqliteVault(path, CLOCK, os.urandom, None)
    with pytest.raises(StoreUnavailable, match="unable to open"):
        SqliteVault(tmp_path / "none" / "db.sqlite", CLOCK, os.urandom, None)


async def test_what_we_did_wrong_is_ours(sqlite):
    vault = sqlite.vault()
    for wrong in (
        lambda tx: tx._connection.execute("SELECT nonsense FROM nowhere"),
        lambda tx: tx._connection.execute("SELECT ?", []),
        lambda tx: tx._connection.execute("SELECT ?", [object()]),
        lambda tx: tx._connection.execute("INSERT INTO things (id) VALUES ('x')"),
    ):
        first, broken = await together(vault, lambda tx: tx.emit(event()), wrong)
        assert isinstance(first, str)
        assert isinstance(broken, ContractBroken), broken


@pytest.mark.parametrize(
    ("words", "hopeless"),
    [
        ('FATAL:  role "nosuch" does not exist', True),
        ('FATAL:  database "nosuch" does not exist', True),
        ('FATAL:  role "ann" is not permitted to log in', True),
        ('FATAL:  password authentication failed for user "ann"', True),
        ('FATAL:  Peer authentication failed for user "ann"', True),
        ('FATAL:  no pg_hba.conf entry for host "192.0.2.1"', True),
        ("fe_sendauth: no password supplied", True),
        ("Connection refused", False),
        ("FATAL:  the database system is starting up", False),
        ("FATAL:  sorry, too many clients already", False),
    ],
)
def test_an_address_that_no_second_try_mends_is_to_be_corrected(words, hopeless):
    remedy = "Correct the address in OSTIARY_DATABASE_URL" if hopeless else ""
    assert classify(OperationalError(f"connection failed: {words}")).remedy == remedy


@pytest.mark.parametrize("state", ["28P01", "28000", "3D000"])
def test_so_is_one_whose_code_says_so_in_any_language(state):
    fault = type("Fehler", (OperationalError,), {"sqlstate": state})("gibt es nicht")
    fault.__class__.__module__ = "psycopg.errors"
    assert classify(fault).remedy


def test_what_is_no_store_fault_keeps_its_name():
    assert classify(LookupError("x")) is None
    with pytest.raises(LookupError, match="on purpose"), translated():
        raise LookupError("on purpose")


def test_the_file_is_opened_as_durably_as_it_is_promised(sqlite):
    connection = connect(sqlite.path)
    asked = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys")
    }
    connection.close()
    assert asked == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert sqlite.vault()._writer.execute("PRAGMA synchronous").fetchone() == (2,)
