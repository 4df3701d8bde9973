"""Connections to PostgreSQL: pipelined on bare libpq, bounded in time, replaced when they break.

psycopg's cursors send every statement by itself and wait in Python; driving libpq's pipeline here halves the
CPU of a transaction (docs/decisions/0002-storage.md). Values are still dumped and loaded by psycopg.

Behind a pooler (PgBouncer) each transaction may meet another server process. Then nothing may be left in one for the
next transaction: statements have no names, and the limits are set in each transaction anew, at no further round trip.
"""

import select
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.types.numeric import Int8BinaryDumper

from ostiary.kernel.errors import ContractBroken, StoreUnavailable

__all__ = ["Answer", "Limits", "Line", "Lines"]

_AUTO = PyFormat.AUTO
_Key = tuple[str, tuple[int, ...] | None]
"""What a prepared statement is known by: its text and the types of its values."""

_LIMITS = (
    "SELECT set_config('statement_timeout', $1, brief), set_config('lock_timeout', $2, brief),"
    " set_config('idle_in_transaction_session_timeout', $3, brief),"
    " CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')"
    " THEN set_config('synchronous_commit', 'on', brief) END"
    " FROM (SELECT CAST($4 AS boolean) AS brief) AS life"
)
"""An acknowledged commit is durable whatever the database's default is. $4 says: for this transaction only."""


class Limits(msgspec.Struct, frozen=True):
    """How long is waited. A server that is silent for `answer_s` is given up, whatever it was asked.

    `statement_ms` and `lock_ms` are the server's own limits for one statement and for one wait for a
    lock; `idle_ms` frees the locks of a process that stopped in the middle of a transaction.
    """

    connect_s: int = 2
    answer_s: float = 2.5
    statement_ms: int = 2_000
    lock_ms: int = 1_000
    idle_ms: int = 10_000


class Answer:
    """What the server said to one statement; there is nothing in it before the flush."""

    __slots__ = ("rowcount", "rows", "said")

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.rowcount = -1
        self.said = b""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return self.rows


class _Sent(NamedTuple):
    """A statement under way, or its preparation where `answer` is None."""

    answer: Answer | None
    key: _Key
    owner: object


