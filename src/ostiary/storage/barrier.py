"""The barrier before an acknowledgement on PostgreSQL: no memory may be older than what is about to be promised.

It opens when every node on the roll has confirmed the change, and PATIENCE_S after the commit at the latest: a lease
counts from before its holder asked what is new, so one that began before the commit has run out by then, and one that
began later knows. Only the two processes' CLOCK_BOOTTIME matter, no clock on a wall; and a store that fails
meanwhile delays an acknowledgement, and takes none back (decision 0013).
"""

import threading
import time
from collections.abc import Callable, Sequence

from ostiary.kernel.clock import Ticks
from ostiary.kernel.errors import OstiaryError
from ostiary.storage.jobs import Job
from ostiary.storage.roll import PATIENCE_S, Leases, Node, contains

__all__ = ["Barrier", "Watch"]

_NAPS = (0.001, 0.01)
"""Seconds between two looks at the roll: at first, and at most."""


class Watch:
    """One look after the other at the roll. `ticks` are of CLOCK_BOOTTIME."""

    def __init__(self, leases: Leases, ticks: Ticks) -> None:
        self._leases, self._ticks = leases, ticks

    def open(self, waiting: Sequence[tuple[int, float]]) -> list[bool]:
        """Tell of each (transaction id, ticks after its commit) whether it may be acknowledged."""
        try:
            roll: Sequence[Node] | None = self._leases.roll()
        except OstiaryError:
            roll = None
        now = self._ticks()
        if roll is not None:
            self._strike_silent(roll, [xid for xid, committed in waiting if now >= committed + PATIENCE_S])
        return [
            now >= committed + PATIENCE_S or (roll is not None and all(contains(node.confirmed, xid) for node in roll))
            for xid, committed in waiting
        ]

    def _strike_silent(self, roll: Sequence[Node], over: Sequence[int]) -> None:
        """Take off the roll who has not confirmed what should be confirmed by now: its lease began before that."""
        for node in roll:
            if not all(contains(node.confirmed, xid) for xid in over):
                self._try_to_strike(node)

    def _try_to_strike(self, node: Node) -> None:
        try:
            self._leases.strike(node)
        except OstiaryError:
            return  # the next one who waits tries again


class Barrier:
    """Holds jobs back in a thread of its own and hands them to `tell` when the barrier opens for them."""

    def __init__(self, leases: Leases, ticks: Ticks, tell: Callable[[Sequence[Job]], None]) -> None:
        self._leases, self._ticks, self._tell = leases, ticks, tell
        self._held: list[tuple[Job, float]] = []
        self._ready = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def hold(self, jobs: Sequence[Job]) -> None:
        """Take jobs whose changes are committed; `Job.count` is their transaction's id."""
        committed = self._ticks()
        with self._ready:
            self._held += [(job, committed) for job in jobs]
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="vault-barrier", daemon=True)
                self._thread.start()
            self._ready.notify()

    def wait(self, job: Job) -> None:
        """Return when one job may be acknowledged, for a caller that blocks."""
        watch, committed, naps = Watch(self._leases, self._ticks), self._ticks(), _naps()
        while not watch.open([(job.count, committed)])[0]:
            time.sleep(naps())

    def close(self) -> None:
        """Acknowledge what is held, when that is safe, and end the thread."""
        with self._ready:
            self._closed = True
            self._ready.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        watch = Watch(self._leases, self._ticks)
        while self._some():
            naps = _naps()
            while held := self._taken():
                verdicts = watch.open([(job.count, committed) for job, committed in held])
                opened = [one for one, verdict in zip(held, verdicts, strict=True) if verdict]
                if opened:
                    self._release(opened)
                    naps = _naps()
                else:
                    time.sleep(naps())

    def _some(self) -> bool:
        with self._ready:
            while not self._held and not self._closed:
                self._ready.wait()
            return bool(self._held)

    def _taken(self) -> list[tuple[Job, float]]:
        """Return who is held now: only they are judged by a roll that is read from here on."""
        with self._ready:
            return list(self._held)

    def _release(self, opened: list[tuple[Job, float]]) -> None:
        gone = {id(job) for job, _ in opened}
        with self._ready:
            self._held = [one for one in self._held if id(one[0]) not in gone]
        self._tell([job for job, _ in opened])


def _naps() -> Callable[[], float]:
    nap = _NAPS[0] / 1.5

    def longer() -> float:
        nonlocal nap
        nap = min(_NAPS[1], nap * 1.5)
        return nap

    return longer
