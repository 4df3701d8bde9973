"""The check's short way: what memory knows is one look, and nothing is said that the long way would not say."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.gateway.check import Check
from tests.flows.browser import CSRF, SESSION
from tests.sessions.home import HOUR


class Watched:
    """A liveness that writes down what it is asked."""

    def __init__(self, liveness):
        self.liveness, self.asked = liveness, []

    def glance(self, value):
        self.asked.append("glance")
        return self.liveness.glance(value)

    def peek(self, value):
        self.asked.append("peek")
        return self.liveness.peek(value)

    async def ask(self, value):
        self.asked.append("ask")
        return await self.liveness.ask(value)

    def slide(self, entry):
        self.asked.append("slide")
        self.liveness.slide(entry)


def watched(home):
    """A check over this home's sessions, and the liveness that it asks."""
    check = home.application.internal._check
    liveness = Watched(check._liveness)
    return Check(liveness, check._rules), liveness


def answer(check, headers, path="/check"):
    """The two messages that a request is answered with."""
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(check({"type": "http", "path": path, "headers": headers, "client": ("127.0.0.1", 9)}, None, send))
    return sent


def known(cookie, host=b"localhost"):
    return [(b"host", host), (b"accept", b"*/*"), (b"cookie", f"{SESSION}={cookie}; {CSRF}=c".encode())]


@pytest.fixture
def alive(home):
    return home, home.open()[1]


def test_a_warm_check_is_one_look(alive):
    home, cookie = alive
    check, liveness = watched(home)
    first = answer(check, known(cookie))
    assert liveness.asked == ["peek", "ask", "slide"]
    liveness.asked.clear()
    assert answer(check, known(cookie)) == answer(check, known(cookie), "/check/default") == first
    assert liveness.asked == ["glance", "glance"]
    assert check.counts[200] == 3


def test_a_check_that_starts_the_idle_time_anew_goes_the_long_way(alive):
    home, cookie = alive
    check, liveness = watched(home)
    answer(check, known(cookie))
    home.clock.hold()
    home.clock.turn(HOUR // 100)
    for wanted in (["glance", "peek", "slide"], ["glance"]):
        liveness.asked.clear()
        assert answer(check, known(cookie))[0]["status"] == 200
        assert liveness.asked == wanted
    home.clock.turn(HOUR - 1)
    assert answer(check, known(cookie))[0]["status"] == 200


@pytest.mark.parametrize("binding", ["SESSION_BIND_IP", "SESSION_BIND_USER_AGENT"])
def test_where_sessions_are_bound_nothing_is_decided_at_a_glance(homes, binding):
    home = homes(**{binding: "true"})
    cookie = home.open()[1]
    check, liveness = watched(home)
    for _ in range(2):
        assert answer(check, [*known(cookie), (b"user-agent", b"curl/8")])[0]["status"] == 401
    assert "glance" not in liveness.asked


NAMES = st.sampled_from([b"cookie", b"host", b"origin", b"sec-fetch-site", b"accept", b"x-cookie"])
VALUES = [
    b"localhost",
    b"127.0.0.1:8081",
    b"evil.test",
    b"several hosts",
    b"",
    b"{pair}",
    b"{pair}; a=b",
    b"a=b; {pair}",
    b"{pair}; {pair}",
    b"{pair}; {name}=",
    b"{pair} ",
    b"{pair}x",
    b"{pair};{name}",
    b" {pair}",
    b"x{pair}",
    b"a={pair}",
    b"{pair}; a={pair}",
    b"{ended}",
    b"{ended}; {pair}",
    b"{name}={name}",
    b"x" * len(f"{SESSION}=") + b"{value}; {name}=y",
]


def long_way(headers):
    """The same request with an empty Cookie header more: it means the same, and is not what is usual."""
    return [*headers, (b"cookie", b"")]


@pytest.mark.parametrize("path", ["/check", "/check/", "/check/default", "/check/default/x", "/check/other"])
def test_the_short_way_says_of_each_cookie_header_what_the_long_way_says(warm, path):
    check, words = warm
    for value in VALUES:
        headers = [(b"host", b"localhost"), (b"cookie", _filled(value, words))]
        assert answer(check, headers, path) == answer(check, long_way(headers), path), value


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(NAMES, st.sampled_from(VALUES)), max_size=5),
    st.sampled_from([[(b"host", b"localhost")], [(b"host", b"localhost"), (b"cookie", b"{pair}")], []]),
)
def test_the_short_way_says_of_all_headers_what_the_long_way_says(warm, wanted, base):
    check, words = warm
    headers = [(name, _filled(value, words)) for name, value in [*base, *wanted]]
    assert answer(check, headers) == answer(check, long_way(headers))


def _filled(value, words):
    for word, text in words.items():
        value = value.replace(b"{%s}" % word, text)
    return value


@pytest.fixture
def warm(home):
    """A check that knows one living session and one that has ended since."""
    cookie, (over, ended) = home.open()[1], home.open()
    check, _ = watched(home)
    for one in (cookie, ended):
        for host in (b"localhost", b"127.0.0.1:8081"):
            assert answer(check, known(one, host))[0]["status"] == 200
    home.beside().end(over.id)
    name = SESSION.encode()
    pair, gone = name + b"=" + cookie.encode(), name + b"=" + ended.encode()
    return check, {b"pair": pair, b"ended": gone, b"name": name, b"value": cookie.encode()}
