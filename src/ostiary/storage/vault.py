"""The vault's promise, kept by both databases: durable before it answers, all or nothing, refusals included."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ostiary.kernel.values import Scope
from ostiary.storage.outbox import Change
from ostiary.storage.statements import Statement
from ostiary.storage.tx import Row, UseCase

__all__ = ["Listener", "Reader", "Vault"]

T = TypeVar("T")

Listener = Callable[[Sequence[Change]], None]
"""Told, on the event loop and before the answer exists, what has just lost authority."""


class Reader(Protocol):
    """Reads for the check path, made on the event loop's own thread (SQLite only).

    `tally[0]` has moved by the time that anybody is told of an end, whichever process made it.
    """

    tally: Sequence[int]

    def version(self) -> int:
        """Return the file's data_version: it moves whenever another connection has committed."""

    def all(self, statement: Statement, **binds: object) -> list[Row]:
        """Run one read."""

    def hold(self) -> None:
        """Let all reads see one state of the file, that of the first of them, until `let_go`."""

    def let_go(self) -> None:
        """Let reads see the file as it is again."""


class Vault(Protocol):
    """Transactions over one database.

    A use case that returns has committed durably when the call returns, refusals included; one that
    raises left nothing behind. StoreUnavailable: nothing is known to be committed.
    """

    dialect: str

    async def transact(self, scope: Scope, use_case: UseCase[T]) -> T:
        """Run a use case in its own transaction, off the event loop."""

    def transact_now(self, scope: Scope, use_case: UseCase[T]) -> T:
        """Do the same for a command line: block the calling thread."""

    async def read(self, scope: Scope, use_case: UseCase[T]) -> T:
        """Run a use case that changes nothing, on one snapshot."""

    def read_now(self, scope: Scope, use_case: UseCase[T]) -> T:
        """Do the same, blocking."""

    def listen(self, listener: Listener) -> None:
        """Tell `listener` of every change that this process commits."""

    def close(self) -> None:
        """Finish what is queued, then let go of the database."""
