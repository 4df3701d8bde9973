"""`ostiary mail`: a newcomer without a mail server reads what was written; what waits stays sealed."""

import asyncio
from contextlib import closing
from pathlib import Path

from ostiary import elsewhere
from ostiary.house import open_house
from ostiary.mail import service
from ostiary.mail.delivery import CapturedSender, Postman
from ostiary.settings import read_settings
from tests.cli.shell import kinds
from tests.mail.post import CODE, NOTICE
from tests.sessions.home import OPERATOR

WAITING = {
    "id": "str",
    "state": "str",
    "purpose": "str",
    "queued_at": "str",
    "to": "NoneType",
    "subject": "NoneType",
    "tries": "int",
    "due_at": "str",
}
CAPTURED = WAITING | {"to": "str", "subject": "str", "tries": "NoneType", "due_at": "NoneType"}


def write(shell, *letters, deliver=False):
    """Queue letters, and deliver them where they are to be captured; return their ids."""
    with closing(open_house(read_settings(shell.environ, Path(shell.place)))) as house:
        ids = [
            house.vault.transact_now(house.scope, lambda tx, one=one: service.queue(tx, house.keyring, OPERATOR, one))
            for one in letters
        ]
        if deliver:
            asyncio.run(Postman(house.vault, house.scope, house.keyring, CapturedSender(), elsewhere._mode).deliver())
    return ids


def test_no_letter_is_said_so(settled):
    assert settled.done("mail", "list") == "No letter.\n"
    assert settled.rows("mail", "list") == []


def test_captured_letters_are_listed_and_shown(settled):
    (letter,) = write(settled, CODE, deliver=True)
    (row,) = settled.rows("mail", "list")
    assert kinds(row) == CAPTURED
    assert (row["id"], row["state"], row["to"], row["subject"]) == (letter, "captured", CODE.to, CODE.subject)
    assert CODE.subject in settled.done("mail", "list")
    (shown,) = settled.rows("mail", "show", letter)
    assert shown == row | {"text": CODE.text}
    assert "Code: 493021 ü" in settled.done("mail", "show", letter)


def test_what_waits_is_listed_without_what_is_sealed(settled):
    (letter,) = write(settled, CODE)
    (row,) = settled.rows("mail", "list")
    assert kinds(row) == WAITING
    assert (row["id"], row["state"], row["purpose"], row["tries"]) == (letter, "waiting", "login_code", 0)
    assert CODE.to not in settled.done("mail", "list")
    code, out, err = settled("mail", "show", letter)
    assert (code, out) == (1, "")
    assert f"{letter}: There is no such captured letter." in err


def test_letters_to_one_address(settled):
    write(settled, CODE, NOTICE, deliver=True)
    assert len(settled.rows("mail", "list", "--to", CODE.to)) == 2
    assert len(settled.rows("mail", "list", "--to", CODE.to, "--most", "1")) == 1
    assert settled.rows("mail", "list", "--to", "eve@example.test") == []
