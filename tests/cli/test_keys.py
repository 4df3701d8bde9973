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
    "revoked_at": "NoneType",
    "deleted_at": "NoneType",
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


def active(shell, purpose):
    return next(
        row["id"] for row in shell.rows("keys", "list") if row["purpose"] == purpose and row["state"] == "active"
    )


def test_a_revocation_must_be_meant(peopled):
    key = active(peopled, "session")
    code, _, err = peopled("keys", "revoke", key)
    assert (code, "say --now" in err) == (2, True)
    code, _, err = peopled("keys", "revoke", key, "--now")
    assert (code, "say --yes" in err) == (2, True)
    assert active(peopled, "session") == key


def test_a_revocation_ends_what_the_key_signed_and_says_so(peopled):
    key = active(peopled, "session")
    (row,) = peopled.rows("keys", "revoke", key, "--now", "--yes")
    assert (row["id"], row["state"], row["sessions_ended"]) == (key, "revoked", len(peopled.sessions))
    assert row["deleted_at"] > row["revoked_at"]
    shown = peopled.rows("sessions", "show", peopled.sessions[0])[0]
    assert (shown["state"], shown["because"]) == ("ended", "signing_key_revoked")
    assert active(peopled, "session") != key


def test_an_unknown_key_is_refused(settled):
    code, _, err = settled("keys", "revoke", "sk-AAAAAAAAAAAAAAAAAAAAAA", "--now", "--yes")
    assert (code, "key_unknown" in err) == (1, True)


def test_receipts_of_a_revoked_key_hold_and_say_that_it_was_revoked(settled):
    key = active(settled, "receipt")
    assert "key revoked" not in settled.done("receipts", "list")
    settled.done("keys", "revoke", key, "--now", "--yes")
    newest, *older = settled.rows("receipts", "list")
    assert newest["key_revoked_at"] is None
    assert older
    assert all(row["signature_holds"] and row["key_revoked_at"] for row in older)
    assert settled.done("receipts", "list").count("admitted (key revoked)") == len(older)
    assert "by a key that was revoked" in settled.done("receipts", "show", older[0]["id"])


def test_a_rewrap_says_what_to_do_next_and_that_works(peopled):
    before = peopled.rows("keys", "list")
    new = peopled.place / "new.kek"
    said = peopled.done("keys", "rewrap", "--new-kek", str(new))
    assert f"mv {new} {peopled.kek}" in said
    code, _, err = peopled("keys", "list")
    assert (code, "is not the one that sealed" in err) == (2, True)
    new.replace(peopled.kek)
    assert peopled.rows("keys", "list") == before
    assert peopled.rows("receipts", "list", "--most", "1")[0]["operation"] == "key.rewrap"


@pytest.mark.parametrize(
    ("text", "mode", "where", "said"),
    [
        ("A" * 43 + "\n", 0o640, "new.kek", "others may read"),
        ("A" * 20 + "\n", 0o600, "new.kek", "must hold 32 bytes"),
        ("not a key\n", 0o600, "new.kek", "cannot read"),
        ("", 0o600, "key/ostiary.kek", "holds the key that is in use"),
        ("A" * 43 + "\n", 0o600, "data/new.kek", "lies among the data"),
    ],
)
def test_a_wrong_new_key_changes_nothing(settled, text, mode, where, said):
    before, path = settled.rows("keys", "list"), settled.place / where
    if text:
        path.write_text(text)
        path.chmod(mode)
    code, _, err = settled("keys", "rewrap", "--new-kek", str(path))
    assert (code, said in err) == (2, True), err
    assert settled.rows("keys", "list") == before
    assert settled.rows("receipts", "list", "--most", "1")[0]["operation"] != "key.rewrap"
