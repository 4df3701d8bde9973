"""The tables `services` and `service_hosts`. A row's number is never reused, nor is the scope id made from it."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql

from ostiary.services.model import DEFAULT, Registration, Service
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "AT",
    "FIND",
    "add",
    "change",
    "find",
    "held",
    "hosts_of",
    "listed",
    "remove",
    "rotate",
    "service",
    "service_hosts",
    "services",
]

services = Table(
    "services",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant_id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("discloses", String, nullable=False),
    Column("requires_key", Integer, nullable=False),
    Column("key_hash", String, nullable=False),
    Column("old_key_hash", String, nullable=False),
    Column("old_key_until", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("services_one_per_name", "tenant_id", "name", unique=True),
    sqlite_autoincrement=True,
)
service_hosts = Table(
    "service_hosts",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("host", String, primary_key=True),
    Column("service", String, nullable=False),
)

_s, _h = services.c, service_hosts.c
_ROW = (
    _s.number,
    _s.name,
    _s.scopes,
    _s.discloses,
    _s.requires_key,
    _s.key_hash,
    _s.old_key_hash,
    _s.old_key_until,
    _s.created_at,
)
_NAMED = (_s.tenant_id == bindparam("tenant"), _s.name == bindparam("wanted"))
_ADD = Statement(
    postgresql.insert(services)
    .values(
        tenant_id=bindparam("tenant"),
        name=bindparam("name"),
        scopes=bindparam("scopes"),
        discloses=bindparam("discloses"),
        requires_key=bindparam("requires_key"),
        key_hash=bindparam("key_hash"),
        old_key_hash="",
        old_key_until=0,
        created_at=bindparam("now"),
    )
    .on_conflict_do_nothing()
)
_ADD_HOST = Statement(postgresql.insert(service_hosts).on_conflict_do_nothing())
FIND = Statement(select(*_ROW).where(*_NAMED))
_HELD = Statement(select(*_ROW).where(*_NAMED).with_for_update())
AT = Statement(
    select(*_ROW)
    .join(service_hosts, (_h.service == _s.name) & (_h.tenant_id == _s.tenant_id))
    .where(_h.tenant_id == bindparam("tenant"), _h.host == bindparam("host"))
)
_LIST = Statement(select(*_ROW).where(_s.tenant_id == bindparam("tenant")).order_by(_s.number))
_HOSTS_OF = Statement(
    select(_h.host).where(_h.tenant_id == bindparam("tenant"), _h.service == bindparam("wanted")).order_by(_h.host)
)
_CHANGE = Statement(
    update(services)
    .where(*_NAMED)
    .values(
        scopes=bindparam("new_scopes"), discloses=bindparam("new_discloses"), requires_key=bindparam("new_requires_key")
    )
)
_ROTATE = Statement(
    update(services)
    .where(*_NAMED)
    .values(key_hash=bindparam("new_key"), old_key_hash=bindparam("old_key"), old_key_until=bindparam("until"))
)
_REMOVE = Statement(delete(services).where(*_NAMED))
_REMOVE_HOSTS = Statement(
    delete(service_hosts).where(_h.tenant_id == bindparam("tenant"), _h.service == bindparam("wanted"))
)


def service(row: Row) -> Service:
    """Turn a row of FIND or a list into a Service; scope ids begin after that of `default`."""
    number, name, scopes, discloses, requires_key, *rest = row
    scope_id = DEFAULT.scope_id + int(number)
    return Service(scope_id, name, tuple(scopes.split()), tuple(discloses.split()), bool(requires_key), *rest)


def add(tx: Tx, asked: Registration, key_hash: str) -> bool:
    """Store a registration with its hosts; False, and nothing is stored, when the name or a host is taken."""
    added = tx.do(
        _ADD,
        tenant=tx.scope.tenant,
        name=asked.name,
        scopes=" ".join(asked.scopes),
        discloses=" ".join(asked.discloses),
        requires_key=int(asked.requires_key),
        key_hash=key_hash,
        now=tx.now,
    )
    if not added:
        return False
    claimed = sum(tx.do(_ADD_HOST, tenant_id=tx.scope.tenant, host=host, service=asked.name) for host in asked.hosts)
    if claimed < len(asked.hosts):
        remove(tx, asked.name)
        return False
    return True


def find(tx: Tx, name: str) -> Service | None:
    """Return a registered service."""
    row = tx.one(FIND, tenant=tx.scope.tenant, wanted=name)
    return None if row is None else service(row)


def held(tx: Tx, name: str) -> Service | None:
    """Return a registered service and let nobody else change it until this transaction is over."""
    row = tx.one(_HELD, tenant=tx.scope.tenant, wanted=name)
    return None if row is None else service(row)


def listed(tx: Tx) -> list[Service]:
    """Return all registered services, oldest first."""
    return [service(row) for row in tx.all(_LIST, tenant=tx.scope.tenant)]


def hosts_of(tx: Tx, name: str) -> tuple[str, ...]:
    """Return the hosts of a service, sorted."""
    return tuple(row[0] for row in tx.all(_HOSTS_OF, tenant=tx.scope.tenant, wanted=name))


def change(tx: Tx, asked: Registration) -> bool:
    """Change what a service requires and may learn; False when there is none of that name."""
    return bool(
        tx.do(
            _CHANGE,
            tenant=tx.scope.tenant,
            wanted=asked.name,
            new_scopes=" ".join(asked.scopes),
            new_discloses=" ".join(asked.discloses),
            new_requires_key=int(asked.requires_key),
        )
    )


def rotate(tx: Tx, name: str, new: str, old: str, until: int) -> None:
    """Put the hash of a new key in the place of the old one, which is good until an instant."""
    tx.do(_ROTATE, tenant=tx.scope.tenant, wanted=name, new_key=new, old_key=old, until=until)


def remove(tx: Tx, name: str) -> bool:
    """Delete a registration and let go of its hosts; False when there was none."""
    tx.do(_REMOVE_HOSTS, tenant=tx.scope.tenant, wanted=name)
    return bool(tx.do(_REMOVE, tenant=tx.scope.tenant, wanted=name))
