"""STUB until merge."""

from ostiary.identities import service
from ostiary.identities.directory import Context, Kind, Resolved
from ostiary.identities.model import normalise_email
from ostiary.kernel.refusals import Refusal


def resolve(tx, keyring, address) -> Resolved:
    found = service.person_of(tx, keyring, normalise_email(address) or "")
    return Resolved(Kind.EXISTING, found.id) if found else Resolved(Kind.CREATABLE)


def ensure(tx, keyring, caller, address, context) -> Resolved | Refusal:
    found = resolve(tx, keyring, address)
    if found.kind is Kind.EXISTING:
        return found
    made = service.add_person(tx, keyring, caller, email=address)
    return made if isinstance(made, Refusal) else Resolved(Kind.CREATED, made.id)


def is_blocked(tx, keyring, address, person) -> bool:
    return False


def is_there(tx, person) -> bool:
    return service.is_known(tx, person)


def adopt(tx, keyring, caller, person, address) -> str | Refusal:
    return person
