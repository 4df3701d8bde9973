"""The values of a WebAuthn ceremony: relying party, what browsers send, what comes out, every fault."""

from enum import StrEnum
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

__all__ = [
    "Asserted",
    "AssertionParts",
    "AttestationParts",
    "AuthenticationResponse",
    "Fault",
    "Registered",
    "RegistrationResponse",
    "RelyingParty",
    "Stored",
]


class Fault(StrEnum):
    """Why a ceremony is refused: the word in `Refusal.reasons`. Words are wire format: never renamed."""

    CREDENTIAL_MALFORMED = "credential_malformed"
    CLIENT_DATA_MALFORMED = "client_data_malformed"
    TYPE_MISMATCH = "type_mismatch"
    CHALLENGE_MISMATCH = "challenge_mismatch"
    ORIGIN_MISMATCH = "origin_mismatch"
    CROSS_ORIGIN_REFUSED = "cross_origin_refused"
    TOP_ORIGIN_REFUSED = "top_origin_refused"
    ATTESTATION_MALFORMED = "attestation_malformed"
    AUTHENTICATOR_DATA_MALFORMED = "authenticator_data_malformed"
    RP_ID_MISMATCH = "rp_id_mismatch"
    USER_PRESENCE_MISSING = "user_presence_missing"
    USER_VERIFICATION_MISSING = "user_verification_missing"
    BACKUP_STATE_INCONSISTENT = "backup_state_inconsistent"
    CREDENTIAL_ID_MISMATCH = "credential_id_mismatch"
    ALGORITHM_REFUSED = "algorithm_refused"
    PUBLIC_KEY_MALFORMED = "public_key_malformed"
    ATTESTATION_REFUSED = "attestation_refused"
    SIGNATURE_INVALID = "signature_invalid"
    SIGN_COUNT_REGRESSED = "sign_count_regressed"


class RelyingParty(Struct, frozen=True):
    """Who asks, and what it accepts. The defaults are the policy of login and presence.

    `origins` are compared exactly. `algorithms` are COSE numbers in order of preference, for new passkeys
    only. `cross_origin` admits frames of other sites; `top_origins`, where not empty, names the only sites
    that may hold the frame. `user_verification` is False for no login and no presence receipt.
    `strip_attestation` takes any attestation statement unread, as if it were none; else only `none` and
    verified anonymous self attestation pass.
    """

    id: str
    name: str
    origins: frozenset[str]
    algorithms: tuple[int, ...] = (-7, -257)
    cross_origin: bool = False
    top_origins: frozenset[str] = frozenset()
    user_verification: bool = True
    strip_attestation: bool = False


class Registered(Struct, frozen=True):
    """A verified new passkey. `credential_hash` is SHA-256 of the raw id; the raw id itself is kept nowhere.

    `public_key` is a canonical COSE_Key; `aaguid` a lower-case UUID; `transports` are sorted hints of the
    browser.
    """

    credential_hash: bytes
    algorithm: int
    public_key: bytes
    sign_count: int
    backup_eligible: bool
    backed_up: bool
    aaguid: str
    transports: tuple[str, ...]


class Stored(Struct, frozen=True):
    """What the verifier needs to know of a stored passkey."""

    algorithm: int
    public_key: bytes
    sign_count: int
    backup_eligible: bool
    backed_up: bool


class Asserted(Struct, frozen=True):
    """A verified assertion: what to write back to the stored passkey."""

    sign_count: int
    backed_up: bool


# Lengths are those of base64url text: ids to 1,023 bytes, user handles to 64, the rest far above what
# browsers send.
_Id = Annotated[str, Meta(min_length=2, max_length=1364)]
_ClientData = Annotated[str, Meta(max_length=8192)]
_Transport = Annotated[str, Meta(max_length=32)]


class AttestationParts(Struct, frozen=True, rename="camel"):
    """AuthenticatorAttestationResponseJSON (Level 3 section 5.1); other members are not read."""

    client_data_json: _ClientData = field(name="clientDataJSON")
    attestation_object: Annotated[str, Meta(max_length=16384)]
    transports: Annotated[tuple[_Transport, ...], Meta(max_length=16)] = ()


class AssertionParts(Struct, frozen=True, rename="camel"):
    """AuthenticatorAssertionResponseJSON; other members are not read."""

    client_data_json: _ClientData = field(name="clientDataJSON")
    authenticator_data: Annotated[str, Meta(max_length=4096)]
    signature: Annotated[str, Meta(max_length=2048)]
    user_handle: Annotated[str, Meta(max_length=86)] | None = None


class RegistrationResponse(Struct, frozen=True, rename="camel"):
    """RegistrationResponseJSON: what `toJSON()` of a new credential gives; other members are not read."""

    id: _Id
    raw_id: _Id
    type: Literal["public-key"]
    response: AttestationParts


class AuthenticationResponse(Struct, frozen=True, rename="camel"):
    """AuthenticationResponseJSON: what `toJSON()` of an assertion gives; other members are not read."""

    id: _Id
    raw_id: _Id
    type: Literal["public-key"]
    response: AssertionParts