class Line:
    """One connection in pipeline mode. What is `put` travels with the next `execute` or `flush`.

    `pooled` tells that a pooler stands in between: it answers for the server with a process id of its own making.
    `owner` is for whom statements are put now; `blamed` is who put the first that was refused, and `fault`
    is why: with several owners in one flight, the one who meets the error need not be the one who made it.
    """

    def __init__(self, url: str, limits: Limits) -> None:
        self._connection = psycopg.connect(
            url, autocommit=True, connect_timeout=limits.connect_s, application_name="ostiary"
        )
        for kind in (int, bool):
            self._connection.adapters.register_dumper(kind, Int8BinaryDumper)
        self._link, self._shape = self._connection.pgconn, Transformer(self._connection)
        self._limits, self._named_so_far = limits, 0
        self._names: dict[_Key, bytes] = {}
        self._pending: list[_Sent] = []
        self.owner: object = None
        self.absolve()
        self._poll, self._silence_ms = select.poll(), int(limits.answer_s * 1000)
        self._poll.register(self._connection.fileno(), select.POLLIN)
        self._link.enter_pipeline_mode()
        self.pooled = True  # until the server has told its own process id
        try:
            self.pooled = self.execute("SELECT pg_backend_pid()").rows[0][0] != self._connection.info.backend_pid
            if not self.pooled:
                self._limit(for_good=True)
                self.flush()
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

    def put(self, sql: str, values: Sequence[object] = ()) -> Answer:
        """Queue a statement and do not wait for its answer."""
        given = self._shape.dump_sequence(values, [_AUTO] * len(values))
        key, answer = (sql, self._shape.types), Answer()
        try:
            if self.pooled:
                self._link.send_query_params(sql.encode(), given, key[1], self._shape.formats, Format.BINARY)
            else:
                name = self._names.get(key) or self._named(key)
                self._link.send_query_prepared(name, given, self._shape.formats, Format.BINARY)
        except psycopg.Error:
            self.close()
            raise
        self._pending.append(_Sent(answer, key, self.owner))
        return answer

    def begin(self, sql: str = "BEGIN") -> None:
        """Queue the begin of a transaction, within the limits."""
        self.put(sql)
        if self.pooled:
            self._limit(for_good=False)

    def alone(self, sql: str, values: Sequence[object] = ()) -> Answer:
        """Run a statement as a transaction of its own, within the limits: what one flush sends is one transaction."""
        if self.pooled:
            self._limit(for_good=False)
        return self.execute(sql, values)

    def execute(self, sql: str, values: Sequence[object] = ()) -> Answer:
        """Run a statement and wait for its answer, and for all that were put before."""
        answer = self.put(sql, values)
        self.flush()
        return answer

    def flush(self) -> None:
        """Wait for the answers of all that was put. Raises the first of their errors."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        faults: list[psycopg.Error] = []
        try:
            self._link.pipeline_sync()
            self._send()
            for sent in pending:
                self._take(sent, faults)
            self._receive()  # the answer to the sync itself
        except psycopg.Error as fault:
            self.close()  # libpq itself failed, or time is over: nobody knows what the server still does
            faults.append(fault)
        if faults:
            raise faults[0]

    def confirm(self) -> None:
        """Wait where something of an owner before is still unanswered, so that there is never more than one such."""
        if self._pending and self._pending[0].owner is not self.owner:
            self.flush()

    def absolve(self) -> None:
        """Forget who was blamed, because it was dealt with."""
        self.blamed: object = None
        self.fault: psycopg.Error | None = None

    def settle(self) -> None:
        """Collect what is still under way after an error. Raises StoreUnavailable when the connection is lost."""
        with suppress(psycopg.Error):
            self.flush()
        if self.lost:
            raise StoreUnavailable("the connection was lost")

    def reset(self) -> None:
        """Undo what was begun, so that the connection can be used again; what cannot be undone is closed."""
        try:
            self.settle()
            if self._link.transaction_status != TransactionStatus.IDLE:
                self.execute("ROLLBACK")
        except (psycopg.Error, StoreUnavailable):
            self.close()

    def check(self) -> None:
        """Raise ContractBroken where a statement was refused and whoever sent it went on; asked after a flush."""
        if self._link.transaction_status == TransactionStatus.INERROR:
            raise ContractBroken("a use case went on after the store had refused a statement")

    def commit(self) -> None:
        """Commit; a transaction that had failed is rolled back by the server without an error, so look."""
        said = self.execute("COMMIT").said
        if said != b"COMMIT":
            raise StoreUnavailable(f"the database answered {said.decode()} to COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _named(self, key: _Key) -> bytes:
        self._named_so_far += 1
        name = b"s%d" % self._named_so_far
        self._link.send_prepare(name, key[0].encode(), key[1])
        self._names[key] = name
        self._pending.append(_Sent(None, key, self.owner))
        return name

    def _send(self) -> None:
        while self._link.flush():
            self._wait(select.POLLIN | select.POLLOUT)
            self._link.consume_input()

    def _receive(self) -> PGresult | None:
        while self._link.is_busy():
            self._wait(select.POLLIN)
            self._link.consume_input()
        return self._link.get_result()

    def _wait(self, events: int) -> None:
        self._poll.modify(self._connection.fileno(), events)
        ready = self._poll.poll(self._silence_ms)
        self._poll.modify(self._connection.fileno(), select.POLLIN)
        if not ready:
            raise psycopg.OperationalError("the database did not answer in time")

    def _take(self, sent: _Sent, faults: list[psycopg.Error]) -> None:
        """Take the answer to one queued statement, or to its preparation (there is no `answer` then)."""
        result, answer = self._receive(), sent.answer
        if result is None or result.status in {ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED}:
            if answer is None:
                self._names.pop(sent.key, None)
            if result is not None and result.status == ExecStatus.FATAL_ERROR:
                faults.append(error_from_result(result))
                if self.fault is None:
                    self.fault, self.blamed = faults[0], sent.owner
        elif answer is not None:
            answer.said = result.command_status or b""
            answer.rowcount = -1 if result.command_tuples is None else result.command_tuples
            if result.status == ExecStatus.TUPLES_OK:
                self._shape.set_pgresult(result)
                answer.rows = self._shape.load_rows(0, result.ntuples, tuple)
        if result is not None:
            self._receive()  # the end of this answer

    def _limit(self, *, for_good: bool) -> None:
        """Queue the server's limits: for good on a server process of our own, else for this transaction."""
        limits = self._limits
        self.put(_LIMITS, (str(limits.statement_ms), str(limits.lock_ms), str(limits.idle_ms), str(not for_good)))


class Lines:
    """Connections at rest. A `with` block takes one, or makes one, and gives it back unless it broke."""

    def __init__(self, url: str, limits: Limits, most: int) -> None:
        self._url, self._limits, self._most = url, limits, most
        self._resting: list[Line] = []

    @contextmanager
    def line(self) -> Iterator[Line]:
        """Lend a connection."""
        line = self._rested() or Line(self._url, self._limits)
        line.owner = None
        line.absolve()
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
