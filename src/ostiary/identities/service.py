"""Use cases of identities: tenants at boot, people by the operator's hand."""

from collections.abc import Collection, Sequence

from ostiary.identities import store
from ostiary.identities.addresses import hashes
from ostiary.identities.blocks import service as blocks
from ostiary.identities.model import (
    METHODS,
    NAME_LONGEST,
    Address,
    Person,
    Tenant,
    address_of,
    flaw,
    is_tenant,
    is_user_id,
)
from ostiary.kernel.errors import BootRefused, ContractBroken
from ostiary.kernel.ids import is_id, new_id
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
    "give_address",
    "hold",
    "is_known",
    "is_person",
    "list_people",
    "list_tenants",
    "make_person",
    "new_person_id",
    "offer",
    "offered",
    "offers",
    "people_of",
    "person_of",
    "take_address",
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
    return method in offered(tx)


def offered(tx: Tx) -> tuple[str, ...]:
    """Return the ways to sign in that the scope's tenant offers, in the order in which they were named."""
    found = find_tenant(tx)
    return found.methods if found else ()


def offer(tx: Tx, caller: Caller, methods: Sequence[str], known: Collection[str] = METHODS) -> Refusal | None:
    """Let the scope's tenant offer these ways to sign in, felt by the next request.

    Refused (`tenant_malformed`) where there is none, one twice, or one that is not among those that are `known`.
    Raises ContractBroken where the tenant is not there.
    """
    if not methods or len(set(methods)) < len(methods) or not set(methods) <= set(known):
        malformed = Refusal(Code.TENANT_MALFORMED, ("methods",))
        return tx.refuse(EventName.TENANT_CHANGE, caller, tx.scope.tenant, malformed)
    if not store.set_methods(tx, methods):
        raise ContractBroken("the ways to sign in of a tenant that is not there")
    told = tuple(f"offers:{name}" for name in methods)
    tx.emit(Event(EventName.TENANT_CHANGE, caller, tx.scope.tenant, reasons=told))
    return None


def hold(tx: Tx, person: str) -> bool:
    """Let other transactions that hold this person wait until this one ends; tell whether the person is blocked.

    Whoever was found open stays so until then; to ask again costs nothing.
    """
    if person in tx.held:
        return False
    since = store.hold(tx, person)
    if since == 0:
        tx.held.add(person)
    return bool(since)


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
    """Make a person who holds no way in and no right. An address that is taken or odd is refused, and a long name.

    People are told apart by the exact address: `Pilot@x` and `pilot@x` are two. Who comes with a blocked address is
    blocked from the beginning.
    """
    address = address_of(email) if email else None
    person_id = person or new_person_id(tx)
    if email and address is None:
        return tx.refuse(EventName.PERSON_CREATE, caller, person_id, Code.EMAIL_INVALID)
    if len(name) > NAME_LONGEST:
        return tx.refuse(EventName.PERSON_CREATE, caller, person_id, Code.NAME_TOO_LONG)
    taken = address is not None and person_of(tx, keyring, address) is not None
    made = None if taken else make_person(tx, keyring, caller, person_id, address, name)
    return made or tx.refuse(EventName.PERSON_CREATE, caller, person_id, Code.EMAIL_TAKEN)


def make_person(
    tx: Tx, keyring: Keyring, caller: Caller, person: str, address: Address | None, name: str = ""
) -> Person | None:
    """Store a person, with the receipt of it; None where the id or the exact address is another's at this moment.

    A row of before, which was found by the folded form of its address, makes room for whoever writes theirs so.
    """
    seal, tenant = _sealer(tx, keyring), tx.scope.tenant
    known_by = hashes(keyring, tenant, address) if address else None
    block = blocks.awaited(tx, known_by) if known_by else None
    exact, since = address.exact if address else "", block.at if block else 0
    sealed = seal.seal(("people.email", person, tenant), exact.encode())
    called = seal.seal(("people.name", person, tenant), name.encode())
    if address is not None:
        _make_room(tx, keyring, address)
    if not store.add_person(tx, person, known_by, sealed, called, since):
        return None
    tx.emit(Event(EventName.PERSON_CREATE, caller, person))
    return Person(person, exact, name, tx.now, since)


