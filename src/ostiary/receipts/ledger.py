"""The ledger that the vault writes events into: builds, signs and appends the receipt, and gives it to the tree."""

from functools import lru_cache

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ostiary.kernel.ids import timed_id
from ostiary.kernel.values import Event
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.receipts import store
from ostiary.receipts.model import Receipt, canonical, leaf_bytes
from ostiary.receipts.sequencer import Sequencer
from ostiary.receipts.tree import leaf_hash
from ostiary.storage.tx import Tx

__all__ = ["SigningLedger", "signature_holds"]


class SigningLedger:
    """Signs with the tenant's active receipt key (Ed25519, RFC 8032)."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring, self._sequencer = keyring, Sequencer()

    def record(self, tx: Tx, event: Event) -> str:
        """Write the receipt of one event into its transaction and return the receipt's id."""
        key = self._keyring.active(tx.scope.tenant, Purpose.RECEIPT)
        receipt = _receipt(tx, event, key.id)
        signed = canonical(receipt)
        signature = _signer(key.secret).sign(signed)
        store.add(tx, msgspec.structs.replace(receipt, signature=signature))
        self._sequencer.add(tx, leaf_hash(leaf_bytes(signed, signature)))
        return receipt.id


def signature_holds(receipt: Receipt, public: bytes) -> bool:
    """Tell whether a receipt's signature is that of the key with these 32 public bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(receipt.signature, canonical(receipt))
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _signer(secret: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(secret)


def _receipt(tx: Tx, event: Event, key: str) -> Receipt:
    return Receipt(
        id=timed_id("rcp", tx.secrets, tx.now),
        tenant=tx.scope.tenant,
        mode=tx.scope.mode.value,
        operation=event.name.value,
        outcome=event.outcome.value,
        actor=event.caller.actor,
        session=event.caller.session,
        subject=event.subject,
        reasons=event.reasons,
        at=tx.now,
        digest=event.caller.digest,
        link=event.link,
        key=key,
    )
