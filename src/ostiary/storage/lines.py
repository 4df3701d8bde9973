"""Connections to PostgreSQL: bounded in time, pipelined, replaced when they break."""

import select
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import msgspec
import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper

from ostiary.kernel.errors import ContractBroken, StoreUnavailable

__all__ = ["Limits", "Line", "Lines"]

_STATEMENTS = 500
_TRIES = 3


class Limits(msgspec.Struct, frozen=True):
    """How long is waited. A server that hangs is given up after `answer_s`, whatever it was asked.

    `statement_ms` and `lock_ms` are the server's own limits for one statement and for one wait for a
    lock; `idle_ms` frees the locks of a process that stopped in the middle of a transaction.
    """

    connect_s: int = 2
    answer_s: float = 2.5
    statement_ms: int = 2_000
    lock_ms: int = 1_000
    idle_ms: int = 10_000


class _Bounded(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for no answer longer than `patience_s`, and is closed after that."""

    patience_s = Limits().answer_s

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ANN401 - the parent's
        try:
            return super().wait(gen, interval, self.patience_s if timeout is None else timeout)
        except psycopg.OperationalError as fault:
            if fault.sqlstate is None and not isinstance(fault, psycopg.errors.PipelineAborted):
                self.close()  # too late or cut off: not the server's word, so nobody knows what it still does
            raise


class Line:
    """One connection in pipeline mode. What is `put` travels with the next `execute` or `flush`."""

    def __init__(self, url: str, limits: Limits) -> None:
        self._connection = _Bounded.connect(
            url, autocommit=True, connect_timeout=limits.connect_s, application_name="ostiary"
        )
        self._connection.patience_s = limits.answer_s
        self._connection.prepare_threshold, self._connection.prepared_max = 0, _STATEMENTS
        for kind in (int, bool):
            self._connection.adapters.register_dumper(kind, Int8BinaryDumper)
        self._mode = ExitStack()
        self._pipeline = self._mode.enter_context(self._connection.pipeline())
        self._poll = select.poll()
        self._poll.register(self._connection.fileno(), select.POLLIN)
        self._waiting = False
        try:
            self._prepare(limits)
        except BaseException:
            self.close()
            raise

    @property
    def lost(self) -> bool:
        """Tell whether the connection is gone, so that whatever was begun on it is undone or unknown."""
        return self._connection.closed

    @property
    def stale(self) -> bool:
        """Tell whether a resting connection must not be used: the server has said something, most likely farewell."""
        return self.lost or bool(self._poll.poll(0))

    def put(self, sql: str, values: Sequence[object] = ()) -> "psycopg.Cursor[tuple[Any, ...]]":
        """Send a statement and do not wait for its answer."""
        cursor = self._connection.cursor(binary=True)
        self._waiting = True
        cursor.execute(sql, values)
        return cursor

    def execute(self, sql: str, values: Sequence[object] = ()) -> "psycopg.Cursor[tuple[Any, ...]]":
        """Run a statement and wait for its answer, and for all that were put before."""
        cursor = self.put(sql, values)
        self.flush()
        return cursor

    def flush(self) -> None:
        """Wait for the answers of all that was put. Raises the first of their errors."""
        if self._waiting:
            self._pipeline.sync()
            self._waiting = False

    def settle(self) -> None:
        """Collect what is still under way after an error. Raises StoreUnavailable when the connection is lost."""
        for _ in range(_TRIES):
            with suppress(psycopg.Error):
                self.flush()
                return
        raise StoreUnavailable("the connection was lost")

    def reset(self) -> None:
        """Undo what was begun, so that the connection can be used again; what cannot be undone is closed."""
        try:
            self.settle()
            if self._connection.info.transaction_status is not TransactionStatus.IDLE:
                self.execute("ROLLBACK")
        except (psycopg.Error, StoreUnavailable):
            self.close()

    def check(self) -> None:
        """Raise ContractBroken where a statement was refused and whoever sent it went on; asked after a flush."""
        if self._connection.pgconn.transaction_status == TransactionStatus.INERROR:
            raise ContractBroken("a use case went on after the store had refused a statement")

    def commit(self) -> None:
        """Commit; a transaction that had failed is rolled back by the server without an error, so look."""
        said = self.execute("COMMIT").statusmessage
        if said != "COMMIT":
            raise StoreUnavailable(f"the database answered {said} to COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        with suppress(psycopg.Error):
            self._mode.close()

    def _prepare(self, limits: Limits) -> None:
        """Set the server's limits; an acknowledged commit is durable whatever the database's default is."""
        for name, value in (
            ("statement_timeout", limits.statement_ms),
            ("lock_timeout", limits.lock_ms),
            ("idle_in_transaction_session_timeout", limits.idle_ms),
        ):
            self.put("SELECT set_config(%s, %s, false)", (name, str(value)))
        self.put(
            "SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        )
        self.flush()


class Lines:
    """Connections at rest. A `with` block takes one, or makes one, and gives it back unless it broke."""

    def __init__(self, url: str, limits: Limits, most: int) -> None:
        self._url, self._limits, self._most = url, limits, most
        self._resting: list[Line] = []

    @contextmanager
    def line(self) -> Iterator[Line]:
        """Lend a connection."""
        line = self._rested() or Line(self._url, self._limits)
        try:
            yield line
        finally:
            self._rest(line)

    def close(self) -> None:
        """Close every connection at rest."""
        while self._resting:
            self._resting.pop().close()

    def _rest(self, line: Line) -> None:
        line.reset()
        if line.lost or len(self._resting) >= self._most:
            line.close()
        else:
            self._resting.append(line)

    def _rested(self) -> Line | None:
        while self._resting:
            line = self._resting.pop()
            if not line.stale:
                return line
            line.close()
        return None
