"""Nobody's letter stands in the way of somebody else's: not one that the server puts off, not many that it does."""

from functools import partial

import pytest

from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.mail import service
from ostiary.mail.model import Letter, Sent, Verdict
from tests.mail.post import CODE, Scripted, deliver, queue, waiting
from tests.rigs.postbox import postbox
from tests.sessions.home import OPERATOR

NOWHERE = Letter("x@nowhere.example", "Your code", "Code: 1\n", "login_code", life=5 * MINUTE)
PUT_OFF, CUT = Sent(Verdict.LATER, "smtp_450"), Sent(Verdict.LATER, "unreachable", line=True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd")
def test_a_4xx_for_one_recipient_does_not_keep_the_next_letter(tmp_path, homes):
    with postbox(tmp_path / "box") as box:
        home = homes(**box.settings(tmp_path))
        box.answers.append("450 4.1.2 <x@nowhere.example>: Recipient address rejected: Domain not found")
        queue(home, NOWHERE)
        queue(home, CODE)
        deliver(home)
        assert [letter["to"] for letter in box.letters] == [CODE.to]
        assert [one.tries for one in waiting(home)] == [1]


@pytest.mark.parametrize("why", ["smtp_450", "smtp_unsupported", "fault"])
def test_what_is_wrong_with_one_letter_does_not_end_the_round(home, why):
    """A server without SMTPUTF8 (RFC 6531), say: such an address cannot even be named to it."""
    queue(home, NOWHERE)
    queue(home, CODE)
    sender = Scripted(RuntimeError("broke") if why == "fault" else Sent(Verdict.LATER, why))
    deliver(home, sender)
    assert [parcel.letter for parcel in sender.came] == [NOWHERE, CODE]


def test_a_letter_that_was_never_tried_goes_before_those_that_failed(anywhere):
    """Even where each failure is one of the line and ends the round."""
    anywhere.clock.hold()
    for _ in range(3):
        queue(anywhere, NOWHERE)
        deliver(anywhere, Scripted(CUT))
    anywhere.clock.turn(30 * SECOND)
    queue(anywhere, CODE)
    sender = Scripted()
    deliver(anywhere, sender)
    assert [parcel.letter.to for parcel in sender.came] == [CODE.to, *[NOWHERE.to] * 3]


def test_hundreds_that_are_put_off_keep_nobody_waiting(home):
    home.clock.hold()
    queue_many = partial(service.queue, keyring=home.house.keyring, caller=OPERATOR, letter=NOWHERE)
    home.act(lambda tx: [queue_many(tx) for _ in range(300)])
    for _ in range(4):
        deliver(home, Scripted(*[PUT_OFF] * 1000))
    home.clock.turn(MINUTE)
    queue(home, CODE)
    sender = Scripted()
    deliver(home, sender)
    assert sender.came[0].letter == CODE
