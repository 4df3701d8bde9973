"""`ostiary keys`: listed without a secret, rotated with the old one kept."""

import pytest

from ostiary.keys.model import Purpose
from tests.cli.shell import kinds

KEY = {
    "id": "str",
    "purpose": "str",
    "version": "int",
    "state": "str",
    "created_at": "str",
    "retired_at": "NoneType",
    "public": "NoneType",
}


def test_one_active_key_for_each_purpose(settled):
    rows = settled.rows("keys", "list")
    assert {row["purpose"] for row in rows} == {purpose.value for purpose in Purpose}
    assert {row["state"] for row in rows} == {"active"}
    shapes = {row["purpose"]: kinds(row) for row in rows}
    assert shapes.pop("receipt") == {**KEY, "public": "str"}
    assert all(shape == KEY for shape in shapes.values())
    assert [line.split()[3] for line in settled.done("keys", "list").splitlines()[1:]] == ["active"] * len(rows)


@pytest.mark.parametrize("purpose", ["session", "prelogin", "receipt"])
def test_a_rotation_retires_the_old_and_is_on_record(settled, purpose):
    made = settled.rows("keys", "rotate", "--purpose", purpose)[0]
    assert kinds(made) == {**KEY, "public": "str"} if purpose == "receipt" else KEY
    assert (made["version"], made["state"]) == (2, "active")
    states = {row["version"]: row["state"] for row in settled.rows("keys", "list") if row["purpose"] == purpose}
    assert states == {1: "retired", 2: "active"}
    newest = settled.rows("receipts", "list", "--most", "1")[0]
    assert (newest["operation"], newest["subject"], newest["signature_holds"]) == ("key.rotate", made["id"], True)


def test_session_is_what_is_rotated_unless_said(settled):
    assert settled.done("keys", "rotate").startswith("session key sk-")
