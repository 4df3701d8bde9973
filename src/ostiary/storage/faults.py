"""Every store fault, classified in one place: the store cannot answer, or we broke a rule of ours."""

import re
import sqlite3
from types import TracebackType

from ostiary.kernel.errors import ContractBroken, OstiaryError, StoreUnavailable

__all__ = ["classify", "translated"]

_SQLITE_BROKEN = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError)
_POSTGRES_BROKEN = ("22", "23", "42")
_MISCOUNTED = "08P01"
_POSTGRES_CLIENT = {"ProgrammingError", "DataError", "InterfaceError", "NotSupportedError"}
_DENIED = "42501"
_MISADDRESSED = ("28", "3D")
_TURNED_AWAY = re.compile(
    r'(role|database) ".*" (does not exist|is not permitted to log in)|authentication failed|no pg_hba\.conf entry'
    r"|no password supplied"
)
"""How those two classes read where a connection is refused: libpq hands over no SQLSTATE there, only English words."""
_CORRECT = "Correct the address in OSTIARY_DATABASE_URL"


def classify(fault: BaseException) -> OstiaryError | None:
    """Turn a driver's exception into one of ours; None when it is not a store fault at all.

    Integrity, programming and data faults are ours (ContractBroken); whatever else a driver raises
    (busy, full, lost, refused, shutting down, too many connections) means that the store cannot
    answer now (StoreUnavailable). SQLSTATE classes: PostgreSQL documentation, appendix A.
    """
    if isinstance(fault, sqlite3.Error):
        return ContractBroken(str(fault)) if _broken_sqlite(fault) else StoreUnavailable(str(fault))
    if not type(fault).__module__.startswith("psycopg"):
        return None
    words = (str(fault).strip() or type(fault).__name__).splitlines()[0]  # the lines after it quote rows
    return ContractBroken(words) if _broken_postgres(fault) else StoreUnavailable(words, remedy=_remedy(fault))


def _remedy(fault: BaseException) -> str:
    """Return what to do where no second try helps: the server knows no such user or database."""
    state = getattr(fault, "sqlstate", None)
    misaddressed = _TURNED_AWAY.search(str(fault)) is not None if state is None else state[:2] in _MISADDRESSED
    return _CORRECT if misaddressed else ""


def _broken_sqlite(fault: sqlite3.Error) -> bool:
    """Tell whether SQLite blames us: its plain SQLITE_ERROR means a statement that makes no sense."""
    code = getattr(fault, "sqlite_errorcode", None)
    return isinstance(fault, _SQLITE_BROKEN) or code == sqlite3.SQLITE_ERROR


def _broken_postgres(fault: BaseException) -> bool:
    """Tell whether psycopg blames us; asked by name, so that a server on SQLite need not import psycopg."""
    state = getattr(fault, "sqlstate", None)
    if state is None:
        return any(kind.__name__ in _POSTGRES_CLIENT for kind in type(fault).__mro__)
    return state == _MISCOUNTED or (state[:2] in _POSTGRES_BROKEN and state != _DENIED)


class translated:  # noqa: N801 - it reads as a word of the `with` statement, like contextlib's
    """Raise a driver's exceptions from the block as ours. A class, because a generator costs a fifth of a read."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Translate what ended it."""
        ours = classify(fault) if isinstance(fault, Exception) else None
        if ours is not None:
            raise ours from fault
