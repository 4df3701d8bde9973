"""The `passkeys` table. A removed passkey keeps its row: its holder is told so, and it can never come back."""

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
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from ostiary.passkeys.ceremony import Asserted, Registered
from ostiary.passkeys.model import Facts, Passkey
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "add",
    "add_facts",
    "credential_hash",
    "facts",
    "find",
    "find_any",
    "find_by_credential",
    "list_of",
    "passkey_bindings",
    "passkeys",
    "relabel",
    "remove",
    "use",
]

passkeys = Table(
    "passkeys",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("credential_hash", LargeBinary, nullable=False),
    Column("algorithm", Integer, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("backup_eligible", Integer, nullable=False),
    Column("backed_up", Integer, nullable=False),
    Column("label_sealed", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger, nullable=False),
    UniqueConstraint("tenant_id", "credential_hash", name="passkeys_one_per_credential"),
    Index("passkeys_of_person", "tenant_id", "person_id"),
)

passkey_bindings = Table(
    "passkey_bindings",
    METADATA,
    Column("passkey_id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("rp_id", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("attachment", String, nullable=False),
    Column("synced_allowed", Integer, nullable=False),
    Column("imported", Integer, nullable=False),
    Column("commitment", String, nullable=False),
)

_p, _b = passkeys.c, passkey_bindings.c
_FIELDS = select(
    _p.id,
    _p.person_id,
    _p.algorithm,
    _p.public_key,
    _p.sign_count,
    _p.backup_eligible,
    _p.backed_up,
    _p.label_sealed,
    _p.created_at,
    _p.last_used_at,
    _p.removed_at,
)  # fmt: skip - the order of Passkey's fields
_ADD = Statement(postgresql.insert(passkeys).on_conflict_do_nothing())
_BY_CREDENTIAL = Statement(
    _FIELDS.where(_p.tenant_id == bindparam("tenant"), _p.credential_hash == bindparam("credential"))
)
_MINE = (
    _p.id == bindparam("passkey"),
    _p.tenant_id == bindparam("tenant"),
    _p.person_id == bindparam("person"),
)
_FIND = Statement(_FIELDS.where(*_MINE))
_FIND_ANY = Statement(_FIELDS.where(_p.id == bindparam("passkey"), _p.tenant_id == bindparam("tenant")))
_ADD_FACTS = Statement(postgresql.insert(passkey_bindings))
_FACTS = Statement(
    select(_b.rp_id, _b.origin, _b.attachment, _b.synced_allowed, _b.imported, _b.commitment).where(
        _b.passkey_id == bindparam("passkey"), _b.tenant_id == bindparam("tenant")
    )
)
_HASH = Statement(select(_p.credential_hash).where(_p.id == bindparam("passkey")))
_LIST = Statement(
    _FIELDS.where(
        _p.tenant_id == bindparam("tenant"), _p.person_id == bindparam("person"), _p.removed_at == 0
    ).order_by(_p.created_at, _p.id)
)
_USE = Statement(
    update(passkeys)
    .where(_p.id == bindparam("passkey"), _p.sign_count == bindparam("seen"), _p.removed_at == 0)
    .values(sign_count=bindparam("count"), backed_up=bindparam("backed"), last_used_at=bindparam("now"))
)
_RELABEL = Statement(update(passkeys).where(*_MINE, _p.removed_at == 0).values(label_sealed=bindparam("label")))
_REMOVE = Statement(update(passkeys).where(*_MINE, _p.removed_at == 0).values(removed_at=bindparam("now")))


def _passkey(row: Row) -> Passkey:
    return Passkey(*row)


def add(tx: Tx, passkey: str, person: str, registered: Registered, label_sealed: bytes) -> bool:
    """Store a passkey; False when the credential is known in the tenant, removed ones included."""
    return bool(
        tx.do(
            _ADD,
            id=passkey,
            tenant_id=tx.scope.tenant,
            person_id=person,
            credential_hash=registered.credential_hash,
            algorithm=registered.algorithm,
            public_key=registered.public_key,
            sign_count=registered.sign_count,
            backup_eligible=int(registered.backup_eligible),
            backed_up=int(registered.backed_up),
            label_sealed=label_sealed,
            created_at=tx.now,
            last_used_at=0,
            removed_at=0,
        )
    )


def find_by_credential(tx: Tx, credential_hash: bytes) -> Passkey | None:
    """Return the tenant's passkey of a credential, removed ones included."""
    row = tx.one(_BY_CREDENTIAL, tenant=tx.scope.tenant, credential=credential_hash)
    return None if row is None else _passkey(row)


def find(tx: Tx, person: str, passkey: str) -> Passkey | None:
    """Return a person's passkey, removed ones included."""
    row = tx.one(_FIND, passkey=passkey, tenant=tx.scope.tenant, person=person)
    return None if row is None else _passkey(row)


def find_any(tx: Tx, passkey: str) -> Passkey | None:
    """Return a passkey of the tenant, whoever's it is, removed ones included."""
    row = tx.one(_FIND_ANY, passkey=passkey, tenant=tx.scope.tenant)
    return None if row is None else _passkey(row)


def credential_hash(tx: Tx, passkey: str) -> bytes:
    """Return the hash of a passkey's credential id, b"" where there is none."""
    row = tx.one(_HASH, passkey=passkey)
    return b"" if row is None else bytes(row[0])


def add_facts(tx: Tx, passkey: str, facts: Facts) -> None:
    """Store what a passkey was bound to at the membrane."""
    tx.do(
        _ADD_FACTS,
        passkey_id=passkey,
        tenant_id=tx.scope.tenant,
        rp_id=facts.rp_id,
        origin=facts.origin,
        attachment=facts.attachment,
        synced_allowed=facts.synced_allowed,
        imported=facts.imported,
        commitment=facts.commitment,
    )


def facts(tx: Tx, passkey: str) -> Facts | None:
    """Return what a passkey was bound to at the membrane; None for one of the pages."""
    row = tx.one(_FACTS, passkey=passkey, tenant=tx.scope.tenant)
    return None if row is None else Facts(*row)


def list_of(tx: Tx, person: str) -> list[Passkey]:
    """Return a person's passkeys that are not removed, oldest first."""
    return [_passkey(row) for row in tx.all(_LIST, tenant=tx.scope.tenant, person=person)]


def use(tx: Tx, passkey: Passkey, asserted: Asserted) -> bool:
    """Record a use; False when another use moved the counter meanwhile, or the passkey was removed."""
    binds = {"passkey": passkey.id, "seen": passkey.sign_count, "now": tx.now}
    return bool(tx.do(_USE, **binds, count=asserted.sign_count, backed=int(asserted.backed_up)))


def relabel(tx: Tx, person: str, passkey: str, label_sealed: bytes) -> bool:
    """Replace a label; False when there is no such passkey."""
    return bool(tx.do(_RELABEL, passkey=passkey, tenant=tx.scope.tenant, person=person, label=label_sealed))


def remove(tx: Tx, person: str, passkey: str) -> bool:
    """Mark a passkey as removed; False when it was not there."""
    return bool(tx.do(_REMOVE, passkey=passkey, tenant=tx.scope.tenant, person=person, now=tx.now))
