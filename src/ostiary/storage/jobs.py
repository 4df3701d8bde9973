"""What waits for the vault: one use case, its outcome, and who is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ostiary.kernel.values import Scope
from ostiary.storage.outbox import Change
from ostiary.storage.tx import UseCase

__all__ = ["Job", "deliver"]


class Job:
    """One queued use case. Its outcome is set by the writer and told to the waiter after the commit."""

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

    def value(self) -> Any:  # noqa: ANN401 - whatever the use case answers
        """Return the outcome or raise the error, for a caller that blocks."""
        if self.error is not None:
            raise self.error
        return self.result


def deliver(jobs: Sequence[Job]) -> None:
    """Tell the waiters; runs on the event loop. A waiter that went away is passed over."""
    for job in jobs:
        if job.future is None or job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
