"""What a browser is asked for a new passkey, and what is asked of its attestation: the nested parts of two answers."""

import msgspec

__all__ = ["AttestationPolicy", "CreationOptions", "KeyParameter", "PartyEntity", "Selection", "UserEntity"]


class PartyEntity(msgspec.Struct, frozen=True):
    """The relying party (WebAuthn Level 3 section 5.4.2)."""

    id: str
    name: str


class UserEntity(msgspec.Struct, frozen=True, kw_only=True):
    """The person (section 5.4.3): the handle itself, and of names the hashes that came in."""

    id_b64url: str
    handle_hash: str
    name_hash: str
    display_name_hash: str
    raw_name_exposed: bool = False
    raw_display_name_exposed: bool = False


class KeyParameter(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of key that is taken (section 5.3): `alg` is its COSE number."""

    kind: str = msgspec.field(name="type", default="public-key")
    alg: int


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What authenticator is wanted (section 5.4.4)."""

    authenticator_attachment: str
    resident_key: str = "required"
    user_verification: str = "required"


class CreationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the browser's authenticator is asked for a new passkey (section 5.4), with hashes for credential ids."""

    challenge: str
    rp: PartyEntity
    user: UserEntity
    pub_key_cred_params: list[KeyParameter]
    authenticator_selection: Selection
    timeout_ms: int
    attestation: str = "none"
    exclude_credential_id_hashes: list[str]
    raw_credential_ids_exposed: bool = False


class AttestationPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What an authenticator may say of its own make: nothing."""

    mode: str = "none_only"
    verified_attestation_statement: bool = False
    direct_attestation_allowed: bool = False
    enterprise_attestation_allowed: bool = False
