"""One service, really asked over HTTP: bounds of time and size, a line for each, faults as values, the breaker."""

import asyncio
import gzip
import time
from contextlib import contextmanager

import pytest

from ostiary.kernel.clock import SECOND
from ostiary.remote.breaker import Breaker
from ostiary.remote.model import Answer, Fault, Place, Question
from ostiary.remote.peer import MOST_LINES, Peer
from tests.remote.test_breaker import Ticking
from tests.rigs.counterparts import free_port
from tests.rigs.restservice import RestService, running
from tests.rigs.tls import authority, terminator

GET, ONCE = Question("GET", "/hello"), Question("POST", "/hello", b"{}")
SHORT, LONG = SECOND // 4, 20 * SECOND


class Hello(RestService):
    def operations(self):
        return {("GET", "/hello"): self.hello, ("POST", "/hello"): self.hello}

    def hello(self, headers, raw):
        return {"hello": raw.decode()}


@contextmanager
def peering(service, *, timeout=LONG, most=1000, ticks=time.monotonic, url=""):
    """A loop and a peer of the service; yields what asks questions one after the other, or together."""
    with asyncio.Runner() as runner:
        peer = Peer(Place(url or service.url, timeout, service.token), Breaker(ticks, most))

        def ask(*questions, together=False):
            async def asked():
                if together:
                    return await asyncio.gather(*map(peer.ask, questions))
                return [await peer.ask(one) for one in questions]

            return runner.run(asked())

        try:
            ask.peer, ask.runner = peer, runner
            yield ask
        finally:
            runner.run(peer.close())


@pytest.fixture
def hello():
    with running(Hello()) as service:
        yield service


def test_each_question_has_a_line_of_its_own(hello):
    with peering(hello) as ask:
        assert ask(*[GET, ONCE] * 20)[-1] == Answer(200, b'{"hello": "{}"}')
    assert (len(hello.came), hello.lines) == (40, 40)
    assert {headers["connection"] for _, _, headers, _ in hello.came} == {"close"}


def test_a_base_address_may_end_in_a_stroke(hello):
    with peering(hello, url=f"{hello.url}/") as ask:
        assert ask(GET)[0].status == 200


def test_the_token_is_shown(hello):
    hello.token = "a-token"
    with peering(hello) as ask:
        assert ask(GET)[0].status == 200
    hello.token = "another"
    with peering(hello) as ask:
        hello.token = "a-token"
        assert ask(GET)[0].status == 401


def test_no_more_than_so_many_lines_at_once(hello):
    hello.faults = ["slow"] * MOST_LINES
    with peering(hello) as ask:

        async def asked():
            asking = [asyncio.ensure_future(ask.peer.ask(GET)) for _ in range(3 * MOST_LINES)]
            async with asyncio.timeout(20):
                while hello.most < MOST_LINES:  # noqa: ASYNC110 - the service tells nobody
                    await asyncio.sleep(0.01)
            assert not any(one.done() for one in asking)
            hello.let_go.set()
            return await asyncio.gather(*asking)

        said = ask.runner.run(asked())
    assert {one.status for one in said if isinstance(one, Answer)} == {200}
    assert hello.most == MOST_LINES


@pytest.mark.parametrize(
    "place", [b"/elsewhere", b"//@:80", b"//[xn--", b"http://[::1", b"http://a..xn--b/", b"http://a:999999/", b"\xff"]
)
def test_a_redirect_is_an_answer_and_not_followed(hello, place):
    hello.fault = b"HTTP/1.1 302 Found\r\nlocation: %s\r\ncontent-length: 0\r\n\r\n" % place
    with peering(hello) as ask:
        assert ask(GET, ONCE) == [Answer(302)] * 2
    assert len(hello.came) == 2


@pytest.mark.parametrize("fault", ["slow", "drip"])
def test_what_takes_too_long_in_all_is_given_up(hello, fault):
    hello.fault = fault
    with peering(hello, timeout=SHORT) as ask:
        began = time.monotonic()
        assert ask(GET) == [Fault("timeout")]
        assert time.monotonic() - began < 5
        hello.fault = None
        assert ask(GET)[0].status == 200, "on another line"
    assert hello.lines == 2


def test_what_was_given_up_uses_no_line_up(hello):
    hello.fault = "slow"
    with peering(hello, timeout=SECOND) as ask:
        for _ in range(2):
            assert set(ask(*[GET] * MOST_LINES, together=True)) == {Fault("timeout")}
        hello.fault = None
        assert {one.status for one in ask(*[GET] * MOST_LINES, together=True)} == {200}


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("close", "line_broken"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}", "line_broken"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}", "line_broken"),
        (b"<html>", "line_broken"),
        (b"220 smtp.example.test\r\n", "line_broken"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000, "line_broken"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b" " * 100_000, "answer_malformed"),
    ],
)
def test_what_is_no_answer_is_a_fault(hello, fault, why):
    hello.fault = fault
    with peering(hello) as ask:
        assert ask(ONCE) == [Fault(why)]
    assert len(hello.came) == 1


