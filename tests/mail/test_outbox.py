"""The outbox: sealed, in the caller's transaction, taken by one, tried again with growing pauses, dropped in time."""

import asyncio
from functools import partial

import pytest
from structlog.testing import capture_logs

from ostiary.house import database_path
from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Mode
from ostiary.mail import service
from ostiary.mail.delivery import CapturedSender, Postman
from ostiary.mail.model import CAPTURED_LIFE, LEASE, MOST_TRIES, Letter, Sent, Verdict, is_address, pause
from tests.mail.post import CODE, NOTICE, Scripted, captured, deliver, postman, queue, told, waiting
from tests.sessions.home import OPERATOR

LATER, NEVER = Sent(Verdict.LATER, "smtp_451"), Sent(Verdict.NEVER, "smtp_550")
CUT = Sent(Verdict.LATER, "unreachable", line=True)


def test_a_letter_is_queued_delivered_once_and_gone(anywhere):
    letter, sender = queue(anywhere, CODE), Scripted()
    deliver(anywhere, sender)
    deliver(anywhere, sender)
    assert [(one.id, one.letter) for one in sender.came] == [(letter, CODE)]
    assert waiting(anywhere) == []
    assert (
        anywhere.rows("SELECT count(*) FROM mail_outbox") == [(0,)] == anywhere.rows("SELECT count(*) FROM mail_turns")
    )
    assert told(anywhere) == [("mail.queue", ("login_code",)), ("mail.deliver", ("login_code", "sent"))]
    assert {one.subject for one in anywhere.receipts() if one.operation.startswith("mail.")} == {letter}


def test_a_letter_of_a_transaction_that_fails_was_never_written(anywhere):
    def use_case(tx):
        service.queue(tx, anywhere.house.keyring, OPERATOR, NOTICE)
        raise ContractBroken("the act failed")

    with pytest.raises(ContractBroken):
        anywhere.act(use_case)
    assert (
        anywhere.rows("SELECT count(*) FROM mail_outbox") == [(0,)] == anywhere.rows("SELECT count(*) FROM mail_turns")
    )


def test_no_address_and_no_code_is_readable_in_the_database_or_in_receipts(anywhere):
    """Ruling 36: neither while it waits nor once it is captured, in no column of any table."""
    queue(anywhere, CODE)
    dumped = _everything(anywhere)
    deliver(anywhere)
    queue(anywhere, CODE)
    dumped += _everything(anywhere)
    assert [one.letter for one in captured(anywhere)] == [CODE]
    assert b"login_code" in dumped
    for secret in ("493021", "493 021", "Anmeldecode", "ada@", "example.test"):
        assert secret.encode() not in dumped
        assert secret.encode().hex().encode() not in dumped


def _everything(home):
    """Every byte of the SQLite files; on PostgreSQL every row of every table, bytes as they are and in hex."""
    if not home.url:
        path = database_path(home.house.settings)
        return b"".join(one.read_bytes() for one in path.parent.glob(path.name + "*"))
    tables = home.rows("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    cells = [cell for (table,) in tables for row in home.rows(f"SELECT * FROM {table}") for cell in row]
    return b"\n".join(
        bytes(cell) + bytes(cell).hex().encode() if isinstance(cell, bytes | memoryview) else str(cell).encode()
        for cell in cells
    )


@pytest.mark.parametrize(
    "to",
    [
        "ada@example.test\r\nBcc: eve@example.test",
        "ada@example.test\nBcc: eve@example.test",
        "ada@example.test\r",
        "ada@example.test\n",
        "ada@example.test, eve@example.test",
        "ada@example.test;eve@example.test",
        "Ada <ada@example.test>",
        '"a b"@example.test',
        "ada@example.test\u2028Bcc: eve@example.test",
        "ada@example.test\x85eve",
        "ada@eve@example.test",
        "ada @example.test",
        "ada@exam\0ple.test",
        "ada@\ud800.test",
        "(x)ada@example.test",
        "ada",
        "",
        "a" * 65 + "@example.test",
    ],
)
def test_an_address_that_is_more_than_one_address_is_refused(home, to):
    refusal = queue(home, Letter(to, "Hello", "Text", "notice"))
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.reasons) == (Code.LETTER_REFUSED, ("to",))
    assert told(home) == [("mail.queue", ("letter_refused", "to"))]
    assert waiting(home) == []


@pytest.mark.parametrize("subject", ["Hi\r\nBcc: eve@example.test", "Hi\n", "Hi\u2028there", "Hi\0", "", "x" * 201])
def test_a_subject_that_would_grow_a_header_is_refused(home, subject):
    assert queue(home, Letter("ada@example.test", subject, "Text", "notice")).reasons == ("subject",)


