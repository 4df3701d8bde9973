"""The transaction that a use case is handed: it runs statements, takes events, and has its own time."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

import msgspec

from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.ids import Secrets
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName, Outcome, Scope
from ostiary.storage.outbox import ADD_CHANGE, Change
from ostiary.storage.statements import Statement

__all__ = ["BOOKKEEPING", "Ledger", "Row", "Tx", "UseCase", "Watch"]

Row = tuple[Any, ...]
Watch = Callable[[str, list[object]], None]
"""Is shown every write of a transaction: the table, and the values that go there."""

T = TypeVar("T")

BOOKKEEPING = frozenset(
    {
        "code_budgets",
        "device_requests",
        "heartbeats",
        "limit_counters",
        "mail_turns",
        "outbox",
        "receipts",
        "session_seen",
        "tree_leaves",
        "tree_pending",
        "unpublished",
    }
)
"""The closed list of tables whose changes need no event: last seen, counters, turns, the outbox, the log."""


class Connection(Protocol):
    """What a transaction needs of a driver's connection (sqlite3 and psycopg both give it)."""

    def execute(self, sql: Any, parameters: Any = ..., /) -> Any: ...  # noqa: ANN401 - the drivers' own types differ


class Ledger(Protocol):
    """The log's side of a transaction: writes the receipt of one event into the same transaction."""

    def record(self, tx: "Tx", event: Event) -> str:
        """Write the receipt and return its id."""


class Tx:
    """One use case's transaction.

    `scope` is the tenant it acts in, `now` its single moment (microseconds since 1970), `secrets` its
    randomness. `watch`, where set, is shown what is written; `receipt` is the id of the newest receipt that it left.
    `held` are the people whose rows it holds and found open, so that nobody need ask for them again.
    Nothing here can await or reach the network.
    """

    __slots__ = (
        "_connection",
        "_dialect",
        "_emitted",
        "_ledger",
        "_unspoken",
        "changes",
        "held",
        "now",
        "receipt",
        "scope",
        "secrets",
        "watch",
    )

    def __init__(
        self,
        connection: Connection,
        dialect: str,
        scope: Scope,
        now: int,
        secrets: Secrets,
        ledger: Ledger | None,
    ) -> None:
        self._connection = connection
        self._dialect = dialect
        self._ledger = ledger
        self._emitted = False
        self._unspoken = ""
        self.scope = scope
        self.now = now
        self.secrets = secrets
        self.changes: list[Change] = []
        self.held: set[str] = set()
        self.watch: Watch | None = None
        self.receipt = ""

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`, for the few who must do it otherwise on one of them."""
        return self._dialect

    def all(self, statement: Statement, **binds: object) -> list[Row]:
        """Run a statement that answers rows and return all of them."""
        cursor = self._execute(statement, binds)
        rows: list[Row] = cursor.fetchall()
        if rows or cursor.rowcount > 0:
            self._note(statement)
        return rows

    def each(self, statement: Statement, **binds: object) -> Iterable[Row]:
        """Run a read and hand out its rows one by one: a row that is let go of at once costs half as much."""
        if statement.writes:
            raise ContractBroken("rows of a change are read at once")
        rows: Iterable[Row] = self._execute(statement, binds)
        return rows

    def one(self, statement: Statement, **binds: object) -> Row | None:
        """Run a statement that answers at most one row."""
        rows = self.all(statement, **binds)
        return rows[0] if rows else None

    def do(self, statement: Statement, **binds: object) -> int:
        """Run a statement that changes rows and return how many it changed; that count decides single use."""
        cursor = self._execute(statement, binds)
        if statement.returns:
            cursor.fetchall()  # SQLite counts only what has been fetched, and unread rows would block the commit
        count: int = cursor.rowcount
        if count:
            self._note(statement)
        return count

    def emit(self, event: Event) -> str:
        """Hand one event to the log and return the id of its receipt."""
        if self._ledger is None:
            raise ContractBroken("an event in a read-only transaction")
        self._emitted = True
        self.receipt = self._ledger.record(self, event)
        return self.receipt

    def refuse(self, name: EventName, caller: Caller, subject: str, refusal: Refusal | Code) -> Refusal:
        """Record an expected no and return it, so that the use case can end with it."""
        made = refusal if isinstance(refusal, Refusal) else Refusal(refusal)
        reasons = (made.code.value, *made.reasons)
        receipt = self.emit(Event(name, caller, subject, Outcome.REFUSED, reasons))
        return msgspec.structs.replace(made, receipt=receipt)

    def shrink(self, kind: str, subject: str) -> None:
        """Announce that `subject` lost authority: every node forgets it before the answer exists."""
        self.do(ADD_CHANGE, tenant_id=self.scope.tenant, kind=kind, subject=subject, at=self.now)
        self.changes.append(Change(kind, subject))

    def settle(self, kind: str, subject: str) -> None:
        """Make a repeated end wait like the first one did: its answer promises the same (ruling 10)."""
        self.changes.append(Change(kind, subject))

    def close(self) -> None:
        """Check the law before the commit: no change without its event. Raises ContractBroken."""
        if self._unspoken and not self._emitted:
            raise ContractBroken(f"{self._unspoken} changed without an event")

    def _note(self, statement: Statement) -> None:
        if statement.writes and statement.table not in BOOKKEEPING:
            self._unspoken = statement.table

    def _execute(self, statement: Statement, binds: dict[str, object]) -> Any:  # noqa: ANN401 - a driver's cursor
        if statement.writes and self._ledger is None:
            raise ContractBroken(f"a write to {statement.table} in a read-only transaction")
        sql, values = statement.bound(self._dialect, binds)
        if self.watch is not None and statement.writes:
            self.watch(statement.table, values)
        return self._run(statement, sql, values)

    def _run(self, statement: Statement, sql: str, values: list[object]) -> Any:  # noqa: ANN401 - a driver's cursor
        return self._connection.execute(sql, values)


UseCase = Callable[[Tx], T]
"""A use case: a plain function over a transaction. It cannot await."""
