"""Workers: several processes on the same two ports, started, watched and ended by one supervisor that serves nobody.

The supervisor holds the data folder's lock; its workers inherit the open file, so the folder stays taken while any
of them lives. A worker that dies is replaced. A worker whose supervisor dies ends by itself: it watches a pipe that
only the supervisor could write to.
"""

import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ostiary.kernel.clock import Ticks
from ostiary.kernel.errors import BootRefused, OstiaryError

__all__ = ["Supervisor", "Worker"]

_GRACE_S = 30.0
_SOONEST_S = 1.0
"""Seconds for which the place of a worker that died sooner than that stays empty."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

Worker = Callable[[int, Callable[[], None]], int]
"""One worker's whole life: what to watch for the supervisor's end, and what to call once bound; its exit code."""


class Supervisor:
    """Keeps `count` workers running. `noted` is told their process ids whenever these change."""

    def __init__(self, count: int, worker: Worker, noted: Callable[[list[int]], None], ticks: Ticks) -> None:
        self._count, self._worker, self._noted, self._ticks = count, worker, noted, ticks
        self._running: dict[int, float] = {}
        self._life, self._bound = os.pipe(), os.pipe()
        self._ready, self._not_before = 0, 0.0

    def run(self, ready: Callable[[], None]) -> int:
        """Start all, call `ready` once all are bound, keep them running until SIGTERM or SIGINT; return the exit code.

        Raises BootRefused when one ends before all are bound.
        """
        with _woken() as wakes:
            for _ in range(self._count):
                self._start()
            try:
                while not self._told(wakes):
                    self._tend(ready)
            finally:
                self._stop()
        return 0

    def _told(self, wakes: int) -> bool:
        """Wait for something to happen; True when told to stop."""
        some, _, _ = select.select([wakes, self._bound[0]], [], [], self._pause())
        if self._bound[0] in some:
            self._ready += len(os.read(self._bound[0], 64))
        received = os.read(wakes, 64) if wakes in some else b""
        return bool({signal.SIGTERM, signal.SIGINT} & set(received))

    def _pause(self) -> float | None:
        return None if len(self._running) == self._count else max(0.0, self._not_before - self._ticks())

    def _tend(self, ready: Callable[[], None]) -> None:
        waiting = self._ready < self._count
        ended = self._reaped()
        if ended and waiting:
            raise BootRefused(f"a worker ended before all were bound (exit code {ended[0]}): its log says why")
        if not waiting and self._ready < sys.maxsize:
            self._ready = sys.maxsize  # said once; who is started from here on says nothing
            ready()
        while len(self._running) < self._count and self._ticks() >= self._not_before:
            self._start()

    def _reaped(self) -> list[int]:
        """Return the exit codes of workers that have ended."""
        codes = []
        for pid in list(self._running):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                now = self._ticks()
                if now - self._running.pop(pid) < _SOONEST_S:
                    self._not_before = now + _SOONEST_S
                codes.append(os.waitstatus_to_exitcode(status))
        return codes

    def _start(self) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # none is lost in what forgets our handlers first
        pid = os.fork()
        if pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._running[pid] = self._ticks()
            self._noted(list(self._running))
            return
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.close(self._life[1])
            code = self._worker(self._life[0], self._say_bound)
        except OstiaryError as fault:
            sys.stderr.write(f"ostiary: {fault}\n")
        except BaseException:  # noqa: BLE001 - a fork must never return into what its supervisor was doing
            traceback.print_exc()
        finally:
            with suppress(OSError):
                sys.stderr.flush()
            os._exit(code)  # what the supervisor has open is the supervisor's to close

    def _say_bound(self) -> None:
        os.write(self._bound[1], b".")

    def _stop(self) -> None:
        """End all kindly, and after a while by force."""
        for pid in self._running:
            _send(pid, signal.SIGTERM)
        until = self._ticks() + _GRACE_S
        while self._running and self._ticks() < until:
            self._reaped()
            select.select([], [], [], 0.02)
        for pid in self._running:
            _send(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for end in (*self._life, *self._bound):
            os.close(end)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def _woken() -> Iterator[int]:
    """Give a pipe that every signal writes its number to."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = [(number, signal.signal(number, lambda *_: None)) for number in _SIGNALS]
    signal.set_wakeup_fd(writing)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before:
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)
