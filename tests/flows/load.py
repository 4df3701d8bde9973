"""A bounded load of checks over kept-alive connections, each remembered with the moment it was sent."""

import itertools
import re
import socket
import threading
import time
from functools import partial

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Check:
    """One check: which session, when it was sent and answered (monotonic seconds), with which status."""

    __slots__ = ("answered", "sent", "session", "status")

    def __init__(self, session, sent, answered, status):
        self.session, self.sent, self.answered, self.status = session, sent, answered, status


class Line:
    """One kept-alive connection to the internal listener."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._rest = b""

    def check(self, cookie):
        """Send one check and return its status."""
        request = f"GET /check HTTP/1.1\r\nhost: localhost\r\ncookie: __Host-ostiary_session={cookie}\r\n\r\n"
        self._socket.sendall(request.encode())
        while b"\r\n\r\n" not in self._rest:
            self._more()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        length = int(_LENGTH.search(head)[1])
        while len(self._rest) < length:
            self._more()
        self._rest = self._rest[length:]
        return int(head[9:12])

    def _more(self):
        chunk = self._socket.recv(65536)
        if not chunk:
            raise ConnectionError("closed")
        self._rest += chunk

    def close(self):
        self._socket.close()


class Beside:
    """Threads of `works` that go on until the block ends: each looks at `stop`. `patience` is seconds for each at its end."""

    def __init__(self, works, patience=None):
        self.stop, self._patience = threading.Event(), patience
        self._threads = [threading.Thread(target=work, daemon=patience is not None) for work in works]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self._threads:
            thread.join(self._patience)


class Load(Beside):
    """Threads that check the given sessions in turn until the block ends."""

    def __init__(self, port, cookies, threads=4):
        self.checks = []
        self.faults = []
        self._port, self._cookies = port, list(cookies.items())
        super().__init__([partial(self._run, n, threads) for n in range(threads)])

    def _run(self, number, threads):
        line = Line(self._port)
        try:
            for session, cookie in itertools.cycle(self._cookies[number::threads]):
                if self.stop.is_set():
                    break
                sent = time.monotonic()
                status = line.check(cookie)
                self.checks.append(Check(session, sent, time.monotonic(), status))
        except OSError as fault:
            self.faults.append(fault)
        finally:
            line.close()


def accepted_after(checks, acknowledged):
    """The checks that were accepted although they were sent after the end of their session was acknowledged."""
    return [c for c in checks if c.status == 200 and c.sent > acknowledged.get(c.session, float("inf"))]