def test_plain_addresses_of_the_world_are_taken():
    for to in (
        "ada@example.test",
        "o'brien+tag@sub.example.test",
        "jürgen@bücher.example",
        "ada@localhost",
        "用户@例子.测试",
    ):
        assert is_address(to), to


def test_a_purpose_that_is_no_word_is_a_fault_of_ours(home):
    for purpose in ("", "Ada@example.test", "x\n", "a" * 65):
        with pytest.raises(ContractBroken):
            queue(home, Letter("ada@example.test", "Hi", "Text", purpose))


def test_a_letter_that_is_printed_shows_neither_address_nor_code():
    assert repr(CODE) == str(CODE) == "Letter(purpose='login_code')"


def test_a_failure_that_may_pass_is_tried_again_after_growing_pauses(anywhere):
    anywhere.clock.hold()
    queue(anywhere)
    sender = Scripted(*[LATER] * 3)
    for tries, seconds in ((1, 5), (2, 15), (3, 45)):
        deliver(anywhere, sender)
        assert [one.tries for one in waiting(anywhere)] == [tries]
        anywhere.clock.turn(seconds * SECOND - 1)
        deliver(anywhere, sender)
        assert len(sender.came) == tries
        anywhere.clock.turn(1)
    deliver(anywhere, sender)
    assert len(sender.came) == 4
    assert told(anywhere) == [("mail.queue", ("notice",)), ("mail.deliver", ("notice", "sent"))]


