"""The schema: where a database stands, and how it is brought to where this release wants it.

Alembic and psycopg are imported only when there is something for them to do: an ordinary start need not pay.
"""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from ostiary.kernel.clock import MINUTE, system_clock
from ostiary.kernel.errors import BootRefused, SettingsError
from ostiary.storage.faults import classify, translated
from ostiary.storage.sqlite import connect
from ostiary.storage.turnstile import Turnstile

if TYPE_CHECKING:
    import psycopg

__all__ = ["State", "glimpse", "libpq_url", "postgres", "require", "sqlalchemy_url", "sqlite_path", "state", "upgrade"]

_MIGRATIONS = Path(__file__).with_name("migrations")
_POSTGRES = "postgresql+psycopg://"
_SQLITE = "sqlite:///"
_CONNECT_TIMEOUT_S = 3
_WAIT_FOR_OTHERS = 2 * MINUTE
_LOCK = 0x6F737469617279  # "ostiary": the advisory lock that a migration holds
_VERSION = "SELECT version_num FROM alembic_version"


class State(StrEnum):
    """Where a database's schema stands beside this release's."""

    CURRENT = "current"
    BEHIND = "behind"
    NEWER = "newer"


def sqlalchemy_url(database_url: str) -> str:
    """Return SQLAlchemy's form of a database address; libpq's forms are understood. Raises SettingsError."""
    for scheme in (_POSTGRES, "postgresql://", "postgres://"):
        if database_url.startswith(scheme):
            return _POSTGRES + database_url.removeprefix(scheme)
    if database_url.startswith(_SQLITE) and database_url != _SQLITE:
        return database_url
    raise SettingsError("a database address starts with sqlite:///, postgresql:// or postgres://")


def libpq_url(url: str) -> str:
    """Return libpq's form of a PostgreSQL address."""
    return "postgresql://" + sqlalchemy_url(url).removeprefix(_POSTGRES)


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite address, None for PostgreSQL."""
    found = sqlalchemy_url(url)
    return Path(found.removeprefix(_SQLITE)) if found.startswith(_SQLITE) else None


def state(url: str) -> State:
    """Tell where the database stands; creates nothing. Raises StoreUnavailable."""
    return _state(_revision(url))


def require(url: str) -> None:
    """Raise BootRefused, saying what to do, unless the schema is this release's; change nothing."""
    found = _revision(url)
    match _state(found):
        case State.NEWER:
            raise BootRefused(_newer(found))
        case State.BEHIND:
            what = f"the database has schema {found}, older than this release" if found else "the database is empty"
            raise BootRefused(f"{what}: run `ostiary migrate`")
        case State.CURRENT:
            return


def upgrade(url: str) -> list[str]:
    """Bring the database to this release's schema, all or nothing, and return what was applied.

    Several servers may start at once: one works, the others wait and find nothing to do. Raises
    BootRefused when the database is newer than this release, and StoreUnavailable.
    """
    if _state(_revision(url)) is State.CURRENT:
        return []
    with _plainly(), _alone(url), _transaction(url) as connection:
        found = _revision(url)
        match _state(found):
            case State.NEWER:
                raise BootRefused(_newer(found))
            case State.CURRENT:
                return []
            case State.BEHIND:
                _apply(connection)
                known = _known()
                return known[known.index(found) + 1 :] if found else known


def _newer(found: str) -> str:
    newest = _known()[-1]
    return (
        f"the database has schema {found}, this release knows up to {newest}: start the newer release again, "
        "or restore the backup that was made before it"
    )


def _known() -> list[str]:
    """Return the revisions of this release, oldest first; a file's name begins with its revision."""
    return sorted(file.name.split("_")[0] for file in (_MIGRATIONS / "versions").glob("*.py"))


def _state(found: str) -> State:
    known = _known()
    if found == known[-1]:
        return State.CURRENT
    return State.BEHIND if not found or found in known else State.NEWER


def _revision(url: str) -> str:
    """Return the revision that the database names, "" for none; asks the bare driver."""
    path = sqlite_path(url)
    with translated():
        return _postgres_revision(url) if path is None else _sqlite_revision(path)


def _sqlite_revision(path: Path) -> str:
    if not path.exists():
        return ""
    connection = glimpse(path)
    try:
        there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute(_VERSION).fetchone() if there else None
    finally:
        connection.close()
    return str(row[0]) if row else ""


def glimpse(path: Path, timeout: float = 5) -> sqlite3.Connection:
    """Open a SQLite file that is there, for reading. Closing leaves the folder as it was.

    NOTE: a writable connection that closes last writes the log back, and a read-only one leaves an empty log behind.
    """
    mode = "ro" if Path(f"{path}-wal").exists() else "rw"
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)


def postgres(url: str) -> "psycopg.Connection":
    """Connect to PostgreSQL by the bare driver, within a few seconds. Raises what psycopg raises.

    Nothing is prepared: behind a pooler it would be left in a server process that others get next.
    """
    from psycopg import connect as dial  # noqa: PLC0415 - a server on SQLite need not pay for psycopg

    return dial(libpq_url(url), connect_timeout=_CONNECT_TIMEOUT_S, prepare_threshold=None)


def _postgres_revision(url: str) -> str:
    with postgres(url) as connection:
        there = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
        row = connection.execute(_VERSION).fetchone() if there and there[0] else None
    return str(row[0]) if row else ""


@contextmanager
def _plainly() -> Iterator[None]:
    """Raise what SQLAlchemy wrapped as an error of ours."""
    try:
        yield
    except DBAPIError as fault:
        ours = classify(fault.orig) if fault.orig is not None else None
        raise ours or fault from fault


@contextmanager
def _alone(url: str) -> Iterator[None]:
    """Keep other writers of a SQLite file away; on PostgreSQL the transaction's own lock does."""
    path = sqlite_path(url)
    if path is None:
        yield
        return
    turnstile = Turnstile(path, system_clock(), _WAIT_FOR_OTHERS)
    try:
        with turnstile.held():
            if not path.exists():
                path.touch(0o600)
            yield
    finally:
        turnstile.close()


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    """One transaction for all migrations, holding the lock; committed when the block ends well."""
    path = sqlite_path(url)
    if path is None:
        engine = create_engine(_POSTGRES, creator=lambda: postgres(url), poolclass=NullPool)
        begin = f"SELECT pg_advisory_xact_lock({_LOCK})"
    else:
        engine = create_engine("sqlite://", creator=lambda: connect(path), poolclass=NullPool)
        begin = "BEGIN IMMEDIATE"
    with engine.connect() as connection:
        connection.exec_driver_sql(begin)
        yield connection
        connection.commit()


def _apply(connection: Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it speaks while it is imported
    from alembic import command  # noqa: PLC0415 - an ordinary start need not pay for Alembic
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
