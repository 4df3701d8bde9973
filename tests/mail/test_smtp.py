"""SMTP against a real server: encrypted, signed in, delivered once; what a bad day of the server does to a letter."""

import asyncio
import re
import time

import pytest
from structlog.testing import capture_logs

from ostiary.kernel.errors import BootRefused
from ostiary.mail.message import message
from ostiary.mail.model import LEASE, Letter, MailSettings, Parcel
from ostiary.mail.smtp import SmtpSender
from tests.flows.server import Served
from tests.mail.post import CODE, NOTICE, captured, deliver, queue, told, waiting
from tests.rigs.counterparts import free_port
from tests.rigs.postbox import postbox
from tests.sessions.home import MINUTE, SPRING, Home, Turned

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:aiosmtpd")


@pytest.fixture
def box(tmp_path):
    with postbox(tmp_path / "box") as made:
        yield made


@pytest.fixture
def sending(box, homes, tmp_path):
    """A home that sends by the box."""
    return homes(**box.settings(tmp_path))


def test_a_letter_arrives_once_encrypted_signed_in_and_readable(box, sending):
    letter = queue(sending, CODE)
    deliver(sending)
    deliver(sending)
    assert box.envelopes == [("id@ostiary.example.test", ("ada@example.test",), True)]
    (came,) = box.letters
    assert came["subject"] == "Ihr Anmeldecode – 493 021"
    assert came.get_content() == "Code: 493021 ü\r\n"
    assert came.get_content_type() == "text/plain"
    assert came.get_content_charset() == "utf-8"
    assert (came["to"], came["from"]) == ("ada@example.test", "Ostiary <id@ostiary.example.test>")
    assert came["auto-submitted"] == "auto-generated"
    assert came["message-id"] == f"<{letter}@ostiary.example.test>"
    assert came["date"].datetime.timestamp() == pytest.approx(SPRING / 1_000_000, abs=300)
    assert told(sending)[1:] == [("mail.deliver", ("login_code", "sent"))]
    assert waiting(sending) == []


def test_an_address_of_the_wide_world_is_written_as_it_is(box, sending):
    """RFC 6531: the server said SMTPUTF8, so nothing is transcribed."""
    queue(sending, Letter("jürgen@bücher.example", "Grüße", "Text", "notice"))
    deliver(sending)
    assert box.envelopes[0][1] == ("jürgen@bücher.example",)
    assert box.letters[0]["subject"] == "Grüße"


def test_no_server_hears_the_name_of_this_machine(box, sending):
    queue(sending)
    deliver(sending)
    assert set(box.names) == {"ostiary.example.test"}
    assert set(re.findall(rb"@([a-z.-]+)", box.raw[0])) == {b"ostiary.example.test", b"example.test"}


def test_a_text_cannot_end_the_letter_early(box, sending):
    text = "one\n.\nQUIT\n..\n\nFrom here\nBcc: eve@example.test\n"
    queue(sending, Letter("ada@example.test", "Dots", text, "notice"))
    deliver(sending)
    assert box.letters[0].get_content() == text.replace("\n", "\r\n")
    assert box.letters[0]["bcc"] is None
    assert len(box.envelopes) == 1


def test_headers_cannot_grow_even_where_a_letter_was_never_looked_at(tmp_path):
    """The second lock: what `queue` refuses, the message itself refuses too."""
    for odd in (
        Letter("ada@example.test\r\nBcc: eve@example.test", "Hi", "Text", "notice"),
        Letter("ada@example.test", "Hi\r\nBcc: eve@example.test", "Text", "notice"),
    ):
        with pytest.raises(ValueError, match=r"(?i)line|CR or LF"):
            message(Parcel("let-x", SPRING, odd), "id@ostiary.example.test")


@pytest.mark.parametrize("encryption", ["tls", "none"])
def test_each_way_of_encrypting_works(tmp_path, homes, encryption):
    with postbox(tmp_path / "box", encryption=encryption) as box:
        given = box.settings(tmp_path, MAIL_SMTP_TLS=encryption)
        home = homes(**given)
        queue(home)
        deliver(home)
        assert [tls for *_, tls in box.envelopes] == [encryption == "tls"]


def test_a_server_without_starttls_gets_no_letter_and_no_password(tmp_path, homes):
    with postbox(tmp_path / "box", encryption="none") as box:
        home = homes(**box.settings(tmp_path, MAIL_SMTP_TLS="starttls"))
        with capture_logs() as logs:
            queue(home)
            deliver(home)
        assert box.raw == []
        assert [line["why"] for line in logs] == ["smtp_unsupported"]
    assert [one.tries for one in waiting(home)] == [1]


def test_a_certificate_of_somebody_else_gets_no_letter_and_no_password(box, tmp_path, homes):
    with postbox(tmp_path / "other") as other:
        home = homes(**box.settings(tmp_path, MAIL_SMTP_ADDR=f"localhost:{other.port}"))
        with capture_logs() as logs:
            queue(home)
            deliver(home)
        assert [line["why"] for line in logs] == ["tls"]
        assert other.raw == []


