"""Attestation objects: what a registration carries, and which statements pass (Level 3 section 6.5)."""

import hashlib

from msgspec import Struct

from ostiary.passkeys import cose
from ostiary.passkeys.authdata import Attested
from ostiary.passkeys.cbor import Value, decode
from ostiary.passkeys.ceremony import Fault, RelyingParty

__all__ = ["Attestation", "read", "statement_fault"]


class Attestation(Struct, frozen=True):
    """An attestation object, opened one layer: `authenticator_data` is still in bytes."""

    format: str
    statement: dict[int | str, Value]
    authenticator_data: bytes


def read(raw: bytes) -> Attestation:
    """Open an attestation object: exactly `fmt`, `attStmt` and `authData`. Raises ValueError."""
    match decode(raw):
        case {"fmt": str(form), "attStmt": dict(statement), "authData": bytes(data), **rest} if not rest:
            return Attestation(form, statement, data)
    raise ValueError("not an attestation object")


def statement_fault(
    rp: RelyingParty, attestation: Attestation, attested: Attested, key: cose.Key, client_data: bytes
) -> Fault | None:
    """Return ATTESTATION_REFUSED unless the statement is one that a request for `none` may bring back.

    That is `none` with an empty statement, and packed self attestation under an all-zero AAGUID, which
    browsers pass on as it is (Level 3 section 5.1.3) and which must verify. With `strip_attestation` nothing
    is looked at.
    """
    if rp.strip_attestation or (attestation.format == "none" and not attestation.statement):
        return None
    if attestation.format != "packed" or attested.aaguid.int:
        return Fault.ATTESTATION_REFUSED
    message = attestation.authenticator_data + hashlib.sha256(client_data).digest()
    match attestation.statement:
        case {"alg": int(algorithm), "sig": bytes(signature), **rest} if not rest:
            if algorithm == key.algorithm and cose.verify(key, signature, message):
                return None
    return Fault.ATTESTATION_REFUSED
