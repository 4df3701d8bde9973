"""What waits for the vault: one use case, its outcome, and who is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

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


def tell(jobs: Sequence[Job], listeners: Sequence[Listener]) -> None:
    """Tell the listeners, then the waiters, on their own loops; any thread may call this after the commit."""
    for loop in {job.loop for job in jobs if job.loop is not None}:
        mine = [job for job in jobs if job.loop is loop]
        try:
            loop.call_soon_threadsafe(_told, mine, listeners)
        except RuntimeError:
            continue  # the loop has ended; nobody waits there any more


def _told(jobs: Sequence[Job], listeners: Sequence[Listener]) -> None:
    changes = [change for job in jobs for change in job.changes]
    if changes:
        _spread(changes, jobs, listeners)
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
