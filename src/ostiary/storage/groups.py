"""The queue before the vault: use cases wait here and are taken up in groups, by one thread or a few."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

from ostiary.kernel.clock import SECOND, Clock
from ostiary.kernel.errors import StoreUnavailable
from ostiary.storage.faults import classify
from ostiary.storage.jobs import Job

__all__ = ["Groups"]

_GROUP = 128
_QUEUE = 10_000
_SLOW = SECOND


class Groups:
    """Hands groups of jobs to `perform` in the order in which they came, then to `tell`.

    `perform` sets the outcome of every job; when it raises, every job of the group fails with that, and
    when that took longer than a second, whoever has queued up meanwhile fails too: a store that
    hangs must not make each of them wait in turn. `most` is how many may wait.
    """

    def __init__(
        self,
        perform: Callable[[Sequence[Job]], None],
        tell: Callable[[Sequence[Job]], None],
        clock: Clock,
        *,
        threads: int = 1,
        most: int = _QUEUE,
    ) -> None:
        self._perform, self._tell, self._clock = perform, tell, clock
        self._most, self._wanted = most, threads
        self._waiting: deque[Job] = deque()
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._coming: list[Job] = []
        self._turn: object = None
        self._closed = False

    def put(self, job: Job) -> None:
        """Queue a job. Raises StoreUnavailable when too many wait or the store has closed.

        One thread takes up together what is queued in one turn of the job's loop: woken by the first, it would leave
        the others for a second group, and a group is dear. Several threads share the turn's jobs, each as it comes.
        """
        with self._ready:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if len(self._waiting) + len(self._coming) >= self._most:
                raise StoreUnavailable("too many changes are waiting")
            if len(self._threads) < self._wanted:
                self._start()
            if self._wanted > 1 or job.loop is None:
                self._waiting.append(job)
                self._ready.notify()
                return
            self._coming.append(job)
            if self._turn is not job.loop:
                self._turn = job.loop
                job.loop.call_soon(self._come)

    def close(self) -> None:
        """Take no more, finish what is queued, and end the threads."""
        with self._ready:
            self._closed = True
            self._come()
            self._ready.notify_all()
        for thread in self._threads:
            thread.join()

    def run(self, group: Sequence[Job]) -> bool:
        """Perform a group in the calling thread; tell whether the store hung. Raises nothing."""
        began = self._clock()
        try:
            self._perform(group)
        except Exception as fault:  # noqa: BLE001 - the writer must outlive every fault; each job is told
            _fail(group, classify(fault) or fault)
            return self._clock() - began > _SLOW
        return False

    def _come(self) -> None:
        with self._ready:
            self._turn = None
            self._waiting.extend(self._coming)
            self._coming.clear()
            self._ready.notify()

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=f"vault-{len(self._threads)}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while group := self._next():
            if self.run(group):
                late = self._take(self._most)
                _fail(late, group[0].error)
                self._tell(late)
            self._tell(group)

    def _next(self) -> list[Job]:
        with self._ready:
            while not self._waiting and not self._closed:
                self._ready.wait()
            return self._popped(_GROUP)

    def _take(self, most: int) -> list[Job]:
        with self._ready:
            return self._popped(most)

    def _popped(self, most: int) -> list[Job]:
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]


def _fail(jobs: Sequence[Job], error: BaseException | None) -> None:
    for job in jobs:
        job.fail(error or StoreUnavailable("the store hung"))
