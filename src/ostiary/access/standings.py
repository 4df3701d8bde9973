"""Use cases of standings: authorities that exist elsewhere, one person each. A session may name one, it makes none."""

from ostiary.access import store
from ostiary.identities import service as identities
from ostiary.kernel.refs import is_name
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.storage.tx import Tx

__all__ = ["add", "holder", "list_of"]


def add(tx: Tx, caller: Caller, person: str, name: str) -> Refusal | None:
    """Note that a person holds a standing; said again it changes nothing.

    Refused with `person_unknown`, `ref_malformed`, or `ref_taken` where somebody else holds it.
    """
    if not identities.is_known(tx, person):
        return tx.refuse(EventName.STANDING_ADD, caller, "", Code.PERSON_UNKNOWN)
    if not is_name(name):
        return tx.refuse(EventName.STANDING_ADD, caller, person, Code.REF_MALFORMED)
    if store.add_standing(tx, person, name, caller.actor):
        tx.emit(Event(EventName.STANDING_ADD, caller, person, reasons=(f"standing:{name}",)))
        return None
    if store.standing_holder(tx, name) == person:
        return None
    return tx.refuse(EventName.STANDING_ADD, caller, person, Code.REF_TAKEN)


def holder(tx: Tx, name: str) -> str:
    """Return the id of the person who holds a standing of the tenant, "" where nobody does."""
    return store.standing_holder(tx, name) if is_name(name) else ""


def list_of(tx: Tx, person: str) -> list[str]:
    """Return the names of a person's standings, sorted."""
    return store.standings_of(tx, person) if identities.is_known(tx, person) else []