def give_address(tx: Tx, keyring: Keyring, caller: Caller, person: str, address: Address) -> None:
    """Give somebody who is known another address, which nobody has."""
    _make_room(tx, keyring, address)
    sealed = _sealer(tx, keyring).seal(("people.email", person, tx.scope.tenant), address.exact.encode())
    store.set_address(tx, person, hashes(keyring, tx.scope.tenant, address), sealed)
    tx.emit(Event(EventName.PERSON_CHANGE, caller, person, reasons=("address_given",)))


def take_address(tx: Tx, keyring: Keyring, caller: Caller, address: Address) -> None:
    """Take an address from whoever has exactly this one: it is somebody else's now."""
    had = person_of(tx, keyring, address)
    if had is not None:
        sealed = _sealer(tx, keyring).seal(("people.email", had.id, tx.scope.tenant), b"")
        store.set_address(tx, had.id, None, sealed)
        tx.emit(Event(EventName.PERSON_CHANGE, caller, had.id, reasons=("address_taken",)))


def is_known(tx: Tx, person: str) -> bool:
    """Tell whether the tenant has a person of that id."""
    return is_user_id(person) and store.find_person(tx, person) is not None


def find_person(tx: Tx, keyring: Keyring, person: str) -> Person | None:
    """Return one person of the tenant, opened."""
    row = store.find_person(tx, person)
    return None if row is None else _person(_sealer(tx, keyring), tx.scope, row)


def person_of(tx: Tx, keyring: Keyring, address: Address) -> Person | None:
    """Return the person of the tenant whose own address is exactly this."""
    return next((found for found, _ in _spelled(tx, keyring, address) if found.email == address.exact), None)


def people_of(tx: Tx, keyring: Keyring, address: Address) -> list[Person]:
    """Return whom a typed address may mean: who has exactly this one, else up to two who write it otherwise."""
    exact = person_of(tx, keyring, address)
    if exact is not None:
        return [exact]
    seal, known_by = _sealer(tx, keyring), hashes(keyring, tx.scope.tenant, address)
    return [_person(seal, tx.scope, row) for row in store.find_folded(tx, known_by, 2)]


def list_people(tx: Tx, keyring: Keyring) -> list[Person]:
    """Return all people of the tenant, opened, oldest first."""
    seal = _sealer(tx, keyring)
    return [_person(seal, tx.scope, row) for row in store.list_people(tx)]


def _sealer(tx: Tx, keyring: Keyring) -> Sealer:
    return Sealer(keyring.active(tx.scope.tenant, Purpose.DATA).secret, tx.secrets)


def _person(seal: Sealer, scope: Scope, row: Row) -> Person:
    person, email, name, created_at, blocked_at = row
    address = seal.open(("people.email", person, scope.tenant), email).decode()
    called = seal.open(("people.name", person, scope.tenant), name).decode()
    return Person(person, address, called, created_at, blocked_at)


def _spelled(tx: Tx, keyring: Keyring, address: Address) -> list[tuple[Person, str]]:
    """Return whom either hash of an address finds, each with the hash that the row has."""
    seal, known_by = _sealer(tx, keyring), hashes(keyring, tx.scope.tenant, address)
    return [(_person(seal, tx.scope, row[:-1]), row[-1]) for row in store.find_spelled(tx, known_by)]


def _make_room(tx: Tx, keyring: Keyring, address: Address) -> None:
    """Mend a row of before that stands where the exact address belongs, but is written otherwise."""
    known_by = hashes(keyring, tx.scope.tenant, address)
    for found, kept in _spelled(tx, keyring, address):
        own = address_of(found.email)
        if kept == known_by.exact and own is not None and own.exact != address.exact:
            store.mend(tx, found.id, kept, hashes(keyring, tx.scope.tenant, own).exact)
