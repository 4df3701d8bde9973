"""Use cases of keys: the first ones at boot, rotation, loading."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.ids import Secrets, new_id
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName
from ostiary.keys import store
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Key, Purpose
from ostiary.keys.sealing import Sealer
from ostiary.storage.tx import Tx

__all__ = ["collect", "ensure", "learn", "load", "make", "missing", "rotate"]

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
    load(tx, sealer, keyring)
    old = keyring.active(tx.scope.tenant, purpose)
    new = make(tx.secrets, tx.scope.tenant, purpose, old.version + 1, tx.now)
    if not (store.add(tx, sealer, new) and store.retire(tx, old.id)):
        raise StoreUnavailable(f"another process is rotating the {purpose} key")
    tx.emit(Event(EventName.KEY_ROTATE, caller, new.id, reasons=(purpose.value, f"retired:{old.id}")))
    return new


def collect(tx: Tx, retention: int) -> int:
    """Delete cookie-signing keys that retired longer than `retention` microseconds ago; receipts keep theirs."""
    before = tx.now - retention
    count = store.collect(tx, Purpose.SESSION, before) + store.collect(tx, Purpose.PRELOGIN, before)
    if count:
        tx.emit(Event(EventName.KEY_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count
