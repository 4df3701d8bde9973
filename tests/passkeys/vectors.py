"""The vendored vectors, read for the verifier: W3C ceremonies and Wycheproof signatures."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import cbor2
import msgspec

from ostiary.kernel.refusals import Refusal
from ostiary.passkeys import cose
from ostiary.passkeys.webauthn import (
    AuthenticationResponse,
    RegistrationResponse,
    RelyingParty,
    Stored,
    verify_assertion,
    verify_registration,
)

FOLDER = Path(__file__).parents[1] / "vectors"
WYCHEPROOF = {"ecdsa_secp256r1_sha256": -7, "ed25519": -8}

PARTY = RelyingParty(id="example.org", name="Example", origins=frozenset({"https://example.org"}))
POLICIES = {
    "default": PARTY,
    "touch": msgspec.structs.replace(PARTY, user_verification=False),
    "framed": msgspec.structs.replace(PARTY, user_verification=False, cross_origin=True),
    "permissive": msgspec.structs.replace(
        PARTY,
        algorithms=(-7, -257, -8, -35, -36, -53),
        cross_origin=True,
        top_origins=frozenset({"https://example.com"}),
        user_verification=False,
        strip_attestation=True,
    ),
}


def w3c():
    return json.loads((FOLDER / "webauthn-l3.json").read_text())["vectors"]


def text(part, name):
    return urlsafe_b64encode(bytes.fromhex(part[name])).rstrip(b"=").decode()


def credential(vector, response, kind):
    name = text(vector["registration"], "credential_id")
    return msgspec.convert({"id": name, "rawId": name, "type": "public-key", "response": response}, kind)


def registration(rp, vector):
    """The verdict on a vector's registration: a word of refusal or "accepted"."""
    part = vector["registration"]
    response = {name: text(part, name) for name in ("clientDataJSON", "attestationObject")}
    sent = credential(vector, response, RegistrationResponse)
    return verdict(verify_registration(rp, bytes.fromhex(part["challenge"]), sent))


def assertion(rp, vector):
    """The verdict on a vector's assertion under its own key, whatever became of its registration."""
    part = vector["authentication"]
    response = {name: text(part, name) for name in ("clientDataJSON", "authenticatorData", "signature")}
    sent = credential(vector, response, AuthenticationResponse)
    return verdict(verify_assertion(rp, bytes.fromhex(part["challenge"]), stored(vector), sent))


def stored(vector):
    """The passkey of a vector, read by another CBOR library than the server's."""
    data = cbor2.loads(bytes.fromhex(vector["registration"]["attestationObject"]))["authData"]
    key = data[55 + int.from_bytes(data[53:55], "big") :]
    count = int.from_bytes(data[33:37], "big")
    return Stored(cbor2.loads(key)[3], key, count, bool(data[32] & 8), bool(data[32] & 16))


def verdict(outcome):
    return outcome.reasons[0] if isinstance(outcome, Refusal) else "accepted"


def wycheproof(name):
    """Pairs of a group and one of its tests, in the order of the file."""
    groups = json.loads((FOLDER / "wycheproof" / f"{name}_test.json").read_text())["testGroups"]
    return [(group, test) for group in groups for test in group["tests"]]


def cose_key(group):
    """The public key of a Wycheproof group as a COSE_Key, built by another CBOR library than the server's."""
    key = group["publicKey"]
    if key["type"] == "EDDSAPublicKey":
        return cbor2.dumps({1: 1, 3: -8, -1: 6, -2: bytes.fromhex(key["pk"])})
    point = bytes.fromhex(key["uncompressed"])
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point[1:33], -3: point[33:]})


def accepted(group, test):
    """Whether the verifier of passkeys accepts the signature of a Wycheproof test."""
    key = cose.load(cose_key(group))
    return cose.verify(key, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
