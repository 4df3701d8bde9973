"""Looking at a database without changing anything: one read-only transaction, and the facts that `doctor` tells."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ostiary.kernel.clock import SECOND, Clock, system_clock
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.values import Scope
from ostiary.storage.faults import translated
from ostiary.storage.schema import glimpse, postgres, sqlite_path
from ostiary.storage.turnstile import Turnstile
from ostiary.storage.tx import Connection, Tx

__all__ = ["Facts", "facts", "holds_rows", "reading"]

_WAIT_S = 3
_SCAN = 2 * SECOND
_STEPS = 10_000
_POSTGRES_FACTS = (
    "server_version",
    "synchronous_commit",
    "fsync",
    "full_page_writes",
    "synchronous_standby_names",
    "default_transaction_read_only",
)


class Facts(msgspec.Struct, frozen=True):
    """What a database says of itself. `settings` are its own words; `fault` says why it cannot be written, or ""."""

    engine: str
    settings: dict[str, str]
    fault: str = ""


@contextmanager
def reading(url: str, scope: Scope, clock: Clock | None = None) -> Iterator[Tx]:
    """Give one read-only transaction on a database that is there; nothing is created. Raises StoreUnavailable."""
    path = sqlite_path(url)
    now = (clock or system_clock())()
    with translated(), _opened(url, path) as (connection, dialect):
        yield Tx(connection, dialect, scope, now, system_secrets, None)


def facts(url: str, clock: Clock) -> Facts:
    """Ask the database what it is and whether it could be written now. Raises StoreUnavailable, ContractBroken."""
    path = sqlite_path(url)
    with translated(), _opened(url, path) as (connection, _):
        if path is None:
            return _postgres_facts(connection)
        return Facts(f"SQLite {sqlite3.sqlite_version}", _sqlite_facts(connection, clock), _write_fault(path, clock))


def holds_rows(url: str, table: str) -> bool:
    """Tell whether a table of ours is there and holds anything; nothing is created. Raises StoreUnavailable."""
    path = sqlite_path(url)
    named = "SELECT to_regclass($1::text)" if path is None else "SELECT max(name) FROM sqlite_master WHERE name = ?"
    with translated(), _opened(url, path) as (connection, _):
        there = connection.execute(named, (table,)).fetchone()[0]
        first = f"SELECT 1 FROM {table} LIMIT 1"  # noqa: S608 - the name of a table of ours, never a text from outside
        return there is not None and connection.execute(first).fetchone() is not None


@contextmanager
def _opened(url: str, path: Path | None) -> Iterator[tuple[Connection, str]]:
    if path is None:
        from psycopg import RawCursor  # noqa: PLC0415 - a server on SQLite need not pay for psycopg

        with closing(postgres(url)) as line:
            line.autocommit, line.cursor_factory = True, RawCursor  # our statements number their binds: $1
            line.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            line.execute(f"SET LOCAL statement_timeout = {_WAIT_S * 1000}")
            yield line, "postgresql"
        return
    with closing(glimpse(path, _WAIT_S)) as file:
        file.execute("BEGIN")
        yield file, "sqlite"


def _sqlite_facts(connection: Connection, clock: Clock) -> dict[str, str]:
    found = {"journal_mode": str(connection.execute("PRAGMA journal_mode").fetchone()[0])}
    return found | {"quick_check": _quick_check(connection, clock() + _SCAN, clock)}


def _quick_check(connection: Connection, deadline: int, clock: Clock) -> str:
    """Read the whole file, but no longer than until `deadline`; "ok", "" when time ran out, or what is wrong."""
    if isinstance(connection, sqlite3.Connection):
        connection.set_progress_handler(lambda: clock() > deadline, _STEPS)
    try:
        return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as fault:
        if fault.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return ""
        raise


def _write_fault(path: Path, clock: Clock) -> str:
    """Take the write lock as a server would and let it go again: no byte of the file changes."""
    try:
        with translated(), _turn(path, clock), closing(_writable(path)) as file:
            file.execute("BEGIN IMMEDIATE")
            file.execute("ROLLBACK")
    except StoreUnavailable as fault:
        return str(fault)
    return ""


def _writable(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_WAIT_S)


@contextmanager
def _turn(path: Path, clock: Clock) -> Iterator[None]:
    """Wait behind the other writers, if there ever were any: the lock files are theirs to make."""
    if not Path(f"{path}.lock").exists():
        yield
        return
    turnstile = Turnstile(path, clock, _WAIT_S * SECOND)
    try:
        with turnstile.held():
            yield
    finally:
        turnstile.close()


def _postgres_facts(connection: Connection) -> Facts:
    found = {name: str(connection.execute(f"SHOW {name}").fetchone()[0]) for name in _POSTGRES_FACTS}
    found["standbys"] = str(connection.execute("SELECT count(*) FROM pg_stat_replication").fetchone()[0])
    found["pooled"] = "yes" if _pooled(connection) else ""
    standby = connection.execute("SELECT pg_is_in_recovery()").fetchone()[0]
    may = connection.execute("SELECT has_table_privilege(to_regclass('receipts'), 'INSERT')").fetchone()[0]
    readonly = standby or found["default_transaction_read_only"] == "on"
    fault = "it takes no writes: a standby, or set to read only" if readonly else ""
    fault = fault or ("" if may is not False else "this user may not write into the table receipts")
    return Facts(f"PostgreSQL {found.pop('server_version')}", found, fault)


def _pooled(connection: Any) -> bool:  # noqa: ANN401 - psycopg is imported where it is needed
    """Tell whether a pooler stands in between: it gives its clients a process id of its own making."""
    (there,) = connection.execute("SELECT pg_backend_pid()").fetchone()
    return bool(there != connection.info.backend_pid)
