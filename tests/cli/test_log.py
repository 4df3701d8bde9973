"""`ostiary receipts verify` and `export`: what they say, how they end, what they leave alone."""

import json
import sqlite3
from contextlib import closing

import pytest

from ostiary_client import verifier


def tamper(shell, *statements):
    with closing(sqlite3.connect(shell.data / "ostiary.sqlite")) as file:
        for (trigger,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            file.execute(statement)
        file.commit()


def test_a_log_that_is_whole(peopled):
    (row,) = peopled.rows("receipts", "verify", "--signatures")
    assert row.pop("seconds") >= 0
    assert row.pop("root")
    assert row == {
        "good": True,
        "size": len(peopled.rows("receipts", "list")),
        "signatures": True,
        "disowned": 0,
        "heads": 0,
        "finding": None,
    }
    said = peopled.done("receipts", "verify")
    assert "whole       yes" in said
    assert "signatures  not looked at" in said
    assert "none given: a cut tail would not be seen" in said


def test_what_a_revoked_key_signed_is_counted(peopled):
    signed = len(rows_of(peopled))
    (key,) = [row["id"] for row in peopled.rows("keys", "list") if row["purpose"] == "receipt"]
    peopled.done("keys", "revoke", key, "--now", "--yes")
    (row,) = peopled.rows("receipts", "verify", "--signatures")
    assert row["good"]
    assert signed <= row["disowned"] < row["size"]
    assert f"{row['disowned']} are by a revoked key" in peopled.done("receipts", "verify", "--signatures")


def test_what_was_altered_is_named(peopled):
    tamper(peopled, "UPDATE receipts SET actor = 'x' WHERE seq = 5")
    victim = next(row for row in rows_of(peopled) if row["seq"] == 5)
    code, out, _ = peopled("receipts", "verify", "--json")
    assert code == 1
    assert json.loads(out)["finding"] == {
        "kind": "altered",
        "words": "it is not what was written",
        "leaf": 4,
        "seq": 5,
        "receipt": victim["id"],
    }
    code, out, err = peopled("receipts", "verify")
    assert (code, err) == (1, "")
    assert "whole       NO" in out
    assert f"altered: receipt {victim['id']}, number 5, leaf 4: it is not what was written" in out


def rows_of(shell):
    _, out, _ = shell("receipts", "list", "--json")
    return [json.loads(line) for line in out.splitlines()]


def test_progress_only_where_somebody_looks(peopled):
    assert peopled("receipts", "verify")[2] == ""
    _, out, err = peopled("receipts", "verify", "--progress", "--json")
    size = json.loads(out)["size"]
    assert err.endswith(f"{size} of {size} receipts\n")


def exported(shell, *words):
    shell("receipts", "export", "--out", str(shell.place / "log.ndjson"), *words)
    return [json.loads(line) for line in (shell.place / "log.ndjson").read_text().splitlines()]


def test_an_export_is_verified_by_the_stand_alone_verifier(peopled, capsys):
    first, *rows = exported(peopled)
    assert first["count"] == len(rows) == len(rows_of(peopled))
    assert [row["leaf"] for row in rows] == list(range(len(rows)))
    assert verifier.main([str(peopled.place / "log.ndjson")]) == 0
    assert "holds" in capsys.readouterr().out


def test_an_export_says_how_many_and_never_overwrites(peopled):
    out = str(peopled.place / "log.ndjson")
    code, said, err = peopled("receipts", "export", "--out", out, "--since", "4")
    assert (code, said, err) == (0, "", f"{len(rows_of(peopled)) - 4} receipts\n")
    code, _, err = peopled("receipts", "export", "--out", out)
    assert code == 2
    assert err == f"ostiary: {out} is there, and an export overwrites nothing: name another file by --out\n"


def test_a_cut_tail_is_seen_with_a_head_given_or_set(peopled):
    head = json.dumps(exported(peopled)[0]["head"])
    file = peopled.place / "heads"
    file.write_text(head + "\n")
    for given in (head, str(file)):
        assert peopled.rows("receipts", "verify", "--head", given)[0]["heads"] == 1
    tamper(peopled, "DELETE FROM receipts WHERE seq > 7", "DELETE FROM tree_leaves WHERE leaf > 6")
    assert peopled("receipts", "verify")[0] == 0
    for given in (head, str(file)):
        code, out, _ = peopled("receipts", "verify", "--head", given)
        assert code == 1
        assert "cut: leaf 7: a head was signed over" in out
    peopled.set(HEAD_FILE=file)
    assert peopled("receipts", "verify")[0] == 1


@pytest.mark.parametrize("holds", ["", "\n", '{"format": "ostiary.head.v1", "si'], ids=["empty", "blank", "torn"])
def test_a_head_file_without_a_head_is_not_taken_for_no_head(peopled, holds):
    (peopled.place / "heads").write_text(holds)
    code, out, err = peopled("receipts", "verify", "--head", str(peopled.place / "heads"))
    assert (code, out) == (2, "")
    assert "no signed head" in err


@pytest.mark.parametrize("given", ["nowhere", "{}", '{"size": 1}'])
def test_heads_that_cannot_be_read_are_said_so(peopled, given):
    code, out, err = peopled("receipts", "verify", "--head", given)
    assert (code, out) == (2, "")
    assert err.startswith("ostiary: ")


def test_one_receipt_that_somebody_holds(peopled):
    file = peopled.place / "receipt.json"
    row = exported(peopled)[6]
    for held in (row, peopled.rows("receipts", "show", row["id"])[0]):
        file.write_text(json.dumps(held))
        assert peopled.rows("receipts", "verify", "--receipt", str(file))[0]["good"] is True
        assert "in the log  yes" in peopled.done("receipts", "verify", "--receipt", str(file))
    for change in ({"actor": "x"}, {"at": row["at"] + 1}, {"id": "rcp-x"}, {"signature": "00" * 64}):
        file.write_text(json.dumps(row | change))
        code, out, _ = peopled("receipts", "verify", "--receipt", str(file))
        assert code == 1
        assert "in the log  NO" in out
    for odd in ("[]", "{}", "x", '{"at": "soon"}', json.dumps(row | {"reasons": 3})):
        file.write_text(odd)
        assert peopled("receipts", "verify", "--receipt", str(file))[0] == 2


def test_a_receipt_that_was_removed_is_not_in_the_log(peopled):
    file = peopled.place / "receipt.json"
    file.write_text(json.dumps(exported(peopled)[6]))
    tamper(peopled, "DELETE FROM receipts WHERE seq = 6")
    assert peopled("receipts", "verify", "--receipt", str(file), "--json")[0] == 1


def test_bytes_that_are_no_text_are_an_alteration_and_no_fault_of_the_store(peopled):
    tamper(peopled, "UPDATE receipts SET actor = CAST(x'ff00fe' AS TEXT) WHERE seq = 5")
    code, out, _ = peopled("receipts", "verify", "--json")
    assert (code, json.loads(out)["finding"]["kind"], json.loads(out)["finding"]["leaf"]) == (1, "altered", 4)
