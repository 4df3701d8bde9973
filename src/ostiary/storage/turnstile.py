"""The turnstile between writers of one SQLite file: whoever waits holds `next`, so nobody starves (ruling 47)."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ostiary.kernel.clock import SECOND, Clock
from ostiary.kernel.errors import StoreUnavailable

__all__ = ["Turnstile"]

_PATIENCE = 10 * SECOND
_NAP_S = 0.0005


class Turnstile:
    """Two lock files beside the database. `patience` is in microseconds; past it StoreUnavailable is raised."""

    def __init__(self, database: Path, clock: Clock, patience: int = _PATIENCE) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        place = database.resolve()  # however the path is spelled, it is one turnstile
        self._next = os.open(f"{place}.next", flags, 0o600)
        self._lock = os.open(f"{place}.lock", flags, 0o600)
        self._clock, self._patience = clock, patience

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the write lock for the block."""
        deadline = self._clock() + self._patience
        self._take(self._next, deadline)
        try:
            self._take(self._lock, deadline)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close both files."""
        os.close(self._next)
        os.close(self._lock)

    def _take(self, file: int, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._clock() > deadline:
                    raise StoreUnavailable("another process holds the database") from None
                time.sleep(_NAP_S)
            else:
                return
