"""The table `recovery_codes`: keyed hashes of printed codes."""

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    Index,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Tx

__all__ = ["add", "drop", "owner", "unused", "use"]

_codes = Table(
    "recovery_codes",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("code_hash", String, primary_key=True),
    Column("person_id", String, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Index("recovery_codes_of_person", "tenant_id", "person_id"),
)

_k = _codes.c
_TENANT: BindParameter[str] = bindparam("tenant")
_ADD_CODE = Statement(insert(_codes))
_DROP_CODES = Statement(delete(_codes).where(_k.tenant_id == _TENANT, _k.person_id == bindparam("person")))
_UNUSED = Statement(
    select(func.count()).where(_k.tenant_id == _TENANT, _k.person_id == bindparam("person"), _k.used_at == 0)
)
_CODE = (_k.tenant_id == _TENANT, _k.code_hash == bindparam("code"), _k.used_at == 0)
_OWNER = Statement(select(_k.person_id).where(*_CODE))
_USE_CODE = Statement(update(_codes).where(*_CODE).values(used_at=bindparam("now")))


def add(tx: Tx, person: str, code: str) -> None:
    """Store the hash of a printed code."""
    tx.do(_ADD_CODE, tenant_id=tx.scope.tenant, code_hash=code, person_id=person, made_at=tx.now, used_at=0)


def drop(tx: Tx, person: str) -> int:
    """Delete a person's printed codes; return how many."""
    return tx.do(_DROP_CODES, tenant=tx.scope.tenant, person=person)


def unused(tx: Tx, person: str) -> int:
    """Return how many printed codes a person has left."""
    row = tx.one(_UNUSED, tenant=tx.scope.tenant, person=person)
    return int(row[0]) if row else 0


def owner(tx: Tx, code: str) -> str:
    """Return whose unused code this is, by its hash, "" where there is none."""
    row = tx.one(_OWNER, tenant=tx.scope.tenant, code=code)
    return "" if row is None else str(row[0])


def use(tx: Tx, code: str) -> bool:
    """Use a printed code up; False when it is used. This count decides single use."""
    return bool(tx.do(_USE_CODE, tenant=tx.scope.tenant, code=code, now=tx.now))
