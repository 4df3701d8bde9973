"""Passkeys: how one is asked for, registered and imported, and what is kept of it (hashes, and the public half)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ostiary_client.membrane.answers import Body
from ostiary_client.membrane.verbs import TenantRequest, Words

__all__ = [
    "Boundaries",
    "Challenge",
    "CreationOptions",
    "CreationOptionsIssued",
    "HumanAuthPasskeyImport",
    "HumanAuthPasskeyRegistrationOptions",
    "HumanAuthRegisterPasskey",
    "Passkey",
    "PasskeyKept",
    "RelyingParty",
    "User",
]


@dataclass(frozen=True, kw_only=True)
class Challenge(Body):
    """A challenge by its ref: single use, 5 minutes."""

    id: str


@dataclass(frozen=True, kw_only=True)
class Passkey(Body):
    """What is kept of a passkey."""

    id: str
    subject: str | None = None
    relying_party_id: str | None = None
    origin: str | None = None
    credential_id_hash: str | None = None
    public_key_algorithm: str | None = None
    public_key_hash: str | None = None
    authenticator_attachment: str | None = None
    synced_passkey_allowed: bool | None = None
    sign_count: int | None = None
    commitment: str | None = None


@dataclass(frozen=True, kw_only=True)
class Boundaries(Body):
    """What a ceremony's answer says of its own limits."""

    privacy_boundary: Mapping[str, Any] | None = None
    webauthn_origin_policy: Mapping[str, Any] | None = None
    authority_boundaries: Mapping[str, Any] | None = None
    durable_record: Mapping[str, Any] | None = None
    durable_records: Mapping[str, Any] | None = None
    production_admission: bool | None = None


@dataclass(frozen=True, kw_only=True)
class RelyingParty(Body):
    """Whose passkey it is to be."""

    id: str
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class User(Body):
    """For whom it is to be. Names come back as hashes, so it is the caller who tells them to the browser."""

    id_b64url: str
    handle_hash: str | None = None
    name_hash: str | None = None
    display_name_hash: str | None = None
    raw_name_exposed: bool | None = None
    raw_display_name_exposed: bool | None = None


@dataclass(frozen=True, kw_only=True)
class CreationOptions(Body):
    """What a browser makes a passkey from; `ceremonies.creation_options` spells it for the browser."""

    challenge: str
    rp: RelyingParty
    user: User
    pub_key_cred_params: tuple[Mapping[str, Any], ...] = ()
    authenticator_selection: Mapping[str, Any] | None = None
    attestation: str | None = None
    timeout_ms: int | None = None
    exclude_credential_id_hashes: tuple[str, ...] = ()
    raw_credential_ids_exposed: bool | None = None


@dataclass(frozen=True, kw_only=True)
class CreationOptionsIssued(Boundaries):
    """Options to make a passkey with, and the challenge that its registration consumes."""

    challenge: Challenge
    public_key_credential_creation_options: CreationOptions


@dataclass(frozen=True, kw_only=True)
class PasskeyKept(Boundaries):
    """A passkey that was registered or imported."""

    passkey_binding: Passkey
    registration_finish: Mapping[str, Any] | None = None
    attestation_policy: Mapping[str, Any] | None = None
    raw_credential_id_stored: bool | None = None
    raw_attestation_object_stored: bool | None = None
    raw_client_data_json_stored: bool | None = None
    raw_private_key_material_stored: bool | None = None
    raw_biometric_material_stored: bool | None = None


@dataclass(frozen=True, kw_only=True)
class HumanAuthPasskeyRegistrationOptions(
    TenantRequest[CreationOptionsIssued],
    operation="humanAuth.passkeyRegistrationOptions",
    path="/v1/human-auth/passkey/registration/options",
    again=True,
):
    """Ask how a browser shall make a passkey. Caller: a session, an enrolment token, or a running recovery."""

    subject: str
    relying_party_id: str
    origin: str
    user_handle_hash: str | None = None
    user_name_hash: str | None = None
    user_display_name_hash: str | None = None
    attestation: str = "none"
    authenticator_attachment: str | None = None
    resident_key: str = "required"
    user_verification: str = "required"
    exclude_credential_id_hashes: Words = ()
    enrolment_token: str | None = field(default=None, repr=False)
    recovery_execution_ref: str | None = None
    recovery_token: str | None = field(default=None, repr=False)
    contains_biometric_material: bool = False
    contains_customer_data: bool = False


@dataclass(frozen=True, kw_only=True)
class _PublicMaterial(TenantRequest[PasskeyKept]):
    subject: str
    relying_party_id: str
    origin: str
    credential_id_hash: str
    public_key_uncompressed_hex: str
    public_key_algorithm: str = "ES256"
    authenticator_attachment: str = "platform"
    synced_passkey_allowed: bool = True
    sign_count: int = 0
    passkey_binding: str | None = None
    attestation_object_hash: str | None = None
    contains_biometric_material: bool = False
    contains_customer_data: bool = False


@dataclass(frozen=True, kw_only=True)
class HumanAuthRegisterPasskey(
    _PublicMaterial, operation="humanAuth.registerPasskey", path="/v1/human-auth/passkey/register"
):
    """Keep the public half of a new passkey; `ceremonies.registration` fills most of it from a browser's answer.

    Consumes the challenge, so it is never sent twice. Caller: as of the options; a session shows presence too.
    """

    challenge: str
    client_data_json_b64url: str
    attestation_object_b64url: str
    attestation_conveyance: str = "none"
    client_data_json_hash: str | None = None
    human_presence_receipt: str | None = None
    enrolment_token: str | None = field(default=None, repr=False)
    recovery_execution_ref: str | None = None
    recovery_token: str | None = field(default=None, repr=False)
    raw_credential_id_supplied: bool = False
    private_key_material_supplied: bool = False


@dataclass(frozen=True, kw_only=True)
class HumanAuthPasskeyImport(
    _PublicMaterial, operation="humanAuth.passkeyImport", path="/v1/human-auth/passkey/import"
):
    """Keep the public half of a passkey that was made elsewhere: no challenge, no proof. Caller: an operator key."""

    fixture: bool | None = None
