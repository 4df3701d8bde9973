"""Bad input over bare sockets against the real server: refused early, never a 5xx, never a second request out of one."""

import re
import socket
import time
from contextlib import suppress

import pytest

from tests.flows.browser import CSRF, SESSION, Browser

MEGABYTES = 10_000_000
JSON = b"Content-Type: application/json\r\n"


class Talk:
    """What came back: statuses, bytes, how the connection ended (`closed`, `open`), how much of ours was taken."""

    def __init__(self, port, said, wait=2.0, more=()):
        self.got, self.end, self.taken = b"", "open", 0
        begun = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.settimeout(wait)
            try:
                for piece in (said, *more):
                    connection.sendall(piece)
                    self.taken += len(piece)
            except OSError:
                pass  # it hung up on us; what it said before may still be read
            self._hear(connection)
        self.seconds = time.monotonic() - begun

    def _hear(self, connection):
        try:
            while chunk := connection.recv(65_536):
                self.got += chunk
            self.end = "closed"
        except TimeoutError:
            self.end = "open"
        except ConnectionError:
            self.end = "closed"

    @property
    def statuses(self):
        return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3}) ", self.got)]


@pytest.fixture(scope="module")
def host(shared_server):
    return f"Host: localhost:{shared_server.public_port}\r\n".encode()


@pytest.fixture(scope="module")
def person(shared_server):
    made = Browser(shared_server)
    assert made.enrol(shared_server.token).status == 200
    return made


@pytest.fixture(autouse=True)
def unhurt(shared_server):
    """After whatever was sent the server answers as before, and has logged no fault."""
    yield
    assert Browser(shared_server).send("GET", "/signed-out").status == 200
    assert Browser(shared_server).send("GET", "/readyz", internal=True).status == 200
    assert "internal_fault" not in shared_server.stderr()
    assert "page_broke" not in shared_server.stderr()
    assert "check_broke" not in shared_server.stderr()


def post(host, *headers, path=b"/login/passkey/begin", version=b"1.1"):
    return (
        b"POST " + path + b" HTTP/" + version + b"\r\n" + host + JSON + b"".join(h + b"\r\n" for h in headers) + b"\r\n"
    )


# Too much.


@pytest.mark.parametrize("path", [b"/login/passkey/begin", b"/auth/logout", b"/enrolment/finish"])
def test_ten_megabytes_of_body_are_refused_before_they_are_read(shared_server, host, path):
    head = post(host, b"Content-Length: %d" % MEGABYTES, path=path)
    asked = Talk(shared_server.public_port, head)
    assert (asked.statuses, asked.end) == ([413], "closed")
    pushed = Talk(shared_server.public_port, head, more=[b"x" * 100_000] * 100)
    assert pushed.end == "closed"
    assert pushed.taken < MEGABYTES, "the server hung up before it had everything"
    assert pushed.statuses in ([413], [])


def test_a_body_without_an_end_is_refused_when_it_is_too_large(shared_server, host):
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    talk = Talk(shared_server.public_port, post(host, b"Transfer-Encoding: chunked"), more=[chunk] * 600)
    assert talk.end == "closed"
    assert talk.taken < 600 * len(chunk)
    assert talk.statuses in ([413], [])


@pytest.mark.parametrize("path", [b"/sign-in", b"/static/absent", b"/openapi.json", b"/nowhere"])
def test_a_body_that_nobody_wants_is_not_read(shared_server, host, path):
    talk = Talk(
        shared_server.public_port, post(host, b"Content-Length: %d" % MEGABYTES, path=path), more=[b"x" * 100_000] * 100
    )
    assert talk.end == "closed"
    assert talk.taken < MEGABYTES
    assert talk.statuses in ([404], [405], [])


def test_the_check_reads_no_body(shared_server):
    head = b"POST /check HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % MEGABYTES
    talk = Talk(shared_server.internal_port, head, more=[b"x" * 100_000] * 100)
    assert (talk.end, talk.taken < MEGABYTES) == ("closed", True)
    assert talk.statuses in ([401], [])


