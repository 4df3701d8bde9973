"""Authenticator data: what the authenticator says and signs (Web Authentication Level 3 section 6.1)."""

import hashlib
import hmac
import struct
import uuid

from msgspec import Struct

from ostiary.passkeys.cbor import decode, decode_at
from ostiary.passkeys.ceremony import Fault, RelyingParty

__all__ = ["Attested", "AuthenticatorData", "authenticator_data_fault", "read"]

_HEADER = struct.Struct(">32sBI")
_ATTESTED = struct.Struct(">16sH")
_UP, _UV, _BE, _BS, _AT, _ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
_LONGEST_ID = 1023


class Attested(Struct, frozen=True):
    """The new credential in a registration; `public_key` is its COSE_Key, byte for byte."""

    aaguid: uuid.UUID
    credential_id: bytes
    public_key: bytes


class AuthenticatorData(Struct, frozen=True):
    """Authenticator data, taken apart. `attested` is there in registrations and never in assertions."""

    rp_id_hash: bytes
    flags: int
    sign_count: int
    attested: Attested | None

    @property
    def backup_eligible(self) -> bool:
        """Whether the passkey may be synchronised: fixed for its life."""
        return bool(self.flags & _BE)

    @property
    def backed_up(self) -> bool:
        """Whether it is synchronised now."""
        return bool(self.flags & _BS)


def read(raw: bytes) -> AuthenticatorData:
    """Take authenticator data apart to its last byte.

    Raises ValueError where flags and contents disagree, bytes are missing or left over, the credential id has
    not 1 to 1,023 bytes, or key or extensions are no canonical CBOR.
    """
    if len(raw) < _HEADER.size:
        raise ValueError("shorter than its header")
    rp_id_hash, flags, sign_count = _HEADER.unpack_from(raw)
    attested, at = _attested(raw, _HEADER.size) if flags & _AT else (None, _HEADER.size)
    if bool(flags & _ED) != (at < len(raw)):
        raise ValueError("bytes after the last part, or extensions announced and absent")
    if flags & _ED and not isinstance(decode(raw[at:]), dict):
        raise ValueError("extensions that are no map")
    return AuthenticatorData(rp_id_hash, flags, sign_count, attested)


def _attested(raw: bytes, at: int) -> tuple[Attested, int]:
    if len(raw) - at < _ATTESTED.size:
        raise ValueError("attested credential data is cut off")
    aaguid, length = _ATTESTED.unpack_from(raw, at)
    begin = at + _ATTESTED.size
    if not 1 <= length <= min(_LONGEST_ID, len(raw) - begin):
        raise ValueError("a credential id of impossible length")
    key = begin + length
    _, end = decode_at(raw, key)
    return Attested(uuid.UUID(bytes=aaguid), raw[begin:key], raw[key:end]), end


def authenticator_data_fault(rp: RelyingParty, data: AuthenticatorData) -> Fault | None:
    """Return the first thing wrong with hash and flags by the rules of both ceremonies, or None."""
    if not hmac.compare_digest(data.rp_id_hash, hashlib.sha256(rp.id.encode()).digest()):
        return Fault.RP_ID_MISMATCH
    if not data.flags & _UP:
        return Fault.USER_PRESENCE_MISSING
    if rp.user_verification and not data.flags & _UV:
        return Fault.USER_VERIFICATION_MISSING
    if data.backed_up and not data.backup_eligible:
        return Fault.BACKUP_STATE_INCONSISTENT
    return None
