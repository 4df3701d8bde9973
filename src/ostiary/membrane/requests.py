"""What is asked at the membrane: one struct per operation, with the contract's fields.

What is optional here and required by the contract is what the server owns in a live tenant (rulings 23 to 27); what
a fixture tenant must say besides is asked by `membrane.gates`.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

__all__ = [
    "AssertionOptionsWanted",
    "ChallengeWanted",
    "Device",
    "EvaluationWanted",
    "Exchanged",
    "Execution",
    "FinishWanted",
    "Hash",
    "ImportWanted",
    "InspectWanted",
    "IssueWanted",
    "Passkey",
    "Person",
    "Presence",
    "Ref",
    "RefreshWanted",
    "RegistrationOptionsWanted",
    "RegistrationWanted",
    "RevokeWanted",
    "Secret",
    "Standing",
    "StartWanted",
    "Tenant",
    "VerificationWanted",
    "Vessel",
    "Wanted",
    "Word",
]

Ref = Annotated[
    str,
    Meta(
        max_length=128,
        description="kind:name",
        extra_json_schema={"pattern": "^([a-z_]{1,40}:[A-Za-z0-9_.-]{1,80})?$"},
    ),
]
Tenant = Annotated[Ref, Meta(description="tenant_node:NAME, the credential's own tenant")]
Person = Annotated[Ref, Meta(description="human_person:NAME")]
Session = Annotated[Ref, Meta(description="auth_session:NAME; a fixture's begins with fixture_")]
Challenge = Annotated[Ref, Meta(description="human_auth_challenge:NAME")]
Passkey = Annotated[Ref, Meta(description="passkey_binding:NAME")]
Presence = Annotated[Ref, Meta(description="human_presence_receipt:NAME, a proof for this act; once, within 5 minutes")]
Device = Annotated[Ref, Meta(description="device_binding:NAME, as the caller calls its device")]
Vessel = Annotated[Ref, Meta(description="vessel:NAME, a device of the person's")]
Standing = Annotated[Ref, Meta(description="standing:NAME, one that the person holds")]
HolderKey = Annotated[Ref, Meta(description="key_registry:NAME, the key that signs sessions")]
Execution = Annotated[Ref, Meta(description="auth_recovery_execution:NAME, a recovery on its way")]
Word = Annotated[str, Meta(max_length=128)]
Party = Annotated[Word, Meta(description="The relying party's id: a host name (WebAuthn)")]
Secret = Annotated[Word, Meta(description="The secret of a recovery on its way, as its confirmation answered it")]
Link = Annotated[Word, Meta(description="The token of a one-time link")]
Hash = Annotated[
    str,
    Meta(
        max_length=160,
        description="sha256: and 64 lower-case hex digits; in a fixture tenant any word where nothing is compared",
        extra_json_schema={"pattern": "^sha256:[0-9a-f]{64}$"},
    ),
]
OptionalHash = Annotated[Hash, Meta(extra_json_schema={"pattern": "^(sha256:[0-9a-f]{64})?$"})]
Origin = Annotated[str, Meta(max_length=256, description="The page's origin: scheme, host, port where it is unusual")]
Scopes = Annotated[list[Word], Meta(max_length=64, description="What it may serve, each as noun.verb")]
Material = Annotated[str, Meta(max_length=16384, description="base64url without padding; seen, and kept nowhere")]
Handle = Annotated[str, Meta(max_length=86, description="base64url without padding")]
Point = Annotated[
    str,
    Meta(
        max_length=256,
        description="An uncompressed point on P-256 in hex: 04, x, y",
        extra_json_schema={"pattern": "^04[0-9a-f]{128}$"},
    ),
]
Seconds = Annotated[int, Meta(ge=1, le=86_400, description="Whole seconds")]
Count = Annotated[int, Meta(ge=1, le=31_536_000, description="A fixture's limiter; a live tenant has its own")]


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of a request; others than these are refused."""


class StartWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.loginStart`. The limiter's numbers decide in fixture tenants; in live ones the server's do."""

    tenant: Tenant
    subject: Person
    relying_party_id: Party
    origin: Origin
    source_ip_hash: Hash
    scopes: Scopes = []
    device_binding: Device = ""
    passkey_binding: Passkey = ""
    policy_ref: Ref = ""
    human_presence_receipt: Presence = ""
    window_seconds: Count | None = None
    attempt_count: Count | None = None
    soft_limit: Count | None = None
    lockout_threshold: Count | None = None
    lockout_seconds: Count | None = None
    fixture: bool = False
    production_login: bool = False
    contains_customer_data: bool = False
    contains_biometric_material: bool = False


class FinishWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.loginFinish`."""

    tenant: Tenant
    actor: Person
    scopes: Scopes
    human_presence_receipt: Presence
    login_challenge: Challenge
    auth_rate_limit_evaluation: Ref
    expires_in_seconds: Seconds
    session: Session = ""
    vessel: Vessel = ""
    standing: Standing = ""
    passkey_binding: Passkey = ""
    holder_key: HolderKey = ""
    device_binding: Device = ""
    fixture: bool = False
    production_login: bool = False
    production_session: bool = False


class Exchanged(Wanted, frozen=True, kw_only=True):
    """`auth.session.exchange` says nothing."""


class IssueWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.sessionIssue`."""

    tenant: Tenant
    actor: Person
    scopes: Scopes
    human_presence_receipt: Presence = ""
    expires_in_seconds: Seconds
    session: Session = ""
    vessel: Vessel = ""
    standing: Standing = ""
    holder_key: HolderKey = ""
    device_binding: Device = ""
    fixture: bool = False
    production_session: bool = False


class InspectWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.sessionInspect`: nothing is required."""

    tenant: Tenant = ""
    session: Session = ""


class RefreshWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.sessionRefresh`. `session` is the new session's ref; no scopes keep those that there are."""

    tenant: Tenant
    scopes: Scopes = []
    human_presence_receipt: Presence = ""
    expires_in_seconds: Seconds
    session: Session = ""
    holder_key: HolderKey = ""
    device_binding: Device = ""
    fixture: bool = False
    production_session: bool = False


class RevokeWanted(Wanted, frozen=True, kw_only=True):
    """See `authority.sessionRevoke`. Whatever `enforce_runtime_overlay` says, the end is felt at once (ruling 25)."""

    tenant: Tenant
    session: Session
    enforce_runtime_overlay: bool = True


class EvaluationWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.rateLimitEvaluate`."""

    tenant: Tenant
    subject: Person
    route: Word
    action: Word
    source_ip_hash: Hash
    device_binding: Device = ""
    policy_ref: Ref = ""
    window_seconds: Count | None = None
    attempt_count: Count | None = None
    soft_limit: Count | None = None
    lockout_threshold: Count | None = None
    lockout_seconds: Count | None = None
    fixture: bool = False
    production_login: bool = False
    enforce_runtime_overlay: bool = True
    contains_customer_data: bool = False


class RegistrationOptionsWanted(Wanted, frozen=True, kw_only=True):
    """See `humanAuth.passkeyRegistrationOptions`. A one-time link's token or a recovery entitles who has no session."""

    tenant: Tenant
    subject: Person
    relying_party_id: Party
    origin: Origin
    user_handle_hash: OptionalHash = ""
    user_name_hash: OptionalHash = ""
    user_display_name_hash: OptionalHash = ""
    attestation: Word = "none"
    authenticator_attachment: Word = "platform"
    resident_key: Word = "preferred"
    user_verification: Word = "required"
    exclude_credential_id_hashes: Annotated[list[Hash], Meta(max_length=64)] = []
    enrolment_token: Link = ""
    recovery_execution_ref: Execution = ""
    recovery_token: Secret = ""
    contains_biometric_material: bool = False
    contains_customer_data: bool = False


class AssertionOptionsWanted(Wanted, frozen=True, kw_only=True):
    """See `humanAuth.passkeyAssertionOptions`. `scopes` name what the proof of presence may serve."""

    tenant: Tenant
    subject: Person
    relying_party_id: Party
    origin: Origin
    scopes: Scopes = []
    passkey_binding: Passkey = ""
    device_binding: Device = ""
    user_verification: Word = "required"
    contains_biometric_material: bool = False
    contains_customer_data: bool = False


class RegistrationWanted(Wanted, frozen=True, kw_only=True):
    """See `humanAuth.registerPasskey`. Both raw parts are needed, verified, and kept nowhere."""

    tenant: Tenant
    subject: Person
    challenge: Challenge
    relying_party_id: Party
    origin: Origin
    credential_id_hash: Hash
    public_key_uncompressed_hex: Point
    client_data_json_b64url: Material = ""
    attestation_object_b64url: Material = ""
    passkey_binding: Passkey = ""
    public_key_algorithm: Word = "ES256"
    authenticator_attachment: Word = "platform"
    synced_passkey_allowed: bool = True
    sign_count: Annotated[int, Meta(ge=0, le=4_294_967_295)] = 0
    attestation_conveyance: Word = "none"
    attestation_object_hash: OptionalHash = ""
    client_data_json_hash: OptionalHash = ""
    human_presence_receipt: Presence = ""
    enrolment_token: Link = ""
    recovery_execution_ref: Execution = ""
    recovery_token: Secret = ""
    contains_biometric_material: bool = False
    contains_customer_data: bool = False
    raw_credential_id_supplied: bool = False
    private_key_material_supplied: bool = False


class ImportWanted(Wanted, frozen=True, kw_only=True):
    """See `humanAuth.passkeyImport`."""

    tenant: Tenant
    subject: Person
    relying_party_id: Party
    origin: Origin
    credential_id_hash: Hash
    public_key_uncompressed_hex: Point
    passkey_binding: Passkey = ""
    public_key_algorithm: Word = "ES256"
    authenticator_attachment: Word = "platform"
    synced_passkey_allowed: bool = True
    sign_count: Annotated[int, Meta(ge=0, le=4_294_967_295)] = 0
    attestation_object_hash: OptionalHash = ""
    fixture: bool = False
    contains_biometric_material: bool = False
    contains_customer_data: bool = False


class ChallengeWanted(Wanted, frozen=True, kw_only=True):
    """See `humanAuth.challenge`: everything is optional."""

    tenant: Tenant = ""
    subject: Person = ""
    relying_party_id: Party = ""
    scopes: Scopes = []
    device_binding: Device = ""


class VerificationWanted(Wanted, frozen=True, kw_only=True):
    """See `humanAuth.verifyPasskey`. The three raw parts are verified and kept nowhere."""

    tenant: Tenant = ""
    challenge: Challenge
    credential_id_hash: Hash
    passkey_binding: Passkey = ""
    relying_party_id: Party = ""
    user_verified: bool = True
    client_data_json_b64url: Material = ""
    authenticator_data_b64url: Material = ""
    signature_b64url: Material = ""
    user_handle_b64url: Handle = ""
