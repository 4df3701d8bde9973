"""The `receipts` table. Triggers of the migration refuse UPDATE, DELETE and TRUNCATE."""

import json

import msgspec
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, bindparam, func, insert, select

from ostiary.receipts.model import Receipt
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = ["add", "find", "newest", "newest_time", "receipts"]

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
        reasons=json.dumps(receipt.reasons),
        at=receipt.at,
        digest=receipt.digest,
        link=receipt.link,
        key_id=receipt.key,
        signature=receipt.signature,
    )


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


def _receipt(row: Row) -> Receipt:
    fields = list(row[1:])
    fields[_REASONS] = tuple(json.loads(fields[_REASONS]))
    return msgspec.structs.replace(Receipt(*fields), seq=row[0])
