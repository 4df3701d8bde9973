"""The check: what it answers to a living session, to everything else, and to whoever it should not talk to."""

import asyncio
import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.gateway.check import Check, CheckRules
from ostiary.gateway.model import GatewaySettings
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import StoreUnavailable
from ostiary.keys.model import Purpose
from ostiary.sessions import wire
from ostiary.sessions.model import SessionSettings
from tests.flows.browser import CSRF, PRELOGIN, SESSION
from tests.login.gatehouse import call
from tests.sessions.home import HOUR, cause

HEADERS = (
    "ostiary-session",
    "ostiary-caller",
    "ostiary-epoch",
    "ostiary-expires",
    "ostiary-scopes",
    "ostiary-disclosed",
)
EMPTY = {name: ["-"] for name in HEADERS}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")


def ours(answer):
    """The Ostiary headers of an answer, each with all its values."""
    return {name: values for name, values in answer.headers.items() if name.startswith("ostiary-")}


@pytest.fixture
def alive(home):
    """(home, session, cookie) of a living session."""
    return home, *home.open()


# 200


def test_a_living_session_is_named_by_six_headers_and_nothing_else(alive):
    home, session, cookie = alive
    answer = home.check(cookie)
    assert (answer.status, answer.body) == (200, b"")
    assert set(ours(answer)) == set(HEADERS)
    assert answer.headers["content-length"] == ["0"]
    assert answer.header("ostiary-session") == "browser"
    assert int(answer.header("ostiary-expires")) == session.absolute_expires_at // SECOND
    assert len(answer.header("ostiary-caller")) == 32
    assert 0 < int(answer.header("ostiary-epoch")) < 1 << 63
    assert (answer.header("ostiary-scopes"), answer.header("ostiary-disclosed")) == ("-", "-")
    text = json.dumps(answer.headers)
    for secret in (session.id, session.person, cookie, session.label_sealed.hex()):
        assert secret not in text


def test_the_answer_is_the_same_warm_cold_and_after_a_restart(alive):
    home, _, cookie = alive
    cold, warm = ours(home.check(cookie)), ours(home.check(cookie))
    home.restart()
    assert cold == warm == ours(home.check(cookie))


def test_another_session_has_another_reference(alive):
    home, _, cookie = alive
    other = home.open()[1]
    assert home.check(cookie).header("ostiary-caller") != home.check(other).header("ostiary-caller")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "path", ["/check", "/check/", "/check/default", "/check/default/", "/check/default/a/b", "/check//x"]
)
def test_any_method_any_suffix_and_any_query_get_the_same_answer(alive, method, path):
    home, _, cookie = alive
    visitor = home.visitor()
    visitor.cookies[SESSION] = cookie
    for query in ("", "?", "?a=1", "?%00&&=", "?service=other&scope=all"):
        answer = visitor.send(method, path + query, raw=b"body" * 10, internal=True)
        assert (answer.status, answer.body) == (200, b"")
        assert ours(answer) == ours(home.check(cookie))


FORGED = {
    "Ostiary-Session": "browser",
    "Ostiary-Caller": "0" * 32,
    "Ostiary-Epoch": "1",
    "Ostiary-Expires": "9999999999",
    "Ostiary-Scopes": "admin",
    "Ostiary-Disclosed": base64.urlsafe_b64encode(b'{"person":"root"}').decode(),
    "Caller-Disclose": "person",
    "X-Forwarded-User": "root",
    "Authorization": "Bearer root",
    "X-CSRF-Token": "x",
}


def test_forged_headers_of_a_request_change_nothing(alive):
    home, _, cookie = alive
    plain = home.check(cookie)
    assert ours(home.check(cookie, **FORGED)) == ours(plain)
    for wrong in (None, "x", cookie[:-1] + "!"):
        answer = home.check(wrong, **FORGED)
        assert (answer.status, ours(answer)) == (401, EMPTY)


# 401