def test_a_certificate_for_another_name_gets_no_letter(box, tmp_path, homes):
    home = homes(**box.settings(tmp_path, MAIL_SMTP_ADDR=f"127.0.0.1:{box.port}"))
    with capture_logs() as logs:
        queue(home)
        deliver(home)
    assert [line["why"] for line in logs] == ["tls"]
    assert box.raw == []


def test_a_refused_connection_is_tried_again_until_the_server_is_there(tmp_path, homes):
    port = free_port()
    with postbox(tmp_path / "box", port=port) as box:
        given = box.settings(tmp_path)
    home = homes(**given)
    home.clock.hold()
    queue(home)
    with capture_logs() as logs:
        deliver(home)
    assert [line["why"] for line in logs] == ["unreachable"]
    assert [one.tries for one in waiting(home)] == [1]
    with postbox(tmp_path / "again", port=port) as box:
        given["MAIL_SMTP_CA_FILE"] = str(box.root)
        home.restart(**given)
        home.clock.turn(MINUTE)
        deliver(home)
        assert len(box.letters) == 1


def test_a_4xx_is_tried_again_and_a_5xx_never(box, sending):
    sending.clock.hold()
    box.answers = ["451 4.3.0 ada@example.test try later", "550 5.1.1 no such user ada@example.test"]
    queue(sending)
    with capture_logs() as logs:
        deliver(sending)
        assert [one.tries for one in waiting(sending)] == [1]
        sending.clock.turn(MINUTE)
        deliver(sending)
    assert waiting(sending) == []
    assert box.raw == []
    assert [line["why"] for line in logs] == ["smtp_451", "smtp_550"]
    assert "ada@" not in str(logs), "what the server says stays out of the log"
    assert told(sending)[1:] == [("mail.drop", ("notice", "smtp_550"))]


class Wire(asyncio.Transport):
    """A transport that remembers how it was ended."""

    def __init__(self):
        super().__init__()
        self.ended = []

    def is_closing(self):
        return bool(self.ended)

    def close(self):
        self.ended.append("close")

    def abort(self):
        self.ended.append("abort")


def test_a_line_that_is_closed_does_not_wait_for_the_other_side_to_part(box, tmp_path, homes):
    """TLS parts in two steps: whoever asks once and goes would leave its socket open."""
    line, wire = SmtpSender(homes(**box.settings(tmp_path)).settings.mail)._line(), Wire()
    line.transport = wire
    line.close()
    assert wire.ended == ["abort"]
    assert line.transport is None


def test_a_wrong_password_keeps_the_letter_and_is_shown_nowhere(box, tmp_path, homes):
    given = box.settings(tmp_path)
    (tmp_path / "smtp.password").write_text("hunter2-is-not-it")
    home = homes(**given)
    with capture_logs() as logs:
        queue(home)
        deliver(home)
    assert [line["why"] for line in logs] == ["smtp_auth"]
    assert [one.tries for one in waiting(home)] == [1]
    assert "hunter2" not in str(logs) + str(home.receipts()) + repr(home.settings)


def test_a_server_that_hangs_is_given_up_in_time(box, tmp_path, homes):
    home = homes(**box.settings(tmp_path, MAIL_SERVICE_REQUEST_TIMEOUT="500ms"))
    box.holding = True
    queue(home)
    began = time.monotonic()
    with capture_logs() as logs:
        deliver(home)
    assert [line["why"] for line in logs] == ["timeout"]
    assert time.monotonic() - began < 10


def test_a_letter_that_was_accepted_is_sent_however_badly_the_two_part(box, tmp_path, homes):
    """The server hangs at QUIT: whoever called that a failure would send the letter again."""
    home = homes(**box.settings(tmp_path, MAIL_SERVICE_REQUEST_TIMEOUT="1s"))
    box.parting = True
    queue(home)
    deliver(home)
    assert len(box.raw) == 1
    assert waiting(home) == []


def test_kill_9_in_the_middle_of_sending_loses_no_letter(box, tmp_path):
    """A real server, killed while the SMTP server holds back its answer; its successor sends when the lease is over."""
    given = box.settings(tmp_path, MAIL_SERVICE_REQUEST_TIMEOUT="30s")
    served = Served(tmp_path, {f"OSTIARY_{name}": value for name, value in given.items()})
    served.cli("init")
    served.cli("migrate")
    writer = Home(tmp_path, clock=Turned(time.time_ns() // 1000))
    queue(writer, NOTICE)
    writer.close()
    box.holding = True
    served.start()
    try:
        assert box.reached.wait(20), "the server sends beside the requests"
    finally:
        served.kill()
    box.holding = False
    box.let_go.set()
    assert box.raw == []
    home = Home(tmp_path, clock=Turned(time.time_ns() // 1000), **given)
    try:
        deliver(home)
        assert box.raw == [], "the dead server's lease holds"
        home.clock.turn(LEASE)
        deliver(home)
        assert len(box.raw) == 1
        assert waiting(home) == []
    finally:
        home.close()


def test_what_is_not_sent_by_this_way_is_not_captured_either(box, sending):
    queue(sending)
    deliver(sending)
    assert captured(sending) == []


def test_an_authority_that_is_not_there_stops_the_start(tmp_path):
    with pytest.raises(BootRefused, match="No such file"):
        SmtpSender(MailSettings(smtp_addr=("localhost", 25), sender="a@b.test", smtp_ca_file=tmp_path / "none"))
