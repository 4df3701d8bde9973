"""Slots: a small file of numbers, a few for each process of a server; each writes its own and reads everybody's."""

import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from ostiary.kernel.errors import StoreUnavailable

__all__ = ["SLOTS", "Slots"]

SLOTS = 64
"""How many processes have room."""

_LOCK = struct.Struct("hhqqi4x")


class Slots:
    """A file of SLOTS places of `shape`. One is taken at the first write and let go when the process ends."""

    def __init__(self, file: Path, shape: struct.Struct) -> None:
        self._shape, size = shape, SLOTS * shape.size
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size < size:
            os.posix_fallocate(self._file, 0, size)
        self._map = mmap.mmap(self._file, size, prot=mmap.PROT_READ)
        self._mine = -1

    def all(self) -> Iterator[tuple[int, ...]]:
        """Return what every place holds, those of processes that have ended too."""
        return self._shape.iter_unpack(self._map)

    def take(self, free: Callable[[tuple[int, ...]], bool]) -> tuple[int, ...]:
        """Take a place that nobody has and whose last words are `free`; return these. Raises StoreUnavailable.

        The lock dies with this open file (fcntl(2), open file description locks), however the process ends.
        """
        for slot, said in enumerate(self._shape.iter_unpack(bytes(self._map))):
            if not free(said):
                continue
            wanted = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, slot, 1, 0)
            try:
                fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, wanted)
            except (BlockingIOError, PermissionError):
                continue
            self._mine = slot
            return next(self._shape.iter_unpack(os.pread(self._file, self._shape.size, slot * self._shape.size)))
        raise StoreUnavailable(f"all {SLOTS} places are taken")

    @property
    def taken(self) -> bool:
        """Whether this process has a place."""
        return self._mine >= 0

    def write(self, *numbers: int) -> None:
        """Say something in the place that was taken. Raises OSError."""
        os.pwrite(self._file, self._shape.pack(*numbers), self._mine * self._shape.size)

    def close(self) -> None:
        """Close the file, and let go of the place."""
        self._map.close()
        os.close(self._file)
