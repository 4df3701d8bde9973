"""Statements declared once with SQLAlchemy Core, compiled once per dialect, run on the bare driver."""

from functools import cache

from sqlalchemy import Insert, MetaData
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

__all__ = ["METADATA", "Statement"]

METADATA = MetaData()
"""Every table of every feature, declared in its `store`; the migrations must build exactly these."""


@cache
def _dialect(name: str) -> sqlite.dialect | postgresql.dialect:
    if name == "sqlite":
        return sqlite.dialect(paramstyle="qmark")
    return postgresql.dialect(paramstyle="format")


class Statement:
    """One SQL statement with named binds.

    `writes` tells whether it changes rows, `table` which table it changes ("" for reads).
    """

    __slots__ = ("_clause", "_compiled", "table", "writes")

    def __init__(self, clause: Executable) -> None:
        self._clause = clause
        self._compiled: dict[str, tuple[str, tuple[str, ...]]] = {}
        self.writes = isinstance(clause, UpdateBase)
        self.table: str = clause.table.name if isinstance(clause, UpdateBase) else ""

    def compiled(self, dialect: str) -> tuple[str, tuple[str, ...]]:
        """Return the SQL text for `sqlite` or `postgresql` and the bind names in positional order."""
        found = self._compiled.get(dialect)
        return found if found is not None else self._compile(dialect)

    def _compile(self, dialect: str) -> tuple[str, tuple[str, ...]]:
        keys = tuple(c.name for c in self._clause.table.columns) if self._bare_insert() else None
        made = self._clause.compile(dialect=_dialect(dialect), column_keys=keys)
        if not isinstance(made, SQLCompiler):  # pragma: no cover - Core compiles statements so
            raise TypeError(f"not a statement: {self._clause}")
        result = (str(made), tuple(made.positiontup or ()))
        self._compiled[dialect] = result
        return result

    def _bare_insert(self) -> bool:
        return isinstance(self._clause, Insert) and not self._clause._values  # noqa: SLF001 - no public way to ask
