"""A stranger who opens connections and says nothing more locks everybody out of the public listener."""

import socket
import time

from tests.flows.browser import Browser

_CONNECTIONS = 1040  # one address, no credentials; granian's backpressure is 1024


def _hold(port, count, said):
    held = []
    for _ in range(count):
        line = socket.create_connection(("127.0.0.1", port), 5)
        line.sendall(said)
        held.append(line)
    return held


def _answers(served, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            return Browser(served).send("GET", "/signed-out", timeout=3).status
        except OSError:
            continue
    return 0


def test_slow_bodies_of_one_stranger_do_not_lock_everybody_out(server):
    assert _answers(server, 5) == 200
    said = (
        f"POST /login/passkey/begin HTTP/1.1\r\nhost: localhost:{server.public_port}\r\n"
        "content-type: application/json\r\ncontent-length: 2\r\n\r\n{"
    ).encode()
    held = _hold(server.public_port, _CONNECTIONS, said)
    try:
        assert _answers(server, 20) == 200, "20 s after the flood nobody can load a page"
    finally:
        for line in held:
            line.close()


def test_idle_kept_alive_connections_of_one_stranger_do_not_lock_everybody_out(server):
    assert _answers(server, 5) == 200
    said = f"GET /signed-out HTTP/1.1\r\nhost: localhost:{server.public_port}\r\n\r\n".encode()
    held = _hold(server.public_port, _CONNECTIONS, said)
    try:
        assert _answers(server, 20) == 200, "20 s after the flood nobody can load a page"
    finally:
        for line in held:
            line.close()