@pytest.mark.parametrize("listener", ["public", "internal"])
@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"Cookie: " + b"a" * MEGABYTES, id="10 MB cookie"),
        pytest.param(b"Cookie: " + b"__Host-ostiary_session=x; " * 15_000, id="390 KB of cookies"),
        pytest.param(b"X: " + b"a" * 150_000, id="150 KB header"),
        pytest.param(b"a" * 150_000 + b": x", id="150 KB name"),
        pytest.param(b"\r\n".join(b"X-%d: y" % number for number in range(5000)), id="5,000 headers"),
    ],
)
def test_too_much_of_a_head_is_refused(shared_server, listener, header):
    port = getattr(shared_server, f"{listener}_port")
    talk = Talk(port, b"GET /check HTTP/1.1\r\nHost: localhost\r\n" + header + b"\r\n\r\n")
    assert talk.end == "closed"
    assert talk.statuses in ([431], [])


def test_a_long_address_is_refused(shared_server, host):
    for target in (b"/" + b"a" * 100_000, b"/sign-in?" + b"a" * 100_000):
        talk = Talk(shared_server.public_port, b"GET " + target + b" HTTP/1.1\r\n" + host + b"\r\n")
        assert talk.end == "closed"
        assert talk.statuses in ([414], [431], [])


def test_as_much_of_a_head_as_browsers_send_is_read(shared_server, host):
    cookies = b"; ".join(b"c%d=" % number + b"v" * 200 for number in range(150))
    headers = b"".join(b"X-%d: y\r\n" % number for number in range(60))
    talk = Talk(
        shared_server.public_port,
        b"GET /sign-in HTTP/1.1\r\n" + host + b"Cookie: " + cookies + b"\r\n" + headers + b"\r\n",
    )
    assert talk.statuses == [200]


# Too slow.


