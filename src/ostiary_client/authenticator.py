"""A passkey in software: answers creation and request options as a browser with an authenticator would.

For tests, demonstrations and command-line tools; it keeps its private key in memory and asks nobody. Every
lie that a hostile client could tell is a field of `Behaviour`. JSON forms: Web Authentication Level 3 section
5.1.
"""

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeAlias

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

__all__ = ["ED25519", "ES256", "RS256", "Behaviour", "PrivateKey", "SoftPasskey"]

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

ES256, ED25519, RS256 = -7, -8, -257


@dataclass
class Behaviour:
    """What authenticator and browser say; the defaults are honest, None means what the options ask for.

    `flags` replaces the whole flags byte. `client_data` is merged over the client data and may name any
    member. `extensions` is the CBOR of authenticator extensions. `self_attested` signs a packed statement at
    creation.
    """

    user_present: bool = True
    user_verified: bool = True
    backup_eligible: bool = True
    backed_up: bool = True
    count_step: int = 1
    flags: int | None = None
    type: str | None = None
    challenge: str | None = None
    origin: str | None = None
    cross_origin: bool = False
    top_origin: str | None = None
    rp_id: str | None = None
    client_data: dict[str, object] = field(default_factory=dict)
    extensions: bytes = b""
    self_attested: bool = False


class SoftPasskey:
    """One passkey: a key pair, a credential id, a counter. `create` registers it, `get` signs in with it.

    `origin` is that of the page. `key` overrides the fresh key of `algorithm` (a COSE number: -7, -8 or
    -257). Assign to `behaviour`, `count`, `id` or `user_handle` between calls to misbehave.
    """

    def __init__(
        self,
        origin: str,
        *,
        algorithm: int = ES256,
        key: PrivateKey | None = None,
        aaguid: bytes = bytes(16),
        behaviour: Behaviour | None = None,
    ) -> None:
        self.origin = origin
        self.algorithm = algorithm
        self.key = key or _new_key(algorithm)
        self.aaguid = aaguid
        self.behaviour = behaviour or Behaviour()
        self.id = sha256(self.cose_key()).digest()
        self.count = 0
        self.rp_id = ""
        self.user_handle = b""

    def create(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Answer PublicKeyCredentialCreationOptionsJSON with a RegistrationResponseJSON.

        Raises ValueError when the options do not offer the key's algorithm. The counter starts at
        `count_step`.
        """
        if self.algorithm not in [offer["alg"] for offer in options["pubKeyCredParams"]]:
            raise ValueError("the relying party does not offer this algorithm")
        self.rp_id, self.user_handle = options["rp"]["id"], _unb64(options["user"]["id"])
        client_data = self._client_data("webauthn.create", options["challenge"])
        data = self._authenticator_data(attested=self._attested())
        statement = self._statement(data + sha256(client_data).digest())
        response = {
            "clientDataJSON": _b64(client_data),
            "attestationObject": _b64(cbor2.dumps({**statement, "authData": data})),
            "transports": ["internal", "hybrid"],
        }
        return self._credential(response, {"credProps": {"rk": True}})

    def get(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Answer PublicKeyCredentialRequestOptionsJSON with an AuthenticationResponseJSON; it counts."""
        self.rp_id = options.get("rpId", self.rp_id)
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = self._authenticator_data()
        response = {
            "clientDataJSON": _b64(client_data),
            "authenticatorData": _b64(data),
            "signature": _b64(self.sign(data + sha256(client_data).digest())),
            "userHandle": _b64(self.user_handle),
        }
        return self._credential(response, {})

    def cose_key(self) -> bytes:
        """Return the public key as a COSE_Key in CTAP2 canonical CBOR."""
        public = self.key.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            point = public.public_numbers()
            return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        if isinstance(public, ed25519.Ed25519PublicKey):
            return cbor2.dumps({1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()})
        numbers = public.public_numbers()
        return cbor2.dumps({1: 3, 3: -257, -1: _octets(numbers.n), -2: _octets(numbers.e)})

    def sign(self, message: bytes) -> bytes:
        """Sign as WebAuthn does under the key's algorithm (ECDSA in DER, RSA with PKCS #1 v1.5)."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(message, ec.ECDSA(SHA256()))
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        return self.key.sign(message, padding.PKCS1v15(), SHA256())

    def _client_data(self, kind: str, challenge: str) -> bytes:
        says = self.behaviour
        members: dict[str, object] = {
            "type": says.type or kind,
            "challenge": challenge if says.challenge is None else says.challenge,
            "origin": says.origin or self.origin,
            "crossOrigin": says.cross_origin,
        }
        top = {} if says.top_origin is None else {"topOrigin": says.top_origin}
        return json.dumps(members | top | says.client_data, separators=(",", ":"), ensure_ascii=False).encode()

    def _attested(self) -> bytes:
        return self.aaguid + struct.pack(">H", len(self.id)) + self.id + self.cose_key()

    def _statement(self, signed: bytes) -> dict[str, Any]:
        if not self.behaviour.self_attested:
            return {"fmt": "none", "attStmt": {}}
        return {"fmt": "packed", "attStmt": {"alg": self.algorithm, "sig": self.sign(signed)}}

    def _authenticator_data(self, attested: bytes = b"") -> bytes:
        says = self.behaviour
        self.count += says.count_step
        flags = self._flags(attested) if says.flags is None else says.flags
        rp_id_hash = sha256((says.rp_id or self.rp_id).encode()).digest()
        return rp_id_hash + struct.pack(">BI", flags, self.count) + attested + says.extensions

    def _flags(self, attested: bytes) -> int:
        says = self.behaviour
        person = says.user_present | says.user_verified << 2
        backup = says.backup_eligible << 3 | says.backed_up << 4
        return person | backup | bool(attested) << 6 | bool(says.extensions) << 7

    def _credential(self, response: dict[str, Any], extensions: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": _b64(self.id),
            "rawId": _b64(self.id),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": extensions,
            "response": response,
        }


def _new_key(algorithm: int) -> PrivateKey:
    if algorithm == ES256:
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == ED25519:
        return ed25519.Ed25519PrivateKey.generate()
    if algorithm == RS256:
        return rsa.generate_private_key(65537, 2048)
    raise ValueError("algorithms are -7, -8 and -257")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _octets(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
