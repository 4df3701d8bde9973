"""The vault on PostgreSQL: one or a few writers, a savepoint per use case, one durable COMMIT per group."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg

from ostiary.kernel.clock import Clock, system_clock, ticks_of
from ostiary.kernel.ids import Secrets
from ostiary.kernel.values import Scope
from ostiary.storage.barrier import Barrier
from ostiary.storage.faults import classify, translated
from ostiary.storage.groups import Groups
from ostiary.storage.jobs import Job, tell
from ostiary.storage.leases import PostgresLeases
from ostiary.storage.lines import Limits, Line, Lines
from ostiary.storage.schema import libpq_url
from ostiary.storage.statements import Statement
from ostiary.storage.tx import Ledger, Row, Tx, UseCase
from ostiary.storage.vault import Listener

__all__ = ["CHANNEL", "PostgresVault"]

T = TypeVar("T")

CHANNEL = "ostiary"
"""Whoever ends something notifies it, so that other nodes look at once (storage.keeper)."""

_ANNOUNCE = f"SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint), pg_notify('{CHANNEL}', '')"
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


_BRIEFLY = "SET LOCAL lock_timeout = '25ms'"
_LOCKED = "55P03"


class _PipelinedTx(Tx):
    """A transaction that does not wait for an insert whose count is certain; the writer does, before the commit."""

    __slots__ = ()

    _connection: Line

    def _run(self, statement: Statement, sql: str, values: list[object]) -> Any:  # noqa: ANN401 - see Tx
        if statement.certain:
            self._connection.put(sql, values)
            return _Added()
        return self._connection.execute(sql, values)


class _Added:
    """The answer to an insert that adds one row or fails later, in the same use case."""

    rowcount = 1

    def fetchall(self) -> list[Row]:
        """Answer no rows."""
        return []


class PostgresVault:
    """See `storage.vault.Vault`. `url` is libpq's or SQLAlchemy's; every transaction gets `clock` and `secrets`.

    `threads` bounds the reads, `writers` the transactions under way; each has a connection of its own.
    """

    dialect = "postgresql"

    def __init__(
        self,
        url: str,
        clock: Clock,
        secrets: Secrets,
        ledger: Ledger,
        *,
        threads: int = 8,
        writers: int = 1,
        limits: Limits | None = None,
        name: str = "",
    ) -> None:
        self._clock, self._secrets, self._ledger = clock, secrets, ledger
        self.leases = PostgresLeases(libpq_url(url), name, limits)
        self._barrier = Barrier(self.leases, ticks_of(system_clock()), self._acknowledge)
        self._lines = Lines(libpq_url(url), limits or Limits(), threads + writers)
        self._listeners: list[Listener] = []
        self._groups = Groups(self._perform, self._tell, clock, threads=writers)
        self._readers = ThreadPoolExecutor(threads, "vault-read")

    def listen(self, listener: Listener) -> None:
        """Tell `listener`, on the loop and before the answer, what this process commits."""
        self._listeners.append(listener)

    async def transact(self, scope: Scope, use_case: UseCase[T]) -> T:
        """Queue a use case for the next group."""
        job = Job(scope, use_case, asyncio.get_running_loop())
        self._groups.put(job)
        result: T = await job.outcome()
        return result

    def transact_now(self, scope: Scope, use_case: UseCase[T]) -> T:
        """Run a use case in the calling thread, as a group of one."""
        job = Job(scope, use_case)
        self._groups.run([job])
        if job.changes:
            self._barrier.wait(job)
        result: T = job.value()
        return result

    async def read(self, scope: Scope, use_case: UseCase[T]) -> T:
        """Run a read in a reading thread."""
        return await self._in_thread(self.read_now, scope, use_case)

    def read_now(self, scope: Scope, use_case: UseCase[T]) -> T:
        """Run a read in the calling thread, on one snapshot."""
        with translated(), self._lines.line() as line:
            line.begin(_SNAPSHOT)
            result = use_case(_PipelinedTx(line, self.dialect, scope, self._clock(), self._secrets, None))
            line.commit()
        return result

    async def fetch(self, statement: Statement, **binds: object) -> list[Row]:
        """Run one read as a transaction of its own."""
        return await self._in_thread(self._fetch, statement, binds)

    def close(self) -> None:
        """Finish what is queued and close."""
        self._groups.close()
        self._barrier.close()
        self.leases.close()
        self._readers.shutdown()
        self._lines.close()

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *arguments)

    def _fetch(self, statement: Statement, binds: dict[str, object]) -> list[Row]:
        with translated(), self._lines.line() as line:
            return line.alone(*statement.bound(self.dialect, binds)).fetchall()

    def _perform(self, group: Sequence[Job]) -> None:
        """Perform a group; who met a lock of somebody else's there is performed again, alone, after its commit.

        A group holds the locks of all its use cases. Two that waited for each other's, at two nodes, would wait for a
        second each time, and whoever asks for two things in turn could bring that about.
        """
        with self._lines.line() as line:
            line.begin()
            if len(group) > 1:
                line.put(_BRIEFLY)
            for job in group:
                self._one(line, job)
            self._commit(line, group)
        for job in group if len(group) > 1 else ():
            if job.busy:
                job.again()
                self._groups.run([job])

    def _one(self, line: Line, job: Job) -> None:
        line.owner = job
        line.put("SAVEPOINT one")
        tx = _PipelinedTx(line, self.dialect, job.scope, self._clock(), self._secrets, self._ledger)
        try:
            job.result = job.use_case(tx)
            tx.close()
            line.confirm()
            line.check()
            job.changes = tx.changes
        except Exception as fault:  # noqa: BLE001 - whatever it was, it is told to the one who asked
            line.settle()
            if not _undone(line, job, fault):
                self._one(line, job)
                return
        line.put("RELEASE one")

    def _commit(self, line: Line, group: Sequence[Job]) -> None:
        line.owner = None
        try:
            _announced(line, group)
        except psycopg.Error as fault:
            if line.lost or not isinstance(line.blamed, Job):
                raise
            _undone(line, line.blamed, fault)
            line.put("RELEASE one")
            _announced(line, group)

    def _tell(self, jobs: Sequence[Job]) -> None:
        """Tell at once who ended nothing; the others when no node's memory can be older than their commit."""
        tell([job for job in jobs if not job.changes], self._listeners)
        if ended := [job for job in jobs if job.changes]:
            self._barrier.hold(ended)

    def _acknowledge(self, jobs: Sequence[Job]) -> None:
        tell(jobs, self._listeners)


def _announced(line: Line, group: Sequence[Job]) -> None:
    """Commit; where something was ended, note in which transaction, and wake the nodes."""
    ended = [job for job in group if job.changes]
    said = line.put(_ANNOUNCE) if ended else None
    line.commit()
    for job in ended:
        job.count = said.rows[0][0] if said is not None else 0


def _undone(line: Line, job: Job, fault: Exception) -> bool:
    """Undo the use case that broke and tell it. False when it was the one before: then this one must run again.

    The inserts of a use case whose count is certain are answered together with the next one's first
    statement; when one of them is refused, the server has skipped all that followed.
    """
    before = line.blamed if isinstance(line.blamed, Job) and line.blamed is not job else None
    cause = fault if before is None else line.fault or fault
    broken = before or job
    broken.fail(classify(cause) or cause)
    broken.busy = getattr(cause, "sqlstate", None) == _LOCKED
    line.put("ROLLBACK TO one")
    if before is not None:
        line.put("RELEASE one")
    line.absolve()
    return before is None
