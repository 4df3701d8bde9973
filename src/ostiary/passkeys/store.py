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
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql

from ostiary.passkeys.ceremony import Asserted, Registered
from ostiary.passkeys.model import Facts, Hold, Passkey
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "add",
    "add_facts",
    "admit",
    "bar",
    "bar_set_aside",
    "credential_hash",
    "discard",
    "facts",
    "find",
    "find_any",
    "find_by_credential",
    "guarded_until",
    "list_of",
    "passkey_bindings",
    "passkeys",
    "quarantine",
    "relabel",
    "remove",
    "restore",
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
    Column("hold", String, nullable=False, server_default=text("''")),
    Column("held_by", String, nullable=False, server_default=text("''")),
    Column("guarded_until", BigInteger, nullable=False, server_default="0"),
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
    _p.hold,
    _p.held_by,
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
_GOOD = (
    _p.tenant_id == bindparam("tenant"),
    _p.person_id == bindparam("person"),
    _p.removed_at == 0,
    _p.hold == Hold.NONE.value,
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
_LIST = Statement(_FIELDS.where(*_GOOD).order_by(_p.created_at, _p.id))
_USE = Statement(
    update(passkeys)
    .where(
        _p.id == bindparam("passkey"),
        _p.sign_count == bindparam("seen"),
        _p.removed_at == 0,
        _p.hold == bindparam("was_held"),
    )
    .values(sign_count=bindparam("count"), backed_up=bindparam("backed"), last_used_at=bindparam("now"))
)
_RELABEL = Statement(update(passkeys).where(*_MINE, _p.removed_at == 0).values(label_sealed=bindparam("label")))
_REMOVE = Statement(update(passkeys).where(*_MINE, _p.removed_at == 0).values(removed_at=bindparam("now")))

_OF_PERSON = (_p.tenant_id == bindparam("tenant"), _p.person_id == bindparam("person"), _p.removed_at == 0)
_QUARANTINE = Statement(update(passkeys).where(*_GOOD).values(hold=Hold.QUARANTINED.value, held_by=bindparam("run")))
_ADMIT = Statement(
    update(passkeys)
    .where(*_MINE, _p.removed_at == 0, _p.hold == Hold.REPLACEMENT.value, _p.held_by == bindparam("run"))
    .values(hold=Hold.NONE.value, held_by="", guarded_until=bindparam("until"))
)
_DISCARD = Statement(
    update(passkeys)
    .where(*_OF_PERSON, _p.hold == Hold.REPLACEMENT.value, _p.held_by == bindparam("run"))
    .values(removed_at=bindparam("now"))
)
_BAR = Statement(
    update(passkeys)
    .where(*_OF_PERSON, or_(_p.hold == Hold.NONE.value, _p.hold == Hold.REPLACEMENT.value))
    .values(hold=Hold.BARRED.value, held_by=bindparam("run"))
)
_BAR_SET_ASIDE = Statement(
    update(passkeys)
    .where(*_OF_PERSON, _p.hold == Hold.QUARANTINED.value, _p.held_by == bindparam("run"))
    .values(hold=Hold.BARRED.value)
)
_RESTORE = Statement(
    update(passkeys)
    .where(*_OF_PERSON, _p.hold == Hold.QUARANTINED.value, _p.held_by == bindparam("run"))
    .values(hold=Hold.NONE.value, held_by="")
)
_GUARDED = Statement(select(func.max(_p.guarded_until)).where(*_GOOD))


def _passkey(row: Row) -> Passkey:
    return Passkey(*row)


def add(
    tx: Tx,
    passkey: str,
    person: str,
    registered: Registered,
    label_sealed: bytes,
    hold: Hold = Hold.NONE,
    held_by: str = "",
) -> bool:
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
            hold=hold.value,
            held_by=held_by,
            guarded_until=0,
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
    """Record a use; False when another use moved the counter meanwhile, or the passkey was removed or held."""
    binds = {"passkey": passkey.id, "seen": passkey.sign_count, "was_held": passkey.hold, "now": tx.now}
    return bool(tx.do(_USE, **binds, count=asserted.sign_count, backed=int(asserted.backed_up)))


def relabel(tx: Tx, person: str, passkey: str, label_sealed: bytes) -> bool:
    """Replace a label; False when there is no such passkey."""
    return bool(tx.do(_RELABEL, passkey=passkey, tenant=tx.scope.tenant, person=person, label=label_sealed))


def remove(tx: Tx, person: str, passkey: str) -> bool:
    """Mark a passkey as removed; False when it was not there."""
    return bool(tx.do(_REMOVE, passkey=passkey, tenant=tx.scope.tenant, person=person, now=tx.now))


def quarantine(tx: Tx, person: str, run: str) -> int:
    """Set aside every passkey that signs the person in; return how many."""
    return tx.do(_QUARANTINE, tenant=tx.scope.tenant, person=person, run=run)


def admit(tx: Tx, person: str, passkey: str, run: str, until: int) -> bool:
    """Let a recovery's replacement sign in, guarded until an instant; False when it does not wait for that."""
    return bool(tx.do(_ADMIT, tenant=tx.scope.tenant, person=person, passkey=passkey, run=run, until=until))


def discard(tx: Tx, person: str, run: str) -> int:
    """Remove the replacement of a recovery that ended; return how many there were."""
    return tx.do(_DISCARD, tenant=tx.scope.tenant, person=person, run=run, now=tx.now)


def bar(tx: Tx, person: str, run: str) -> int:
    """Bar every passkey that signs a person in, or waits to; return how many."""
    return tx.do(_BAR, tenant=tx.scope.tenant, person=person, run=run)


def bar_set_aside(tx: Tx, person: str, run: str) -> int:
    """Bar what one recovery set aside; return how many."""
    return tx.do(_BAR_SET_ASIDE, tenant=tx.scope.tenant, person=person, run=run)


def restore(tx: Tx, person: str, run: str) -> int:
    """Let what one recovery set aside sign in again; return how many."""
    return tx.do(_RESTORE, tenant=tx.scope.tenant, person=person, run=run)


def guarded_until(tx: Tx, person: str) -> int:
    """Return until when the passkeys that sign a person in are under a recovery's guard, 0 for never."""
    row = tx.one(_GUARDED, tenant=tx.scope.tenant, person=person)
    return int(row[0] or 0) if row else 0
