"""Statements declared once with SQLAlchemy Core, compiled once per dialect, run on the bare driver."""

from collections.abc import Mapping
from functools import cache

from sqlalchemy import ClauseElement, Dialect, Insert, MetaData, Table
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

__all__ = ["METADATA", "Statement"]

METADATA = MetaData()
"""Every table of every feature, declared in its `store`; the migrations must build exactly these."""


@cache
def _dialect(name: str) -> Dialect:
    if name == "sqlite":
        return SQLiteDialect(paramstyle="qmark")
    made: Dialect = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
    return made


_Compiled = tuple[str, tuple[str, ...], dict[str, object]]
"""SQL text, bind names in positional order, and the literals that Core turned into binds."""


class Statement:
    """One SQL statement with named binds.

    `writes` tells whether it changes rows, `table` which table it changes ("" for reads), `returns`
    whether a change answers rows, and `certain` whether it adds one row or fails: nobody need wait for its count.
    """

    __slots__ = ("_clause", "_compiled", "certain", "returns", "table", "writes")

    def __init__(self, clause: ClauseElement) -> None:
        self._clause = clause
        self._compiled: dict[str, _Compiled] = {}
        self.writes = isinstance(clause, UpdateBase)
        self.table = _changed(clause).name if isinstance(clause, UpdateBase) else ""
        self.returns = isinstance(clause, UpdateBase) and bool(clause.returning_column_descriptions)
        self.certain = _certain(clause)

    def bound(self, dialect: str, binds: Mapping[str, object]) -> tuple[str, list[object]]:
        """Return the SQL text for `sqlite` or `postgresql` and the values in positional order.

        Raises KeyError for a bind that is not given.
        """
        sql, names, constants = self._compiled.get(dialect) or self._compile(dialect)
        given = {**constants, **binds} if constants else binds
        return sql, [given[name] for name in names]

    def _compile(self, dialect: str) -> _Compiled:
        clause = self._clause
        keys = [column.name for column in _changed(clause).columns] if _bare_insert(clause) else None
        made = clause.compile(dialect=_dialect(dialect), column_keys=keys)
        if not isinstance(made, SQLCompiler):  # pragma: no cover - Core compiles statements so
            raise TypeError(f"not a statement: {clause}")
        constants = {name: bind.value for name, bind in made.binds.items() if not bind.required}
        result = (str(made), tuple(made.positiontup or ()), constants)
        self._compiled[dialect] = result
        return result


def _changed(clause: ClauseElement) -> Table:
    table = clause.table if isinstance(clause, UpdateBase) else None
    if not isinstance(table, Table):
        raise TypeError(f"does not change one declared table: {clause}")
    return table


def _certain(clause: ClauseElement) -> bool:
    plain = isinstance(clause, Insert) and clause.select is None and not clause.returning_column_descriptions
    return plain and getattr(clause, "_post_values_clause", None) is None  # ON CONFLICT may add nothing


def _bare_insert(clause: ClauseElement) -> bool:
    return isinstance(clause, Insert) and not clause._values  # noqa: SLF001 - no public way to ask
