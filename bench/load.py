"""The client: raw sockets, one request in flight on each of 32 keep-alive connections, every answer looked at.

It must cost little and disturb nothing, so it runs on a core of its own; what counts is the CPU of the server.
"""

import select
import socket
import time
from collections.abc import Iterator, Sequence
from itertools import cycle

__all__ = ["Load", "request"]

_CONNECTIONS = 32
_IDLE = 1.0
_OK = b"HTTP/1.1 200"
_END = b"\r\n\r\n"


def request(port: int, cookie: str) -> bytes:
    """Return a check as nginx sends it for a browser, configured as docs/check.md says: nine headers, two cookies."""
    return (
        f"GET /check HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
        "Accept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
        f"Cookie: __Host-ostiary_session={cookie}; __Host-ostiary_csrf={'c' * 43}\r\n"
        "Upgrade-Insecure-Requests: 1\r\nPriority: u=0, i\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
    ).encode()


class Load:
    """Connections to one listener. `send` goes on where the last call stopped in the ring of requests."""

    def __init__(self, port: int, requests: Sequence[bytes]) -> None:
        self._port = port
        self._ring: Iterator[bytes] = cycle(requests)
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._used = 0.0

    def connect(self) -> None:
        """Connect anew where the last use is long past (the server hangs up on who idles), and use each connection."""
        if time.monotonic() - self._used < _IDLE:
            return
        self.close()
        self._epoll = select.epoll()
        self._sockets = {made.fileno(): made for made in (_connected(self._port) for _ in range(_CONNECTIONS))}
        for number in self._sockets:
            self._epoll.register(number, select.EPOLLIN)
        self.send(_CONNECTIONS)

    def use(self, requests: Sequence[bytes]) -> None:
        """Go on with other requests."""
        self._ring = cycle(requests)

    def send(self, count: int) -> None:
        """Send that many requests and read their answers. Raises RuntimeError on any answer but 200."""
        sockets, ring = self._sockets, self._ring
        left, waiting = count, 0
        for connection in list(sockets.values())[:count]:
            connection.send(next(ring))
            left, waiting = left - 1, waiting + 1
        while waiting:
            for number, _ in self._epoll.poll():
                answer = sockets[number].recv(65_536)
                if not (answer.startswith(_OK) and answer.endswith(_END)):
                    raise RuntimeError(f"not the answer that was wanted: {answer[:300]!r}")
                waiting -= 1
                if left:
                    sockets[number].send(next(ring))
                    left, waiting = left - 1, waiting + 1
        self._used = time.monotonic()

    def close(self) -> None:
        """Hang up."""
        self._epoll.close()
        for connection in self._sockets.values():
            connection.close()


def _connected(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port))
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made