def test_nobody_there_is_a_fault(hello):
    with peering(hello, url=f"http://127.0.0.1:{free_port()}") as ask:
        assert ask(GET) == [Fault("unreachable")]


def test_a_certificate_that_does_not_hold_is_a_fault(hello, tmp_path):
    _, certificate, key = authority(tmp_path, "localhost")
    port = free_port()
    with terminator(port, hello.port, certificate, key), peering(hello, url=f"https://localhost:{port}/base") as ask:
        assert ask(GET) == [Fault("tls")]
    assert hello.came == []


def test_a_coded_body_is_taken_as_it_was_sent(hello):
    """What unpacks an answer can be made to unpack gigabytes."""
    packed = gzip.compress(b" " * 1_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    hello.fault = head + packed
    with peering(hello) as ask:
        assert ask(GET) == [Answer(200, packed)]


def test_no_cookie_of_a_service_comes_back_to_it(hello):
    hello.faults = [b"HTTP/1.1 200 OK\r\nset-cookie: who=ada; path=/\r\ncontent-length: 0\r\n\r\n"]
    with peering(hello) as ask:
        assert [one.status for one in ask(GET, GET)] == [200, 200]
    assert [headers.get("cookie") for _, _, headers, _ in hello.came] == [None, None]


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n"],
)
def test_what_stands_behind_an_answer_is_not_taken_for_the_next(hello, head):
    """A directory's answer decides whose session opens."""
    hello.fault = head + b"{}" + b'HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"admin"'
    with peering(hello) as ask:
        assert {said.body for said in ask(*[ONCE] * 4)} <= {b"{}", b""}
        hello.fault = None
        assert ask(ONCE) == [Answer(200, b'{"hello": "{}"}')]


def test_a_service_that_is_down_is_left_alone_and_tried_by_one(hello):
    ticks = Ticking()
    with peering(hello, most=3, ticks=ticks) as ask:
        hello.fault = 503
        assert [one.status for one in ask(*[GET] * 3)] == [503] * 3
        assert ask(*[GET] * 5) == [Fault("circuit_open")] * 5
        assert len(hello.came) == 3
        ticks.now += 60
        said = ask(*[GET] * 5, together=True)
        assert [said.count(Fault("circuit_open")), *(one.status for one in said if isinstance(one, Answer))] == [4, 503]
        hello.fault = None
        ticks.now += 60
        assert [one.status for one in ask(*[GET] * 3)] == [200] * 3


@pytest.mark.parametrize("fault", [502, 504, "close", b"junk\r\n"])
def test_what_counts_against_a_service(hello, fault):
    hello.fault = fault
    with peering(hello, most=3) as ask:
        assert ask(*[ONCE] * 4)[-1] == Fault("circuit_open")


def test_who_waits_for_our_own_lines_in_vain_says_nothing_of_the_service(hello):
    hello.fault = "slow"
    with peering(hello, timeout=SHORT, most=MOST_LINES + 1) as ask:
        said = ask(*[ONCE] * (2 * MOST_LINES), together=True)
        assert [one.ours for one in said] == [False] * MOST_LINES + [True] * MOST_LINES
        assert {one.why for one in said[:MOST_LINES]} == {"timeout"}
        assert {one.why for one in said[MOST_LINES:]} <= {"busy", "timeout"}
        assert ask(ONCE) != [Fault("circuit_open")], "the failures of those who were asked are not yet enough"


@pytest.mark.parametrize("fault", [400, 404, 409, 429, 500])
def test_what_may_be_about_one_address_shuts_out_nobody(hello, fault):
    hello.fault = fault
    with peering(hello, most=3) as ask:
        assert {one.status for one in ask(*[ONCE] * 10)} == {fault}


def test_a_glance_opens_but_does_not_close(hello):
    ticks, glance = Ticking(), Question("GET", "/hello", glance=True)
    with peering(hello, most=3, ticks=ticks) as ask:
        hello.fault = 503
        ask(ONCE, glance, ONCE)
        assert ask(glance) == [Fault("circuit_open")]
        ticks.now += 60
        hello.faults = [200]
        assert ask(glance)[0].status == 200
        said = ask(ONCE, ONCE)
        assert (said[0].status, said[1]) == (503, Fault("circuit_open")), "the next one had the only turn"


def test_who_leaves_gives_the_turn_back(hello):
    ticks = Ticking()
    with peering(hello, most=1, ticks=ticks) as ask:
        hello.faults = [503, "slow"]
        ask(GET)
        ticks.now += 60

        async def leave():
            asking = asyncio.ensure_future(ask.peer.ask(GET))
            await asyncio.to_thread(hello.reached.wait, 20)
            asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled()

        ask.runner.run(leave())
        assert ask(GET)[0].status == 200
