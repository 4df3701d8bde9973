"""The `receipts` table, and its tree. Triggers of the migrations refuse UPDATE, DELETE and TRUNCATE.

`tree_leaves` holds, for each leaf of the tree, which receipt it is and its hashes as `receipts.tree` says;
`tree_pending`, on PostgreSQL, what has been committed and is not in the tree yet.
"""

import json
from collections.abc import Iterable
from functools import lru_cache

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
)

from ostiary.receipts.model import Receipt
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "add",
    "add_leaf",
    "add_next",
    "add_pending",
    "count",
    "find",
    "hashes_of",
    "height",
    "is_pending",
    "last_seq",
    "leaf_of",
    "leaf_with",
    "newest",
    "newest_time",
    "outside",
    "pass_by",
    "place_of",
    "receipts",
    "signed_by",
    "take_pending",
    "tree_leaves",
    "tree_pending",
    "walk",
]

receipts = Table(
    "receipts",
    METADATA,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("tenant_id", String, nullable=False),
    Column("mode", String, nullable=False),
    Column("operation", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("session", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("reasons", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("digest", String, nullable=False),
    Column("link", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

_COUNT = BigInteger().with_variant(Integer, "sqlite")
tree_leaves = Table(
    "tree_leaves",
    METADATA,
    Column("leaf", _COUNT, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False, unique=True),
    Column("hashes", LargeBinary, nullable=False),
)
tree_pending = Table(
    "tree_pending",
    METADATA,
    Column("seq", _COUNT, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

_REASONS = 8  # the place of `reasons` in a Receipt
_ADD = Statement(insert(receipts).values({c.name: bindparam(c.name) for c in receipts.c if c.name != "seq"}))
_NEWEST = Statement(
    select(receipts)
    .where(receipts.c.tenant_id == bindparam("tenant"), receipts.c.seq < bindparam("before"))
    .order_by(receipts.c.seq.desc())
    .limit(bindparam("most"))
)
_FIND = Statement(select(receipts).where(receipts.c.tenant_id == bindparam("tenant"), receipts.c.id == bindparam("id")))
_NEWEST_FEW = select(receipts.c.at).order_by(receipts.c.seq.desc()).limit(1000).subquery()
_NEWEST_TIME = Statement(select(func.coalesce(func.max(_NEWEST_FEW.c.at), 0)))

_LEAVES, _NUMBER = tree_leaves.c, BigInteger()
_LAST = select(_LEAVES.hashes).order_by(_LEAVES.leaf.desc()).limit(literal_column("1")).scalar_subquery()
_NEXT = select(bindparam("leaf", type_=_NUMBER), func.last_insert_rowid(), bindparam("hashes", type_=LargeBinary))
_FITS = func.coalesce(_LAST, literal_column("x''")) == bindparam("last")
_ADD_NEXT = Statement(insert(tree_leaves).from_select(["leaf", "seq", "hashes"], _NEXT.where(_FITS)))
_ADD_LEAF = Statement(insert(tree_leaves))
_ADD_PENDING = Statement(
    insert(tree_pending).values(seq=func.currval("receipts_seq_seq"), hash=bindparam("leaf_hash")).inline()
)
_WAITING = select(tree_pending.c.seq).order_by(tree_pending.c.seq).limit(bindparam("most"))
_TAKE_PENDING = Statement(
    delete(tree_pending)
    .where(tree_pending.c.seq.in_(_WAITING.scalar_subquery()))
    .returning(tree_pending.c.seq, tree_pending.c.hash)
)
_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("lock", type_=_NUMBER))))
_TREE_LOCK = 0x6F73745F6C6F67  # "ost_log": whoever puts pending receipts into the tree holds it
_IS_PENDING = Statement(select(tree_pending.c.seq).limit(1))
_HEIGHT = Statement(select(func.coalesce(func.max(_LEAVES.leaf), -1)))
_HASHES = Statement(select(_LEAVES.hashes).where(_LEAVES.leaf == bindparam("leaf")))
_LEAF_OF = Statement(select(_LEAVES.leaf).where(_LEAVES.seq == bindparam("seq")))
_PLACE_OF = Statement(
    select(_LEAVES.leaf, _LEAVES.seq)
    .join(receipts, receipts.c.seq == _LEAVES.seq)
    .where(receipts.c.tenant_id == bindparam("tenant"), receipts.c.id == bindparam("id"))
)
_LEAF_WITH = Statement(
    select(_LEAVES.leaf, _LEAVES.seq).where(func.substr(_LEAVES.hashes, 1, 32) == bindparam("hash")).limit(1)
)
_WALK = Statement(
    select(tree_leaves, receipts)
    .outerjoin_from(tree_leaves, receipts, receipts.c.seq == _LEAVES.seq)
    .where(_LEAVES.leaf >= bindparam("start"), _LEAVES.leaf < bindparam("stop"))
    .order_by(_LEAVES.leaf)
)
_COUNT_RECEIPTS = Statement(select(func.count()).select_from(receipts))
_OUTSIDE = Statement(
    select(receipts)
    .where(
        ~exists().where(_LEAVES.seq == receipts.c.seq),
        ~exists().where(tree_pending.c.seq == receipts.c.seq),
    )
    .order_by(receipts.c.seq)
    .limit(1)
)
_SIGNED_BY = Statement(select(func.count()).select_from(receipts).where(receipts.c.key_id == bindparam("key")))
_LAST_SEQ = Statement(select(func.coalesce(func.max(receipts.c.seq), 0)))


def add(tx: Tx, receipt: Receipt) -> None:
    """Append one receipt."""
    tx.do(
        _ADD,
        id=receipt.id,
        tenant_id=receipt.tenant,
        mode=receipt.mode,
        operation=receipt.operation,
        outcome=receipt.outcome,
        actor=receipt.actor,
        session=receipt.session,
        subject=receipt.subject,
        reasons=_spelled(receipt.reasons),
        at=receipt.at,
        digest=receipt.digest,
        link=receipt.link,
        key_id=receipt.key,
        signature=receipt.signature,
    )


@lru_cache(maxsize=1024)
def _spelled(reasons: tuple[str, ...]) -> str:
    """Return reasons as JSON: most receipts give one of a few."""
    return json.dumps(reasons)


def newest(tx: Tx, most: int, before: int) -> list[Receipt]:
    """Return up to `most` receipts of the tenant with a sequence number below `before`, newest first."""
    return [_receipt(row) for row in tx.all(_NEWEST, tenant=tx.scope.tenant, most=most, before=before)]


def find(tx: Tx, receipt_id: str) -> Receipt | None:
    """Return one receipt of the tenant."""
    row = tx.one(_FIND, tenant=tx.scope.tenant, id=receipt_id)
    return None if row is None else _receipt(row)


def newest_time(tx: Tx) -> int:
    """Return the latest time among the last thousand receipts of all tenants, 0 where there is none.

    Processes with clocks of their own write them, so the last one need not be the latest.
    """
    row = tx.one(_NEWEST_TIME)
    return 0 if row is None else int(row[0])


def add_next(tx: Tx, leaf: int, hashes: bytes, last: bytes) -> bool:
    """Make the receipt that was just added leaf number `leaf`, on SQLite.

    False where the tree does not end with leaf `leaf - 1` of the hashes `last`: another process has written
    meanwhile, or what this one wrote last was rolled back.
    """
    return bool(tx.do(_ADD_NEXT, leaf=leaf, hashes=hashes, last=last))


def add_leaf(tx: Tx, leaf: int, seq: int, hashes: bytes) -> None:
    """Append a leaf, by one who holds the tree's lock."""
    tx.do(_ADD_LEAF, leaf=leaf, seq=seq, hashes=hashes)


def add_pending(tx: Tx, leaf_hash: bytes) -> None:
    """Let the receipt that was just added wait for its place in the tree, on PostgreSQL."""
    tx.do(_ADD_PENDING, leaf_hash=leaf_hash)


def is_pending(tx: Tx) -> bool:
    """Tell whether a receipt waits for its place in the tree."""
    return tx.one(_IS_PENDING) is not None


def take_pending(tx: Tx, most: int) -> list[tuple[int, bytes]]:
    """Take the tree's lock until the commit, then up to `most` waiting receipts, in order of sequence number.

    Rows are taken, not passed by: one that commits late is still there the next time.
    """
    tx.all(_LOCK, lock=_TREE_LOCK)
    return sorted((int(seq), bytes(leaf)) for seq, leaf in tx.all(_TAKE_PENDING, most=most))


def height(tx: Tx) -> int:
    """Return how many leaves the tree has; one row read, so a hole further down is not seen here."""
    row = tx.one(_HEIGHT)
    return 0 if row is None else int(row[0]) + 1


def hashes_of(tx: Tx, leaf: int) -> bytes:
    """Return the hashes that are stored with a leaf, b"" where there is no such leaf."""
    row = tx.one(_HASHES, leaf=leaf)
    return b"" if row is None else bytes(row[0])


def leaf_of(tx: Tx, seq: int) -> int | None:
    """Return the leaf of the receipt with that sequence number, of whatever tenant."""
    row = tx.one(_LEAF_OF, seq=seq)
    return None if row is None else int(row[0])


def place_of(tx: Tx, receipt_id: str) -> tuple[int, int] | None:
    """Return leaf and sequence number of a receipt of the tenant."""
    row = tx.one(_PLACE_OF, tenant=tx.scope.tenant, id=receipt_id)
    return None if row is None else (int(row[0]), int(row[1]))


def leaf_with(tx: Tx, leaf_hash: bytes) -> tuple[int, int] | None:
    """Return leaf and sequence number where that hash is stored; looks at every leaf."""
    row = tx.one(_LEAF_WITH, hash=leaf_hash)
    return None if row is None else (int(row[0]), int(row[1]))


def walk(tx: Tx, start: int, stop: int) -> list[Row]:
    """Return leaves from `start` to before `stop` as rows: leaf, seq, hashes, then the columns of the receipt.

    Rows, not receipts: whoever walks a million of them must not make a million objects.
    """
    return tx.all(_WALK, start=start, stop=stop)


def pass_by(tx: Tx, start: int, stop: int) -> Iterable[Row]:
    """Hand out what `walk` returns, row by row. A row that cannot be read raises what the driver raises."""
    return tx.each(_WALK, start=start, stop=stop)


def signed_by(tx: Tx, keys: Iterable[str]) -> int:
    """Return how many receipts these keys signed."""
    rows = [tx.one(_SIGNED_BY, key=key) for key in keys]
    return sum(int(row[0]) for row in rows if row is not None)


def count(tx: Tx) -> int:
    """Return how many receipts there are, of all tenants."""
    row = tx.one(_COUNT_RECEIPTS)
    return 0 if row is None else int(row[0])


def outside(tx: Tx) -> Receipt | None:
    """Return the first receipt that is not in the tree and does not wait for it."""
    row = tx.one(_OUTSIDE)
    return None if row is None else _receipt(row)


def last_seq(tx: Tx) -> int:
    """Return the highest sequence number that a receipt has."""
    row = tx.one(_LAST_SEQ)
    return 0 if row is None else int(row[0])


def _receipt(row: Row) -> Receipt:
    fields = list(row[1:])
    fields[_REASONS] = tuple(json.loads(fields[_REASONS]))
    return msgspec.structs.replace(Receipt(*fields), seq=row[0])
