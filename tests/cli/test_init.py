"""`ostiary init` makes folder and key once, and nothing over what is there."""

import json
import stat

import pytest

from tests.cli.shell import kinds


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_it_makes_a_private_folder_and_a_private_key(shell):
    out = shell.done("init")
    assert (mode(shell.data), mode(shell.kek)) == (0o700, 0o600)
    assert str(shell.data) in out
    assert str(shell.kek) in out
    assert "Keep a copy of the key" in out


def test_again_it_changes_nothing(shell):
    first = shell.rows("init")[0]
    before = (shell.kek.read_bytes(), shell.kek.stat().st_mtime_ns)
    second = shell.rows("init")[0]
    assert (shell.kek.read_bytes(), shell.kek.stat().st_mtime_ns) == before
    assert kinds(first) == {"data_dir": "str", "data_dir_made": "bool", "kek_file": "str", "kek_made": "bool"}
    assert (first["kek_made"], second["kek_made"]) == (True, False)
    assert (first["data_dir_made"], second["data_dir_made"]) == (True, False)
    assert "Keep a copy" not in shell.done("init")


def test_after_migrate_it_makes_the_key_that_nothing_was_sealed_under(shell):
    shell.done("migrate")
    code, _, err = shell("people", "list")
    assert (code, "run `ostiary init` to make one" in err) == (2, True), err
    assert shell.rows("init")[0]["kek_made"] is True
    assert shell.done("people", "list")


@pytest.mark.parametrize("words", [["init"], ["serve"], ["people", "list"], ["people", "add", "--email", "a@b.test"]])
@pytest.mark.parametrize("harm", [None, b"this is no database"])
def test_beside_a_database_whose_key_is_gone_nobody_makes_a_new_one(settled, words, harm):
    settled.done("keys", "list")
    settled.kek.rename(settled.place / "elsewhere")
    if harm:
        (settled.data / "ostiary.sqlite").write_bytes(harm)
    code, out, err = settled(*words)
    assert (code, out) == (2, "")
    assert f"{settled.kek} is missing" in err
    assert "put it back" in err
    assert "make one" not in err
    assert not settled.kek.exists()


def test_a_key_that_others_may_read_is_not_passed_over(shell):
    shell.done("init")
    shell.kek.chmod(0o644)
    code, _, err = shell("init")
    assert code == 2
    assert "chmod 600" in err


def test_a_place_that_cannot_be_written_is_told(shell):
    (shell.place / "file").write_text("")
    shell.set(DATA_DIR=shell.place / "file" / "data")
    code, _, err = shell("init")
    assert code == 2
    assert "Not a directory" in err


def test_unknown_settings_stop_it(shell):
    shell.set(DATA_DRI="x")
    code, _, err = shell("init", "--json")
    assert code == 2
    assert "OSTIARY_DATA_DIR" in err
    assert not shell.kek.exists()


def test_json_is_one_line(shell):
    out = shell.done("init", "--json")
    assert out.count("\n") == 1
    assert json.loads(out)["kek_file"] == str(shell.kek)