def test_nobody_is_told_so_without_an_error_word(home):
    answer = home.check(None)
    assert (answer.status, answer.code, ours(answer)) == (401, "session_missing", EMPTY)
    assert answer.header("www-authenticate") == 'Bearer realm="ostiary"'
    assert answer.header("cache-control") == "no-store"


def test_each_cause_is_told(home):
    end = home.beside().end
    dead = {}
    for reason in ("signed_out", "ended_by_person", "ended_by_operator", "passkey_removed"):
        session, dead[reason] = home.open()
        end(session.id, type("Reason", (str,), {"value": reason})(reason))
    dead["invalid_token"] = "x"
    for why, cookie in dead.items():
        answer = home.check(cookie)
        assert (answer.status, cause(answer), ours(answer)) == (401, why, EMPTY)
    idle, absolute = home.open()[1], home.open()[1]
    home.clock.turn(HOUR // 2)
    assert home.check(absolute).status == 200
    home.clock.turn(HOUR // 2)
    assert cause(home.check(idle)) == "idle_timeout"
    for _ in range(14):
        assert home.check(absolute).status == 200
        home.clock.turn(HOUR // 2)
    assert cause(home.check(absolute)) == "absolute_timeout"


def test_other_cookies_of_ours_open_nothing(home):
    visitor = home.enrolled()
    session = visitor.cookies[SESSION]
    visitor.begin()
    for name in (CSRF, PRELOGIN):
        answer = home.check(visitor.cookies[name])
        assert (answer.status, cause(answer)) == (401, "invalid_token")
    for kind in ("tok", "dev", "svc"):
        signed = wire.seal(f"{kind}-{session.split('.')[1][4:]}", home.key())
        assert home.check(signed).status == 401


def test_a_session_of_another_cookie_name_is_not_looked_at(alive):
    home, _, cookie = alive
    for name in (SESSION.lower(), SESSION.upper(), "ostiary_session", f"x{SESSION}", f"{SESSION}x", f"-{SESSION}"):
        answer = home.check(None, cookie=f"{name}={cookie}")
        assert (answer.status, answer.code) == (401, "session_missing"), name


def test_the_name_inside_another_cookies_value_is_not_the_cookie(alive):
    home, _, cookie = alive
    pair = f"{SESSION}={cookie}"
    for header in (
        f"a={pair}",
        f"a=b {pair}",
        f"a=b,{pair}",
        f'a="{pair}"',
        f"a=;b={pair}",
        f"a{pair}",
        f"a=b; c={pair}",
    ):
        assert home.check(None, cookie=header).code == "session_missing", header
    for header in (
        f"a={pair}; {pair}",
        f"{pair}; a={pair}",
        f"  {pair}",
        f"a=b;{pair}",
        f"a;{pair};",
        f"=;\t{pair} ;b=c",
    ):
        assert home.check(None, cookie=header).status == 200, header


def test_the_same_cookie_twice_is_refused_whatever_it_says(alive):
    home, _, cookie = alive
    for first, second in ((cookie, cookie), (cookie, ""), ("", cookie), ("x", cookie)):
        answer = home.check(None, cookie=f"{SESSION}={first}; {SESSION}={second}")
        assert (answer.code, cause(answer)) == ("session_invalid", "invalid_token")
        spread = home.check(None, cookie=f"{SESSION}={first}", Cookie=f"{SESSION}={second}")
        assert spread.code == "session_invalid"


def test_cookies_may_come_in_several_headers(alive):
    home, _, cookie = alive
    assert home.check(None, cookie="a=b", Cookie=f"{SESSION}={cookie}", COOKIE="c=d").status == 200


def test_very_long_cookies_are_refused_quickly(alive):
    home, _, cookie = alive
    for length in (129, 4_097, 60_000, 1_000_000):
        assert home.check("v1." + "a" * length).code == "session_invalid"
        assert home.check(cookie + "a" * length).code == "session_invalid"
        assert home.check(None, cookie=f"a={'b' * length}; {SESSION}={cookie}").status == 200
        assert home.check(None, cookie=f"{SESSION}={cookie}" + f"; a{SESSION}=" * (length // 30)).status == 200


broken_values = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from([b"v1", b"ses-", b"sk-", b".", b"A" * 22, b"A" * 43, b"=", b"\xff", b"\0"]), max_size=9
    ).map(b"".join),
    st.builds(lambda cut, add: (cut, add), st.integers(0, 99), st.binary(max_size=5)),
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=broken_values, glue=st.sampled_from([b"", b"; ", b";", b" ", b",", b"=", b"; a=", b'"']))
def test_no_broken_cookie_is_ever_a_fault(alive, value, glue):
    home, _, cookie = alive
    if isinstance(value, tuple):
        value = cookie.encode()[: value[0]] + value[1] + cookie.encode()[value[0] :]
    header = glue + f"{SESSION}=".encode() + value + glue
    for application, path in (
        (home.application.internal, "/check"),
        (home.application.public, "/api/v1/auth/sessions"),
    ):
        answer = home.run(raw(application, path, [(b"cookie", header), (b"host", b"localhost")]))
        assert answer["status"] in ({200, 401} if value.strip(b" \t") == cookie.encode() else {401})
        assert answer["names"] >= (set(HEADERS) if path == "/check" else set())


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    path=st.text(max_size=30),
    query=st.binary(max_size=30),
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"host", b"cookie", b"user-agent", b"x-forwarded-for", b"x"]), st.binary(max_size=40)
        ),
        max_size=6,
    ),
)
def test_no_request_at_all_is_ever_a_fault(alive, path, query, headers):
    home, _, cookie = alive
    given_cookie = (b"cookie", f"{SESSION}={cookie}".encode())
    for sent in (headers, [*headers, given_cookie, (b"host", b"localhost")]):
        answer = home.run(raw(home.application.internal, f"/check/{path}", sent, query))
        assert answer["status"] in {200, 401, 403}
        assert answer["names"] >= set(HEADERS)


