"""What every command shares: it makes nothing by accident, and says what is missing."""

import fcntl
import os
import sqlite3
import subprocess
from contextlib import closing, contextmanager

import pytest

from ostiary.cli.terminal import operator, to_the_second
from tests.cli.shell import OSTIARY

READING = [["sessions", "list"], ["sessions", "show", "x"], ["people", "list"], ["receipts", "list"], ["keys", "list"]]
CHANGING = [["sessions", "revoke", "x"], ["keys", "rotate"]]


@pytest.mark.parametrize("words", [*READING, *CHANGING, ["people", "add", "--email", "a@b.test"], ["serve"]])
def test_without_a_key_nothing_is_made(shell, words):
    code, out, err = shell(*words)
    assert (code, out) == (2, "")
    assert "run `ostiary init`" in err
    assert not shell.data.exists()


def test_in_a_second_terminal_it_says_where_it_looked_and_how_to_name_the_running_servers_folder(shell):
    environ = {name: text for name, text in shell.environ.items() if not name.startswith("OSTIARY_")}
    done = subprocess.run(
        [*OSTIARY, "people", "list"], env=environ, cwd=shell.place, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"ostiary: no key-encryption key at {shell.place}/ostiary-data.kek: run `ostiary init` to make one, "
        "or set OSTIARY_DATA_DIR to the folder of the server that runs\n"
    )


@pytest.mark.parametrize("words", [*READING, *CHANGING])
def test_without_a_database_none_is_made(shell, words):
    shell.done("init")
    code, out, err = shell(*words)
    assert (code, out) == (2, "")
    assert "start `ostiary serve`, or run `ostiary migrate`" in err
    assert list(shell.data.iterdir()) == []


def test_the_first_person_may_be_added_before_the_first_start(shell):
    shell.done("init")
    assert "/enrol#" in shell.done("people", "add", "--email", "first@example.test")


@pytest.mark.parametrize("words", [*READING, *CHANGING])
def test_a_broken_database_is_75_and_points_to_the_doctor(settled, words):
    (settled.data / "ostiary.sqlite").write_bytes(b"this is no database")
    code, out, err = settled(*words)
    assert (code, out) == (75, "")
    assert "ostiary doctor" in err


@contextmanager
def held(shell):
    """Hold the write lock of the database, as a busy server would."""
    path = shell.data / "ostiary.sqlite"
    turnstile = os.open(f"{path}.lock", os.O_RDWR)
    fcntl.flock(turnstile, fcntl.LOCK_EX)
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        yield
    os.close(turnstile)


@pytest.mark.parametrize("words", READING)
def test_reading_needs_no_write_lock_and_leaves_no_receipt(peopled, words):
    before = peopled.done("receipts", "list", "--json")
    with held(peopled):
        code, _, err = peopled(*words)
    assert code in {0, 1}, err
    assert peopled.done("receipts", "list", "--json") == before


def test_changing_waits_and_then_gives_up_with_75(peopled):
    with held(peopled):
        code, out, err = peopled("sessions", "revoke", peopled.sessions[0])
    assert (code, out) == (75, "")
    assert "another process holds the database" in err
    assert peopled.rows("sessions", "show", peopled.sessions[0])[0]["state"] == "alive"


def test_another_key_is_refused_and_nothing_changed(settled):
    settled.done("keys", "list")
    settled.kek.write_text("A" * 43 + "\n")
    code, _, err = settled("keys", "list")
    assert code == 2
    assert "is not the one that sealed the keys" in err


def test_receipts_name_the_operator():
    assert operator().actor.startswith("operator:")


def test_tables_tell_time_to_the_second():
    assert to_the_second("2026-11-22T04:30:58.509071Z") == "2026-11-22 04:30:58"
