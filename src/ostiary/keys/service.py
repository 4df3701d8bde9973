"""Use cases of keys: the first ones at boot, rotation, revocation, rewrapping, loading."""

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ostiary.kernel.errors import ContractBroken, StoreUnavailable
from ostiary.kernel.ids import Secrets, new_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName
from ostiary.keys import store
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import ROTATABLE, Key, Purpose
from ostiary.keys.sealing import Sealer
from ostiary.storage.tx import Tx

__all__ = [
    "collect",
    "disown",
    "due",
    "ensure",
    "learn",
    "load",
    "make",
    "missing",
    "revoke",
    "rewrap",
    "rotate",
    "rotate_due",
]

_SECRET = 32


def make(secrets: Secrets, tenant: str, purpose: Purpose, version: int, now: int) -> Key:
    """Make a fresh key of 32 random bytes."""
    secret = secrets(_SECRET)
    public = b""
    if purpose is Purpose.RECEIPT:
        public = Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    return Key(new_id("sk", secrets), tenant, purpose, version, secret, public, now)


def load(tx: Tx, sealer: Sealer, keyring: Keyring) -> None:
    """Fill the keyring with what is stored."""
    keyring.replace(store.every(tx, sealer))


def disown(tx: Tx, keyring: Keyring) -> None:
    """Mark the keys that the keyring holds as revoked where they are; it opens none, so it serves after a rewrap."""
    revoked = store.revocations(tx)
    if any(key.id in revoked and not key.revoked_at for key in keyring.all()):
        keyring.replace(
            msgspec.structs.replace(key, revoked_at=revoked.get(key.id, key.revoked_at)) for key in keyring.all()
        )


def learn(tx: Tx, sealer: Sealer, keyring: Keyring, key_id: str) -> None:
    """Reload the keyring if that key is stored but not held: another process has made it since."""
    if store.exists(tx, key_id):
        load(tx, sealer, keyring)


def missing(keyring: Keyring, tenant: str) -> list[Purpose]:
    """Return the purposes for which the tenant has no key at all."""
    held = {key.purpose for key in keyring.all() if key.tenant == tenant}
    return [purpose for purpose in Purpose if purpose not in held]


def ensure(tx: Tx, sealer: Sealer, keyring: Keyring) -> None:
    """Give the scope's tenant one key per purpose, once; two nodes booting at once end with the same keys."""
    store.hold(tx)
    load(tx, sealer, keyring)
    tenant = tx.scope.tenant
    made = [make(tx.secrets, tenant, purpose, 1, tx.now) for purpose in missing(keyring, tenant)]
    stored = [key for key in made if store.add(tx, sealer, key)]
    load(tx, sealer, keyring)
    for key in stored:
        tx.emit(Event(EventName.KEY_CREATE, SYSTEM, key.id, reasons=(key.purpose.value,)))


def rotate(tx: Tx, sealer: Sealer, keyring: Keyring, caller: Caller, purpose: Purpose) -> Key:
    """Put a new key in service and retire the active one, in one transaction; return the new one.

    Raises StoreUnavailable when somebody else is rotating the same key at this moment.
    """
    store.hold(tx)
    load(tx, sealer, keyring)
    old = keyring.active(tx.scope.tenant, purpose)
    new = _replace(tx, sealer, old)
    if new is None:
        raise StoreUnavailable(f"another process is rotating the {purpose} key")
    tx.emit(Event(EventName.KEY_ROTATE, caller, new.id, reasons=(purpose.value, f"retired:{old.id}")))
    return new


def due(keyring: Keyring, tenant: str, now: int, every: int) -> list[Key]:
    """Return the tenant's signing keys that have been in service for `every` microseconds; none where that is 0."""
    active = [key for key in keyring.all() if key.tenant == tenant and key.purpose in ROTATABLE and not key.retired_at]
    return [key for key in active if every and key.created_at + every <= now]


def rotate_due(tx: Tx, sealer: Sealer, keyring: Keyring, every: int) -> list[Key]:
    """Rotate what is due; return the new keys. Of nodes that try at once one does it: each version is stored once."""
    store.hold(tx)
    load(tx, sealer, keyring)
    made = []
    for old in due(keyring, tx.scope.tenant, tx.now, every):
        new = _replace(tx, sealer, old)
        if new is not None:
            made.append(new)
            reasons = (old.purpose.value, f"retired:{old.id}", "scheduled")
            tx.emit(Event(EventName.KEY_ROTATE, SYSTEM, new.id, reasons=reasons))
    return made


def revoke(
    tx: Tx, sealer: Sealer, keyring: Keyring, caller: Caller, key_id: str, also: tuple[str, ...] = ()
) -> Key | Refusal:
    """Let a signing key verify nothing from now on, and put a fresh one in service where it was the active one.

    Revoking it again changes nothing and promises the same (ruling 10). The receipt is signed by the key that is in
    service afterwards; `also` are words for it. What the key signed is ended by `sessions.revocation`.
    """
    store.hold(tx)
    load(tx, sealer, keyring)
    found = keyring.find(key_id)
    if found is None or found.tenant != tx.scope.tenant:
        return tx.refuse(EventName.KEY_REVOKE, caller, key_id, Code.KEY_UNKNOWN)
    if found.purpose not in ROTATABLE:
        return tx.refuse(EventName.KEY_REVOKE, caller, key_id, Code.KEY_NOT_REVOCABLE)
    if not store.revoke(tx, found):
        tx.settle("key", key_id)
        return found
    tx.shrink("key", key_id)
    new = None if found.retired_at else _replace(tx, sealer, found)
    load(tx, sealer, keyring)
    replaced = (f"replaced_by:{new.id}",) if new else ()
    tx.emit(Event(EventName.KEY_REVOKE, caller, key_id, reasons=(found.purpose.value, *replaced, *also)))
    return keyring.find(key_id) or found


def rewrap(tx: Tx, old: Sealer, new: Sealer, caller: Caller) -> int:
    """Seal every stored key under another key-encryption key, all or none; return how many."""
    store.hold(tx)
    count = store.reseal(tx, old, new)
    if count != len(store.every(tx, new)):
        raise ContractBroken("a key was stored while the keys were rewrapped")
    tx.emit(Event(EventName.KEY_REWRAP, caller, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count


def _replace(tx: Tx, sealer: Sealer, old: Key) -> Key | None:
    """Store the next version of a key and retire the old one; None when somebody else has."""
    new = make(tx.secrets, old.tenant, old.purpose, old.version + 1, tx.now)
    return new if store.add(tx, sealer, new) and store.retire(tx, old.id) else None


def collect(tx: Tx, retention: int) -> int:
    """Delete cookie-signing keys that retired longer than `retention` microseconds ago; receipts keep theirs."""
    before = tx.now - retention
    count = store.collect(tx, Purpose.SESSION, before) + store.collect(tx, Purpose.PRELOGIN, before)
    if count:
        tx.emit(Event(EventName.KEY_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count
