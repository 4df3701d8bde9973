"""WebAuthn Level 3 for a relying party: options to send, registrations and assertions to verify.

Pure functions over values: no I/O, no clock, no randomness, and no exception for any input. Whether a
challenge is fresh and unspent, and whose credential it is, is the caller's to know. Source: Web
Authentication Level 3, sections 7.1 and 7.2; what is stricter than the standard stands in
docs/decisions/0005-webauthn-verification.md.
"""

import hashlib
import hmac
import re

from cryptography.exceptions import UnsupportedAlgorithm

from ostiary.kernel.ids import b64url, unb64url
from ostiary.kernel.refusals import Code, Refusal
from ostiary.passkeys import attestation, authdata, cose
from ostiary.passkeys.ceremony import (
    Asserted,
    AuthenticationResponse,
    Fault,
    Registered,
    RegistrationResponse,
    RelyingParty,
    Stored,
)
from ostiary.passkeys.clientdata import CREATE, GET, client_data_fault

__all__ = [
    "TIMEOUT_MS",
    "Asserted",
    "AuthenticationResponse",
    "Fault",
    "Registered",
    "RegistrationResponse",
    "RelyingParty",
    "Stored",
    "creation_options",
    "credential_hash",
    "request_options",
    "user_handle",
    "verify_assertion",
    "verify_registration",
]

TIMEOUT_MS = 300_000
_LONGEST_ID = 1023
_LONGEST_HANDLE = 64
_TRANSPORT = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")


def creation_options(
    rp: RelyingParty, challenge: bytes, user_handle: bytes, user_name: str, display_name: str
) -> dict[str, object]:
    """Return PublicKeyCredentialCreationOptionsJSON for a discoverable passkey; a handle has 1 to 64 bytes.

    There is no `excludeCredentials`: only hashes of credential ids are kept.
    """
    return {
        "rp": {"id": rp.id, "name": rp.name},
        "user": {"id": b64url(user_handle), "name": user_name, "displayName": display_name},
        "challenge": b64url(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in rp.algorithms],
        "timeout": TIMEOUT_MS,
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": _user_verification(rp),
        },
        "attestation": "none",
    }


def request_options(rp: RelyingParty, challenge: bytes) -> dict[str, object]:
    """Return PublicKeyCredentialRequestOptionsJSON for a discoverable passkey: no `allowCredentials`."""
    return {
        "challenge": b64url(challenge),
        "timeout": TIMEOUT_MS,
        "rpId": rp.id,
        "userVerification": _user_verification(rp),
    }


def credential_hash(credential: RegistrationResponse | AuthenticationResponse) -> bytes | Refusal:
    """Return SHA-256 of the raw credential id; `id` and `rawId` must be one canonical base64url text."""
    identifier = _identifier(credential)
    return _refuse(Fault.CREDENTIAL_MALFORMED) if identifier is None else hashlib.sha256(identifier).digest()


def user_handle(credential: AuthenticationResponse) -> bytes | None:
    """Return the authenticator's user handle, 1 to 64 bytes, or None where it is absent or malformed."""
    handle = _bytes(credential.response.user_handle or "")
    return handle if handle and len(handle) <= _LONGEST_HANDLE else None


def verify_registration(rp: RelyingParty, challenge: bytes, credential: RegistrationResponse) -> Registered | Refusal:
    """Verify a registration ceremony against its challenge; refusals carry one word of `Fault` each."""
    identifier = _identifier(credential)
    client_data = _bytes(credential.response.client_data_json)
    raw = _bytes(credential.response.attestation_object)
    if identifier is None or client_data is None or raw is None:
        return _refuse(Fault.CREDENTIAL_MALFORMED)
    if fault := client_data_fault(rp, CREATE, challenge, client_data):
        return _refuse(fault)
    try:
        opened = attestation.read(raw)
    except ValueError:
        return _refuse(Fault.ATTESTATION_MALFORMED)
    registered = _register(rp, opened, identifier, client_data, credential.response.transports)
    return _refuse(registered) if isinstance(registered, Fault) else registered