@pytest.mark.parametrize(
    "said", [b"", b"GET /sign-in HTTP/1.1\r\n", b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX: y"]
)
def test_a_head_that_does_not_come_is_not_waited_for(shared_server, said):
    talk = Talk(shared_server.public_port, said, wait=10)
    assert (talk.statuses, talk.end) == ([], "closed")
    assert 1 < talk.seconds < 6


def test_a_head_that_trickles_is_not_waited_for(shared_server):
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", shared_server.public_port), 5) as connection:
        connection.sendall(b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\nX: ")
        with suppress(ConnectionError):
            while time.monotonic() - begun < 10:
                connection.sendall(b"y")
                time.sleep(0.1)
    assert 1 < time.monotonic() - begun < 8


def test_a_body_that_does_not_come_is_not_waited_for(shared_server, host):
    talk = Talk(shared_server.public_port, post(host, b"Content-Length: 20") + b"{", wait=20)
    assert (talk.statuses, talk.end) == ([408], "closed")
    assert 8 < talk.seconds < 18


def test_a_proxy_may_keep_its_connection_to_the_check(shared_server):
    """Four seconds are longer than a head may take on the public listener."""
    ask = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with socket.create_connection(("127.0.0.1", shared_server.internal_port), 5) as connection:
        for _ in range(2):
            connection.sendall(ask)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
            time.sleep(4)


# Two meanings.


SECOND = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body", "statuses"),
    [
        pytest.param(
            [b"Content-Length: 4", b"Transfer-Encoding: chunked"], b"2\r\n{}\r\n0\r\n\r\n", [200], id="CL and TE"
        ),
        pytest.param(
            [b"Transfer-Encoding: chunked", b"Content-Length: 4"], b"2\r\n{}\r\n0\r\n\r\n", [200], id="TE and CL"
        ),
        pytest.param([b"Content-Length: 2", b"Content-Length: 3"], b"{} ", [400], id="two lengths"),
        pytest.param([b"Content-Length: 2, 3"], b"{} ", [400], id="two lengths in one"),
        pytest.param([b"Content-Length: +2"], b"{}", [400], id="signed length"),
        pytest.param([b"Content-Length: -1"], b"{}", [400], id="negative length"),
        pytest.param([b"Content-Length : 2"], b"{}", [400], id="blank before the colon"),
        pytest.param([b"Content-Length: 99999999999999999999999"], b"{}", [400], id="length of 23 digits"),
        pytest.param([b"Transfer-Encoding: xchunked"], b"2\r\n{}\r\n0\r\n\r\n", [400], id="unknown encoding"),
        pytest.param(
            [b"Transfer-Encoding: chunked, identity"], b"2\r\n{}\r\n0\r\n\r\n", [400], id="chunked is not last"
        ),
        pytest.param([b"Transfer-Encoding : chunked"], b"2\r\n{}\r\n0\r\n\r\n", [400], id="blank before TE's colon"),
        pytest.param([b"Transfer-Encoding: chunked"], b"-2\r\n{}\r\n0\r\n\r\n", [400], id="negative chunk"),
        pytest.param([b"Transfer-Encoding: chunked"], b"fffffffffffffffff\r\n{}\r\n", [400], id="chunk beyond 64 bits"),
        pytest.param([b"X: a\r\n b", b"Content-Length: 2"], b"{}", [400], id="folded header"),
        pytest.param([b"X: a\0b", b"Content-Length: 2"], b"{}", [400], id="NUL in a header"),
        pytest.param([b"X\rY: a", b"Content-Length: 2"], b"{}", [400], id="CR in a name"),
    ],
)
def test_a_request_of_two_meanings_has_one_answer_and_hides_no_other(shared_server, host, headers, body, statuses):
    """Whatever stands behind it is never answered as a request of its own: the connection is closed."""
    talk = Talk(shared_server.public_port, post(host, *headers) + body + SECOND)
    assert talk.end == "closed"
    assert talk.statuses in (statuses, [400])
    assert b'"openapi"' not in talk.got


@pytest.mark.parametrize("count", [2, 20])
def test_requests_in_a_row_are_answered_in_that_row(shared_server, host, count):
    paths = [b"/sign-in", b"/nowhere"] * (count // 2)
    talk = Talk(
        shared_server.public_port, b"".join(b"GET " + path + b" HTTP/1.1\r\n" + host + b"\r\n" for path in paths)
    )
    assert talk.statuses == [200, 404] * (count // 2)


# Odd, but HTTP; and not HTTP at all.


@pytest.mark.parametrize(
    ("said", "statuses"),
    [
        pytest.param(b"GET /signed-out HTTP/1.0\r\n\r\n", [200], id="HTTP/1.0 without a host"),
        pytest.param(b"GET /signed-out HTTP/1.1\r\n\r\n", [400], id="HTTP/1.1 without a host"),
        pytest.param(b"GET /signed-out HTTP/1.1\r\nHost:\r\n\r\n", [400], id="an empty host"),
        pytest.param(b"GET /signed-out HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", [400], id="two hosts"),
        pytest.param(b"GET /signed-out HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", [400], id="two different hosts"),
        pytest.param(b"GET http://localhost/signed-out HTTP/1.1\r\nHost: a\r\n\r\n", [200], id="absolute form"),
        pytest.param(b"GET http://evil.test/nowhere HTTP/1.1\r\nHost: a\r\n\r\n", [404], id="absolute form elsewhere"),
        pytest.param(b"HEAD /signed-out HTTP/1.1\r\nHost: a\r\n\r\n", [200], id="HEAD"),
        pytest.param(b"OPTIONS /signed-out HTTP/1.1\r\nHost: a\r\n\r\n", [405], id="OPTIONS"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", [404], id="OPTIONS *"),
        pytest.param(b"TRACE /signed-out HTTP/1.1\r\nHost: a\r\n\r\n", [405], id="TRACE"),
        pytest.param(b"CONNECT evil.test:443 HTTP/1.1\r\nHost: a\r\n\r\n", [404], id="CONNECT"),
        pytest.param(b"BREW /signed-out HTTP/1.1\r\nHost: a\r\n\r\n", [405], id="unknown method"),
        pytest.param(b"get /signed-out HTTP/1.1\r\nHost: a\r\n\r\n", [405], id="small letters"),
        pytest.param(b"GET /signed-out HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", [200], id="upgrade"),
        pytest.param(b"GET /signed-out HTTP/9.9\r\nHost: a\r\n\r\n", [400], id="HTTP/9.9"),
        pytest.param(b"GET  /signed-out HTTP/1.1\r\nHost: a\r\n\r\n", [400], id="two blanks"),
        pytest.param(b"GET /signed-out\r\n\r\n", [400], id="HTTP/0.9"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [], id="HTTP/2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9, [400], id="TLS"),
        pytest.param(b"\0" * 200, [400], id="NULs"),
    ],
)  # fmt: skip
def test_odd_requests_have_plain_answers(shared_server, said, statuses):
    talk = Talk(shared_server.public_port, said, wait=0.5)
    assert talk.statuses == statuses
    if said.startswith((b"HEAD", b"OPTIONS")):
        assert b"\r\n\r\n" in talk.got
    if said.startswith(b"HEAD"):
        assert talk.got.endswith(b"\r\n\r\n"), "no body"


PLACES = [
    b"/%00", b"/%ff", b"/%ed%a0%80", b"/%c0%af", b"/%", b"/%zz", b"/%u0041", b"/static/%00", b"/static/%ff", b"/static/..%2f..%2fapp.py",
    b"/static/../../app.py", b"//evil.test/", b"/./sign-in", b"/sign-in/", b"/sign-in%00", b"/sign-in;x", b"/account/..;/", b"/\xff", b"/%0d%0aX:y",
    b"/api/v1/auth/sessions/%00", b"/api/v1/auth/sessions/%ff", b"/api/v1/auth/passkeys/%ed%a0%80", b"/api/v1/auth/me?%00=%ff&%ff", b"/api/v1/auth/me?\xff",
    b"/sign-in?reason=%ff%00%ed%a0%80", b"/sign-in?reason=" + b"a" * 20_000, b"/check/%00", b"/check/%ff", b"/login/%ff/begin",
]  # fmt: skip


@pytest.mark.parametrize("method", [b"GET", b"POST", b"DELETE", b"PATCH"])
def test_no_address_breaks_the_server(shared_server, person, host, method):
    """With a living session, so that nothing is refused for want of one; on both listeners."""
    cookies = f"Cookie: {SESSION}={person.cookies[SESSION]}\r\nX-CSRF-Token: {person.cookies[CSRF]}\r\n".encode()
    body = b'{"label": "x"}' if method in {b"PATCH", b"POST"} else b""
    length = b"Content-Length: %d\r\n" % len(body)
    for place in PLACES:
        if place.startswith(b"/api/v1/auth/sessions/") and method == b"DELETE":
            expected = {400, 404}
        else:
            expected = {200, 303, 400, 401, 403, 404, 405}
        line = method + b" " + place + b" HTTP/1.1\r\n"
        said = line + host + cookies + JSON + length + b"Connection: close\r\n\r\n" + body
        talk = Talk(shared_server.public_port, said)
        assert len(talk.statuses) == 1, (place, talk.got[:200])
        assert talk.statuses[0] in expected, (place, talk.got[:200])
        assert talk.statuses[0] != 200 or b"<!doctype html>" in talk.got or b'"csrf_token"' in talk.got, place
        assert b"\r\nX:y" not in talk.got
        inner = Talk(shared_server.internal_port, line + host + b"Connection: close\r\n\r\n")
        assert inner.statuses in ([400], [401], [403], [404], [405]), (place, inner.got[:200])
    assert person.check().status == 200


GOOD = "{good}"
COOKIES = [
    "", "=", ";", ";;;;", "a", f"{SESSION}", f"{SESSION}=", f"{SESSION}=;", f"{SESSION}==", f"{SESSION}=\t", f"={GOOD}", f"x{SESSION}={GOOD}",
    f'{SESSION}="{GOOD}"', f"{SESSION}={GOOD}x", f"{SESSION}={GOOD}=", f"{SESSION}={GOOD},{GOOD}", f"{SESSION}={GOOD} {GOOD}", f"{SESSION} ={GOOD}",
    f"{SESSION.lower()}={GOOD}", f"{SESSION}={GOOD}; {SESSION}={GOOD}", f"{SESSION}=a; {SESSION}={GOOD}", f"{SESSION}={GOOD};{SESSION}=",
    f"{SESSION}=v1.{GOOD}", f"{SESSION}=" + "." * 5000, f"{SESSION}=" + "A" * 60_000, f"{SESSION}=v1.ses-AAAAAAAAAAAAAAAAAAAAAA.sk-AAAAAAAAAAAAAAAAAAAAAA.",
    f"{SESSION}=v1.ses-AAAAAAAAAAAAAAAAAAAAAA.sk-AAAAAAAAAAAAAAAAAAAAAA.{'A' * 43}", f"{SESSION}=v1.ses-' OR 1=1--.sk-x.y", f"{SESSION}=%00", f"{SESSION}=\xff\xfe",
    f"{SESSION}=\x80v1", "\xff\xff\xff", f"a=b; {'c=d; ' * 3000}{SESSION}=x", f"{SESSION}={{}}", f"$Version=1; {SESSION}={GOOD}x",
]  # fmt: skip


def test_broken_cookies_are_401_at_the_api_and_the_check_and_the_sign_in_page_elsewhere(shared_server, person, host):
    good = person.cookies[SESSION]
    for cookie in COOKIES:
        line = b"Cookie: " + cookie.replace(GOOD, good).encode("latin-1") + b"\r\nConnection: close\r\n\r\n"
        for port, path, statuses in (
            (shared_server.public_port, b"/api/v1/auth/me", [401]),
            (shared_server.public_port, b"/account", [303]),
            (shared_server.public_port, b"/sign-in", [200]),
            (shared_server.internal_port, b"/check", [401]),
        ):
            talk = Talk(port, b"GET " + path + b" HTTP/1.1\r\n" + host + line)
            assert talk.statuses == statuses, (path, cookie[:80], talk.got[:300])
    assert person.check().status == 200


def test_the_same_cookie_in_two_headers_is_still_twice(shared_server, person, host):
    line = f"Cookie: {SESSION}={person.cookies[SESSION]}\r\n".encode()
    for port, path in ((shared_server.public_port, b"/api/v1/auth/me"), (shared_server.internal_port, b"/check")):
        once = Talk(
            port, b"GET " + path + b" HTTP/1.1\r\n" + host + b"Cookie: a=b\r\n" + line + b"Connection: close\r\n\r\n"
        )
        twice = Talk(port, b"GET " + path + b" HTTP/1.1\r\n" + host + line * 2 + b"Connection: close\r\n\r\n")
        assert (once.statuses, twice.statuses) == ([200], [401])


@pytest.mark.parametrize(
    "hosts",
    [
        b"",
        b"Host:\r\n",
        b"Host: evil.test\r\n",
        b"Host: localhost\r\nHost: evil.test\r\n",
        b"Host: evil.test\r\nHost: localhost\r\n",
    ],
)
@pytest.mark.parametrize("path", [b"/check", b"/check/default", b"/healthz", b"/readyz", b"/metrics", b"/nowhere"])
def test_the_internal_listener_answers_for_its_own_hosts_only(shared_server, hosts, path):
    """A page of another site could otherwise read it through a name that it points here."""
    talk = Talk(shared_server.internal_port, b"GET " + path + b" HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
    assert talk.statuses in ([403], [400])
