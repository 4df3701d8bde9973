"""The vault on SQLite: one writer thread, a savepoint per use case, one durable COMMIT per group."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ostiary.kernel.clock import SECOND, Clock, system_clock, ticks_of
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.ids import Secrets
from ostiary.kernel.values import Scope
from ostiary.storage.faults import classify, translated
from ostiary.storage.groups import Groups
from ostiary.storage.jobs import NAP_S, Job, tell
from ostiary.storage.pledges import Pledges
from ostiary.storage.statements import Statement
from ostiary.storage.tally import Tally
from ostiary.storage.turnstile import Turnstile
from ostiary.storage.tx import Ledger, Row, Tx, UseCase
from ostiary.storage.vault import Listener

__all__ = ["SqliteReader", "SqliteVault", "connect"]

T = TypeVar("T")

_PATIENCE = 5 * SECOND
_READ_CACHE_KIB = 65_536
_MOVED = "the database file was moved or replaced under the running server: restart it"


def connect(path: Path, synchronous: str = "FULL", patience: int = _PATIENCE) -> sqlite3.Connection:
    """Open the file in WAL mode. `synchronous` is FULL but for measurements, `patience` in microseconds."""
    seconds = patience / SECOND
    made = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512, timeout=seconds)
    try:
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON", "temp_store=MEMORY"):
            made.execute(f"PRAGMA {pragma}").close()
    except BaseException:
        made.close()
        raise
    return made


def _identity(path: Path) -> tuple[int, int] | None:
    """Tell which file the path names now: SQLite itself would go on writing to a file that nobody can find."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class SqliteReader:
    """Reads on a connection of its own, for the thread that made it."""

    def __init__(self, path: Path) -> None:
        with translated():
            self._connection = connect(path)
            self._connection.execute(f"PRAGMA cache_size=-{_READ_CACHE_KIB}").close()
        self._tally = Tally(path)
        self._version = self._connection.cursor()
        self._path, self._identity = path, _identity(path)
        self.tally: Sequence[int] = self._tally.count

    def version(self) -> int:
        """Return data_version by the PRAGMA (the driver's file control can be stale).

        Raises StoreUnavailable where the path names another file by now: its ends would never be seen here.
        """
        if _identity(self._path) != self._identity:
            raise StoreUnavailable(_MOVED)
        with translated():
            row = self._version.execute("PRAGMA data_version").fetchone()
        return int(row[0])

    def all(self, statement: Statement, **binds: object) -> list[Row]:
        """Run one read."""
        try:
            return self._connection.execute(*statement.bound("sqlite", binds)).fetchall()
        except sqlite3.Error as fault:
            raise classify(fault) or fault from fault

    def hold(self) -> None:
        """Let all reads see one state of the file, that of the first of them, until `let_go`."""
        if not self._connection.in_transaction:
            with translated():
                self._connection.execute("BEGIN")

    def let_go(self) -> None:
        """Let reads see the file as it is again."""
        if self._connection.in_transaction:
            with translated():
                self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        self._tally.close()


class SqliteVault:
    """See `storage.vault.Vault`. `clock` and `secrets` are handed to every transaction.

    `patience` is how many microseconds another writer is waited for.
    """

    dialect = "sqlite"

    def __init__(
        self,
        path: Path,
        clock: Clock,
        secrets: Secrets,
        ledger: Ledger,
        *,
        synchronous: str = "FULL",
        patience: int = _PATIENCE,
    ) -> None:
        self.path = path
        self._clock, self._secrets, self._ledger = clock, secrets, ledger
        with translated():
            self._writer = connect(path, synchronous, patience)
            self._reading = connect(path)
        self._identity = _identity(path)
        self._turnstile, self._tally = Turnstile(path, clock, patience), Tally(path)
        self.pledges = Pledges(path, ticks_of(system_clock()))
        self._listeners: list[Listener] = []
        self._write_lock, self._closed = threading.Lock(), False
        self._groups = Groups(self._perform, self._tell, clock)
        self._readers = ThreadPoolExecutor(1, "vault-read")

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
        while job.changes and self.pledges.outstanding(job.count):
            time.sleep(NAP_S)
        result: T = job.value()
        return result

    async def read(self, scope: Scope, use_case: UseCase[T]) -> T:
        """Run a read in the reading thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, scope, use_case)

    def read_now(self, scope: Scope, use_case: UseCase[T]) -> T:
        """Run a read, blocking."""
        return self._readers.submit(self._read, scope, use_case).result()

    def close(self) -> None:
        """Finish what is queued and close."""
        if self._closed:
            return
        self._closed = True
        self._groups.close()
        self._readers.shutdown()
        self._writer.close()
        self._reading.close()
        self._turnstile.close()
        self._tally.close()
        self.pledges.close()

    def _perform(self, group: Sequence[Job]) -> None:
        with self._write_lock, self._turnstile.held():
            if _identity(self.path) != self._identity:
                raise StoreUnavailable(_MOVED)
            self._group(group)
            if any(job.changes for job in group):
                self._tally.move()  # by now the end is durable, and nobody has been told of it
                for job in group:
                    job.count = self._tally.count[0]

    def _group(self, group: Sequence[Job]) -> None:
        writer = self._writer
        writer.execute("BEGIN IMMEDIATE")
        try:
            for job in group:
                self._one(writer, job)
            writer.execute("COMMIT")
        except BaseException:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise

    def _one(self, writer: sqlite3.Connection, job: Job) -> None:
        writer.execute("SAVEPOINT one")
        tx = Tx(writer, "sqlite", job.scope, self._clock(), self._secrets, self._ledger)
        try:
            job.result = job.use_case(tx)
            tx.close()
            job.changes = tx.changes
        except Exception as fault:
            if not writer.in_transaction:
                raise
            writer.execute("ROLLBACK TO one")
            job.fail(classify(fault) or fault)
        writer.execute("RELEASE one")

    def _tell(self, jobs: Sequence[Job]) -> None:
        tell(jobs, self._listeners, self.pledges.outstanding)

    def _read(self, scope: Scope, use_case: Callable[[Tx], T]) -> T:
        if _identity(self.path) != self._identity:
            raise StoreUnavailable(_MOVED)
        with translated():
            self._reading.execute("BEGIN")
            try:
                return use_case(Tx(self._reading, "sqlite", scope, self._clock(), self._secrets, None))
            finally:
                self._reading.execute("ROLLBACK")
