"""Open push streams by session, so that the end of a session ends them."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

END = b""
"""What a stream is handed when it must end."""

MOST = 64
"""Events that may wait for a client; one that is further behind must open its stream again."""


class Streams:
    """Every open stream is a queue of events, filled by one thread and emptied by its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, set[queue.Queue[bytes]]] = {}

    @contextmanager
    def opened(self, session: str) -> Iterator[queue.Queue[bytes]]:
        """Be a stream of that session for the block."""
        mine: queue.Queue[bytes] = queue.Queue(MOST)
        with self._lock:
            self._open.setdefault(session, set()).add(mine)
        try:
            yield mine
        finally:
            with self._lock:
                self._open[session].discard(mine)
                if not self._open[session]:
                    del self._open[session]

    def push(self, session: str, event: bytes) -> None:
        """Hand an event to every stream of a session."""
        with self._lock:
            for one in self._open.get(session, ()):
                _hand(one, event)

    def end(self, session: str | None) -> None:
        """End the streams of a session, or all of them (None)."""
        with self._lock:
            for name in list(self._open) if session is None else [session]:
                for one in self._open.get(name, ()):
                    _end(one)

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))


def _hand(one: queue.Queue[bytes], event: bytes) -> None:
    try:
        one.put_nowait(event)
    except queue.Full:
        _end(one)


def _end(one: queue.Queue[bytes]) -> None:
    """Let the end be the next that a stream sees: what waits before it must not keep it open."""
    with one.mutex:
        one.queue.clear()
        one.queue.append(END)
        one.not_empty.notify()
