"""The tables `grants`, `standings` and `client_keys`: who holds what by whose hand, and which keys a tenant has."""

from sqlalchemy import BigInteger, Column, Index, String, Table, UniqueConstraint, bindparam, delete, select
from sqlalchemy.dialects import postgresql

from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "add",
    "add_client_key",
    "add_standing",
    "anybody",
    "client_keys",
    "client_keys_of",
    "every",
    "find_client_key",
    "grants",
    "remove",
    "remove_client_key",
    "roles",
    "standing_holder",
    "standings",
    "standings_of",
]

grants = Table(
    "grants",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("person_id", String, primary_key=True),
    Column("role", String, primary_key=True),
    Column("granted_by", String, nullable=False),
    Column("granted_at", BigInteger, nullable=False),
)
standings = Table(
    "standings",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("person_id", String, nullable=False),
    Column("added_by", String, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Index("standings_of_person", "tenant_id", "person_id"),
)
client_keys = Table(
    "client_keys",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("key_hash", String, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "name", name="client_keys_one_per_name"),
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

_ADD_STANDING = Statement(postgresql.insert(standings).on_conflict_do_nothing())
_HOLDER = Statement(
    select(standings.c.person_id).where(
        standings.c.tenant_id == bindparam("tenant"), standings.c.name == bindparam("standing")
    )
)
_STANDINGS_OF = Statement(
    select(standings.c.name)
    .where(standings.c.tenant_id == bindparam("tenant"), standings.c.person_id == bindparam("person"))
    .order_by(standings.c.name)
)
_ADD_KEY = Statement(postgresql.insert(client_keys).on_conflict_do_nothing())
_KEY = select(
    client_keys.c.id,
    client_keys.c.tenant_id,
    client_keys.c.kind,
    client_keys.c.name,
    client_keys.c.scopes,
    client_keys.c.created_at,
)
_FIND_KEY = Statement(_KEY.where(client_keys.c.key_hash == bindparam("hashed")))
_KEYS_OF = Statement(
    _KEY.where(client_keys.c.tenant_id == bindparam("tenant")).order_by(client_keys.c.created_at, client_keys.c.name)
)
_REMOVE_KEY = Statement(
    delete(client_keys)
    .where(client_keys.c.tenant_id == bindparam("tenant"), client_keys.c.name == bindparam("key_name"))
    .returning(client_keys.c.id)
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


def add_standing(tx: Tx, person: str, name: str, by: str) -> bool:
    """Store a standing; False when somebody holds it."""
    return bool(
        tx.do(_ADD_STANDING, tenant_id=tx.scope.tenant, name=name, person_id=person, added_by=by, added_at=tx.now)
    )


def standing_holder(tx: Tx, name: str) -> str:
    """Return who holds a standing of the tenant, "" where nobody does."""
    row = tx.one(_HOLDER, tenant=tx.scope.tenant, standing=name)
    return "" if row is None else str(row[0])


def standings_of(tx: Tx, person: str) -> list[str]:
    """Return the names of a person's standings, sorted."""
    return [row[0] for row in tx.all(_STANDINGS_OF, tenant=tx.scope.tenant, person=person)]


def add_client_key(tx: Tx, fields: tuple[str, str, str, str, str], key_hash: str) -> bool:
    """Store a key given as (id, tenant, kind, name, scopes); False when the name is taken."""
    id_, tenant, kind, name, scopes = fields
    given = {"id": id_, "tenant_id": tenant, "kind": kind, "name": name, "scopes": scopes}
    return bool(tx.do(_ADD_KEY, **given, key_hash=key_hash, created_at=tx.now))


def find_client_key(tx: Tx, key_hash: str) -> Row | None:
    """Return (id, tenant, kind, name, scopes, made at) of the key with that hash, of whatever tenant."""
    return tx.one(_FIND_KEY, hashed=key_hash)


def client_keys_of(tx: Tx) -> list[Row]:
    """Return the same for all keys of the tenant, oldest first."""
    return tx.all(_KEYS_OF, tenant=tx.scope.tenant)


def remove_client_key(tx: Tx, name: str) -> str:
    """Delete a key of the tenant; return its id, "" where there was none."""
    row = tx.one(_REMOVE_KEY, tenant=tx.scope.tenant, key_name=name)
    return "" if row is None else str(row[0])
