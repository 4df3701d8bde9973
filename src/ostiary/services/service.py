"""Use cases of services: register, list, change, give a new key, remove. Each runs in one transaction."""

import msgspec

from ostiary.kernel.ids import b64url
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.services import store
from ostiary.services.model import DEFAULT, Registration, Service, key_hash, malformed
from ostiary.storage.tx import Tx

__all__ = ["add", "change", "find", "hosts_of", "listed", "remove", "rotate"]

_SECRET = 32
_PREFIX = "svk-"


def add(tx: Tx, caller: Caller, asked: Registration) -> str | Refusal:
    """Register a service and return its key, which is shown this once: only its hash is kept."""
    name, refused = EventName.SERVICE_ADD, malformed(asked)
    if refused is None and asked.name == DEFAULT.name:
        refused = Refusal(Code.SERVICE_BUILT_IN)
    if refused is not None:
        return tx.refuse(name, caller, asked.name, refused)
    asked = _sorted(asked)
    key = _new_key(tx)
    if not store.add(tx, asked, key_hash(key)):
        return tx.refuse(name, caller, asked.name, Code.SERVICE_TAKEN)
    tx.emit(Event(name, caller, asked.name, reasons=_told(asked)))
    return key


def change(tx: Tx, caller: Caller, asked: Registration) -> Service | Refusal:
    """Change what a service requires and may learn; its hosts stay, and the receipt names what differs.

    No check sent after the answer goes by the old registration.
    """
    refused = malformed(asked) or _built_in(asked.name)
    if refused is not None:
        return tx.refuse(EventName.SERVICE_CHANGE, caller, asked.name, refused)
    asked = _sorted(asked)
    found = store.held(tx, asked.name)
    if found is None or not store.change(tx, asked):
        return tx.refuse(EventName.SERVICE_CHANGE, caller, asked.name, Code.SERVICE_UNKNOWN)
    tx.shrink("service", asked.name)
    tx.emit(Event(EventName.SERVICE_CHANGE, caller, asked.name, reasons=_changed(found, asked)))
    return find(tx, asked.name)


def rotate(tx: Tx, caller: Caller, name: str, grace: int) -> str | Refusal:
    """Give a service a new key; the old one is good for `grace` microseconds more, 0 ends it at once."""
    found = find(tx, name)
    if isinstance(found, Refusal):
        return tx.refuse(EventName.SERVICE_ROTATE, caller, name, found)
    if name == DEFAULT.name:
        return tx.refuse(EventName.SERVICE_ROTATE, caller, name, Code.SERVICE_BUILT_IN)
    key = _new_key(tx)
    store.rotate(tx, name, key_hash(key), found.key_hash if grace else "", tx.now + grace)
    tx.shrink("service", name)
    tx.emit(Event(EventName.SERVICE_ROTATE, caller, name, reasons=(f"grace_s:{grace // 1_000_000}",)))
    return key


def remove(tx: Tx, caller: Caller, name: str) -> Refusal | None:
    """Remove a service: it is unknown to every check sent after the answer. `default` stays."""
    refused = _built_in(name)
    if refused is None and not store.remove(tx, name):
        tx.settle("service", name)
        refused = Refusal(Code.SERVICE_UNKNOWN)
    if refused is not None:
        return tx.refuse(EventName.SERVICE_REMOVE, caller, name, refused)
    tx.shrink("service", name)
    tx.emit(Event(EventName.SERVICE_REMOVE, caller, name))
    return None


def find(tx: Tx, name: str) -> Service | Refusal:
    """Return a service; `default` is always there."""
    if name == DEFAULT.name:
        return DEFAULT
    return store.find(tx, name) or Refusal(Code.SERVICE_UNKNOWN)


def listed(tx: Tx) -> list[Service]:
    """Return every service, `default` first, then oldest first."""
    return [DEFAULT, *store.listed(tx)]


def hosts_of(tx: Tx, name: str) -> tuple[str, ...]:
    """Return the hosts that are registered for a service."""
    return store.hosts_of(tx, name)


def _built_in(name: str) -> Refusal | None:
    return Refusal(Code.SERVICE_BUILT_IN) if name == DEFAULT.name else None


def _new_key(tx: Tx) -> str:
    return _PREFIX + b64url(tx.secrets(_SECRET))


def _sorted(asked: Registration) -> Registration:
    """Return the registration with each word once, in order."""
    words = {part: tuple(sorted(set(getattr(asked, part)))) for part in ("hosts", "scopes", "discloses")}
    return msgspec.structs.replace(asked, **words)


def _changed(was: Service, asked: Registration) -> tuple[str, ...]:
    """Return what a change adds and drops, as words for the receipt; none where everything stays as it was."""
    before = _told(Registration(was.name, (), was.scopes, was.discloses, was.requires_key))
    after = _told(msgspec.structs.replace(asked, hosts=()))
    added = (f"adds:{word}" for word in after if word not in before)
    return (*added, *(f"drops:{word}" for word in before if word not in after))


def _told(asked: Registration) -> tuple[str, ...]:
    return (
        *(f"host:{host}" for host in asked.hosts),
        *(f"scope:{scope}" for scope in asked.scopes),
        *(f"discloses:{fact}" for fact in asked.discloses),
        *(("requires_key",) if asked.requires_key else ()),
    )
