"""The tables `tenants` and `people`; addresses and names are sealed, looked up by keyed hash."""

from sqlalchemy import BigInteger, Column, LargeBinary, String, Table, UniqueConstraint, bindparam, select, update
from sqlalchemy.dialects import postgresql

from ostiary.identities.model import Tenant
from ostiary.kernel.values import Mode
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "add_person",
    "add_tenant",
    "find_person",
    "find_tenant",
    "found",
    "founder",
    "hold",
    "list_people",
    "people",
    "tenants",
]

tenants = Table(
    "tenants",
    METADATA,
    Column("id", String, primary_key=True),
    Column("mode", String, nullable=False),
    Column("founder", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
people = Table(
    "people",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("email_hash", String),
    Column("email_sealed", LargeBinary, nullable=False),
    Column("name_sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "email_hash", name="people_one_per_address"),
)

_ADD_TENANT = Statement(postgresql.insert(tenants).on_conflict_do_nothing())
_FIND_TENANT = Statement(select(tenants.c.id, tenants.c.mode).where(tenants.c.id == bindparam("tenant")))
_FOUNDER = Statement(select(tenants.c.founder).where(tenants.c.id == bindparam("tenant")))
_FOUND = Statement(
    update(tenants)
    .where(tenants.c.id == bindparam("tenant"), tenants.c.founder == bindparam("was"))
    .values(founder=bindparam("becomes"))
)
_ADD_PERSON = Statement(postgresql.insert(people).on_conflict_do_nothing())
_COLUMNS = (people.c.id, people.c.email_sealed, people.c.name_sealed, people.c.created_at)
_FIND_PERSON = Statement(
    select(*_COLUMNS).where(people.c.tenant_id == bindparam("tenant"), people.c.id == bindparam("person"))
)
_HOLD = Statement(
    select(people.c.id)
    .where(people.c.tenant_id == bindparam("tenant"), people.c.id == bindparam("person"))
    .with_for_update()
)
_LIST = Statement(select(*_COLUMNS).where(people.c.tenant_id == bindparam("tenant")).order_by(people.c.created_at))


def add_tenant(tx: Tx, tenant: Tenant) -> bool:
    """Store a tenant; False when it is there."""
    return bool(tx.do(_ADD_TENANT, id=tenant.id, mode=tenant.mode.value, founder="", created_at=tx.now))


def find_tenant(tx: Tx, tenant: str) -> Tenant | None:
    """Return a tenant."""
    row = tx.one(_FIND_TENANT, tenant=tenant)
    return None if row is None else Tenant(row[0], Mode(row[1]))


def founder(tx: Tx) -> str:
    """Return who accepted the first administrator's link, "" where nobody did."""
    row = tx.one(_FOUNDER, tenant=tx.scope.tenant)
    return "" if row is None else str(row[0])


def found(tx: Tx, was: str, becomes: str) -> bool:
    """Change the tenant's founder; False when somebody else changed it first. This count decides who is first."""
    return bool(tx.do(_FOUND, tenant=tx.scope.tenant, was=was, becomes=becomes))


def add_person(tx: Tx, person: str, email_hash: str | None, email_sealed: bytes, name_sealed: bytes) -> bool:
    """Store a person; False when the id or the address is taken."""
    return bool(
        tx.do(
            _ADD_PERSON,
            id=person,
            tenant_id=tx.scope.tenant,
            email_hash=email_hash,
            email_sealed=email_sealed,
            name_sealed=name_sealed,
            created_at=tx.now,
        )
    )


def find_person(tx: Tx, person: str) -> Row | None:
    """Return (id, sealed address, sealed name, made at) of one person of the tenant."""
    return tx.one(_FIND_PERSON, tenant=tx.scope.tenant, person=person)


def hold(tx: Tx, person: str) -> None:
    """Hold a person's row until the transaction ends (SQLite has one writer anyway)."""
    tx.one(_HOLD, tenant=tx.scope.tenant, person=person)


def list_people(tx: Tx) -> list[Row]:
    """Return the same for all people of the tenant, oldest first."""
    return tx.all(_LIST, tenant=tx.scope.tenant)
