"""Use cases of passkeys: verify an assertion against what is stored, register, rename, list."""

import msgspec

from ostiary.identities import service as identities
from ostiary.kernel.ids import new_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import Sealer
from ostiary.passkeys import store, webauthn
from ostiary.passkeys.ceremony import AuthenticationResponse, RegistrationResponse, RelyingParty
from ostiary.passkeys.decoy import DECOY
from ostiary.passkeys.model import Passkey
from ostiary.storage.tx import Tx

__all__ = ["Rules", "assert_passkey", "label", "list_of", "owned", "register", "remove", "rename", "sealed_label"]


class Rules(msgspec.Struct, frozen=True):
    """What the use cases of passkeys need besides their transaction."""

    keyring: Keyring
    relying_party: RelyingParty


def assert_passkey(tx: Tx, rules: Rules, nonce: bytes, credential: AuthenticationResponse) -> Passkey | Refusal:
    """Verify an assertion and record the use. Unknown and wrong are refused alike, and take the same time.

    The exceptions are a removed passkey, a held one and one of somebody who is blocked, with a valid signature: its
    holder is told. The person is held before the passkey, as everywhere.
    """
    digest = webauthn.credential_hash(credential)
    found = None if isinstance(digest, Refusal) else store.find_by_credential(tx, digest)
    verdict = webauthn.verify_assertion(
        rules.relying_party, nonce, DECOY if found is None else found.stored, credential
    )
    if found is None:
        return Refusal(Code.LOGIN_REFUSED, ("passkey_unknown",))
    if isinstance(verdict, Refusal):
        return Refusal(Code.LOGIN_REFUSED, verdict.reasons)
    if webauthn.user_handle(credential) != found.person.encode():
        return Refusal(Code.LOGIN_REFUSED, ("user_handle_mismatch",))
    if found.removed_at:
        return Refusal(Code.PASSKEY_REMOVED)
    if found.hold:
        return Refusal(Code.PASSKEY_QUARANTINED, (found.hold,))
    if identities.hold(tx, found.person):
        return Refusal(Code.BLOCKED_BY_POLICY)
    if not store.use(tx, found, verdict):
        return Refusal(Code.LOGIN_REFUSED, ("sign_count_raced",))
    return found


def register(
    tx: Tx,
    rules: Rules,
    caller: Caller,
    person: str,
    nonce: bytes,
    credential: RegistrationResponse,
    label: str,
) -> str | Refusal:
    """Verify a registration and store the passkey for a person; return its id.

    The person is held: a recovery of theirs that is executed at this moment sees the passkey, or comes first.
    """
    verdict = webauthn.verify_registration(rules.relying_party, nonce, credential)
    if isinstance(verdict, Refusal):
        return tx.refuse(EventName.PASSKEY_ADD, caller, person, verdict)
    identities.hold(tx, person)
    passkey = new_id("pk", tx.secrets)
    if not store.add(tx, passkey, person, verdict, sealed_label(tx, rules.keyring, passkey, label)):
        return tx.refuse(EventName.PASSKEY_ADD, caller, person, Code.PASSKEY_ALREADY_REGISTERED)
    tx.emit(Event(EventName.PASSKEY_ADD, caller, passkey, reasons=(f"person:{person}",)))
    return passkey


def rename(tx: Tx, keyring: Keyring, caller: Caller, passkey: str, label: str) -> Refusal | None:
    """Give one of the caller's passkeys another label."""
    if not store.relabel(tx, caller.actor, passkey, sealed_label(tx, keyring, passkey, label)):
        return tx.refuse(EventName.PASSKEY_RENAME, caller, passkey, Code.PASSKEY_UNKNOWN)
    tx.emit(Event(EventName.PASSKEY_RENAME, caller, passkey))
    return None


def owned(tx: Tx, person: str, passkey: str) -> Passkey | None:
    """Return a person's passkey that signs in: neither removed nor held."""
    found = store.find(tx, person, passkey)
    return None if found is None or found.removed_at or found.hold else found


def list_of(tx: Tx, person: str) -> list[Passkey]:
    """Return a person's passkeys that sign in, oldest first: neither removed nor held."""
    return store.list_of(tx, person)


def remove(tx: Tx, caller: Caller, passkey: str, reason: str) -> bool:
    """Mark one of the caller's passkeys as removed; False when it was not there. `login` decides whether it may go."""
    if not store.remove(tx, caller.actor, passkey):
        return False
    tx.emit(Event(EventName.PASSKEY_REMOVE, caller, passkey, reasons=(reason,)))
    return True


def label(tx: Tx, keyring: Keyring, passkey: Passkey) -> str:
    """Open a passkey's label."""
    return _sealer(tx, keyring).open(_place(passkey.id, tx.scope.tenant), passkey.label_sealed).decode()


def sealed_label(tx: Tx, keyring: Keyring, passkey: str, text: str) -> bytes:
    """Seal a passkey's label."""
    return _sealer(tx, keyring).seal(_place(passkey, tx.scope.tenant), text.encode())


def _sealer(tx: Tx, keyring: Keyring) -> Sealer:
    return Sealer(keyring.active(tx.scope.tenant, Purpose.DATA).secret, tx.secrets)


def _place(passkey: str, tenant: str) -> tuple[str, str, str]:
    return ("passkeys.label", passkey, tenant)
