"""The tables of mail. Address and text are sealed; `to_hash` is a keyed hash of the address, for looking up.

A letter's row never changes: whose turn it is stands in `mail_turns`, which is bookkeeping and leaves no receipt.
"""

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "Stored",
    "Turn",
    "add",
    "add_turn",
    "captured",
    "collect",
    "find",
    "find_captured",
    "is_due",
    "keep",
    "listed",
    "postpone",
    "remove",
    "take",
]

_outbox = Table(
    "mail_outbox",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("to_hash", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("mail_outbox_by_address", "tenant_id", "to_hash"),
)
_turns = Table(
    "mail_turns",
    METADATA,
    Column("letter_id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False, index=True),
)
_captured = Table(
    "mail_captured",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("to_hash", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False, index=True),
    Index("mail_captured_by_address", "tenant_id", "to_hash"),
)

_o, _t, _c = _outbox.c, _turns.c, _captured.c
_BATCH = 500
_TENANT, _ID, _TO = (bindparam(name, type_=String()) for name in ("tenant", "letter", "to_hash"))
_ADD, _ADD_TURN, _KEEP = Statement(insert(_outbox)), Statement(insert(_turns)), Statement(insert(_captured))
_STORED = (_o.purpose, _o.to_hash, _o.sealed, _o.created_at, _o.expires_at)
_FIND = Statement(select(*_STORED).where(_o.tenant_id == _TENANT, _o.id == _ID))
_IS_DUE = Statement(select(_t.letter_id).where(_t.due_at <= bindparam("now")).limit(literal_column("1")))
_NEXT = (
    select(_t.letter_id)
    .where(_t.due_at <= bindparam("now"))
    .order_by(_t.tries, _t.due_at, _t.letter_id)
    .limit(literal_column("1"))
    .with_for_update(skip_locked=True)
)
_TAKE = Statement(
    update(_turns)
    .where(_t.letter_id == _NEXT.scalar_subquery(), _t.due_at <= bindparam("now"))
    .values(tries=_t.tries + literal_column("1"), due_at=bindparam("until"))
    .returning(_t.letter_id, _t.tenant_id, _t.tries)
)
_POSTPONE = Statement(
    update(_turns).where(_t.letter_id == _ID, _t.tries == bindparam("own")).values(due_at=bindparam("until"))
)
_REMOVE = Statement(delete(_outbox).where(_o.tenant_id == _TENANT, _o.id == _ID))
_REMOVE_TURN = Statement(delete(_turns).where(_t.letter_id == _ID))
_LIST_WAITING = Statement(
    select(_o.id, _o.purpose, _o.created_at, _o.expires_at, _t.tries, _t.due_at)
    .join(_turns, _t.letter_id == _o.id)
    .where(_o.tenant_id == _TENANT, or_(literal_column("''") == _TO, _o.to_hash == _TO))
    .order_by(_o.created_at.desc(), _o.id)
    .limit(bindparam("most"))
)
_LIST_CAPTURED = Statement(
    select(_c.id, _c.sealed, _c.created_at)
    .where(_c.tenant_id == _TENANT, or_(literal_column("''") == _TO, _c.to_hash == _TO))
    .order_by(_c.created_at.desc(), _c.id)
    .limit(bindparam("most"))
)
_FIND_CAPTURED = Statement(select(_c.id, _c.sealed, _c.created_at).where(_c.tenant_id == _TENANT, _c.id == _ID))
_OLD = (
    select(_c.id)
    .where(_c.tenant_id == _TENANT, _c.created_at < bindparam("before"))
    .limit(bindparam("most"))
    .scalar_subquery()
)
_COLLECT = Statement(delete(_captured).where(_c.id.in_(_OLD)))


class Stored(msgspec.Struct, frozen=True):
    """A letter's row, sealed as it is; times are microseconds since 1970."""

    purpose: str
    to_hash: str
    sealed: bytes
    created_at: int
    expires_at: int


class Turn(msgspec.Struct, frozen=True):
    """The right to try one letter for as long as a lease lasts; `tries` counts this one too."""

    letter: str
    tenant: str
    tries: int


def add(tx: Tx, letter: str, stored: Stored) -> None:
    """Store a letter of the tenant."""
    tx.do(_ADD, id=letter, tenant_id=tx.scope.tenant, **msgspec.structs.asdict(stored))


def add_turn(tx: Tx, turn: Turn, due_at: int) -> None:
    """Let a letter be due from then on."""
    tx.do(_ADD_TURN, letter_id=turn.letter, tenant_id=turn.tenant, tries=turn.tries, due_at=due_at)


def is_due(tx: Tx) -> bool:
    """Tell whether a letter of any tenant waits to be sent now."""
    return tx.one(_IS_DUE, now=tx.now) is not None


def take(tx: Tx, lease: int) -> Turn | None:
    """Take a letter of any tenant that is due: the least tried one, and of those the one that is due for longest.

    The row count decides who has it until then.
    """
    row = tx.one(_TAKE, now=tx.now, until=tx.now + lease)
    return None if row is None else Turn(*row)


def find(tx: Tx, letter: str) -> Stored | None:
    """Return a letter of the tenant that waits."""
    row = tx.one(_FIND, tenant=tx.scope.tenant, letter=letter)
    return None if row is None else Stored(row[0], row[1], bytes(row[2]), row[3], row[4])


def postpone(tx: Tx, turn: Turn, until: int) -> bool:
    """Give a letter back until then; False where the lease has run out and somebody else has taken it."""
    return bool(tx.do(_POSTPONE, letter=turn.letter, own=turn.tries, until=until))


def remove(tx: Tx, letter: str) -> bool:
    """Take a letter out of the outbox; False where it is gone. This count decides who tells of it."""
    tx.do(_REMOVE_TURN, letter=letter)
    return bool(tx.do(_REMOVE, tenant=tx.scope.tenant, letter=letter))


def keep(tx: Tx, letter: str, stored: Stored) -> None:
    """Store a captured letter of the tenant, sealed for that place."""
    tx.do(
        _KEEP,
        id=letter,
        tenant_id=tx.scope.tenant,
        purpose=stored.purpose,
        to_hash=stored.to_hash,
        sealed=stored.sealed,
        created_at=stored.created_at,
    )


def listed(tx: Tx, most: int, to_hash: str) -> list[Row]:
    """Return (id, purpose, queued, expires, tries, due) of letters that wait, newest first; "" is any address."""
    return tx.all(_LIST_WAITING, tenant=tx.scope.tenant, most=most, to_hash=to_hash)


def captured(tx: Tx, most: int, to_hash: str) -> list[Row]:
    """Return (id, sealed, queued) of captured letters, newest first; "" is any address."""
    return tx.all(_LIST_CAPTURED, tenant=tx.scope.tenant, most=most, to_hash=to_hash)


def find_captured(tx: Tx, letter: str) -> Row | None:
    """Return the same of one."""
    return tx.one(_FIND_CAPTURED, tenant=tx.scope.tenant, letter=letter)


def collect(tx: Tx, before: int) -> int:
    """Delete captured letters of the tenant from before then, a batch of them; return how many."""
    return tx.do(_COLLECT, tenant=tx.scope.tenant, before=before, most=_BATCH)
