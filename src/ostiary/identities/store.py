"""The tables `tenants`, `people`, `refs` and `devices`; addresses and names are sealed, looked up by keyed hash."""

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql

from ostiary.identities.addresses import Hashes
from ostiary.identities.model import Tenant
from ostiary.kernel.values import Mode
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "add_device",
    "add_person",
    "add_tenant",
    "device_owner",
    "devices",
    "devices_of",
    "find_folded",
    "find_person",
    "find_spelled",
    "find_tenant",
    "found",
    "founder",
    "hold",
    "list_people",
    "list_tenants",
    "mend",
    "move_ref",
    "people",
    "place_ref",
    "ref_of",
    "refs",
    "set_address",
    "set_methods",
    "target_of",
    "tenants",
]

tenants = Table(
    "tenants",
    METADATA,
    Column("id", String, primary_key=True),
    Column("mode", String, nullable=False),
    Column("founder", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("rp_id", String, nullable=False, server_default=text("''")),
    Column("origins", String, nullable=False, server_default=text("''")),
    Column("seeded", Integer, nullable=False, server_default="0"),
    Column("methods", String, nullable=False, server_default=text("'passkey'")),
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
    Column("folded_hash", String),
    Column("blocked_at", BigInteger, nullable=False, server_default="0"),
    UniqueConstraint("tenant_id", "email_hash", name="people_one_per_address"),
    Index("people_by_folded_address", "tenant_id", "folded_hash"),
)
refs = Table(
    "refs",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("target", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("refs_of_target", "tenant_id", "kind", "target"),
)
devices = Table(
    "devices",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("person_id", String, nullable=False),
    Column("added_by", String, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Index("devices_of_person", "tenant_id", "person_id"),
)

_ADD_TENANT = Statement(postgresql.insert(tenants).on_conflict_do_nothing())
_TENANT = select(tenants.c.id, tenants.c.mode, tenants.c.rp_id, tenants.c.origins, tenants.c.seeded, tenants.c.methods)
_FIND_TENANT = Statement(_TENANT.where(tenants.c.id == bindparam("tenant")))
_LIST_TENANTS = Statement(_TENANT.order_by(tenants.c.created_at, tenants.c.id))
_SET_METHODS = Statement(
    update(tenants).where(tenants.c.id == bindparam("tenant")).values(methods=bindparam("offered"))
)
_FOUNDER = Statement(select(tenants.c.founder).where(tenants.c.id == bindparam("tenant")))
_FOUND = Statement(
    update(tenants)
    .where(tenants.c.id == bindparam("tenant"), tenants.c.founder == bindparam("was"))
    .values(founder=bindparam("becomes"))
)
_ADD_PERSON = Statement(postgresql.insert(people).on_conflict_do_nothing())
_p = people.c
_COLUMNS = (_p.id, _p.email_sealed, _p.name_sealed, _p.created_at, _p.blocked_at)
_IS = (_p.tenant_id == bindparam("tenant"), _p.id == bindparam("person"))
_FIND_PERSON = Statement(select(*_COLUMNS).where(*_IS))
_FIND_SPELLED = Statement(
    select(*_COLUMNS, _p.email_hash).where(
        _p.tenant_id == bindparam("tenant"),
        or_(_p.email_hash == bindparam("exact"), _p.email_hash == bindparam("folded")),
    )
)
_FIND_FOLDED = Statement(
    select(*_COLUMNS)
    .where(_p.tenant_id == bindparam("tenant"), _p.folded_hash == bindparam("folded"))
    .order_by(_p.created_at, _p.id)
    .limit(bindparam("most"))
)
_MEND = Statement(update(people).where(*_IS, _p.email_hash == bindparam("was")).values(email_hash=bindparam("becomes")))
_SET_ADDRESS = Statement(
    update(people)
    .where(*_IS)
    .values(email_hash=bindparam("exact"), folded_hash=bindparam("folded"), email_sealed=bindparam("sealed"))
)
_HOLD = Statement(select(_p.blocked_at).where(*_IS).with_for_update())
_LIST = Statement(select(*_COLUMNS).where(_p.tenant_id == bindparam("tenant")).order_by(_p.created_at))

_PLACE = Statement(postgresql.insert(refs).on_conflict_do_nothing())
_ALIAS = (
    refs.c.tenant_id == bindparam("tenant"),
    refs.c.kind == bindparam("of_kind"),
    refs.c.name == bindparam("alias"),
)
_MOVE = Statement(update(refs).where(*_ALIAS).values(target=bindparam("to")))
_TARGET = Statement(select(refs.c.target).where(*_ALIAS))
_REF_OF = Statement(
    select(refs.c.name)
    .where(
        refs.c.tenant_id == bindparam("tenant"),
        refs.c.kind == bindparam("of_kind"),
        refs.c.target == bindparam("to"),
    )
    .order_by(refs.c.created_at, refs.c.name)
    .limit(1)
)
_ADD_DEVICE = Statement(postgresql.insert(devices).on_conflict_do_nothing())
_OWNER = Statement(
    select(devices.c.person_id).where(devices.c.tenant_id == bindparam("tenant"), devices.c.name == bindparam("device"))
)
_DEVICES_OF = Statement(
    select(devices.c.name)
    .where(devices.c.tenant_id == bindparam("tenant"), devices.c.person_id == bindparam("person"))
    .order_by(devices.c.name)
)


def add_tenant(tx: Tx, tenant: Tenant) -> bool:
    """Store a tenant; False when it is there."""
    given = {"id": tenant.id, "mode": tenant.mode.value, "founder": "", "created_at": tx.now}
    passkeys = {"rp_id": tenant.rp_id, "origins": " ".join(tenant.origins)}
    return bool(tx.do(_ADD_TENANT, **given, **passkeys, seeded=int(tenant.seeded), methods=" ".join(tenant.methods)))


def find_tenant(tx: Tx, tenant: str) -> Tenant | None:
    """Return a tenant."""
    row = tx.one(_FIND_TENANT, tenant=tenant)
    return None if row is None else _tenant(row)


def list_tenants(tx: Tx) -> list[Tenant]:
    """Return all tenants, oldest first."""
    return [_tenant(row) for row in tx.all(_LIST_TENANTS)]


def set_methods(tx: Tx, methods: Iterable[str]) -> bool:
    """Let the scope's tenant offer these ways to sign in; False when it is not there."""
    return bool(tx.do(_SET_METHODS, tenant=tx.scope.tenant, offered=" ".join(methods)))


def _tenant(row: Row) -> Tenant:
    id_, mode, rp_id, origins, seeded, methods = row
    return Tenant(id_, Mode(mode), rp_id, tuple(origins.split()), bool(seeded), tuple(methods.split()))


def founder(tx: Tx) -> str:
    """Return who accepted the first administrator's link, "" where nobody did."""
    row = tx.one(_FOUNDER, tenant=tx.scope.tenant)
    return "" if row is None else str(row[0])


def found(tx: Tx, was: str, becomes: str) -> bool:
    """Change the tenant's founder; False when somebody else changed it first. This count decides who is first."""
    return bool(tx.do(_FOUND, tenant=tx.scope.tenant, was=was, becomes=becomes))


def add_person(tx: Tx, person: str, known_by: Hashes | None, email_sealed: bytes, name_sealed: bytes, at: int) -> bool:
    """Store a person who is blocked since `at` (0 for not at all); False when the id or the address is taken."""
    return bool(
        tx.do(
            _ADD_PERSON,
            id=person,
            tenant_id=tx.scope.tenant,
            email_hash=known_by.exact if known_by else None,
            folded_hash=known_by.folded if known_by else None,
            blocked_at=at,
            email_sealed=email_sealed,
            name_sealed=name_sealed,
            created_at=tx.now,
        )
    )


def find_person(tx: Tx, person: str) -> Row | None:
    """Return (id, sealed address, sealed name, made at, blocked at) of one person of the tenant."""
    return tx.one(_FIND_PERSON, tenant=tx.scope.tenant, person=person)


def find_spelled(tx: Tx, known_by: Hashes) -> list[Row]:
    """Return the same, and the hash of the address, for at most two people that one of these may stand for.

    Rows from before people were told apart by the exact address have the hash of its folded form.
    """
    return tx.all(_FIND_SPELLED, tenant=tx.scope.tenant, exact=known_by.exact, folded=known_by.folded)


def find_folded(tx: Tx, known_by: Hashes, most: int) -> list[Row]:
    """Return the same for up to `most` people of one folded address, oldest first."""
    return tx.all(_FIND_FOLDED, tenant=tx.scope.tenant, folded=known_by.folded, most=most)


def mend(tx: Tx, person: str, was: str, becomes: str) -> bool:
    """Give a row of before the hash of its own exact address; False when somebody has mended it meanwhile."""
    return bool(tx.do(_MEND, tenant=tx.scope.tenant, person=person, was=was, becomes=becomes))


def set_address(tx: Tx, person: str, known_by: Hashes | None, email_sealed: bytes) -> bool:
    """Give a person another address, or none; False when there is no such person."""
    exact, folded = (known_by.exact, known_by.folded) if known_by else (None, None)
    binds = {"person": person, "exact": exact, "folded": folded, "sealed": email_sealed}
    return bool(tx.do(_SET_ADDRESS, tenant=tx.scope.tenant, **binds))


def hold(tx: Tx, person: str) -> int | None:
    """Hold a person's row until the transaction ends (SQLite has one writer anyway).

    Return since when they are blocked, 0 for not at all, None where there is nobody of that id.
    """
    row = tx.one(_HOLD, tenant=tx.scope.tenant, person=person)
    return None if row is None else int(row[0])


def list_people(tx: Tx) -> list[Row]:
    """Return the same for all people of the tenant, oldest first."""
    return tx.all(_LIST, tenant=tx.scope.tenant)


def place_ref(tx: Tx, kind: str, name: str, target: str) -> bool:
    """Store an alias; False when it is taken."""
    return bool(tx.do(_PLACE, tenant_id=tx.scope.tenant, kind=kind, name=name, target=target, created_at=tx.now))


def move_ref(tx: Tx, kind: str, name: str, target: str) -> bool:
    """Let an alias stand for something else; False when there is no such alias."""
    return bool(tx.do(_MOVE, tenant=tx.scope.tenant, of_kind=kind, alias=name, to=target))


def target_of(tx: Tx, kind: str, name: str) -> str | None:
    """Return what an alias of the tenant stands for."""
    row = tx.one(_TARGET, tenant=tx.scope.tenant, of_kind=kind, alias=name)
    return None if row is None else str(row[0])


def ref_of(tx: Tx, kind: str, target: str) -> str | None:
    """Return the oldest alias for something in the tenant."""
    row = tx.one(_REF_OF, tenant=tx.scope.tenant, of_kind=kind, to=target)
    return None if row is None else str(row[0])


def add_device(tx: Tx, person: str, name: str, by: str) -> bool:
    """Store a device; False when the name is taken."""
    return bool(
        tx.do(_ADD_DEVICE, tenant_id=tx.scope.tenant, name=name, person_id=person, added_by=by, added_at=tx.now)
    )


def device_owner(tx: Tx, name: str) -> str:
    """Return whose a device of the tenant is, "" where there is none of that name."""
    row = tx.one(_OWNER, tenant=tx.scope.tenant, device=name)
    return "" if row is None else str(row[0])


def devices_of(tx: Tx, person: str) -> list[str]:
    """Return the names of a person's devices, sorted."""
    return [row[0] for row in tx.all(_DEVICES_OF, tenant=tx.scope.tenant, person=person)]
