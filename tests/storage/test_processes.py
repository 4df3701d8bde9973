"""More than one process at one database: fair turns, changes seen at once, and kill -9 that loses nothing."""

import fcntl
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager

import pytest

from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import StoreUnavailable
from ostiary.storage.outbox import CHANGES_AFTER, CHANGES_RANGE
from ostiary.storage.sqlite import SqliteReader
from ostiary.storage.turnstile import Turnstile
from tests.storage.ground import CLOCK, SCOPE, SOURCE, add
from tests.storage.worker import GROUP


@contextmanager
def worker(*arguments):
    """Another process, with pipes; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.worker", *map(str, arguments)],
        cwd=SOURCE.parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def beside(path, suffix):
    return path.with_name(f"{path.name}.{suffix}").open("w")


@pytest.mark.parametrize("part", ["next", "lock"])
def test_a_writer_waits_at_the_turnstile(part, sqlite):
    vault = sqlite.vault(patience=SECOND // 10)
    with beside(sqlite.path, part) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="another process holds the database"):
            vault.transact_now(SCOPE, add("refused"))
    assert vault.transact_now(SCOPE, add("later")) == 1


def test_who_waits_at_the_turnstile_is_passed_by_one_group_at_most(sqlite):
    passed = []
    with (
        worker("saturate", sqlite.url) as writer,
        beside(sqlite.path, "next") as turn,
        beside(sqlite.path, "lock") as lock,
        sqlite.eyes() as eyes,
    ):
        assert writer.stdout.readline() == "begun\n"

        def committed():
            return eyes.execute("SELECT max(seq) FROM receipts").fetchone()[0]

        for _ in range(20):
            fcntl.flock(turn, fcntl.LOCK_EX)
            before = committed()
            fcntl.flock(lock, fcntl.LOCK_EX)
            passed.append(committed() - before)
            fcntl.flock(turn, fcntl.LOCK_UN)
            fcntl.flock(lock, fcntl.LOCK_UN)
            while committed() == before + passed[-1]:  # it goes on
                assert writer.poll() is None
    assert max(passed) <= GROUP, passed


def test_a_command_line_gets_its_turn_beside_a_saturated_writer(sqlite):
    vault, passed = sqlite.vault(), []
    with worker("saturate", sqlite.url) as writer, sqlite.eyes() as eyes:
        assert writer.stdout.readline() == "begun\n"
        for number in range(30):
            (before,) = eyes.execute("SELECT max(seq) FROM receipts").fetchone()
            vault.transact_now(SCOPE, add(f"cli{number}"))
            (mine,) = eyes.execute("SELECT seq FROM receipts WHERE subject = ?", [f"cli{number}"]).fetchone()
            passed.append(mine - before - 1)
    often = sorted(passed)[:-2]  # a busy machine may let a waiter sleep on before it takes its place
    assert max(often) <= GROUP, passed  # without the turnstile up to dozens of groups


def test_patience_at_the_turnstile_ends(tmp_path):
    now = [0]

    def clock():
        now[0] += SECOND // 10
        return now[0]

    first, second = Turnstile(tmp_path / "db", CLOCK), Turnstile(tmp_path / "db", clock, SECOND)
    with (
        first.held(),
        pytest.raises(StoreUnavailable, match="another process holds"),
        second.held(),
    ):
        raise AssertionError("two at once")
    with second.held(), pytest.raises(BlockingIOError), beside(tmp_path / "db", "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with beside(tmp_path / "db", "lock") as lock, beside(tmp_path / "db", "next") as turn:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
    first.close()
    second.close()


def test_the_turn_is_given_back_when_the_block_breaks(tmp_path):
    turnstile = Turnstile(tmp_path / "db", CLOCK, SECOND)
    other = Turnstile(tmp_path / "db", CLOCK, SECOND)
    with pytest.raises(LookupError), turnstile.held():
        raise LookupError("on purpose")
    with other.held():
        pass
    turnstile.close()
    other.close()


def test_a_commit_of_another_process_moves_the_version(sqlite):
    reader = SqliteReader(sqlite.path)
    with worker("commit", sqlite.url) as other:
        for number in range(50):
            before = reader.version()
            assert reader.version() == before
            other.stdin.write(f"t{number}\n")
            other.stdin.flush()
            assert other.stdout.readline() == "committed\n"
            assert reader.version() != before
    reader.close()


async def test_a_commit_of_our_own_moves_the_version_too(sqlite):
    vault, reader = sqlite.vault(), SqliteReader(sqlite.path)
    before = reader.version()
    await vault.transact(SCOPE, lambda tx: tx.shrink("session", "s"))
    assert reader.version() != before
    assert reader.all(CHANGES_AFTER, position=0) == [(1, "session", "s")]
    assert reader.all(CHANGES_RANGE) == [(1, 1)]
    reader.close()


def test_what_is_held_is_one_state_and_lets_the_log_be_copied_back_once_it_is_let_go(sqlite):
    reader = SqliteReader(sqlite.path)
    position = reader.all(CHANGES_RANGE)
    reader.hold()
    reader.hold()  # again is the same
    assert reader.all(CHANGES_RANGE) == position
    with closing(sqlite3.connect(sqlite.path, isolation_level=None, timeout=0)) as other:
        other.execute("INSERT INTO outbox (tenant_id, kind, subject, at, xid) VALUES ('default', 'session', 'x', 1, 0)")
        assert reader.all(CHANGES_RANGE) == position
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 1, "busy"
        reader.let_go()
        assert reader.all(CHANGES_RANGE) != position
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    reader.let_go()  # nothing is held any more
    reader.close()


@pytest.mark.parametrize("rounds", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_9_loses_nothing_that_was_acknowledged(rounds, ground):
    with worker("kills", ground.url, rounds) as killer:
        acknowledged, lost, halves = map(int, killer.stdout.read().split())
    assert acknowledged > 50 * rounds
    assert (lost, halves) == (0, 0)
    assert ground.vault().transact_now(SCOPE, add("later")) == 1
    if ground.path:
        assert ground.look("PRAGMA integrity_check") == [("ok",)]


def test_waiting_means_sleeping_not_spinning(tmp_path):
    first, second = Turnstile(tmp_path / "db", CLOCK), Turnstile(tmp_path / "db", CLOCK, SECOND // 5)
    with first.held():
        used = time.process_time()
        with pytest.raises(StoreUnavailable), second.held():
            pass
    assert time.process_time() - used < 0.15
    first.close()
    second.close()
