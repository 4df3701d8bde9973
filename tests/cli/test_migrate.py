"""`ostiary migrate`: the schema of this release, once."""

import sqlite3
from contextlib import closing

from tests.cli.shell import kinds


def test_it_says_what_it_applied_and_then_nothing(shell):
    first = shell.rows("migrate")[0]
    assert kinds(first) == {"applied": "list"}
    assert first["applied"]
    assert shell.rows("migrate") == [{"applied": []}]
    assert shell.done("migrate") == "the schema is current\n"


def test_in_words(shell):
    assert shell.done("migrate").startswith("applied 0001\n")


def stamp(shell, revision):
    with closing(sqlite3.connect(shell.data / "ostiary.sqlite")) as file:
        file.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        file.commit()


def test_a_newer_schema_is_refused_by_every_command(settled):
    stamp(settled, "9999")
    for words in (["migrate"], ["serve"], ["sessions", "list"], ["people", "add", "--email", "a@b.test"]):
        code, out, err = settled(*words)
        assert (code, out) == (2, "")
        assert "start the newer release again" in err


def test_an_older_schema_is_not_touched_by_a_command_in_passing(settled):
    with closing(sqlite3.connect(settled.data / "ostiary.sqlite")) as file:
        file.execute("DELETE FROM alembic_version")
        file.commit()
    code, out, err = settled("sessions", "list")
    assert (code, out) == (2, "")
    assert "run `ostiary migrate`" in err
