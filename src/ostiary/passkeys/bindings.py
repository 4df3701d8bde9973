"""Passkeys as the membrane knows them: bound to relying party and origin, known by the hash of the credential id.

The ceremonies are verified as everywhere; what comes in raw is seen here and kept nowhere.
"""

import hashlib
import hmac

import msgspec

from ostiary.identities import service as identities
from ostiary.kernel.ids import b64url, new_id, unb64url
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.passkeys import attestation, authdata, cose, store, webauthn
from ostiary.passkeys.ceremony import (
    Asserted,
    AssertionParts,
    AttestationParts,
    AuthenticationResponse,
    Fault,
    Registered,
    RegistrationResponse,
    RelyingParty,
    Stored,
)
from ostiary.passkeys.model import Facts, Hold, Passkey
from ostiary.passkeys.service import Rules, sealed_label
from ostiary.storage.tx import Tx

__all__ = [
    "Bound",
    "Wanted",
    "attested",
    "attested_id",
    "by_hash",
    "credential_hash",
    "facts",
    "find",
    "key_hash",
    "known",
    "point",
    "put",
    "same_key",
    "used",
    "verified",
]

_UNCOMPRESSED = 65
_ES256_HEAD, _ES256_MIDDLE = bytes.fromhex("a5010203262001215820"), bytes.fromhex("225820")
_UNNAMED = "AA"  # the raw id of a credential never reaches the server: its hash has found the passkey


class Wanted(msgspec.Struct, frozen=True):
    """What a passkey is to be bound to; with `recovery` it is held back until that recovery is executed."""

    person: str
    rp: RelyingParty
    origin: str
    attachment: str
    synced_allowed: bool
    imported: bool = False
    recovery: str = ""


class Bound(msgspec.Struct, frozen=True):
    """A stored passkey, with the hash of its credential id and of its public key (`sha256:` and hex)."""

    passkey: str
    credential_hash: str
    public_key_hash: str
    sign_count: int
    facts: Facts


def find(tx: Tx, passkey: str) -> Passkey | None:
    """Return a passkey of the tenant, whoever's it is; removed ones are none."""
    found = store.find_any(tx, passkey)
    return None if found is None or found.removed_at else found


def by_hash(tx: Tx, digest: bytes) -> Passkey | None:
    """Return the passkey of a credential id's hash; removed ones are none."""
    found = store.find_by_credential(tx, digest)
    return None if found is None or found.removed_at else found


def known(tx: Tx, digest: bytes) -> bool:
    """Tell whether the tenant knows a credential id's hash, removed passkeys included."""
    return store.find_by_credential(tx, digest) is not None


def facts(tx: Tx, passkey: str) -> Facts | None:
    """Return what a passkey was bound to at the membrane; None for one of the pages."""
    return store.facts(tx, passkey)


def credential_hash(tx: Tx, passkey: str) -> str:
    """Return the hash of a passkey's credential id as the membrane writes it."""
    return "sha256:" + store.credential_hash(tx, passkey).hex()


def key_hash(public_key: bytes) -> str:
    """Return the hash of a COSE_Key as the membrane writes it."""
    return "sha256:" + hashlib.sha256(public_key).hexdigest()


def point(uncompressed_hex: str) -> bytes | None:
    """Return the canonical COSE_Key of an uncompressed P-256 point in hex; None where it is none."""
    try:
        raw = bytes.fromhex(uncompressed_hex)
    except ValueError:
        return None
    if len(raw) != _UNCOMPRESSED or raw[0] != 4:  # noqa: PLR2004 - SEC 1 section 2.3.3: 04, x, y
        return None
    made = _ES256_HEAD + raw[1:33] + _ES256_MIDDLE + raw[33:]
    try:
        return made if cose.is_point(cose.load(made)) else None
    except ValueError:
        return None


