"""Looking at a database: one snapshot that cannot write, and facts that cost no byte."""

import sqlite3
from contextlib import closing

import pytest

from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import ContractBroken, StoreUnavailable
from ostiary.storage import schema
from ostiary.storage.inspection import facts, reading
from tests.storage.ground import ADD, ALL, CLOCK, SCOPE


def test_a_read_sees_what_is_there_and_writes_nothing(ground):
    with reading(ground.url, SCOPE) as tx:
        assert tx.all(ALL) == []
        assert tx.scope is SCOPE
        with pytest.raises(ContractBroken):
            tx.do(ADD, id="x", mode="live", created_at=1)


def test_the_clock_is_asked_once(ground):
    with reading(ground.url, SCOPE, lambda: 77) as tx:
        assert tx.now == 77


def test_a_schema_that_is_current_passes_and_another_does_not(ground):
    schema.require(ground.url)


def test_an_empty_database_says_what_to_run(empty):
    with pytest.raises(schema.BootRefused, match="the database is empty: run `ostiary migrate`"):
        schema.require(empty)


def test_facts_of_both(ground):
    found = facts(ground.url, CLOCK)
    assert found.fault == ""
    assert found.engine.startswith("SQLite 3" if ground.path else "PostgreSQL ")
    assert set(found.settings) == (
        {"journal_mode", "quick_check"}
        if ground.path
        else {
            "synchronous_commit",
            "fsync",
            "full_page_writes",
            "synchronous_standby_names",
            "default_transaction_read_only",
            "standbys",
            "pooled",
        }
    )


def test_a_writer_that_holds_the_file_is_told(sqlite):
    with closing(sqlite3.connect(sqlite.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert facts(sqlite.url, CLOCK).fault == "database is locked"


def test_a_scan_ends_when_its_time_is_over(sqlite):
    with closing(sqlite3.connect(sqlite.path)) as file:
        file.execute(
            "CREATE TABLE many AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 20000) SELECT x FROM n"
        )
        file.commit()
    assert facts(sqlite.url, CLOCK).settings["quick_check"] == "ok"
    hurried = iter(range(0, 10**12, 10 * SECOND))
    assert facts(sqlite.url, lambda: next(hurried)).settings["quick_check"] == ""


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    with pytest.raises(StoreUnavailable), reading(f"sqlite:///{tmp_path}/none.sqlite", SCOPE):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_folder_is_left_as_it_was(sqlite, tmp_path):
    before = sorted(path.name for path in tmp_path.iterdir())
    with reading(sqlite.url, SCOPE):
        pass
    facts(sqlite.url, CLOCK)
    schema.state(sqlite.url)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
