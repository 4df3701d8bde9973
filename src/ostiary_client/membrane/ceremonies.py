"""Between a browser's WebAuthn and the membrane's: options for the one, fields for the other.

JSON forms: Web Authentication Level 3 section 5.1. Nothing is judged here, the server does that; what no browser would
say is a ValueError.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import cbor2

from ostiary_client.membrane.passkeys import CreationOptions
from ostiary_client.membrane.presences import RequestOptions

__all__ = ["Assertion", "Registration", "assertion", "creation_options", "registration", "request_options"]

_FLAGS, _COUNT, _ID_LENGTH = 32, slice(33, 37), slice(53, 55)
_USER_VERIFIED = 0b100
_B64URL = re.compile(r"[A-Za-z0-9_-]*")
_ES256 = {1: 2, 3: -7, -1: 1}
_NOT_A_BROWSERS = (AttributeError, cbor2.CBORDecodeError, IndexError, KeyError, TypeError, ValueError)


class Assertion(TypedDict):
    """What `human_auth_verify_passkey` is told of a signature, beside `challenge` and `relying_party_id`."""

    credential_id_hash: str
    client_data_json_b64url: str
    authenticator_data_b64url: str
    signature_b64url: str
    user_verified: bool
    user_handle_b64url: NotRequired[str]


class Registration(TypedDict):
    """What `human_auth_register_passkey` is told of a new passkey, beside `challenge`, `subject`, rp and origin."""

    credential_id_hash: str
    public_key_uncompressed_hex: str
    authenticator_attachment: str
    sign_count: int
    attestation_object_hash: str
    attestation_object_b64url: str
    client_data_json_hash: str
    client_data_json_b64url: str


def request_options(options: RequestOptions) -> dict[str, Any]:
    """Spell options as PublicKeyCredentialRequestOptionsJSON, for `navigator.credentials.get`.

    No credential is listed: the passkey is a discoverable one.
    """
    told: dict[str, Any] = {"challenge": options.challenge, "rpId": options.rp_id, "allowCredentials": []}
    told["userVerification"] = options.user_verification or "required"
    return told | ({} if options.timeout_ms is None else {"timeout": options.timeout_ms})


def creation_options(options: CreationOptions, *, name: str, display_name: str = "") -> dict[str, Any]:
    """Spell options as PublicKeyCredentialCreationOptionsJSON, for `navigator.credentials.create`.

    `name` and `display_name` are what the browser shows for the person; the server keeps and tells their hashes only.
    """
    chosen = options.authenticator_selection or {}
    resident, verification = chosen.get("resident_key", "required"), chosen.get("user_verification", "required")
    selection = {
        "residentKey": resident,
        "requireResidentKey": resident == "required",
        "userVerification": verification,
    }
    attachment = chosen.get("authenticator_attachment")
    told: dict[str, Any] = {
        "challenge": options.challenge,
        "rp": {"id": options.rp.id, "name": options.rp.name or options.rp.id},
        "user": {"id": options.user.id_b64url, "name": name, "displayName": display_name or name},
        "pubKeyCredParams": [dict(one) for one in options.pub_key_cred_params] or [{"type": "public-key", "alg": -7}],
        "authenticatorSelection": selection | ({"authenticatorAttachment": attachment} if attachment else {}),
        "attestation": options.attestation or "none",
        "excludeCredentials": [],
    }
    return told | ({} if options.timeout_ms is None else {"timeout": options.timeout_ms})


def assertion(credential: Mapping[str, Any]) -> Assertion:
    """Take an AuthenticationResponseJSON apart. The raw id becomes a hash here and goes no further."""
    try:
        response = credential["response"]
        told = Assertion(
            credential_id_hash=_hash(credential["rawId"]),
            client_data_json_b64url=_checked(response["clientDataJSON"]),
            authenticator_data_b64url=_checked(response["authenticatorData"]),
            signature_b64url=_checked(response["signature"]),
            user_verified=bool(_bytes(response["authenticatorData"])[_FLAGS] & _USER_VERIFIED),
        )
        if response.get("userHandle"):
            told["user_handle_b64url"] = _checked(response["userHandle"])
    except _NOT_A_BROWSERS as error:
        raise ValueError("this is no AuthenticationResponseJSON") from error
    return told


def registration(credential: Mapping[str, Any]) -> Registration:
    """Take a RegistrationResponseJSON apart. Raises ValueError for a key that is not ES256 too."""
    try:
        response = credential["response"]
        data = cbor2.loads(_bytes(response["attestationObject"]))["authData"]
        key = cbor2.loads(data[_ID_LENGTH.stop + int.from_bytes(data[_ID_LENGTH], "big") :])
        if any(key[label] != value for label, value in _ES256.items()):
            raise ValueError("the key is not ES256")
        return Registration(
            credential_id_hash=_hash(credential["rawId"]),
            public_key_uncompressed_hex=b"".join([b"\x04", key[-2], key[-3]]).hex(),
            authenticator_attachment=credential.get("authenticatorAttachment") or "platform",
            sign_count=int.from_bytes(data[_COUNT], "big"),
            attestation_object_hash=_hash(response["attestationObject"]),
            attestation_object_b64url=response["attestationObject"],
            client_data_json_hash=_hash(response["clientDataJSON"]),
            client_data_json_b64url=response["clientDataJSON"],
        )
    except _NOT_A_BROWSERS as error:
        raise ValueError("this is no RegistrationResponseJSON with an ES256 key") from error


def _bytes(text: str) -> bytes:
    """Decode base64url without padding, as browsers write it."""
    if not _B64URL.fullmatch(text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _checked(text: str) -> str:
    _bytes(text)
    return text


def _hash(text: str) -> str:
    return "sha256:" + hashlib.sha256(_bytes(text)).hexdigest()