def test_the_pauses_grow_up_to_an_hour():
    assert [pause(tries) // SECOND for tries in range(1, MOST_TRIES + 1)] == [5, 15, 45, 135, 405, 1215, *[3600] * 10]


def test_a_failure_for_good_drops_the_letter_at_once(anywhere):
    queue(anywhere)
    sender = Scripted(NEVER)
    deliver(anywhere, sender)
    assert waiting(anywhere) == []
    assert told(anywhere)[1:] == [("mail.drop", ("notice", "smtp_550"))]
    assert anywhere.rows("SELECT count(*) FROM mail_turns") == [(0,)]


def test_a_letter_is_not_tried_for_ever(home):
    home.clock.hold()
    queue(home)
    sender = Scripted(*[LATER] * 100)
    for _ in range(MOST_TRIES + 5):
        deliver(home, sender)
        home.clock.turn(60 * MINUTE)
    assert len(sender.came) == MOST_TRIES
    assert told(home)[1:] == [("mail.drop", ("notice", "smtp_451"))]


def test_a_letter_whose_code_is_no_longer_good_is_dropped_and_not_sent(anywhere):
    anywhere.clock.hold()
    queue(anywhere, CODE)
    anywhere.clock.turn(5 * MINUTE)
    sender = Scripted()
    deliver(anywhere, sender)
    assert sender.came == []
    assert told(anywhere)[1:] == [("mail.drop", ("login_code", "expired"))]
    queue(anywhere, CODE)
    anywhere.clock.turn(5 * MINUTE - 1)
    deliver(anywhere, sender)
    assert len(sender.came) == 1


class Slow:
    """A sender that waits until `go` is set; `begun` is set once somebody sends."""

    repeats = True

    def __init__(self):
        self.came, self.go, self.begun = [], asyncio.Event(), asyncio.Event()

    async def send(self, parcel):
        self.came.append(parcel.id)
        self.begun.set()
        await self.go.wait()
        return Sent(Verdict.SENT)


def test_two_workers_never_send_one_letter_at_the_same_time(anywhere):
    """Two houses on one store, each with a postman; both come while the first is still sending."""
    letters = {queue(anywhere) for _ in range(3)}
    other, sender = anywhere.beside(), Slow()

    async def race():
        houses = (anywhere.house, other.house) * 4
        rounds = [asyncio.ensure_future(postman(anywhere, sender, house).deliver()) for house in houses]
        await sender.begun.wait()
        rounds += [asyncio.ensure_future(postman(anywhere, sender, house).deliver()) for house in houses]
        async with asyncio.timeout(20):
            while sum(map(asyncio.Future.done, rounds)) < len(rounds) - len(letters):  # these found nothing to send
                await asyncio.wait([one for one in rounds if not one.done()], return_when=asyncio.FIRST_COMPLETED)
        sender.go.set()
        await asyncio.gather(*rounds)

    anywhere.run(race())
    assert sorted(sender.came) == sorted(letters)
    assert [name for name, _ in told(anywhere)].count("mail.deliver") == 3


def test_a_worker_that_dies_while_sending_does_not_lose_the_letter(anywhere):
    anywhere.clock.hold()
    letter, dying = queue(anywhere), Slow()

    async def killed():
        task = asyncio.ensure_future(postman(anywhere, dying).deliver())
        await dying.begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    anywhere.run(killed())
    sender = Scripted()
    anywhere.clock.turn(LEASE - 1)
    deliver(anywhere, sender)
    assert sender.came == []
    anywhere.clock.turn(1)
    deliver(anywhere, sender)
    assert [one.id for one in sender.came] == [letter]


def test_who_comes_back_after_its_lease_takes_the_letter_from_nobody(home):
    """A worker that was paused for longer than its lease fails late: the one that has the letter keeps its turn."""
    home.clock.hold()
    queue(home)
    first = home.act(service.take)
    home.clock.turn(LEASE)
    second = home.act(service.take)
    parcel = home.read(lambda tx: service.unpack(tx, home.house.keyring, first.letter))
    home.act(lambda tx: service.settle(tx, home.house.keyring, first, parcel, LATER))
    home.clock.turn(LEASE - 1)
    assert home.act(service.take) is None
    home.act(lambda tx: service.settle(tx, home.house.keyring, second, parcel, Sent(Verdict.SENT)))
    home.act(lambda tx: service.settle(tx, home.house.keyring, first, parcel, Sent(Verdict.SENT)))
    assert [name for name, _ in told(home)].count("mail.deliver") == 1


def test_a_sender_that_breaks_says_nothing_of_the_letter(home):
    queue(home, CODE)
    with capture_logs() as logs:
        deliver(home, Scripted(RuntimeError("ada@example.test 493021")))
    assert {(line["event"], line.get("fault")) for line in logs} == {
        ("sender_broke", "RuntimeError"),
        ("letter_not_sent", None),
    }
    assert "493021" not in str(logs)
    assert "ada@" not in str(logs)
    assert len(waiting(home)) == 1


def test_a_letter_that_does_not_open_is_dropped_and_holds_up_nobody(home):
    broken, whole = queue(home), queue(home)
    home.write(
        "UPDATE mail_outbox SET sealed = (SELECT sealed FROM mail_outbox WHERE id = ?) WHERE id = ?", (whole, broken)
    )
    sender = Scripted()
    deliver(home, sender)
    assert [one.id for one in sender.came] == [whole]
    assert ("mail.drop", ("notice", "unreadable")) in told(home)


def test_without_any_setting_letters_are_captured_and_an_operator_reads_them(anywhere):
    letter = queue(anywhere, CODE)
    deliver(anywhere)
    assert [(one.id, one.letter) for one in captured(anywhere)] == [(letter, CODE)]
    assert anywhere.read(lambda tx: service.show(tx, anywhere.house.keyring, letter)).letter == CODE
    assert told(anywhere)[1:] == [("mail.deliver", ("login_code", "captured"))]


def test_what_waits_to_be_sent_is_nobodys_to_read(home):
    letter = queue(home, CODE)
    for unknown in (letter, "let-AAAAAAAAAAAAAAAAAAAAAA", "", "x"):
        assert home.read(lambda tx, one=unknown: service.show(tx, home.house.keyring, one)) == Refusal(
            Code.LETTER_UNKNOWN
        )


def test_captured_letters_leave_after_a_week(anywhere):
    anywhere.clock.hold()
    queue(anywhere)
    deliver(anywhere)
    anywhere.clock.turn(CAPTURED_LIFE)
    anywhere.collect()
    assert len(captured(anywhere)) == 1
    anywhere.clock.turn(1)
    anywhere.collect()
    assert captured(anywhere) == []
    assert told(anywhere)[-1] == ("mail.collect", ("count:1",))


def test_letters_are_found_by_exactly_their_address(anywhere):
    queue(anywhere, Letter("eve@example.test", "Hi", "Text", "notice"))
    queue(anywhere)
    asked = partial(service.waiting, keyring=anywhere.house.keyring, most=10)
    assert [len(anywhere.read(partial(asked, to=to))) for to in ("ada@example.test", "ada@example.tes", "")] == [
        1,
        0,
        2,
    ]
    deliver(anywhere)
    asked = partial(service.captured, keyring=anywhere.house.keyring, most=10)
    assert [len(anywhere.read(partial(asked, to=to))) for to in ("ada@example.test", "ada@example.tes", "")] == [
        1,
        0,
        2,
    ]


def test_a_fixture_tenant_writes_to_nobody(home):
    sender = Scripted()
    queue(home, CODE)
    made = Postman(home.house.vault, home.scope, home.house.keyring, sender, lambda _: Mode.FIXTURE)
    home.run(made.deliver())
    assert sender.came == []
    assert len(captured(home)) == 1


def test_a_line_that_fails_ends_the_round_and_the_next_goes_first(home):
    """A server that is ill is asked once a round, not once for each letter."""
    first, second = queue(home), queue(home)
    sender = Scripted(CUT)
    deliver(home, sender)
    assert len(sender.came) == 1
    deliver(home, sender)
    assert {one.id for one in sender.came} == {first, second}


def test_a_captured_sender_needs_no_setting(home):
    assert isinstance(postman(home)._sender, CapturedSender)
    assert not postman(home).inline
