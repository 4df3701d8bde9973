"""The mail service over HTTP: the contract's bytes, one attempt, and an answer that a request can wait for."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from structlog.testing import capture_logs

from ostiary.kernel.clock import SECOND
from ostiary.kernel.values import Mode, Scope
from ostiary.mail.model import LEASE, Sent, Verdict
from ostiary.remote.breaker import MOST_FAILURES
from ostiary.remote.lately import MEMORY_S
from tests.mail.post import CODE, NOTICE, ask, deliver, made_sender, postman, queue, told, waiting
from tests.rigs.counterparts import free_port
from tests.rigs.mailservice import mailservice

SENT = (200, b'{"outcome":"sent"}')


@contextmanager
def service(*answers):
    """A mail service on this machine that gives these answers in turn; yields its address and what came."""
    came, left = [], list(answers)

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append((self.path, dict(self.headers.items()), json.loads(body)))
            status, text = left.pop(0) if left else SENT
            self.send_response(status)
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/mail", came
        finally:
            server.shutdown()
            thread.join()


def posting(homes, tmp_path, url):
    (tmp_path / "token").write_text("a-bearer-token\n")
    return homes(
        MAIL_SERVICE_MODE="rest",
        MAIL_SERVICE_BASE_URL=url,
        MAIL_SERVICE_TOKEN_FILE=str(tmp_path / "token"),
        MAIL_SERVICE_REQUEST_TIMEOUT="5s",
    )


def send_now(home, letter, sender=None):
    return ask(home, lambda postman: postman.hand_over(home.scope, letter), sender)


def reachable(home, sender=None):
    return ask(home, lambda postman: postman.reachable(), sender)


def test_a_letter_is_posted_as_json_with_token_and_idempotency_key(homes, tmp_path):
    with service() as (url, came):
        home = posting(homes, tmp_path, url)
        letter = queue(home, NOTICE)
        deliver(home)
        deliver(home)
    ((path, headers, body),) = came
    assert path == "/mail/api/v1/internal/letter-deliveries"
    assert body == {"email": NOTICE.to, "subject": NOTICE.subject, "text": NOTICE.text, "purpose": "notice"}
    sent = {name.lower(): value for name, value in headers.items()}
    assert (sent["authorization"], sent["idempotency-key"]) == ("Bearer a-bearer-token", letter)
    assert sent["content-type"] == "application/json"
    assert told(home)[1:] == [("mail.deliver", ("notice", "sent"))]


def test_a_login_code_goes_as_the_contract_says(homes, tmp_path):
    with service() as (url, came):
        home = posting(homes, tmp_path, url)
        code = msgspec.structs.replace(CODE, code="493021", locale="de", key="challenge-123")
        assert postman(home).inline
        assert send_now(home, queue(home, code, hold=True)) == Sent(Verdict.SENT)
    ((path, headers, body),) = came
    assert path == "/mail/api/v1/internal/login-code-deliveries"
    assert body == {"email": "ada@example.test", "code": "493021", "locale": "de"}
    assert {name.lower(): value for name, value in headers.items()}["idempotency-key"] == "challenge-123"
    assert waiting(home) == []


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((503, b""), "http_503"),
        ((400, b"ada@example.test"), "http_400"),
        ((409, b""), "http_409"),
        ((302, b""), "http_302"),
        ((200, b"{}"), "answer_malformed"),
        ((200, b'{"outcome":"sent","more":1}'), "answer_malformed"),
        ((200, b'{"outcome":"sent","outcome":"sent"}'), "answer_malformed"),
        ((200, b'{"outcome":"maybe"}'), "answer_malformed"),
        ((200, b'{"outcome":"captured"}'), "answer_malformed"),
        ((200, b"\xff" * 70_000), "answer_malformed"),
        ((200, b"[" * 60_000), "answer_malformed"),
    ],
)
def test_what_fails_is_told_to_who_asked_and_never_tried_again(homes, tmp_path, answer, why):
    """Ruling 36: the request is answered 503, and the service is not asked a second time."""
    with service(answer) as (url, came):
        home = posting(homes, tmp_path, url)
        with capture_logs() as logs:
            sent = send_now(home, queue(home, CODE, hold=True))
        assert (sent.arrived, sent.why) == (False, why)
        home.clock.turn(10 * LEASE)
        deliver(home)
        assert len(came) == 1
    assert told(home)[1:] == [("mail.drop", ("login_code", why))]
    assert "ada@" not in str(logs)


def test_what_the_service_suppresses_counts_as_delivered(homes, tmp_path):
    with service((200, b'{"outcome":"suppressed"}')) as (url, _):
        home = posting(homes, tmp_path, url)
        assert send_now(home, queue(home, hold=True)) == Sent(Verdict.SUPPRESSED)
    assert told(home)[1:] == [("mail.deliver", ("notice", "suppressed"))]


def test_a_service_that_is_not_there_is_told_too(homes, tmp_path):
    home = posting(homes, tmp_path, f"http://127.0.0.1:{free_port()}")
    assert not send_now(home, queue(home, hold=True)).arrived
    assert told(home)[1:] == [("mail.drop", ("notice", "unreachable"))]


def test_a_letter_that_is_held_is_left_to_who_queued_it_and_dropped_after_their_death(homes, tmp_path):
    """Nobody knows whether the service got it: it may not be asked again."""
    with service() as (url, came):
        home = posting(homes, tmp_path, url)
        home.clock.hold()
        queue(home, hold=True)
        home.clock.turn(LEASE - 1)
        deliver(home)
        assert len(waiting(home)) == 1
        home.clock.turn(1)
        deliver(home)
        assert came == []
    assert told(home)[1:] == [("mail.drop", ("notice", "unanswered"))]


def test_a_letter_that_is_gone_or_too_old_is_not_sent(homes, tmp_path):
    with service() as (url, came):
        home = posting(homes, tmp_path, url)
        assert send_now(home, "let-AAAAAAAAAAAAAAAAAAAAAA") == Sent(Verdict.NEVER, "gone")
        letter = queue(home, CODE, hold=True)
        home.clock.turn(CODE.life)
        assert send_now(home, letter) == Sent(Verdict.NEVER, "expired")
        assert came == []
    assert told(home)[1:] == [("mail.drop", ("login_code", "expired"))]


CHALLENGE = msgspec.structs.replace(CODE, code="493021", locale="de", key="challenge-123")


@pytest.fixture
def mail():
    with mailservice() as service:
        service.token = "a-bearer-token"
        yield service


def test_the_service_of_the_contract_gets_a_code_once(homes, tmp_path, mail):
    home = posting(homes, tmp_path, mail.url)
    assert send_now(home, queue(home, CHALLENGE, hold=True)) == Sent(Verdict.SENT)
    assert mail.codes == [{"email": "ada@example.test", "code": "493021", "locale": "de"}]
    again = queue(home, CHALLENGE, hold=True)
    assert send_now(home, again) == Sent(Verdict.SENT), "the same key and body are one delivery"
    assert len(mail.codes) == 1
    other = msgspec.structs.replace(CHALLENGE, code="111111")
    assert send_now(home, queue(home, other, hold=True)) == Sent(Verdict.NEVER, "http_409")
    mail.suppressed.add(CODE.to)
    held = msgspec.structs.replace(CHALLENGE, key="challenge-124")
    assert send_now(home, queue(home, held, hold=True)) == Sent(Verdict.SUPPRESSED)
    assert len(mail.codes) == 1
    home.clock.turn(10 * LEASE)
    deliver(home)
    assert len(mail.came) == 4


def test_looking_whether_letters_leave_sends_none(homes, tmp_path, mail):
    home = posting(homes, tmp_path, mail.url)
    assert reachable(home)
    assert (mail.codes, mail.letters, len(mail.came)) == ([], [], 1)
    assert waiting(home) == []


@pytest.mark.parametrize("fault", [401, 403, 404, 405, 409, 500, 503, 302, "close", "slow", b"junk\r\n"])
def test_where_no_letter_could_leave_a_request_that_sends_none_learns_it(homes, tmp_path, mail, fault):
    """Ruling 36: else the answer would tell a blocked or throttled address from the others."""
    home = posting(homes, tmp_path, mail.url)
    home.restart(MAIL_SERVICE_REQUEST_TIMEOUT="300ms")
    mail.fault = fault
    assert not reachable(home)
    assert not send_now(home, queue(home, CHALLENGE, hold=True)).arrived


def test_looking_takes_as_long_as_the_last_letter(homes, tmp_path, mail):
    """Else a slow service would tell by the time which requests it was asked for."""
    home = posting(homes, tmp_path, mail.url)
    home.restart(MAIL_SERVICE_REQUEST_TIMEOUT="300ms")
    sender = made_sender(home)
    mail.faults = ["slow"]
    assert send_now(home, queue(home, CHALLENGE, hold=True), sender).why == "timeout"
    began = time.monotonic()
    assert not reachable(home, sender)
    assert time.monotonic() - began >= 0.3


def test_a_wrong_token_and_a_service_that_is_gone_are_learned_too(homes, tmp_path, mail):
    home = posting(homes, tmp_path, mail.url)
    mail.token = "another"
    assert not reachable(home)
    home.restart(MAIL_SERVICE_BASE_URL=f"http://127.0.0.1:{free_port()}")
    assert not reachable(home)


def test_a_service_that_is_down_is_left_alone_and_everybody_told_so(homes, tmp_path, mail):
    home = posting(homes, tmp_path, mail.url)
    home.clock.hold()
    sender = made_sender(home)
    mail.fault = 503
    for _ in range(MOST_FAILURES):
        assert send_now(home, queue(home, hold=True), sender).why == "http_503"
    mail.fault = None
    assert send_now(home, queue(home, hold=True), sender).why == "circuit_open"
    assert not reachable(home, sender)
    assert len(mail.came) == MOST_FAILURES
    home.clock.turn(int(MEMORY_S * SECOND))
    assert reachable(home, sender)
    assert send_now(home, queue(home, hold=True), sender).arrived
    assert send_now(home, queue(home, hold=True), sender).arrived


def test_in_other_modes_and_fixture_tenants_letters_can_always_be_written(homes, tmp_path, mail):
    assert reachable(homes())
    home = posting(homes, tmp_path, mail.url)
    mail.fault = 503
    assert ask(home, lambda postman: postman.reachable(Scope("default", Mode.FIXTURE)))
    assert mail.came == []


@pytest.mark.parametrize(
    ("why", "kept"),
    [
        *((one, True) for one in ("unreachable", "tls", "circuit_open", "busy", "http_302", "http_404", "http_503")),
        *((one, False) for one in ("timeout", "line_broken", "answer_malformed", "fault", "http_408", "http_500")),
    ],
)
def test_what_was_surely_not_taken_is_told_from_what_may_have_been(why, kept):
    assert [Sent(verdict, why).kept for verdict in (Verdict.LATER, Verdict.NEVER)] == [kept, kept]
    assert not Sent(Verdict.SENT).kept
