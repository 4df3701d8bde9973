"""What waits for the vault: one use case, its outcome, and who is told."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.values import Scope
from ostiary.storage.outbox import Change
from ostiary.storage.tx import UseCase
from ostiary.storage.vault import Listener

__all__ = ["NAP_S", "Job", "Outstanding", "tell"]

NAP_S = 0.0005
"""Seconds between two looks at what is outstanding."""


class Job:
    """One queued use case. Its outcome is set by the writer and told to the waiter after the commit.

    It is performed even when its waiter has gone away meanwhile: what was asked for happens.
    """

    __slots__ = ("busy", "changes", "count", "error", "future", "loop", "result", "scope", "use_case")

    def __init__(self, scope: Scope, use_case: UseCase[Any], loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.scope = scope
        self.use_case = use_case
        self.loop = loop
        self.future: asyncio.Future[Any] | None = loop.create_future() if loop else None
        self.result: Any = None
        self.error: BaseException | None = None
        self.changes: Sequence[Change] = ()
        self.busy = False  # it failed because somebody else held what it wanted, and may be tried alone
        self.count = 0  # where its changes stand: the tally's count (SQLite), the transaction's id (PostgreSQL)

    def fail(self, error: BaseException) -> None:
        """Let nothing of this job stand."""
        self.error, self.result, self.changes = error, None, ()

    def again(self) -> None:
        """Forget that it failed: it is tried once more."""
        self.busy, self.error = False, None

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


Outstanding = Callable[[int], bool]
"""Tells whether anybody may still trust what it knew before that count of the tally."""


def tell(jobs: Sequence[Job], listeners: Sequence[Listener], outstanding: Outstanding | None = None) -> None:
    """Tell the listeners, then the waiters, on their own loops; any thread may call this after the commit.

    The waiters of a change are told when nothing is outstanding any more.
    """
    for loop in {job.loop for job in jobs if job.loop is not None}:
        mine = [job for job in jobs if job.loop is loop]
        try:
            loop.call_soon_threadsafe(_told, loop, mine, listeners, outstanding)
        except RuntimeError:
            continue  # the loop has ended; nobody waits there any more


def _told(
    loop: asyncio.AbstractEventLoop,
    jobs: Sequence[Job],
    listeners: Sequence[Listener],
    outstanding: Outstanding | None,
) -> None:
    changes = [change for job in jobs for change in job.changes]
    if changes:
        _spread(changes, jobs, listeners)
    waiting = [job for job in jobs if job.changes] if outstanding is not None else []
    if waiting and outstanding is not None:
        _await(loop, waiting, outstanding)
        jobs = [job for job in jobs if not job.changes]
    _deliver(jobs)


def _await(loop: asyncio.AbstractEventLoop, jobs: Sequence[Job], outstanding: Outstanding) -> None:
    if outstanding(max(job.count for job in jobs)):
        loop.call_later(NAP_S, _await, loop, jobs, outstanding)
    else:
        _deliver(jobs)


def _spread(changes: Sequence[Change], jobs: Sequence[Job], listeners: Sequence[Listener]) -> None:
    try:
        for listener in listeners:
            listener(changes)
    except Exception as fault:  # noqa: BLE001 - a node that did not hear it must not promise that it did
        for job in jobs:
            if job.changes:
                job.fail(fault)


def _deliver(jobs: Sequence[Job]) -> None:
    for job in jobs:
        if job.future is None or job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