async def raw(application, path, headers, query=b""):
    """One request with headers as they are; its status and the names of its headers."""
    told = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        told.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "client": ("127.0.0.1", 4),
        "server": ("127.0.0.1", 8081),
    }
    await application(scope, receive, send)
    assert [message["type"] for message in told] == ["http.response.start", "http.response.body"]
    return {"status": told[0]["status"], "names": {name.decode() for name, _ in told[0]["headers"]}}


# 403


@pytest.mark.parametrize(
    "path",
    ["/check/unknown", "/check/Default", "/check/default%00", "/check/.", "/check/%2e%2e/check", "/check/défaut"],
)
def test_an_unknown_service_is_refused_before_anybody_is_named(alive, path):
    home, _, cookie = alive
    answer = home.check(cookie, path)
    assert (answer.status, answer.code, ours(answer)) == (403, "service_unknown", EMPTY)


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:8081",
        "",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "[::2]",
        "::1",
        "127.1",
        "localhost@evil.test",
    ],
)
def test_a_foreign_host_is_refused(alive, host):
    home, _, cookie = alive
    answer = home.check(cookie, host=host)
    assert (answer.status, answer.code, ours(answer)) == (403, "host_refused", EMPTY)
    for path in ("/healthz", "/readyz", "/metrics", "/nothing"):
        assert home.visitor().send("GET", path, internal=True, headers={"host": host}).code == "host_refused"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8081", "localhost", "LOCALHOST:1", "[::1]", "[::1]:8081"])
def test_its_own_hosts_are_answered(alive, host):
    home, _, cookie = alive
    assert home.check(cookie, host=host).status == 200


def test_a_host_of_the_settings_and_of_the_origin_is_answered(homes):
    home = homes(ORIGIN="https://id.example.test", INTERNAL_HOSTS="gate.internal, Other.Internal")
    cookie = home.open()[1]
    for host in ("id.example.test", "gate.internal:8081", "other.internal", "127.0.0.1"):
        assert home.check(cookie, host=host).status == 200
    assert home.check(cookie, host="example.test").status == 403


