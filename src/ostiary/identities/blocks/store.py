"""The table `blocks`, and what it makes of `people.blocked_at`."""

from sqlalchemy import (
    BigInteger,
    Column,
    String,
    Table,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from ostiary.identities.blocks.model import Block, Kind, Word
from ostiary.identities.store import people
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "add",
    "all_of_tenant",
    "blocks",
    "find",
    "hold_folded",
    "lock",
    "mark",
    "over_everybody",
    "over_person",
    "remove",
    "settle",
]

blocks = Table(
    "blocks",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("reason_code", String, nullable=False),
    Column("actor_type", String, nullable=False),
    Column("actor_id", String, nullable=False),
    Column("blocked_by", String, nullable=False),
    Column("blocked_at", BigInteger, nullable=False),
)

_b, _p = blocks.c, people.c
_ROW = (_b.kind, _b.reason_code, _b.actor_type, _b.actor_id, _b.blocked_by, _b.blocked_at)
_ITS = (_b.tenant_id == bindparam("tenant"), _b.kind == bindparam("of_kind"), _b.subject == bindparam("about"))
_ADD = Statement(postgresql.insert(blocks).on_conflict_do_nothing())
_FIND = Statement(select(*_ROW).where(*_ITS))
_ALL = Statement(
    select(_b.subject, *_ROW).where(_b.tenant_id == bindparam("tenant")).order_by(_b.blocked_at, _b.kind, _b.subject)
)
_REMOVE = Statement(delete(blocks).where(*_ITS))
_CONCERNS = and_(
    _b.tenant_id == _p.tenant_id,
    or_(
        and_(_b.kind == Kind.PERSON.value, _b.subject == _p.id),
        and_(_b.kind == Kind.ADDRESS.value, _b.subject == _p.folded_hash),
    ),
)
_IS = (_p.tenant_id == bindparam("tenant"), _p.id == bindparam("person"))
_OVER = select(_p.id, *_ROW).select_from(people.join(blocks, _CONCERNS)).order_by(_b.blocked_at, _b.kind)
_OVER_PERSON = Statement(_OVER.where(*_IS))
_OVER_EVERYBODY = Statement(_OVER.where(_p.tenant_id == bindparam("tenant")))
_HOLD_FOLDED = Statement(
    select(_p.id)
    .where(_p.tenant_id == bindparam("tenant"), _p.folded_hash == bindparam("folded"))
    .order_by(_p.id)
    .with_for_update()
)
_MARK = Statement(update(people).where(*_IS, _p.blocked_at == 0).values(blocked_at=bindparam("at")))
_OLDEST = select(func.coalesce(func.min(_b.blocked_at), 0)).where(_CONCERNS).correlate(people).scalar_subquery()
_SETTLE = Statement(update(people).where(*_IS).values(blocked_at=_OLDEST))
_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger))))


def lock(tx: Tx, folded: str) -> None:
    """Let whoever blocks an address and whoever makes its first person wait for each other.

    The row that both would hold is not there yet. SQLite has one writer anyway.
    """
    if tx.dialect == "postgresql":
        tx.all(_LOCK, lock=int(folded[:16], 16) - (1 << 63))


def add(tx: Tx, kind: Kind, subject: str, word: Word, by: str) -> bool:
    """Store a block; False when one stands over the subject already."""
    said = {"reason_code": word.reason, "actor_type": word.actor_type, "actor_id": word.actor_id}
    its = {"tenant_id": tx.scope.tenant, "kind": kind.value, "subject": subject}
    return bool(tx.do(_ADD, **its, **said, blocked_by=by, blocked_at=tx.now))


def remove(tx: Tx, kind: Kind, subject: str) -> bool:
    """Take a block away; False when none stood."""
    return bool(tx.do(_REMOVE, tenant=tx.scope.tenant, of_kind=kind.value, about=subject))


def find(tx: Tx, kind: Kind, subject: str) -> Block | None:
    """Return the block over a subject."""
    row = tx.one(_FIND, tenant=tx.scope.tenant, of_kind=kind.value, about=subject)
    return None if row is None else _block(row)


def all_of_tenant(tx: Tx) -> list[tuple[str, Block]]:
    """Return all blocks of the tenant, oldest first, each with its subject."""
    return [(row[0], _block(row[1:])) for row in tx.all(_ALL, tenant=tx.scope.tenant)]


def over_person(tx: Tx, person: str) -> list[Block]:
    """Return what stands over a person, oldest first: a block of their own, one of their address."""
    return [_block(row[1:]) for row in tx.all(_OVER_PERSON, tenant=tx.scope.tenant, person=person)]


def over_everybody(tx: Tx) -> list[tuple[str, Block]]:
    """Return the same for all people of the tenant, each with the person's id."""
    return [(row[0], _block(row[1:])) for row in tx.all(_OVER_EVERYBODY, tenant=tx.scope.tenant)]


def hold_folded(tx: Tx, folded: str) -> tuple[str, ...]:
    """Hold all people of a folded address, in the order of their ids, and return them."""
    return tuple(row[0] for row in tx.all(_HOLD_FOLDED, tenant=tx.scope.tenant, folded=folded))


def mark(tx: Tx, person: str) -> None:
    """Note since when a person is blocked, where they were not yet."""
    tx.do(_MARK, tenant=tx.scope.tenant, person=person, at=tx.now)


def settle(tx: Tx, person: str) -> None:
    """Note since when a person is blocked by what still stands over them, 0 where nothing does."""
    tx.do(_SETTLE, tenant=tx.scope.tenant, person=person)


def _block(row: Row) -> Block:
    kind, reason, actor_type, actor_id, by, at = row
    return Block(Kind(kind), Word(reason, actor_type, actor_id), by, at)
