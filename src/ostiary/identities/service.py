"""Use cases of identities: tenants at boot, people by the operator's hand."""

from ostiary.identities import store
from ostiary.identities.model import NAME_LONGEST, Person, Tenant, flaw, is_tenant, normalise_email
from ostiary.kernel.errors import BootRefused, ContractBroken
from ostiary.kernel.ids import is_id, new_id
from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName, Scope
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import Sealer
from ostiary.storage.tx import Row, Tx

__all__ = [
    "add_person",
    "add_tenant",
    "ensure_tenant",
    "find_person",
    "find_tenant",
    "found",
    "founder",
    "hold",
    "is_known",
    "is_person",
    "list_people",
    "list_tenants",
    "new_person_id",
    "offers",
    "person_of",
    "tenant_named",
    "tenant_scopes",
]

_KIND = "user"


def ensure_tenant(tx: Tx) -> None:
    """Make the scope's tenant once. Its keys must be in the keyring: the receipt of the act is signed.

    Raises BootRefused when it is there in the other mode: no fixture record ever counts as live.
    """
    tenant = Tenant(tx.scope.tenant, tx.scope.mode)
    if store.add_tenant(tx, tenant):
        tx.emit(Event(EventName.TENANT_CREATE, SYSTEM, tenant.id, reasons=(tenant.mode.value,)))
    elif (stored := store.find_tenant(tx, tenant.id)) is None or stored.mode is not tenant.mode:
        raise BootRefused(f"the tenant {tenant.id} of this database is not {tenant.mode}: serve it as what it is")


def add_tenant(tx: Tx, caller: Caller, tenant: Tenant) -> Refusal | None:
    """Make a tenant, whose own scope the transaction has and whose keys are in the keyring.

    Refused with `tenant_malformed` or `tenant_taken`.
    """
    if tx.scope != Scope(tenant.id, tenant.mode):
        raise ContractBroken("a tenant is made in its own scope")
    wrong = flaw(tenant)
    if wrong:
        return tx.refuse(EventName.TENANT_CREATE, caller, tenant.id, Refusal(Code.TENANT_MALFORMED, (wrong,)))
    if not store.add_tenant(tx, tenant):
        return tx.refuse(EventName.TENANT_CREATE, caller, tenant.id, Code.TENANT_TAKEN)
    told = (tenant.mode.value, f"rp_id:{tenant.rp_id}", *(f"origin:{origin}" for origin in tenant.origins))
    tx.emit(Event(EventName.TENANT_CREATE, caller, tenant.id, reasons=(*told, "seeded") if tenant.seeded else told))
    return None


def tenant_named(tx: Tx, name: str) -> Tenant | None:
    """Return a tenant by its name, whatever the scope; None when there is none."""
    return store.find_tenant(tx, name) if is_tenant(name) else None


def list_tenants(tx: Tx) -> list[Tenant]:
    """Return all tenants, oldest first."""
    return store.list_tenants(tx)


def tenant_scopes(tx: Tx) -> list[Scope]:
    """Return the scope of every tenant."""
    return [Scope(tenant.id, tenant.mode) for tenant in store.list_tenants(tx)]


def find_tenant(tx: Tx) -> Tenant | None:
    """Return the scope's tenant, None before it was made."""
    return store.find_tenant(tx, tx.scope.tenant)


def offers(tx: Tx, method: str) -> bool:
    """Tell whether the scope's tenant lets people sign in by a method."""
    found = find_tenant(tx)
    return found is not None and method in found.methods


def hold(tx: Tx, person: str) -> bool:
    """Let other transactions that hold this person wait until this one ends; tell whether the person is blocked."""
    return store.hold(tx, person)


def found(tx: Tx, was: str, becomes: str) -> bool:
    """Make somebody the tenant's founder, or take it back; False when somebody else was first."""
    return store.found(tx, was, becomes)


def founder(tx: Tx) -> str:
    """Return who accepted the first administrator's link, "" where nobody did."""
    return store.founder(tx)


def new_person_id(tx: Tx) -> str:
    """Return a fresh person id."""
    return new_id(_KIND, tx.secrets)


def is_person(text: str) -> bool:
    """Tell whether a text is the id of a person, whether or not there is one."""
    return is_id(_KIND, text)


def add_person(
    tx: Tx, keyring: Keyring, caller: Caller, email: str = "", name: str = "", person: str = ""
) -> Person | Refusal:
    """Make a person who holds no way in and no right. An address that is taken or odd is refused, and a long name."""
    address = normalise_email(email) if email else ""
    person_id = person or new_person_id(tx)
    if address is None:
        return tx.refuse(EventName.PERSON_CREATE, caller, person_id, Code.EMAIL_INVALID)
    if len(name) > NAME_LONGEST:
        return tx.refuse(EventName.PERSON_CREATE, caller, person_id, Code.NAME_TOO_LONG)
    seal, tenant = _sealer(tx, keyring), tx.scope.tenant
    stored = store.add_person(
        tx,
        person_id,
        _email_hash(keyring, tenant, address) if address else None,
        seal.seal(("people.email", person_id, tenant), email.strip().encode()),
        seal.seal(("people.name", person_id, tenant), name.encode()),
    )
    if not stored:
        return tx.refuse(EventName.PERSON_CREATE, caller, person_id, Code.EMAIL_TAKEN)
    tx.emit(Event(EventName.PERSON_CREATE, caller, person_id))
    return Person(person_id, email.strip(), name, tx.now)


def is_known(tx: Tx, person: str) -> bool:
    """Tell whether the tenant has a person of that id."""
    return is_person(person) and store.find_person(tx, person) is not None


def find_person(tx: Tx, keyring: Keyring, person: str) -> Person | None:
    """Return one person of the tenant, opened."""
    row = store.find_person(tx, person)
    return None if row is None else _person(_sealer(tx, keyring), tx.scope, row)


def person_of(tx: Tx, keyring: Keyring, address: str) -> Person | None:
    """Return the person of the tenant whose own address this is, in its normalised form."""
    row = store.find_address(tx, _email_hash(keyring, tx.scope.tenant, address))
    return None if row is None else _person(_sealer(tx, keyring), tx.scope, row)


def list_people(tx: Tx, keyring: Keyring) -> list[Person]:
    """Return all people of the tenant, opened, oldest first."""
    seal = _sealer(tx, keyring)
    return [_person(seal, tx.scope, row) for row in store.list_people(tx)]


def _sealer(tx: Tx, keyring: Keyring) -> Sealer:
    return Sealer(keyring.active(tx.scope.tenant, Purpose.DATA).secret, tx.secrets)


def _person(seal: Sealer, scope: Scope, row: Row) -> Person:
    person, email, name, created_at = row
    address = seal.open(("people.email", person, scope.tenant), email).decode()
    called = seal.open(("people.name", person, scope.tenant), name).decode()
    return Person(person, address, called, created_at)


def _email_hash(keyring: Keyring, tenant: str, address: str) -> str:
    key = keyring.active(tenant, Purpose.ADDRESS).secret
    return mac(key, b"email\0" + address.encode()).hex()
