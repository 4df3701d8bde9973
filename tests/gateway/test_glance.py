"""The check's short way: what memory knows is one look, and nothing is said that the long way would not say."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.gateway.check import Check
from ostiary.sessions import service as sessions
from ostiary.sessions.model import EndReason
from tests.flows.browser import CSRF, SESSION
from tests.sessions.home import HOUR, OPERATOR


class Watched:
    """A liveness that writes down what it is asked, but for looks."""

    def __init__(self, liveness):
        self.liveness, self.asked, self.look = liveness, [], liveness.look

    @property
    def cleared(self):
        return self.liveness.cleared

    def glance(self, entry, answer):
        self.asked.append("glance")
        return self.liveness.glance(entry, answer)

    def peek(self, value):
        self.asked.append("peek")
        return self.liveness.peek(value)

    def read(self, value):
        self.asked.append("read")
        return self.liveness.read(value)

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
    assert liveness.asked == ["peek", "ask", "slide"], "a host is looked at once"
    liveness.asked.clear()
    assert answer(check, known(cookie)) == first
    assert liveness.asked == ["peek", "slide", "glance"]
    liveness.asked.clear()
    assert answer(check, known(cookie)) == first
    assert liveness.asked == [], "what was prepared is repeated"
    assert answer(check, known(cookie), "/check/default") == first
    assert liveness.asked == ["peek", "slide", "glance"], "each path has answers of its own"
    assert check.counts[200] == 4


def test_the_first_check_of_a_session_is_read_on_the_spot(alive):
    home, cookie = alive
    check, liveness = watched(home)
    answer(check, known("nobody"))
    liveness.asked.clear()
    answer(check, known(cookie))
    assert liveness.asked == ["peek", "read", "slide"]


def test_a_check_that_starts_the_idle_time_anew_goes_the_long_way(alive):
    home, cookie = alive
    home.clock.hold()
    check, liveness = watched(home)
    for _ in range(3):
        answer(check, known(cookie))
    home.clock.turn(HOUR // 100)
    for wanted in (["peek", "slide", "glance"], []):
        liveness.asked.clear()
        assert answer(check, known(cookie))[0]["status"] == 200
        assert liveness.asked == wanted
    home.clock.turn(HOUR - 1)
    assert answer(check, known(cookie))[0]["status"] == 200
    home.clock.turn(HOUR)
    assert answer(check, known(cookie))[0]["status"] == 401


def prepared(home, cookie):
    """A check that would repeat its answer to this cookie."""
    check, liveness = watched(home)
    for _ in range(3):
        assert answer(check, known(cookie))[0]["status"] == 200
    liveness.asked.clear()
    assert answer(check, known(cookie))[0]["status"] == 200
    assert liveness.asked == []
    return check


def test_a_prepared_answer_is_not_repeated_after_an_end_by_this_process(home):
    session, cookie = home.open()
    check = prepared(home, cookie)
    home.run(
        home.house.vault.transact(
            home.scope, lambda tx: sessions.end(tx, OPERATOR, session.id, EndReason.ENDED_BY_OPERATOR)
        )
    )
    assert answer(check, known(cookie))[0]["status"] == 401


def test_a_prepared_answer_is_not_repeated_after_an_end_by_another_process(home):
    session, cookie = home.open()
    check = prepared(home, cookie)
    home.beside().end(session.id)
    assert answer(check, known(cookie))[0]["status"] == 401


def test_a_prepared_answer_dies_with_its_entry_however_the_cache_lets_it_go(homes):
    home = homes()
    cache = home.application.internal._check._liveness
    cache._most = 1
    (first, cookie), (second, other) = home.open(), home.open()
    check = prepared(home, cookie)
    assert answer(check, known(other))[0]["status"] == 200, "which leaves no room for the first"
    home.beside().end(first.id)
    assert answer(check, known(cookie))[0]["status"] == 401
    check = prepared(home, other)
    home.run(cache.ask(other.encode()))  # a second fill takes the place of the first
    home.beside().end(second.id)
    assert answer(check, known(other))[0]["status"] == 401


def test_a_prepared_answer_dies_when_announcements_are_missing(home):
    (gone, cookie), (other, _) = home.open(), home.open()
    check = prepared(home, cookie)
    neighbour = home.beside()
    neighbour.end(gone.id)
    neighbour.end(other.id)
    home.write("DELETE FROM outbox WHERE id < (SELECT max(id) FROM outbox)")
    assert answer(check, known(cookie))[0]["status"] == 401


def test_a_prepared_answer_ends_at_the_instant_of_the_absolute_time(homes):
    home = homes(SESSION_IDLE_TIMEOUT="8h")
    home.clock.hold()
    cookie = home.open()[1]
    check = prepared(home, cookie)
    home.clock.turn(8 * HOUR - 1)
    prepared(home, cookie)
    for _ in range(3):
        assert answer(check, known(cookie))[0]["status"] == 200
    home.clock.turn(1)
    assert answer(check, known(cookie))[0]["status"] == 401


def test_many_spellings_of_one_request_are_prepared_within_bounds(homes):
    home = homes()
    cookie = home.open()[1]
    check, _ = watched(home)
    pair = f"{SESSION}={cookie}".encode()
    for number in range(50):
        for _ in range(2):
            sent = [(b"host", b"localhost"), (b"cookie", pair + b"; n=%d" % number)]
            assert answer(check, sent)[0]["status"] == 200
    assert len(check._known["/check"]) <= 8
    long = [(b"host", b"localhost"), (b"cookie", pair + b"; n=" + b"x" * 1024)]
    check._known["/check"].clear()
    for _ in range(3):
        assert answer(check, long)[0]["status"] == 200
    assert check._known["/check"] == {}


@pytest.mark.parametrize("binding", ["SESSION_BIND_IP", "SESSION_BIND_USER_AGENT"])
def test_where_sessions_are_bound_nothing_is_decided_at_a_glance(homes, binding):
    home = homes(**{binding: "true"})
    cookie = home.open()[1]
    check, liveness = watched(home)
    for _ in range(2):
        assert answer(check, [*known(cookie), (b"user-agent", b"curl/8")])[0]["status"] == 401
    assert "glance" not in liveness.asked
    assert check._known["/check"] == {}


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


def test_a_session_that_is_used_for_hours_keeps_its_short_way(home):
    """Leave ends with each hundredth of the idle time; what has run out must not count among the few that are given."""
    cookie = home.open()[1]
    check, liveness = watched(home)
    headers = [(b"host", b"127.0.0.1"), (b"cookie", f"{SESSION}={cookie}".encode())]
    for turn in range(20):
        for _ in range(3):
            answer(check, headers)
        liveness.asked.clear()
        answer(check, headers)
        assert liveness.asked == [], f"the long way, for ever, from renewal {turn} on"
        home.clock.turn(HOUR // 60)
