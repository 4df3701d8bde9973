"""Pledges: until when caches beyond this machine's processes may trust their memory, and how far they have followed.

A server that lets services keep answers in memory (gateway/feed.py) pledges it here first, in a slot of a file
beside the database. Whoever ends something waits, after the tally has moved, until no pledge is outstanding: each
has confirmed that count, or has run out. All processes are on one machine, so CLOCK_BOOTTIME is one clock for them.
"""

import struct
from pathlib import Path

from ostiary.kernel.clock import SECOND, Ticks
from ostiary.kernel.errors import StoreUnavailable
from ostiary.storage.slots import SLOTS, Slots

__all__ = ["Pledges"]

_SHAPE = struct.Struct("<QQ")


class Pledges:
    """One slot a process, taken at its first pledge and let go when it ends. `ticks` are of CLOCK_BOOTTIME."""

    def __init__(self, database: Path, ticks: Ticks) -> None:
        self._slots, self._ticks = Slots(Path(f"{database.resolve()}.pledges"), _SHAPE), ticks

    def pledge(self, until: float, confirmed: int) -> None:
        """Say that somebody may trust what it followed up to the count `confirmed`, until those ticks.

        Must be said before they are told. Raises StoreUnavailable.
        """
        try:
            if not self._slots.taken:
                self._take()
            self._slots.write(round(until * SECOND), confirmed)
        except OSError as fault:
            raise StoreUnavailable(f"a pledge could not be written: {fault.strerror}") from fault

    def outstanding(self, count: int) -> bool:
        """Tell whether anybody may still trust what it knew before that count."""
        now = self._ticks() * SECOND
        return any(until > now and confirmed < count for until, confirmed in self._slots.all())

    def close(self) -> None:
        """Close the file, and let go of the slot."""
        self._slots.close()

    def _take(self) -> None:
        """Take a slot. That of a process that has died stays as it is until its last leave has run out."""
        now = self._ticks() * SECOND
        try:
            self._slots.take(lambda said: said[0] <= now)
        except StoreUnavailable as fault:
            raise StoreUnavailable(f"{SLOTS} servers let services keep answers in memory already") from fault
