"""The example gateway against a client, or a proxy in front of it, that does not keep to the usual."""

import base64
import json
import socket
import time
from contextlib import closing

import pytest

from examples.gateway.streams import END, MOST, Streams
from tests.examples.gateway import PATIENCE_S, Device, RedisServer, running, until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]

BOUND = 1.0
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def redis(tmp_path):
    with closing(RedisServer(tmp_path)) as server:
        yield server


@pytest.fixture
def gateway(redis):
    with running(redis, BOUND) as made:
        yield made


@pytest.mark.parametrize("path", ["/healthz", "/stream", "/request", "/elsewhere"])
@pytest.mark.parametrize(
    ("declared", "body"),
    [
        (f"Content-Length: {len(SMUGGLED)}", SMUGGLED),
        ("Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)),
    ],
    ids=["length", "chunked"],
)
def test_a_body_behind_a_get_is_not_the_next_request(gateway, path, declared, body):
    """A proxy that keeps its line to us would hand the second answer to somebody else (RFC 9112 section 6)."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE_S) as line:
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{declared}\r\n\r\n".encode() + body)
        told = b""
        while part := received(line):
            told += part
    assert told.count(b"HTTP/1.1 ") == 1, told


def received(line):
    """What comes next, nothing once the other side has hung up: with what we sent unread, it may do so harshly."""
    try:
        return line.recv(65536)
    except ConnectionResetError:
        return b""


def test_a_stream_whose_client_does_not_read_ends_within_the_bound(redis, gateway):
    device = Device()
    redis.publish(device.told())
    shown = base64.b64encode(json.dumps(device.signed("stream.open", b"")).encode()).decode()
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        line.connect(("127.0.0.1", gateway.port))
        line.sendall(f"GET /stream HTTP/1.1\r\nHost: x\r\nDevice-Envelope: {shown}\r\n\r\n".encode())
        until(lambda: gateway.health()[1]["streams"] == 1)
        for _ in range(150):
            assert gateway.ask(device.signed(payload=b"x" * 40_000)) == (200, "")
        redis.publish(device.told("revoked"))
        revoked = time.monotonic()
        until(lambda: gateway.health()[1]["streams"] == 0)
        assert time.monotonic() < revoked + 4 * BOUND


def test_a_client_that_is_too_far_behind_is_told_to_open_again():
    streams = Streams()
    with streams.opened("dev-1") as slow, streams.opened("dev-2") as other:
        for number in range(MOST + 1):
            streams.push("dev-1", b"%d" % number)
        assert (slow.get_nowait(), slow.empty(), other.empty()) == (END, True, True)
        for number in range(MOST):
            streams.push("dev-2", b"%d" % number)
        assert other.qsize() == MOST
        streams.end("dev-2")
        assert (other.get_nowait(), other.empty()) == (END, True)
