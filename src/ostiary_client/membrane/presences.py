"""Presence: what a passkey is asked to sign, and the receipt that its signature earns."""

from dataclasses import dataclass

from ostiary_client.membrane.answers import Body
from ostiary_client.membrane.passkeys import Boundaries, Challenge, Passkey
from ostiary_client.membrane.verbs import TenantRequest, Words

__all__ = [
    "ChallengeIssued",
    "HumanAuthChallenge",
    "HumanAuthPasskeyAssertionOptions",
    "HumanAuthVerifyPasskey",
    "PresenceProved",
    "RequestOptions",
    "RequestOptionsIssued",
]


@dataclass(frozen=True, kw_only=True)
class RequestOptions(Body):
    """What a browser is asked to sign; `ceremonies.request_options` spells it for the browser."""

    challenge: str
    rp_id: str
    user_verification: str | None = None
    timeout_ms: int | None = None
    allow_credential_id_hashes: tuple[str, ...] = ()
    raw_credential_ids_exposed: bool | None = None


@dataclass(frozen=True, kw_only=True)
class RequestOptionsIssued(Boundaries):
    """Options to sign, and the challenge that the verification consumes."""

    challenge: Challenge
    public_key_credential_request_options: RequestOptions
    passkey_binding: Passkey | None = None


@dataclass(frozen=True, kw_only=True)
class ChallengeIssued(Body):
    """A bare challenge."""

    challenge: Challenge
    production_admission: bool | None = None


@dataclass(frozen=True, kw_only=True)
class PresenceProved(Body):
    """The person was here: a receipt for one act, within 5 minutes. It is no session, and no standing."""

    human_presence_receipt: str
    challenge: str | None = None
    passkey_binding: str | None = None
    relying_party_id: str | None = None
    expires_at: str | None = None
    user_verified: bool | None = None
    standing_created: bool | None = None
    production_admission: bool | None = None


@dataclass(frozen=True, kw_only=True)
class HumanAuthChallenge(
    TenantRequest[ChallengeIssued], operation="humanAuth.challenge", path="/v1/human-auth/challenge", again=True
):
    """Ask for a challenge. Caller: a client key."""

    subject: str | None = None
    relying_party_id: str | None = None
    scopes: Words | None = None
    device_binding: str | None = None


@dataclass(frozen=True, kw_only=True)
class HumanAuthPasskeyAssertionOptions(
    TenantRequest[RequestOptionsIssued],
    operation="humanAuth.passkeyAssertionOptions",
    path="/v1/human-auth/passkey/assertion/options",
    again=True,
):
    """Ask what a browser shall sign; `scopes` are the acts that the presence may serve, once. Caller: a client key."""

    subject: str
    relying_party_id: str
    origin: str
    scopes: Words
    passkey_binding: str | None = None
    device_binding: str | None = None
    user_verification: str = "required"
    contains_biometric_material: bool = False
    contains_customer_data: bool = False


@dataclass(frozen=True, kw_only=True)
class HumanAuthVerifyPasskey(
    TenantRequest[PresenceProved], operation="humanAuth.verifyPasskey", path="/v1/human-auth/passkey/verify"
):
    """Have a passkey's signature checked; `ceremonies.assertion` fills most of it from a browser's answer.

    Consumes the challenge, so it is never sent twice. Caller: a client key.
    """

    challenge: str
    relying_party_id: str
    credential_id_hash: str
    client_data_json_b64url: str
    authenticator_data_b64url: str
    signature_b64url: str
    user_verified: bool
    user_handle_b64url: str | None = None
    passkey_binding: str | None = None
