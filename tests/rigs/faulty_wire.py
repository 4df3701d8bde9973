"""A wire between Ostiary and its database that can be cut, held and mended while both ends run."""

import socket
import threading
import time
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit, urlunsplit


class FaultyWire:
    """Passes bytes on loopback. `cut` closes everything and refuses; `hold` takes bytes and passes none; `slow` makes each
    chunk wait; `mend` heals."""

    def __init__(self, target):
        self._delay_s = 0.0
        self._target, self._pairs, self._lock = target, [], threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = None
        self.port = 0
        self.mend()

    def mend(self):
        """Pass everything again; connections that were cut stay dead."""
        self._delay_s = 0.0
        self._flowing.set()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def hold(self):
        """Let nothing through and close nothing: the other end has gone silent."""
        self._flowing.clear()

    def slow(self, seconds):
        """Let every chunk wait that long, each way."""
        self._delay_s = seconds

    def cut(self):
        """Close every connection and refuse new ones: the other end has stopped."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for end in (end for pair in pairs for end in pair):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._flowing.set()

    def _accept(self, listener):
        with suppress(OSError):
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection(self._target)
                except OSError:  # the server is gone for now: so is this connection
                    near.close()
                    continue
                with self._lock:
                    self._pairs.append((near, far))
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source, sink):
        with suppress(OSError):
            while chunk := source.recv(65536):
                self._flowing.wait()
                if self._delay_s:
                    time.sleep(self._delay_s)
                sink.sendall(chunk)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def faulty(url):
    """A wire to the server of a database address, and the address through it, for the block."""
    parts = urlsplit(url)
    wire = FaultyWire((parts.hostname, parts.port or 5432))
    user = f"{parts.username}@" if parts.username else ""
    try:
        yield wire, urlunsplit(parts._replace(netloc=f"{user}127.0.0.1:{wire.port}"))
    finally:
        wire.cut()
