"""What gateways have not been told yet: the set of device sessions that changed since they were last published.

A change marks its session in its own transaction; whoever publishes reads marks, reads the sessions as they are by
then, publishes, and takes off exactly the marks that it read. A session that changed meanwhile bears another mark and
stays. Marks never come again, so nothing is taken off by mistake.
"""

from typing import Protocol

import msgspec
from sqlalchemy import BigInteger, Column, String, Table, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql

from ostiary.kernel.ids import Secrets, b64url
from ostiary.kernel.values import Scope
from ostiary.storage.statements import METADATA, Statement

__all__ = ["Mark", "clear", "drop_all", "mark", "unpublished", "waiting"]

unpublished = Table(
    "unpublished",
    METADATA,
    Column("session_id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("mark", String, nullable=False),
    Column("marked_at", BigInteger, nullable=False, index=True),
)

_u = unpublished.c
_NEW = postgresql.insert(unpublished).values(
    session_id=bindparam("session"), tenant_id=bindparam("tenant"), mark=bindparam("mark"), marked_at=bindparam("at")
)
_MARK = Statement(
    _NEW.on_conflict_do_update(
        index_elements=["session_id"], set_={"mark": _NEW.excluded.mark, "marked_at": _NEW.excluded.marked_at}
    )
)
_CLEAR = Statement(delete(unpublished).where(_u.session_id == bindparam("session"), _u.mark == bindparam("mark")))
_OLDEST = select(_u.session_id).order_by(_u.marked_at).limit(bindparam("most"))
_DROP = Statement(delete(unpublished).where(_u.session_id.in_(_OLDEST)))
_WAITING = Statement(select(func.count(), func.coalesce(func.min(_u.marked_at), 0)).select_from(unpublished))
_BATCH = 1000


class Transaction(Protocol):
    """The part of `storage.tx.Tx` that marking needs."""

    now: int
    scope: Scope
    secrets: Secrets

    def do(self, statement: Statement, **binds: object) -> int:
        """Run a statement that changes rows."""

    def all(self, statement: Statement, **binds: object) -> list[tuple[object, ...]]:
        """Run a statement that answers rows."""


class Mark(msgspec.Struct, frozen=True):
    """A session whose newest state is not published, of whichever tenant."""

    session: str
    mark: str
    tenant: str


def mark(tx: Transaction, session: str) -> None:
    """Note, in the transaction of the change, that a session is to be published."""
    tx.do(_MARK, session=session, tenant=tx.scope.tenant, mark=b64url(tx.secrets(16)), at=tx.now)


def clear(tx: Transaction, marks: list[Mark]) -> int:
    """Take off these marks where nothing changed since; return how many."""
    return sum(tx.do(_CLEAR, session=one.session, mark=one.mark) for one in marks)


def drop_all(tx: Transaction) -> int:
    """Take off a batch of marks, where nobody publishes (no Redis is set); return how many."""
    return tx.do(_DROP, most=_BATCH)


def waiting(tx: Transaction) -> tuple[int, int]:
    """Return how many sessions wait to be published, and since when (microseconds since 1970, 0 where none does)."""
    ((count, since),) = tx.all(_WAITING)
    return int(str(count)), int(str(since))
