"""Strangers: slow heads, slow bodies, floods of headers, many connections; others are served meanwhile."""

import socket
import tempfile
import time
from contextlib import contextmanager, suppress

from tests.faults.scene import scene
from tests.flows.browser import Browser
from tests.flows.load import Beside

__all__ = ["floods"]

_CONNECTIONS = 1500
_GROWTH_MIB, _GROWTH_FILES = 192, 40
_SETTLES_S = 20
_BIG = b"x-flood: " + b"a" * 300_000 + b"\r\n"
_MANY = b"".join(b"x-flood-%d: a\r\n" % number for number in range(5000))


def floods(wanted):
    """One server, one kind of stranger after the other."""
    names = [name for name in _FLOODS if wanted(name)]
    if not names:
        return
    with tempfile.TemporaryDirectory() as folder, scene(folder) as played:
        for name in names:
            before = played.size()
            row = played.endured(name, lambda name=name: _FLOODS[name](played.served), 3.0, silent=True, hurts=False)
            yield row._replace(wrong=row.wrong + _grown(played, before))


def _grown(played, before):
    """What of the server stays larger than it may, after a while."""
    deadline = time.monotonic() + _SETTLES_S
    while True:
        memory, files = (now - then for now, then in zip(played.size(), before, strict=True))
        over = [f"memory grew by {memory:.0f} MiB"] * (memory > _GROWTH_MIB)
        over += [f"{files} more files are open"] * (files > _GROWTH_FILES)
        if not over or time.monotonic() > deadline:
            return over
        time.sleep(0.2)


def _head(served, port, method="GET", path="/signed-out"):
    return f"{method} {path} HTTP/1.1\r\nhost: localhost:{port}\r\n".encode()


@contextmanager
def _held(served, port, count, said):
    """Connections that said something and say no more; whoever is served meanwhile proves that others are."""
    lines, wrong = [], []
    try:
        for _ in range(count):
            with suppress(OSError):
                line = socket.create_connection(("127.0.0.1", port), 5)
                lines.append(line)
                line.sendall(said)
        yield wrong
        wrong += _refused(served)
    finally:
        for line in lines:
            line.close()


def _refused(served):
    """Whether a person with a browser is served while the strangers hold on."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(OSError):
            if Browser(served).send("GET", "/sign-in", timeout=5).status == 200:
                return []
    return ["nobody else could load a page for 20 s"]


@contextmanager
def _dripping(served):
    """Slow-loris: a byte of a head now and then, on many connections, opened anew when they are closed."""
    said = _head(served, served.public_port)

    def drip():
        lines = []
        while not strangers.stop.is_set():
            while len(lines) < 200:
                with suppress(OSError):
                    lines.append((socket.create_connection(("127.0.0.1", served.public_port), 5), iter(said * 4)))
                if strangers.stop.is_set():
                    break
            lines = [one for one in lines if _dripped(*one)]
            strangers.stop.wait(0.2)
        for line, _ in lines:
            line.close()

    wrong = []
    strangers = Beside([drip] * 3, patience=20)
    with strangers:
        yield wrong
        wrong += _refused(served)


def _dripped(line, rest):
    try:
        line.sendall(bytes([next(rest)]))
    except (OSError, StopIteration):
        line.close()
        return False
    return True


def _slow_bodies(served):
    port = served.public_port
    said = _head(served, port, "POST", "/login/passkey/begin")
    said += b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{"
    return _held(served, port, _CONNECTIONS, said)


def _idle(served):
    return _held(served, served.public_port, _CONNECTIONS, _head(served, served.public_port) + b"\r\n")


def _idle_inside(served):
    port = served.internal_port
    return _held(served, port, 700, _head(served, port, path="/healthz") + b"\r\n")


@contextmanager
def _headers(served):
    """Heads of 300 KB and of 5,000 fields, as fast as they go."""
    wrong = []

    def pour():
        while not strangers.stop.is_set():
            for port in (served.public_port, served.internal_port):
                for flood in (_BIG, _MANY):
                    wrong.extend(_answered(served, port, flood))

    strangers = Beside([pour] * 2, patience=20)
    with strangers:
        yield wrong
        wrong += _refused(served)


def _answered(served, port, flood):
    """A head that is too large is refused by a clear answer, or the line is closed; it never passes."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as line:
        line.sendall(_head(served, port, path="/signed-out") + flood + b"\r\n")
        status = line.recv(65536)[9:12]
        return [f"a flood of headers was answered {status.decode()}"] if status[:1] in {b"2", b"5"} else []
    return []


_FLOODS = {
    "slow-loris (600 dripping heads)": _dripping,
    "slow bodies (1,500)": _slow_bodies,
    "header floods (300 KB, 5,000 fields)": _headers,
    "many connections (1,500 public)": _idle,
    "many connections (700 internal)": _idle_inside,
}
