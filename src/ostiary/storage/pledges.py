"""Pledges: until when caches beyond this machine's processes may trust their memory, and how far they have followed.

A server that lets services keep answers in memory (gateway/feed.py) pledges it here first, in a slot of a file
beside the database. Whoever ends something waits, after the tally has moved, until no pledge is outstanding: each
has confirmed that count, or has run out. All processes are on one machine, so CLOCK_BOOTTIME is one clock for them.
"""

import fcntl
import mmap
import os
import struct
from pathlib import Path

from ostiary.kernel.clock import SECOND, Ticks
from ostiary.kernel.errors import StoreUnavailable

__all__ = ["Pledges"]

_SLOTS = 64
_SLOT = struct.Struct("<QQ")
_LOCK = struct.Struct("hhqqi4x")
_SIZE = _SLOTS * _SLOT.size


class Pledges:
    """One slot a process, taken at its first pledge and let go when it ends. `ticks` are of CLOCK_BOOTTIME."""

    def __init__(self, database: Path, ticks: Ticks) -> None:
        self._file = os.open(f"{database.resolve()}.pledges", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._file).st_size < _SIZE:
            os.posix_fallocate(self._file, 0, _SIZE)
        self._map = mmap.mmap(self._file, _SIZE, prot=mmap.PROT_READ)
        self._ticks, self._mine = ticks, -1

    def pledge(self, until: float, confirmed: int) -> None:
        """Say that somebody may trust what it followed up to the count `confirmed`, until those ticks.

        Must be said before they are told. Raises StoreUnavailable.
        """
        try:
            if self._mine < 0:
                self._mine = self._taken()
            os.pwrite(self._file, _SLOT.pack(round(until * SECOND), confirmed), self._mine * _SLOT.size)
        except OSError as fault:
            raise StoreUnavailable(f"a pledge could not be written: {fault.strerror}") from fault

    def outstanding(self, count: int) -> bool:
        """Tell whether anybody may still trust what it knew before that count."""
        now = self._ticks() * SECOND
        return any(until > now and confirmed < count for until, confirmed in _SLOT.iter_unpack(self._map))

    def close(self) -> None:
        """Close the file, and let go of the slot."""
        self._map.close()
        os.close(self._file)

    def _taken(self) -> int:
        """Take a free slot by a lock that dies with this open file (fcntl(2), open file description locks).

        A slot whose process has died stays as it is until its last leave has run out.
        """
        for slot, (until, _) in enumerate(_SLOT.iter_unpack(bytes(self._map))):
            if until > self._ticks() * SECOND:
                continue
            wanted = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, slot, 1, 0)
            try:
                fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, wanted)
            except (BlockingIOError, PermissionError):
                continue
            return slot
        raise StoreUnavailable(f"{_SLOTS} servers let services keep answers in memory already")
