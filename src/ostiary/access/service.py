"""Use cases of access: granting a role, on record."""

from ostiary.access import store
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.storage.tx import Tx

__all__ = ["ADMINISTRATOR", "grant", "has_administrator", "roles"]

ADMINISTRATOR = "administrator"


def grant(tx: Tx, caller: Caller, person: str, role: str) -> None:
    """Give a person a role; every grant leaves a receipt, a repeated one changes nothing."""
    if store.add(tx, person, role, caller.actor):
        tx.emit(Event(EventName.ROLE_GRANT, caller, person, reasons=(role,)))


def has_administrator(tx: Tx) -> bool:
    """Tell whether the tenant has an administrator."""
    return store.anybody(tx, ADMINISTRATOR)


def roles(tx: Tx, person: str) -> list[str]:
    """Return the roles that a person holds."""
    return store.roles(tx, person)
