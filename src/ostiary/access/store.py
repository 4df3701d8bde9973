"""The `grants` table: who holds which role, by whose hand."""

from sqlalchemy import BigInteger, Column, String, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql

from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Tx

__all__ = ["add", "anybody", "every", "grants", "remove", "roles"]

grants = Table(
    "grants",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("person_id", String, primary_key=True),
    Column("role", String, primary_key=True),
    Column("granted_by", String, nullable=False),
    Column("granted_at", BigInteger, nullable=False),
)

_ADD = Statement(postgresql.insert(grants).on_conflict_do_nothing())
_ROLES = Statement(
    select(grants.c.role)
    .where(grants.c.tenant_id == bindparam("tenant"), grants.c.person_id == bindparam("person"))
    .order_by(grants.c.role)
)
_EVERY = Statement(
    select(grants.c.person_id, grants.c.role)
    .where(grants.c.tenant_id == bindparam("tenant"))
    .order_by(grants.c.person_id, grants.c.role)
)
_REMOVE = Statement(
    delete(grants).where(
        grants.c.tenant_id == bindparam("tenant"),
        grants.c.person_id == bindparam("person"),
        grants.c.role == bindparam("role"),
    )
)
_ANYBODY = Statement(
    select(grants.c.person_id)
    .where(grants.c.tenant_id == bindparam("tenant"), grants.c.role == bindparam("role"))
    .limit(1)
)


def add(tx: Tx, person: str, role: str, granted_by: str) -> bool:
    """Store a grant; False when it stands."""
    binds = {"tenant_id": tx.scope.tenant, "person_id": person, "role": role}
    return bool(tx.do(_ADD, **binds, granted_by=granted_by, granted_at=tx.now))


def remove(tx: Tx, person: str, role: str) -> bool:
    """Take a grant back; False when it did not stand."""
    return bool(tx.do(_REMOVE, tenant=tx.scope.tenant, person=person, role=role))


def roles(tx: Tx, person: str) -> list[str]:
    """Return everything that a person was granted, sorted: roles and scopes."""
    return [row[0] for row in tx.all(_ROLES, tenant=tx.scope.tenant, person=person)]


def every(tx: Tx) -> list[tuple[str, str]]:
    """Return who holds what in the tenant, sorted."""
    return [(person, role) for person, role in tx.all(_EVERY, tenant=tx.scope.tenant)]


def anybody(tx: Tx, role: str) -> bool:
    """Tell whether anybody in the tenant holds a role."""
    return tx.one(_ANYBODY, tenant=tx.scope.tenant, role=role) is not None
