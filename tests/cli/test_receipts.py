"""`ostiary receipts`: the log, page by page, each signature looked at."""

import sqlite3
from contextlib import closing

from tests.cli.shell import kinds

RECEIPT = {
    "seq": "int",
    "id": "str",
    "tenant": "str",
    "mode": "str",
    "operation": "str",
    "outcome": "str",
    "actor": "str",
    "session": "str",
    "subject": "str",
    "reasons": "list",
    "at": "str",
    "digest": "str",
    "link": "str",
    "key": "str",
    "signature": "str",
    "signature_holds": "bool",
    "key_revoked_at": "NoneType",
}


def test_the_newest_first_with_every_field(peopled):
    peopled.done("sessions", "revoke", peopled.sessions[0])
    rows = peopled.rows("receipts", "list")
    assert kinds(rows[0]) == RECEIPT
    assert (rows[0]["operation"], rows[0]["outcome"]) == ("session.end", "admitted")
    assert [row["seq"] for row in rows] == sorted((row["seq"] for row in rows), reverse=True)
    assert all(row["signature_holds"] for row in rows)


def test_page_by_page_is_the_whole_log(peopled):
    every = peopled.rows("receipts", "list")
    pages, before = [], 0
    while page := peopled.rows("receipts", "list", "--most", "3", "--before", str(before)):
        assert len(page) <= 3
        pages += page
        before = page[-1]["seq"]
    assert pages == every


def test_the_table_shows_the_number_that_before_and_since_take(peopled):
    head, *lines = peopled.done("receipts", "list", "--most", "3").splitlines()
    assert head.startswith("SEQ  RECEIPT ")
    numbers = [line.split()[0] for line in lines]
    assert numbers == [str(row["seq"]) for row in peopled.rows("receipts", "list", "--most", "3")]
    before = peopled.done("receipts", "list", "--most", "2", "--before", numbers[0]).splitlines()
    assert [line.split()[0] for line in before[1:]] == numbers[1:]


def test_one_receipt_with_the_bytes_that_were_signed(settled):
    newest = settled.rows("receipts", "list", "--most", "1")[0]
    shown = settled.rows("receipts", "show", newest["id"])[0]
    assert kinds(shown) == {**RECEIPT, "canonical": "str"}
    assert shown["canonical"].startswith("18:ostiary.receipt.v1,")
    text = settled.done("receipts", "show", newest["id"])
    assert "signature holds  yes" in text
    assert newest["signature"] in text


def test_an_unknown_id_is_refused(settled):
    code, out, err = settled("receipts", "show", "rcp-nope")
    assert (code, out) == (1, "")
    assert err.startswith("ostiary: rcp-nope: There is no such receipt.")


def test_an_altered_receipt_is_pointed_out(settled):
    newest = settled.rows("receipts", "list", "--most", "1")[0]
    with closing(sqlite3.connect(settled.data / "ostiary.sqlite")) as file:
        for (trigger,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f"DROP TRIGGER {trigger}")
        file.execute("UPDATE receipts SET actor = 'somebody else' WHERE id = ?", (newest["id"],))
        file.commit()
    code, out, _ = settled("receipts", "list")
    assert code == 1
    assert out.splitlines()[1].count("SIGNATURE DOES NOT HOLD") == 1
    assert out.count("SIGNATURE DOES NOT HOLD") == 1
    code, out, _ = settled("receipts", "show", newest["id"])
    assert code == 1
    assert "NO: this receipt was altered" in out


def test_an_empty_page(settled):
    assert settled.done("receipts", "list", "--before", "1") == "No receipt yet.\n"
