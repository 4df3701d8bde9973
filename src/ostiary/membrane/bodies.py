"""What the membrane answers: one struct per operation. Flags are computed (`membrane.witness`), never constants."""

import msgspec

from ostiary.membrane.creation import AttestationPolicy, CreationOptions

__all__ = [
    "Asked",
    "AssertionOptions",
    "Boundaries",
    "Commit",
    "Durable",
    "EvaluationShown",
    "Exchange",
    "Finished",
    "Imported",
    "Inspected",
    "Issued",
    "OriginPolicy",
    "PasskeyShown",
    "Privacy",
    "Refreshed",
    "Registered",
    "RegistrationOptions",
    "RequestOptions",
    "Revoked",
    "Signer",
    "Started",
    "Verified",
]


class Signer(msgspec.Struct, frozen=True):
    """What signs a session's token: the key's ref and its algorithm."""

    key: str
    algorithm: str = "HMAC-SHA256"


class Commit(msgspec.Struct, frozen=True):
    """The transaction in which all that the answer says was made durable, by its receipt."""

    receipt: str
    committed_at: str


class Durable(msgspec.Struct, frozen=True):
    """Where a thing stands in its life, on record."""

    ref: str
    state: str
    expires_at: str | None = None


class Privacy(msgspec.Struct, frozen=True):
    """What was not kept of what came in."""

    raw_assertion_bytes_stored: bool
    raw_credential_id_stored: bool
    raw_attestation_object_stored: bool
    biometric_material_seen_by_gestalt: bool
    production_admission: bool


class OriginPolicy(msgspec.Struct, frozen=True):
    """Which relying party and origins the tenant declares; nothing else is taken."""

    relying_party_id: str
    origins: list[str]
    wildcards_allowed: bool = False


class Boundaries(msgspec.Struct, frozen=True):
    """What this act made of authority."""

    identity_binding_created: bool
    standing_created: bool
    company_authority_created: bool


class Asked(msgspec.Struct, frozen=True):
    """A challenge: single use, bound to relying party, origin, subject and purpose."""

    id: str
    subject: str
    relying_party_id: str
    origin: str
    scopes: list[str]
    expires_at: str


class PasskeyShown(msgspec.Struct, frozen=True):
    """A passkey binding as it may be shown: hashes, and nothing of the device."""

    id: str
    subject: str
    relying_party_id: str
    origin: str
    credential_id_hash: str
    public_key_algorithm: str
    public_key_hash: str
    authenticator_attachment: str
    synced_passkey_allowed: bool
    sign_count: int
    biometric_data_seen_by_gestalt: bool
    commitment: str


class RequestOptions(msgspec.Struct, frozen=True):
    """What the browser's authenticator is asked (WebAuthn Level 3 section 5.5), with hashes for credential ids."""

    challenge: str
    rp_id: str
    user_verification: str
    timeout_ms: int
    allow_credentials: str
    allow_credential_id_hashes: list[str]
    raw_credential_ids_exposed: bool


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A login attempt that may go on: the challenge, and what the limits said."""

    login_attempt: str
    auth_rate_limit_evaluation: str
    rate_limit_decision: str
    challenge: Asked
    public_key_credential_request_options: RequestOptions
    passkey_binding: PasskeyShown | None
    durable_records: dict[str, Durable]
    privacy_boundary: Privacy
    webauthn_origin_policy: OriginPolicy
    authority_boundaries: Boundaries
    source_ip_raw_stored: bool
    raw_user_agent_stored: bool
    raw_credential_id_stored: bool
    raw_biometric_material_stored: bool
    raw_session_token_stored: bool
    database_locator_exposed: bool
    production_login: bool
    production_admission: bool


class _Token(msgspec.Struct, frozen=True, kw_only=True):
    """A session that was just issued; its token is shown this once."""

    session: str
    session_lifecycle: str
    bearer_token: str
    token_type: str
    token_commitment: str
    expires_at: str
    scopes: list[str]
    raw_session_token_stored: bool
    raw_session_token_exposed_in_proof: bool
    fixture_session: bool
    production_session: bool
    signer: Signer
    durable_commit: Commit
    durable_state: Durable
    production_admission: bool

    def __repr__(self) -> str:
        """Show no token, whoever prints it."""
        return f"{type(self).__name__}({self.session!r})"


class Finished(_Token, frozen=True, kw_only=True):
    """A login that ended well."""

    human_presence_receipt: str
    login_challenge: str
    auth_rate_limit_evaluation: str
    satisfies_sensitive_approval_requirement: bool
    identity_binding_created: bool
    standing_created: bool
    company_authority_created: bool
    source_ip_raw_stored: bool
    raw_user_agent_stored: bool
    raw_credential_id_stored: bool
    raw_biometric_material_stored: bool
    production_login: bool


class Issued(_Token, frozen=True, kw_only=True):
    """A session beside the one that asked."""


class Refreshed(_Token, frozen=True, kw_only=True):
    """The session that took the place of the one that asked."""

    previous_session: str
    previous_token_commitment: str
    scope_expansion_allowed: bool
    previous_session_remains_valid: bool


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """The context of a fixture tenant's own word."""

    token: str
    token_type: str
    session: str
    tenant: str
    production_admission: bool


