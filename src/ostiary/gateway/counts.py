"""How many checks the whole server has answered: each worker's counters, in a file that all of them read.

The check counts in its own process and knows nothing of this. Every second, and when somebody asks, a worker writes
what it has; whoever is asked answers with the sum. The numbers never fall while the server runs: a worker that takes
the place of one that died goes on from there.
"""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path

from ostiary.kernel.errors import StoreUnavailable
from ostiary.storage.slots import Slots

__all__ = ["STATUSES", "Counts"]

STATUSES = (200, 401, 403, 500, 503)

_SHAPE = struct.Struct(f"<{len(STATUSES)}Q")


class Counts:
    """The counters of one worker, `mine` by status, beside those of the others; the file is made when first used."""

    def __init__(self, file: Path, mine: Callable[[], Mapping[int, int]]) -> None:
        self._file, self._mine = file, mine
        self._slots: Slots | None = None
        self._before: tuple[int, ...] = ()

    async def write(self) -> None:
        """Let the others know. Raises StoreUnavailable."""
        self._written()

    def sums(self) -> dict[int, int]:
        """Return the whole server's counters; this worker's alone where the file cannot be written."""
        try:
            slots = self._written()
        except StoreUnavailable:
            return {status: self._mine()[status] for status in STATUSES}
        return dict(zip(STATUSES, map(sum, zip(*slots.all(), strict=True)), strict=True))

    def close(self) -> None:
        """Let go of the file."""
        if self._slots is not None:
            self._slots.close()

    def _written(self) -> Slots:
        try:
            slots = self._opened()
            slots.write(*(was + self._mine()[status] for was, status in zip(self._before, STATUSES, strict=True)))
        except OSError as fault:
            raise StoreUnavailable(f"the counters could not be written: {fault.strerror}") from fault
        return slots

    def _opened(self) -> Slots:
        if self._slots is None:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._slots = Slots(self._file, _SHAPE)
        if not self._slots.taken:
            self._before = self._slots.take(lambda _: True)
        return self._slots
