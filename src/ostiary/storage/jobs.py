"""What waits for the vault: one use case, its outcome, and who is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ostiary.kernel.clock import SECOND, Clock
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.values import Scope
from ostiary.storage.outbox import Change
from ostiary.storage.tx import UseCase
from ostiary.storage.vault import Listener

__all__ = ["Job", "tell"]


class Job:
    """One queued use case. Its outcome is set by the writer and told to the waiter after the commit.

    It is performed even when its waiter has gone away meanwhile: what was asked for happens.
    """

    __slots__ = ("changes", "error", "future", "loop", "result", "scope", "use_case")

    def __init__(self, scope: Scope, use_case: UseCase[Any], loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.scope = scope
        self.use_case = use_case
        self.loop = loop
        self.future: asyncio.Future[Any] | None = loop.create_future() if loop else None
        self.result: Any = None
        self.error: BaseException | None = None
        self.changes: Sequence[Change] = ()

    def fail(self, error: BaseException) -> None:
        """Let nothing of this job stand."""
        self.error, self.result, self.changes = error, None, ()

    async def outcome(self) -> Any:  # noqa: ANN401 - whatever the use case answers
        """Wait for the outcome: return it or raise the error."""
        if self.future is None:
            raise ContractBroken("nobody can await a job without a loop")
        return await self.future

    def value(self) -> Any:  # noqa: ANN401 - whatever the use case answers
        """Return the outcome or raise the error, for a caller that blocks."""
        if self.error is not None:
            raise self.error
        return self.result


def tell(jobs: Sequence[Job], listeners: Sequence[Listener], clock: Clock, settle: int = 0) -> None:
    """Tell the listeners, then the waiters, on their own loops; any thread may call this after the commit.

    `settle` is how many microseconds the waiters of a change wait after their listeners were told.
    """
    for loop in {job.loop for job in jobs if job.loop is not None}:
        mine = [job for job in jobs if job.loop is loop]
        try:
            loop.call_soon_threadsafe(_told, loop, mine, listeners, clock, settle)
        except RuntimeError:
            continue  # the loop has ended; nobody waits there any more


def _told(
    loop: asyncio.AbstractEventLoop, jobs: Sequence[Job], listeners: Sequence[Listener], clock: Clock, settle: int
) -> None:
    changes = [change for job in jobs for change in job.changes]
    if changes:
        _spread(changes, jobs, listeners)
    if changes and settle:
        _settle(loop, [job for job in jobs if job.changes], clock, clock() + settle)
        jobs = [job for job in jobs if not job.changes]
    _deliver(jobs)


def _spread(changes: Sequence[Change], jobs: Sequence[Job], listeners: Sequence[Listener]) -> None:
    try:
        for listener in listeners:
            listener(changes)
    except Exception as fault:  # noqa: BLE001 - a node that did not hear it must not promise that it did
        for job in jobs:
            if job.changes:
                job.fail(fault)


def _settle(loop: asyncio.AbstractEventLoop, jobs: Sequence[Job], clock: Clock, due: int) -> None:
    """Deliver not before `due`: a loop counts a timer from when its turn began, so it may ring early."""
    left = due - clock()
    if left > 0:
        loop.call_later(left / SECOND, _settle, loop, jobs, clock, due)
    else:
        _deliver(jobs)


def _deliver(jobs: Sequence[Job]) -> None:
    for job in jobs:
        if job.future is None or job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
