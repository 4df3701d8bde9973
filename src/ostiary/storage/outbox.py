"""The outbox: one row for each change that shrinks authority, committed with the change itself."""

from typing import Protocol

import msgspec
from sqlalchemy import BigInteger, Column, Integer, String, Table, bindparam, delete, func, insert, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from ostiary.storage.statements import METADATA, Statement

__all__ = [
    "ADD_CHANGE",
    "CHANGES_AFTER",
    "CHANGES_RANGE",
    "COLLECT_CHANGES",
    "KEEP",
    "Change",
    "Transacting",
    "collect",
    "outbox",
]

outbox = Table(
    "outbox",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("xid", BigInteger, nullable=False, server_default="0", index=True),
    sqlite_autoincrement=True,
)


class Transacting(FunctionElement[int]):
    """The id of the transaction that adds the row (PostgreSQL), by which nodes follow (storage.leases); 0 on SQLite."""

    inherit_cache = True
    type = BigInteger()


@compiles(Transacting)
def _no_transaction(element: Transacting, compiler: object, **_: object) -> str:
    return "0"


@compiles(Transacting, "postgresql")
def _transaction(element: Transacting, compiler: object, **_: object) -> str:
    return "CAST(CAST(pg_current_xact_id() AS text) AS bigint)"


ADD_CHANGE = Statement(
    insert(outbox).values(
        tenant_id=bindparam("tenant_id"),
        kind=bindparam("kind"),
        subject=bindparam("subject"),
        at=bindparam("at"),
        xid=Transacting(),
    )
)
CHANGES_AFTER = Statement(
    select(outbox.c.id, outbox.c.kind, outbox.c.subject)
    .where(outbox.c.id > bindparam("position"))
    .order_by(outbox.c.id)
)
CHANGES_RANGE = Statement(select(func.coalesce(func.min(outbox.c.id), 0), func.coalesce(func.max(outbox.c.id), 0)))
_NEWEST = select(func.max(outbox.c.id)).scalar_subquery()
_KEPT = (
    select(func.min(outbox.c.id))
    .where(or_(outbox.c.at >= bindparam("before"), outbox.c.id == _NEWEST))
    .scalar_subquery()
)
_OLD = select(outbox.c.id).where(outbox.c.id < _KEPT).order_by(outbox.c.id).limit(bindparam("most"))
COLLECT_CHANGES = Statement(delete(outbox).where(outbox.c.id.in_(_OLD)))
"""Keeps the newest row and leaves no hole, so that a node that slept can see that it missed some."""


_BATCH = 1000
KEEP = 3_600_000_000
"""Microseconds for which an announcement is kept at least."""


class Transaction(Protocol):
    """The part of `storage.tx.Tx` that collecting needs (that file stands on this one)."""

    now: int

    def do(self, statement: Statement, **binds: object) -> int:
        """Run a statement that changes rows."""


class Change(msgspec.Struct, frozen=True):
    """Something lost authority: `kind` says what (`session`), `subject` which."""

    kind: str
    subject: str


def collect(tx: Transaction) -> int:
    """Delete announcements that every node has long seen, a batch of them; return how many."""
    return tx.do(COLLECT_CHANGES, before=tx.now - KEEP, most=_BATCH)
