"""The `keys` table: sealed secrets, public halves, versions."""

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from ostiary.keys.model import Key, Purpose
from ostiary.keys.sealing import Sealer
from ostiary.storage.revoked import REVOKE_KEY, revoked_keys
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Tx

__all__ = ["add", "collect", "every", "exists", "hold", "keys", "reseal", "retire", "revocations", "revoke"]

keys = Table(
    "keys",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("public", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("retired_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "purpose", "version", name="keys_one_per_version"),
)

_ADD = Statement(postgresql.insert(keys).on_conflict_do_nothing())
_EVERY = Statement(
    select(keys, func.coalesce(revoked_keys.c.revoked_at, 0))
    .select_from(keys.outerjoin(revoked_keys, revoked_keys.c.key_id == keys.c.id))
    .order_by(keys.c.version)
)
_REVOKED = Statement(select(revoked_keys.c.key_id, revoked_keys.c.revoked_at))
_OLDEST = (keys.c.purpose == Purpose.RECEIPT.value, keys.c.version == 1)
_HOLD = Statement(select(keys.c.id).where(*_OLDEST).order_by(keys.c.id).limit(1).with_for_update())
_RESEAL = Statement(
    update(keys).where(keys.c.id == bindparam("key"), keys.c.sealed == bindparam("old")).values(sealed=bindparam("new"))
)
_EXISTS = Statement(select(keys.c.id).where(keys.c.id == bindparam("key")))
_RETIRE = Statement(
    update(keys).where(keys.c.id == bindparam("key"), keys.c.retired_at == 0).values(retired_at=bindparam("at"))
)
_COLLECT = Statement(
    delete(keys).where(keys.c.purpose == bindparam("key_purpose"), keys.c.retired_at.between(1, bindparam("before")))
)


def _place(key_id: str, tenant: str) -> tuple[str, str, str]:
    return ("keys", key_id, tenant)


def add(tx: Tx, sealer: Sealer, key: Key) -> bool:
    """Store a new key; False when another node stored that version first."""
    return bool(
        tx.do(
            _ADD,
            id=key.id,
            tenant_id=key.tenant,
            purpose=key.purpose.value,
            version=key.version,
            sealed=sealer.seal(_place(key.id, key.tenant), key.secret),
            public=key.public,
            created_at=key.created_at,
            retired_at=key.retired_at,
        )
    )


def every(tx: Tx, sealer: Sealer) -> list[Key]:
    """Return all keys, opened. Raises SealBroken when the key-encryption key is not theirs."""
    return [
        Key(
            id_,
            tenant,
            Purpose(purpose),
            version,
            sealer.open(_place(id_, tenant), sealed),
            public,
            created,
            retired,
            revoked,
        )
        for id_, tenant, purpose, version, sealed, public, created, retired, revoked in tx.all(_EVERY)
    ]


def hold(tx: Tx) -> None:
    """Make whoever else changes keys wait until this transaction is over.

    PostgreSQL locks one row that is never deleted; SQLite has one writer anyhow. Without this, a key could be
    sealed under the old key-encryption key while the others are being sealed under the new one.
    """
    tx.all(_HOLD)


def reseal(tx: Tx, old: Sealer, new: Sealer) -> int:
    """Seal every key of every tenant anew; return how many. Raises SealBroken where `old` does not open one."""
    count = 0
    for row in tx.all(_EVERY):
        key_id, tenant, sealed = row[0], row[1], row[4]
        place = _place(key_id, tenant)
        count += tx.do(_RESEAL, key=key_id, old=sealed, new=new.seal(place, old.open(place, sealed)))
    return count


def revoke(tx: Tx, key: Key) -> bool:
    """Mark a key as revoked; False when it was already."""
    return bool(tx.do(REVOKE_KEY, key=key.id, tenant=key.tenant, at=tx.now))


def revocations(tx: Tx) -> dict[str, int]:
    """Return when each revoked key was revoked, by its id; no key is opened."""
    return {str(key_id): int(at) for key_id, at in tx.all(_REVOKED)}


def exists(tx: Tx, key_id: str) -> bool:
    """Tell whether a key is stored."""
    return tx.one(_EXISTS, key=key_id) is not None


def retire(tx: Tx, key_id: str) -> bool:
    """Retire an active key; False when it was not active."""
    return bool(tx.do(_RETIRE, key=key_id, at=tx.now))


def collect(tx: Tx, purpose: Purpose, before: int) -> int:
    """Delete keys of a purpose that were retired before an instant; return how many."""
    return tx.do(_COLLECT, key_purpose=purpose.value, before=before)
