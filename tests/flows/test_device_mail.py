"""A device's code by real mail: the source's own requests, a real SMTP receiver, and its bad days. A code arrives once."""

import re
import shutil
import subprocess
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from urllib.parse import urlsplit

from tests.flows.server import serving
from tests.login.email_code.handset import CONFIRM, SEND, new_key
from tests.rigs.postbox import postbox

PATIENCE_S = 30
BLOCKED = (
    '{"outcome":"blocked","subject_kind":"email","subject_value":"pilot@example.com",'
    '"affected_session_count":0,"affected_device_session_ids":[]}'
)
CURL = shutil.which("curl")


@contextmanager
def scene(folder, **more):
    """A server that sends by SMTP, and the receiver."""
    with postbox(folder / "box") as box:
        settings = {f"OSTIARY_{name}": value for name, value in box.settings(folder, **more).items()}
        with serving(folder, **settings) as served:
            yield served, box


def until(true, what):
    """Wait until something is true; fail with what was waited for."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        if true():
            return
        time.sleep(0.02)
    raise AssertionError(what)


def curl(url, body=None, *headers):
    """One request as the source writes it; return (status, body). Where curl is not here, what it would send is sent."""
    if body is not None:
        headers = ("Content-Type: application/json", *headers)
    if CURL is None:
        return plainly(url, body, headers)
    words = [CURL, "-s", "-w", "\n%{http_code}", url, *(word for header in headers for word in ("-H", header))]
    words += ["-X", "POST", "-d", body] if body is not None else []
    told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout
    body, _, status = told.rpartition("\n")
    return int(status), body


def plainly(url, body, headers):
    """The same by the standard library."""
    parts = urlsplit(url)
    sent = {"accept": "*/*", "user-agent": "curl/7.88.1"} | dict(header.split(": ", 1) for header in headers)
    with closing(HTTPConnection(parts.hostname, parts.port, timeout=30)) as connection:
        connection.request("GET" if body is None else "POST", parts.path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def code_of(letter):
    """The code in a letter."""
    return re.search(r"\b(\d{6})\b", letter.get_content())[1]


def idle(served):
    """Whether nothing waits to be sent."""
    return '"waiting"' not in served.cli("mail", "list", "--json")


def test_the_curl_lines_of_the_source(tmp_path):
    with scene(tmp_path) as (served, box):
        status, body = curl(served.public + SEND, '{"email":"pilot@example.com"}')
        assert status == 200
        challenge = re.fullmatch(r'\{"challenge_id":"([\w-]+)"\}', body)[1]
        until(lambda: box.letters, "no letter came")
        (letter,) = box.letters
        key = new_key()
        status, body = curl(
            served.public + CONFIRM,
            f'{{\n"challenge_id": "{challenge}",\n"code": "{code_of(letter)}",\n"client_public_key": "{key}"\n}}',
        )
        assert status == 200
        session = re.fullmatch(r'\{"device_session_id":"([\w-]+)"\}', body)[1]
        status, told = curl(f"{served.internal}/api/v1/internal/sessions/{session}")
        assert status == 200
        user = re.search(r'"user_id":"([\w-]+)"', told)[1]
        assert re.fullmatch(
            rf'\{{"session":\{{"device_session_id":"{session}","user_id":"{user}","client_public_key":"{re.escape(key)}",'
            r'"status":"active","created_at":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"\}\}',
            told,
        )
        status, body = curl(
            f"{served.internal}/api/v1/internal/sessions/{session}/revoke",
            '{"reason_code":"admin_revoke","actor":{"type":"system"}}',
        )
        assert (status, body) == (
            200,
            f'{{"outcome":"revoked","device_session_id":"{session}","affected_session_count":1}}',
        )
        status, body = curl(
            f"{served.internal}/api/v1/internal/user-blocks",
            '{"email":"pilot@example.com","reason_code":"policy_blocked","actor":{"type":"admin","id":"admin-1"}}',
        )
        assert (status, body) == (
            200,
            BLOCKED,
        )
        status, body = curl(
            served.public + CONFIRM, f'{{"challenge_id":"challenge-123","code":"123456","client_public_key":"{key}"}}'
        )
        assert status == 404
        assert re.fullmatch(r'\{"error":\{"code":"challenge_not_found","message":"[^"]+"\}\}', body)


def test_the_letter_speaks_the_readers_language(tmp_path):
    with scene(tmp_path) as (served, box):
        for number, (asked, subject) in enumerate(
            [
                ("de-AT,de;q=0.9,en;q=0.1", "Ihr Code für die Anmeldung"),
                ("xx", "Your sign-in code"),
                ("", "Your sign-in code"),
            ]
        ):
            status, _ = curl(served.public + SEND, f'{{"email":"p{number}@example.com"}}', f"Accept-Language: {asked}")
            assert status == 200
            until(lambda number=number: len(box.letters) == number + 1, "no letter came")
            letter = box.letters[-1]
            assert letter["subject"] == subject
            assert (b"=?utf-8?" in box.raw[-1]) is (not subject.isascii())
            assert letter["auto-submitted"] == "auto-generated"


def test_a_server_that_says_later_gets_the_letter_once(tmp_path):
    with scene(tmp_path) as (served, box):
        box.answers.append("451 4.3.2 busy just now")
        status, _ = curl(served.public + SEND, '{"email":"pilot@example.com"}')
        assert status == 200, "it waits in the outbox: that counts as sent (ruling 36)"
        until(lambda: box.letters, "the letter was not tried again")
        until(lambda: idle(served), "the letter still waits")
        assert len(box.letters) == 1
        assert code_of(box.letters[0])


def test_a_server_that_says_never_gets_it_no_second_time(tmp_path):
    with scene(tmp_path) as (served, box):
        box.answers.append("550 5.1.1 nobody here")
        status, _ = curl(served.public + SEND, '{"email":"pilot@example.com"}')
        assert status == 200
        until(lambda: not box.answers and idle(served), "the letter still waits")
        assert "mail.drop" in served.cli("receipts", "list")
        assert box.letters == []
        status, _ = curl(served.public + SEND, '{"email":"other@example.com"}')
        until(lambda: box.letters, "no letter came after it")
        assert [one["to"] for one in box.letters] == ["other@example.com"]


def test_a_slow_server_holds_up_nobody(tmp_path):
    with scene(tmp_path, MAIL_SERVICE_REQUEST_TIMEOUT="1s") as (served, box):
        box.holding = True
        began = time.monotonic()
        assert curl(served.public + SEND, '{"email":"pilot@example.com"}')[0] == 200
        assert time.monotonic() - began < PATIENCE_S / 10
        assert box.reached.wait(PATIENCE_S)
        assert curl(served.public + SEND, '{"email":"other@example.com"}')[0] == 200
        box.holding = False
        box.let_go.set()
        until(lambda: len(box.letters) == 2, "the letters did not come")
        until(lambda: idle(served), "a letter still waits")
        assert sorted(one["to"] for one in box.letters) == ["other@example.com", "pilot@example.com"]


def test_what_curl_sends_and_what_is_sent_without_it_get_the_same_answer(tmp_path):
    with scene(tmp_path) as (served, _):
        body = '{"email":"pilot@example.com","more":1}'
        assert plainly(served.public + SEND, body, ("Content-Type: application/json",)) == curl(
            served.public + SEND, body
        )