class Inspected(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the caller's own session."""

    session: str
    session_lifecycle: str
    tenant: str
    actor: str
    vessel: str
    standing: str
    scopes: list[str]
    holder_key: str
    device_binding: str
    issued_at: str
    expires_at: str
    token_commitment: str
    fixture_session: bool
    production_session: bool
    revoked: bool
    stale_key: bool
    raw_session_token_exposed: bool
    raw_session_token_stored_durably: bool
    database_locator_exposed: bool
    production_admission: bool


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """A session that is over. `stable_code` stands there where it was over before."""

    session: str
    session_lifecycle: str
    revoked: bool
    enforced_in_runtime_overlay: bool
    raw_session_token_exposed: bool
    signer: Signer
    durable_commit: Commit
    durable_state: Durable
    production_admission: bool
    stable_code: str | None = None


class EvaluationShown(msgspec.Struct, frozen=True, kw_only=True):
    """What the limits say of one act."""

    auth_rate_limit_evaluation: str
    policy: str
    subject: str
    route: str
    action: str
    decision: str
    allowed: bool
    failed_gate: str | None
    retry_after_seconds: int
    source_ip_hash: str
    device_binding: str
    source_ip_raw_stored: bool
    raw_user_agent_stored: bool
    raw_credential_id_stored: bool
    raw_session_token_stored: bool
    database_locator_exposed: bool
    enforced_in_runtime_overlay: bool
    production_login: bool
    production_admission: bool
    durable_state: Durable


class RegistrationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser's authenticator is asked for a new passkey (WebAuthn Level 3 section 5.4), without names."""

    challenge: Asked
    public_key_credential_creation_options: CreationOptions
    durable_record: Durable
    privacy_boundary: Privacy
    webauthn_origin_policy: OriginPolicy
    authority_boundaries: Boundaries
    production_admission: bool


class AssertionOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A challenge for presence, and what the browser's authenticator is asked."""

    challenge: Asked
    public_key_credential_request_options: RequestOptions
    passkey_binding: PasskeyShown | None
    durable_record: Durable
    privacy_boundary: Privacy
    webauthn_origin_policy: OriginPolicy
    authority_boundaries: Boundaries
    raw_biometric_material_stored: bool
    production_admission: bool


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey that was verified and bound."""

    passkey_binding: PasskeyShown
    durable_records: dict[str, Durable]
    registration_finish: Commit
    attestation_policy: AttestationPolicy
    raw_credential_id_stored: bool
    raw_attestation_object_stored: bool
    raw_client_data_json_stored: bool
    raw_private_key_material_stored: bool
    raw_biometric_material_stored: bool
    webauthn_origin_policy: OriginPolicy
    authority_boundaries: Boundaries
    production_admission: bool


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey that an operator brought, with no ceremony of ours behind it."""

    passkey_binding: PasskeyShown
    durable_record: Durable
    raw_credential_id_stored: bool
    raw_private_key_material_stored: bool
    raw_biometric_material_stored: bool
    webauthn_origin_policy: OriginPolicy
    authority_boundaries: Boundaries
    production_admission: bool


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A proof that the person was here just now; it makes no standing and is no session."""

    human_presence_receipt: str
    challenge: str
    passkey_binding: str
    subject: str
    scopes: list[str]
    user_verified: bool
    expires_at: str
    raw_assertion_bytes_stored: bool
    raw_client_data_json_stored: bool
    raw_biometric_material_stored: bool
    identity_binding_created: bool
    standing_created: bool
    company_authority_created: bool
    production_admission: bool
