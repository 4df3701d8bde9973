"""Open push streams by session, so that the end of a session ends them."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager

END = b""
"""What a stream is handed when it must end."""


class Streams:
    """Every open stream is a queue of events, filled by one thread and emptied by its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, set[queue.SimpleQueue[bytes]]] = {}

    @contextmanager
    def opened(self, session: str) -> Iterator[queue.SimpleQueue[bytes]]:
        """Be a stream of that session for the block."""
        mine: queue.SimpleQueue[bytes] = queue.SimpleQueue()
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
                one.put(event)

    def end(self, session: str | None) -> None:
        """End the streams of a session, or all of them (None)."""
        with self._lock:
            for name in list(self._open) if session is None else [session]:
                for one in self._open.get(name, ()):
                    one.put(END)

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))
