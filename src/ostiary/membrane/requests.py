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
    "EvaluationWanted",
    "Exchanged",
    "FinishWanted",
    "Hash",
    "ImportWanted",
    "InspectWanted",
    "IssueWanted",
    "Ref",
    "RefreshWanted",
    "RegistrationOptionsWanted",
    "RegistrationWanted",
    "RevokeWanted",
    "StartWanted",
    "VerificationWanted",
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
Word = Annotated[str, Meta(max_length=128)]
Hash = Annotated[
    str,
    Meta(
        max_length=160,
        description="sha256: and 64 lower-case hex digits; in a fixture tenant any word where nothing is compared",
        extra_json_schema={"pattern": "^sha256:[0-9a-f]{64}$"},
    ),
]
OptionalHash = Annotated[str, Meta(max_length=160, extra_json_schema={"pattern": "^(sha256:[0-9a-f]{64})?$"})]
Origin = Annotated[str, Meta(max_length=256)]
Scopes = Annotated[list[Word], Meta(max_length=64)]
Material = Annotated[str, Meta(max_length=16384, description="base64url without padding; seen, and kept nowhere")]
Point = Annotated[str, Meta(max_length=256, extra_json_schema={"pattern": "^04[0-9a-f]{128}$"})]
Seconds = Annotated[int, Meta(ge=1, le=86_400)]
Count = Annotated[int, Meta(ge=1, le=31_536_000)]


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of a request; others than these are refused."""


class StartWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.loginStart`. The limiter's numbers decide in fixture tenants; in live ones the server's do."""

    tenant: Ref
    subject: Ref
    relying_party_id: Word
    origin: Origin
    source_ip_hash: Hash
    scopes: Scopes = []
    device_binding: Ref = ""
    passkey_binding: Ref = ""
    policy_ref: Ref = ""
    human_presence_receipt: Ref = ""
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

    tenant: Ref
    actor: Ref
    scopes: Scopes
    human_presence_receipt: Ref
    login_challenge: Ref
    auth_rate_limit_evaluation: Ref
    expires_in_seconds: Seconds
    session: Ref = ""
    vessel: Ref = ""
    standing: Ref = ""
    passkey_binding: Ref = ""
    holder_key: Ref = ""
    device_binding: Ref = ""
    fixture: bool = False
    production_login: bool = False
    production_session: bool = False


class Exchanged(Wanted, frozen=True, kw_only=True):
    """`auth.session.exchange` says nothing."""


class IssueWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.sessionIssue`."""

    tenant: Ref
    actor: Ref
    scopes: Scopes
    human_presence_receipt: Ref = ""
    expires_in_seconds: Seconds
    session: Ref = ""
    vessel: Ref = ""
    standing: Ref = ""
    holder_key: Ref = ""
    device_binding: Ref = ""
    fixture: bool = False
    production_session: bool = False


class InspectWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.sessionInspect`: nothing is required."""

    tenant: Ref = ""
    session: Ref = ""


class RefreshWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.sessionRefresh`. `session` is the new session's ref; no scopes keep those that there are."""

    tenant: Ref
    scopes: Scopes = []
    human_presence_receipt: Ref = ""
    expires_in_seconds: Seconds
    session: Ref = ""
    holder_key: Ref = ""
    device_binding: Ref = ""
    fixture: bool = False
    production_session: bool = False


class RevokeWanted(Wanted, frozen=True, kw_only=True):
    """See `authority.sessionRevoke`. Whatever `enforce_runtime_overlay` says, the end is felt at once (ruling 25)."""

    tenant: Ref
    session: Ref
    enforce_runtime_overlay: bool = True


class EvaluationWanted(Wanted, frozen=True, kw_only=True):
    """See `auth.rateLimitEvaluate`."""

    tenant: Ref
    subject: Ref
    route: Word
    action: Word
    source_ip_hash: Hash
    device_binding: Ref = ""
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

    tenant: Ref
    subject: Ref
    relying_party_id: Word
    origin: Origin
    user_handle_hash: OptionalHash = ""
    user_name_hash: OptionalHash = ""
    user_display_name_hash: OptionalHash = ""
    attestation: Word = "none"
    authenticator_attachment: Word = "platform"
    resident_key: Word = "preferred"
    user_verification: Word = "required"
    exclude_credential_id_hashes: Annotated[list[Hash], Meta(max_length=64)] = []
    enrolment_token: Word = ""
    recovery_execution_ref: Ref = ""
    recovery_token: Word = ""
    contains_biometric_material: bool = False
    contains_customer_data: bool = False


class AssertionOptionsWanted(Wanted, frozen=True, kw_only=True):
    """See `humanAuth.passkeyAssertionOptions`. `scopes` name what the proof of presence may serve."""

    tenant: Ref
    subject: Ref
    relying_party_id: Word
    origin: Origin
    scopes: Scopes = []
    passkey_binding: Ref = ""
    device_binding: Ref = ""
    user_verification: Word = "required"
    contains_biometric_material: bool = False
    contains_customer_data: bool = False


class RegistrationWanted(Wanted, frozen=True, kw_only=True):
    """See `humanAuth.registerPasskey`. Both raw parts are needed, verified, and kept nowhere."""

    tenant: Ref
    subject: Ref
    challenge: Ref
    relying_party_id: Word
    origin: Origin
    credential_id_hash: Hash
    public_key_uncompressed_hex: Point
    client_data_json_b64url: Material = ""
    attestation_object_b64url: Material = ""
    passkey_binding: Ref = ""
    public_key_algorithm: Word = "ES256"
    authenticator_attachment: Word = "platform"
    synced_passkey_allowed: bool = True
    sign_count: Annotated[int, Meta(ge=0, le=4_294_967_295)] = 0
    attestation_conveyance: Word = "none"
    attestation_object_hash: OptionalHash = ""
    client_data_json_hash: OptionalHash = ""
    human_presence_receipt: Ref = ""
    enrolment_token: Word = ""
    recovery_execution_ref: Ref = ""
    recovery_token: Word = ""
    contains_biometric_material: bool = False
    contains_customer_data: bool = False
    raw_credential_id_supplied: bool = False
    private_key_material_supplied: bool = False


class ImportWanted(Wanted, frozen=True, kw_only=True):
    """See `humanAuth.passkeyImport`."""

    tenant: Ref
    subject: Ref
    relying_party_id: Word
    origin: Origin
    credential_id_hash: Hash
    public_key_uncompressed_hex: Point
    passkey_binding: Ref = ""
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

    tenant: Ref = ""
    subject: Ref = ""
    relying_party_id: Word = ""
    scopes: Scopes = []
    device_binding: Ref = ""


class VerificationWanted(Wanted, frozen=True, kw_only=True):
    """See `humanAuth.verifyPasskey`. The three raw parts are verified and kept nowhere."""

    tenant: Ref = ""
    challenge: Ref
    credential_id_hash: Hash
    passkey_binding: Ref = ""
    relying_party_id: Word = ""
    user_verified: bool = True
    client_data_json_b64url: Material = ""
    authenticator_data_b64url: Material = ""
    signature_b64url: Material = ""
    user_handle_b64url: Annotated[str, Meta(max_length=86)] = ""
