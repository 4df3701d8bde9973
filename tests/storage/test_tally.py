"""The tally: every process sees each move, and whoever cannot move it tells nobody of an end."""

import os
import subprocess
import sys

import pytest

from ostiary.kernel.errors import StoreUnavailable
from ostiary.storage.sqlite import SqliteReader
from ostiary.storage.tally import Tally
from tests.storage.ground import SCOPE


def test_another_process_sees_each_move(tmp_path):
    database = tmp_path / "ostiary.sqlite"
    ours = Tally(database)
    code = (
        "import sys; from pathlib import Path; from ostiary.storage.tally import Tally; Tally(Path(sys.argv[1])).move()"
    )
    for expected in (1, 2, 3):
        subprocess.run([sys.executable, "-c", code, str(database)], check=True, timeout=60)
        assert ours.count[0] == expected
    assert Tally(database).count[0] == 3, "opening it changes nothing"


def test_it_starts_anew_after_the_last_number(tmp_path):
    tally = Tally(tmp_path / "t")
    (tmp_path / "t.tally").write_bytes(b"\xff" * 8)
    tally.move()
    assert tally.count[0] == 0


def test_nobody_else_may_read_or_write_it(tmp_path):
    Tally(tmp_path / "t")
    assert (tmp_path / "t.tally").stat().st_mode & 0o777 == 0o600


async def test_an_end_that_cannot_be_announced_is_not_told(sqlite):
    vault = sqlite.vault()
    await vault.transact(SCOPE, lambda tx: tx.settle("session", "s"))
    read_only = os.open(f"{sqlite.path}.tally", os.O_RDONLY)
    os.dup2(read_only, vault._tally._file)
    os.close(read_only)
    with pytest.raises(StoreUnavailable, match="could not be announced"):
        await vault.transact(SCOPE, lambda tx: tx.settle("session", "s"))


def test_a_reader_lets_go_of_it(sqlite):
    reader = SqliteReader(sqlite.path)
    reader.close()
    with pytest.raises(ValueError, match="released"):
        reader.tally[0]


def test_a_link_to_the_database_leads_to_the_same_tally(tmp_path):
    (tmp_path / "db").touch()
    (tmp_path / "link").symlink_to("db")
    Tally(tmp_path / "link").move()
    assert Tally(tmp_path / "db").count[0] == 1