def verify_assertion(
    rp: RelyingParty, challenge: bytes, stored: Stored, credential: AuthenticationResponse
) -> Asserted | Refusal:
    """Verify an authentication ceremony against its challenge and the stored passkey that its id names.

    `rp.algorithms` is a policy for new passkeys and not asked again. What is stored is compared only under a
    valid signature: the time of a refusal tells a stranger nothing about it, and `sign_count_regressed` (compared
    where either side is not zero) is evidence of a cloned authenticator.
    """
    response = credential.response
    client_data = _bytes(response.client_data_json)
    raw, signature = _bytes(response.authenticator_data), _bytes(response.signature)
    handle_malformed = response.user_handle is not None and user_handle(credential) is None
    if client_data is None or raw is None or signature is None or handle_malformed or _identifier(credential) is None:
        return _refuse(Fault.CREDENTIAL_MALFORMED)
    if fault := client_data_fault(rp, GET, challenge, client_data):
        return _refuse(fault)
    message = raw + hashlib.sha256(client_data).digest()
    asserted = _assert(rp, stored, raw, signature, message)
    return _refuse(asserted) if isinstance(asserted, Fault) else asserted


def _register(
    rp: RelyingParty,
    opened: attestation.Attestation,
    identifier: bytes,
    client_data: bytes,
    transports: tuple[str, ...],
) -> Registered | Fault:
    data = _authenticator_data(opened.authenticator_data)
    attested = data and data.attested
    if not data or not attested:
        return Fault.AUTHENTICATOR_DATA_MALFORMED
    if fault := authdata.authenticator_data_fault(rp, data):
        return fault
    if not hmac.compare_digest(attested.credential_id, identifier):
        return Fault.CREDENTIAL_ID_MISMATCH
    algorithm = cose.algorithm(attested.public_key)
    if algorithm is not None and (algorithm not in rp.algorithms or algorithm not in cose.SUPPORTED):
        return Fault.ALGORITHM_REFUSED
    key = _key(attested.public_key)
    if key is None or not cose.is_point(key):
        return Fault.PUBLIC_KEY_MALFORMED
    if fault := attestation.statement_fault(rp, opened, attested, key, client_data):
        return fault
    return Registered(
        credential_hash=hashlib.sha256(identifier).digest(),
        algorithm=key.algorithm,
        public_key=attested.public_key,
        sign_count=data.sign_count,
        backup_eligible=data.backup_eligible,
        backed_up=data.backed_up,
        aaguid=str(attested.aaguid),
        transports=tuple(sorted(hint for hint in set(transports) if _TRANSPORT.match(hint))),
    )


def _assert(rp: RelyingParty, stored: Stored, raw: bytes, signature: bytes, message: bytes) -> Asserted | Fault:
    data = _authenticator_data(raw)
    if data is None or data.attested is not None:
        return Fault.AUTHENTICATOR_DATA_MALFORMED
    if fault := authdata.authenticator_data_fault(rp, data):
        return fault
    key = _key(stored.public_key)
    if key is None or key.algorithm != stored.algorithm:
        return Fault.PUBLIC_KEY_MALFORMED
    if not cose.verify(key, signature, message):
        return Fault.SIGNATURE_INVALID
    if data.backup_eligible != stored.backup_eligible:
        return Fault.BACKUP_STATE_INCONSISTENT
    if stored.sign_count and data.sign_count <= stored.sign_count:
        return Fault.SIGN_COUNT_REGRESSED
    return Asserted(sign_count=data.sign_count, backed_up=data.backed_up)


def _refuse(fault: Fault) -> Refusal:
    return Refusal(Code.PASSKEY_REFUSED, (fault.value,))


def _user_verification(rp: RelyingParty) -> str:
    return "required" if rp.user_verification else "preferred"


def _identifier(credential: RegistrationResponse | AuthenticationResponse) -> bytes | None:
    if credential.id != credential.raw_id:
        return None
    identifier = _bytes(credential.id)
    return identifier if identifier and len(identifier) <= _LONGEST_ID else None


def _bytes(text: str) -> bytes | None:
    try:
        return unb64url(text)
    except ValueError:
        return None


def _authenticator_data(raw: bytes) -> authdata.AuthenticatorData | None:
    try:
        return authdata.read(raw)
    except ValueError:
        return None


def _key(cose_key: bytes) -> cose.Key | None:
    try:
        return cose.load(cose_key)
    except (ValueError, UnsupportedAlgorithm):  # the second where OpenSSL was built without the curve
        return None