def attested(rp: RelyingParty, nonce: bytes, client_data: str, attestation_object: str) -> Registered | Refusal:
    """Verify a registration whose raw parts are in base64url; the credential id is read where it was attested.

    Refusals are PASSKEY_REFUSED with one word of `Fault`.
    """
    try:
        identifier = _identifier(unb64url(attestation_object))
    except ValueError:
        return Refusal(Code.PASSKEY_REFUSED, (Fault.ATTESTATION_MALFORMED.value,))
    parts = AttestationParts(client_data, attestation_object)
    return webauthn.verify_registration(rp, nonce, RegistrationResponse(identifier, identifier, "public-key", parts))


def attested_id(attestation_object: bytes) -> bytes:
    """Return the raw credential id that an attestation object names, b"" where none can be read; never to be kept."""
    try:
        return unb64url(_identifier(attestation_object))
    except ValueError:
        return b""


def verified(tx: Tx, rp: RelyingParty, found: Passkey, nonce: bytes, parts: AssertionParts) -> Asserted | Refusal:
    """Verify an assertion of a passkey that is known; nothing is recorded yet."""
    answer = AuthenticationResponse(_UNNAMED, _UNNAMED, "public-key", parts)
    return webauthn.verify_assertion(rp, nonce, _as_told(tx, found, parts), answer)


def used(tx: Tx, found: Passkey, asserted: Asserted) -> Refusal | None:
    """Record the use of a passkey whose assertion held; refused where another use moved its counter meanwhile."""
    return None if store.use(tx, found, asserted) else Refusal(Code.PASSKEY_REFUSED, ("sign_count_raced",))


def _as_told(tx: Tx, found: Passkey, parts: AssertionParts) -> Stored:
    """Return what the verifier needs; whether an imported passkey may be synced is first told by its authenticator."""
    held = store.facts(tx, found.id)
    if held is None or not (held.imported and held.synced_allowed):
        return found.stored
    try:
        data = authdata.read(unb64url(parts.authenticator_data))
    except ValueError:
        return found.stored
    return msgspec.structs.replace(found.stored, backup_eligible=data.backup_eligible)


def put(tx: Tx, rules: Rules, caller: Caller, wanted: Wanted, made: Registered, name: EventName) -> Bound | None:
    """Store a verified or imported passkey; None when its credential is known in the tenant, removed ones included.

    The person is held: a recovery of theirs that is executed at this moment sees the passkey, or comes first.
    """
    identities.hold(tx, wanted.person)
    passkey = new_id("pk", tx.secrets)
    hold = Hold.REPLACEMENT if wanted.recovery else Hold.NONE
    label = sealed_label(tx, rules.keyring, passkey, "")
    if not store.add(tx, passkey, wanted.person, made, label, hold, wanted.recovery):
        return None
    bound = _bound(passkey, wanted, made)
    store.add_facts(tx, passkey, bound.facts)
    tx.emit(Event(name, caller, passkey, reasons=(f"person:{wanted.person}", f"commitment:{bound.facts.commitment}")))
    return bound


def _bound(passkey: str, wanted: Wanted, made: Registered) -> Bound:
    credential = "sha256:" + made.credential_hash.hex()
    public = key_hash(made.public_key)
    said = ("ostiary.passkey_binding.v1", passkey, wanted.person, wanted.rp.id, wanted.origin, credential, public)
    covered = b"".join(b"%d:%b," % (len(part), part) for part in map(str.encode, said))
    commitment = "sha256:" + hashlib.sha256(covered).hexdigest()
    held = Facts(
        wanted.rp.id,
        wanted.origin,
        wanted.attachment,
        int(wanted.synced_allowed),
        int(wanted.imported),
        commitment,
    )
    return Bound(passkey, credential, public, made.sign_count, held)


def same_key(made: Registered, cose_key: bytes) -> bool:
    """Tell whether a registration attested exactly this public key."""
    return hmac.compare_digest(made.public_key, cose_key)


def _identifier(raw: bytes) -> str:
    """Return the attested credential id in base64url. Raises ValueError."""
    data = authdata.read(attestation.read(raw).authenticator_data)
    if data.attested is None:
        raise ValueError("no credential is attested")
    return b64url(data.attested.credential_id)