def test_many_foreign_hosts_do_not_fill_the_memory(alive):
    home, _, cookie = alive
    check = home.application.internal._check
    for number in range(1500):
        assert home.check(cookie, host=f"evil-{number}.test").status == 403
    assert len(check._hosts) <= 1000
    assert home.check(cookie, host="[::1]:9").status == 200


@pytest.mark.parametrize("header", ["origin", "sec_fetch_site", "sec_fetch_mode", "sec_fetch_dest", "sec_fetch_user"])
@pytest.mark.parametrize("value", ["null", "http://localhost:8080", "none", "same-origin", ""])
def test_whoever_comes_from_a_page_is_refused(alive, header, value):
    home, _, cookie = alive
    answer = home.check(cookie, **{header: value})
    assert (answer.status, answer.code, ours(answer)) == (403, "origin_refused", EMPTY)
    sent = {header.replace("_", "-"): value}
    for path in ("/healthz", "/readyz", "/metrics"):
        assert home.visitor().send("GET", path, internal=True, headers=sent).code == "origin_refused"


def test_several_hosts_are_refused(alive):
    home, _, cookie = alive
    sent = [(b"host", b"localhost"), (b"host", b"evil.test"), (b"cookie", f"{SESSION}={cookie}".encode())]
    for headers in (sent, sent[::-1]):
        assert home.run(raw(home.application.internal, "/check", headers))["status"] == 403


# 503 and 500


class Liveness:
    """Answers what it is told to."""

    def __init__(self, fault):
        self.fault = fault

    def look(self):
        raise self.fault

    def peek(self, value):
        raise self.fault

    def glance(self, entry, answer):
        raise AssertionError("nobody succeeded")

    async def ask(self, value):
        raise self.fault

    def slide(self, entry):
        raise AssertionError("nobody succeeded")


def failing(home, fault, **given):
    real = home.application.internal._check._rules
    rules = CheckRules(home.house.keyring, SessionSettings(), GatewaySettings(), (), real.teller, real.passes)
    check = Check(Liveness(fault), rules)
    sent = {"host": "localhost", "cookie": f"{SESSION}=x"} | given
    return check, asyncio.run(call(check, "GET", "/check", b"", sent))


def test_a_store_that_cannot_answer_is_503_with_retry_after_and_nobody(home):
    for seconds in (1, 7):
        check, answer = failing(home, StoreUnavailable("disk I/O error", seconds))
        assert (answer.status, answer.code, ours(answer)) == (503, "store_unavailable", EMPTY)
        assert answer.header("retry-after") == str(seconds)
        assert "disk" not in answer.body.decode()
        assert check.counts == {200: 0, 401: 0, 403: 0, 500: 0, 503: 1}


def test_whatever_else_breaks_names_nobody_and_says_nothing(home):
    check, answer = failing(home, RuntimeError("a secret in a fault"))
    assert (answer.status, answer.code, ours(answer)) == (500, "internal_error", EMPTY)
    assert "secret" not in answer.body.decode()
    assert check.counts[500] == 1


# What else there is


def test_answers_are_counted_by_status(alive):
    home, _, cookie = alive
    for _ in range(3):
        home.check(cookie)
    for _ in range(2):
        home.check("x")
    home.check(cookie, "/check/unknown")
    text = home.visitor().send("GET", "/metrics", internal=True).body.decode()
    for status, number in ((200, 3), (401, 2), (403, 1), (500, 0), (503, 0)):
        assert f'ostiary_checks_total{{status="{status}"}} {number}.0' in text


def test_the_check_needs_no_key_but_that_of_its_callers(alive):
    home, _, cookie = alive
    held = [key for key in home.house.keyring.all() if key.purpose in {Purpose.SESSION, Purpose.CALLER}]
    home.house.keyring.replace(held)
    assert home.check(cookie).status == 200
