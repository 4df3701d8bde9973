"""A line, on each kind of loop that it may meet: a server runs on uvloop, whose transports are none of asyncio's."""

import asyncio
from contextlib import closing
from urllib.parse import urlsplit

import pytest
import uvloop

from ostiary.kernel.clock import SECOND
from ostiary.remote.breaker import Breaker
from ostiary.remote.line import connected
from ostiary.remote.model import Answer, Fault, Place, Question
from ostiary.remote.peer import Peer
from ostiary.remote.wire import written
from tests.remote.test_peer import ONCE, Hello
from tests.rigs.counterparts import free_port
from tests.rigs.restservice import running
from tests.rigs.tls import authority, terminator

SAID = Answer(200, b'{"hello": "{}"}')


@pytest.fixture
def hello():
    with running(Hello()) as service:
        yield service


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def runner(request):
    with asyncio.Runner(loop_factory=request.param) as made:
        yield made


def request_of(service, question=ONCE):
    """The bytes of a question to a service."""
    return written(question, urlsplit(service.url), "")


def test_a_line_carries_exchanges_one_after_the_other(hello, runner):
    async def asked():
        line = await connected("127.0.0.1", hello.port, None)
        said = [await line.exchange(request_of(hello)) for _ in range(3)]
        line.park(1.0)
        line.unpark()
        usable = line.usable
        line.close()
        return said, usable, line.usable

    assert runner.run(asked()) == ([SAID] * 3, True, False)
    assert hello.lines == 1


def test_a_line_that_breaks_says_so(hello, runner):
    hello.fault = "close"

    async def asked():
        line = await connected("127.0.0.1", hello.port, None)
        with pytest.raises(ConnectionError):
            await line.exchange(request_of(hello))
        return line.usable

    assert not runner.run(asked())


def test_what_nobody_asked_for_ends_a_line(hello, runner):
    hello.fault = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n"

    async def asked():
        line = await connected("127.0.0.1", hello.port, None)
        return await line.exchange(request_of(hello)), line.usable

    assert runner.run(asked()) == (Answer(200), False)


def test_a_peer_asks_and_meets_faults(hello, runner):
    async def asked():
        with closing(Peer(Place(hello.url, SECOND // 4), Breaker(asyncio.get_running_loop().time))) as peer:
            good = [await peer.ask(ONCE) for _ in range(2)]
            hello.fault = "slow"
            return [*good, await peer.ask(Question("GET", "/hello", again=True))]

    assert runner.run(asked()) == [SAID, SAID, Fault("timeout")]
    assert hello.lines == 1


def test_a_peer_meets_a_place_where_nobody_is_and_one_that_is_another(hello, runner, tmp_path):
    _, certificate, key = authority(tmp_path, "localhost")
    port = free_port()

    async def asked(url):
        with closing(Peer(Place(url, 20 * SECOND), Breaker(asyncio.get_running_loop().time))) as peer:
            return await peer.ask(ONCE)

    assert runner.run(asked(f"http://127.0.0.1:{port}")) == Fault("unreachable")
    with terminator(port, hello.port, certificate, key):
        assert runner.run(asked(f"https://localhost:{port}/base")) == Fault("tls")
