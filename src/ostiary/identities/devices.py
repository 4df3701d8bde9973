"""Use cases of devices: what a person acts through, by the name that `vessel:NAME` carries."""

from ostiary.identities import service, store
from ostiary.kernel.refs import is_name
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.storage.tx import Tx

__all__ = ["add", "list_of", "owner"]


def add(tx: Tx, caller: Caller, person: str, name: str) -> Refusal | None:
    """Note that a device is a person's; said again it changes nothing.

    Refused with `person_unknown`, `ref_malformed`, or `ref_taken` where it is somebody else's.
    """
    if not service.is_known(tx, person):
        return tx.refuse(EventName.DEVICE_ADD, caller, "", Code.PERSON_UNKNOWN)
    if not is_name(name):
        return tx.refuse(EventName.DEVICE_ADD, caller, person, Code.REF_MALFORMED)
    if store.add_device(tx, person, name, caller.actor):
        tx.emit(Event(EventName.DEVICE_ADD, caller, person, reasons=(f"device:{name}",)))
        return None
    if store.device_owner(tx, name) == person:
        return None
    return tx.refuse(EventName.DEVICE_ADD, caller, person, Code.REF_TAKEN)


def owner(tx: Tx, name: str) -> str:
    """Return the id of the person whose device of the tenant it is, "" where none is known by that name."""
    return store.device_owner(tx, name) if is_name(name) else ""


def list_of(tx: Tx, person: str) -> list[str]:
    """Return the names of a person's devices, sorted."""
    return store.devices_of(tx, person) if service.is_known(tx, person) else []
