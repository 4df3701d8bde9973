"""Several processes on the same two ports: a supervisor that serves nobody, and the workers that it keeps running."""

import signal
import subprocess
import threading
from collections.abc import Callable, Sequence

import structlog

from ostiary.kernel.errors import BootRefused

__all__ = ["supervise"]

_LOG = structlog.get_logger("ostiary.workers")
_GRACE_S = 15.0
_PAUSE_S = 0.5


def supervise(command: Sequence[str], count: int, ready: Callable[[], None]) -> None:
    """Run `count` workers; call `ready` when each has said so; start one anew that ends; end all on SIGINT or SIGTERM.

    A worker says `ready` on its standard output, and ends when its standard input does: so none outlives its
    supervisor, however that one dies. Raises BootRefused when one ends before it was ever ready.
    """
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    workers = [_Worker(command, stop) for _ in range(count)]
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.greet()
        ready()
        for worker in workers:
            worker.keep()
        stop.wait()
    finally:
        stop.set()
        for worker in workers:
            worker.end()


class _Worker:
    """One place among the workers, and the process that fills it now."""

    def __init__(self, command: Sequence[str], stop: threading.Event) -> None:
        self._command, self._stop = command, stop
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._changing = threading.Lock()

    def start(self) -> None:
        """Start a process, unless all are to stop."""
        with self._changing:
            if not self._stop.is_set():
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, nothing of anybody's
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )

    def greet(self) -> None:
        """Wait until it is ready. Raises BootRefused when it ends instead."""
        if self._process is None or self._process.stdout is None or self._process.stdout.readline() != b"ready\n":
            raise BootRefused("a worker did not come up; what it wrote above says why")

    def keep(self) -> None:
        """Start the process anew whenever it ends, after a short pause, until all are to stop."""
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def _keep(self) -> None:
        while not self._stop.is_set() and self._process is not None:
            code = self._process.wait()
            self._close()
            if not self._stop.wait(_PAUSE_S):
                _LOG.warning("worker_ended", pid=self._process.pid, code=code)
            self.start()

    def end(self) -> None:
        """Let it finish what it is answering, and wait; kill it when that takes too long."""
        with self._changing:
            process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._keeper is not None:
            self._keeper.join()
        self._close()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout) if self._process else ():
            if stream is not None:
                stream.close()
