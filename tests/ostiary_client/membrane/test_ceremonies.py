"""Between a browser's WebAuthn and the membrane's: a real signature made and checked, and what no browser would say."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from ostiary_client.authenticator import RS256, Behaviour, SoftPasskey
from ostiary_client.membrane.answers import decoded
from ostiary_client.membrane.ceremonies import assertion, creation_options, registration, request_options
from ostiary_client.membrane.passkeys import CreationOptions, HumanAuthRegisterPasskey
from ostiary_client.membrane.presences import HumanAuthVerifyPasskey, RequestOptions

ORIGIN = "https://id.example.test"
ASKED = decoded(
    RequestOptions,
    {
        "challenge": "Y2hhbGxlbmdl",
        "rp_id": "id.example.test",
        "user_verification": "required",
        "timeout_ms": 300000,
        "allow_credentials": "omitted_discoverable_credentials_only",
        "allow_credential_id_hashes": ["sha256:" + "0" * 64],
    },
)
TO_MAKE = decoded(
    CreationOptions,
    {
        "challenge": "Y2hhbGxlbmdl",
        "rp": {"id": "id.example.test", "name": "Ostiary"},
        "user": {"id_b64url": "dXNlci0x", "name_hash": "sha256:" + "0" * 64},
        "pub_key_cred_params": [{"type": "public-key", "alg": -7}],
        "authenticator_selection": {
            "resident_key": "preferred",
            "user_verification": "required",
            "authenticator_attachment": "platform",
        },
        "attestation": "none",
        "timeout_ms": 300000,
    },
)


def b64(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def made(**lies):
    passkey = SoftPasskey(ORIGIN, behaviour=Behaviour(**lies))
    return passkey, passkey.create(creation_options(TO_MAKE, name="anna"))


def test_request_options_are_spelled_for_the_browser():
    assert request_options(ASKED) == {
        "challenge": "Y2hhbGxlbmdl",
        "rpId": "id.example.test",
        "allowCredentials": [],
        "userVerification": "required",
        "timeout": 300000,
    }


def test_user_verification_is_required_where_the_server_says_nothing():
    told = request_options(decoded(RequestOptions, {"challenge": "AAAA", "rp_id": "localhost"}))
    assert told == {"challenge": "AAAA", "rpId": "localhost", "allowCredentials": [], "userVerification": "required"}


def test_creation_options_are_spelled_for_the_browser_with_names_from_the_caller():
    assert creation_options(TO_MAKE, name="anna@example.test", display_name="Anna") == {
        "challenge": "Y2hhbGxlbmdl",
        "rp": {"id": "id.example.test", "name": "Ostiary"},
        "user": {"id": "dXNlci0x", "name": "anna@example.test", "displayName": "Anna"},
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        "authenticatorSelection": {
            "residentKey": "preferred",
            "requireResidentKey": False,
            "userVerification": "required",
            "authenticatorAttachment": "platform",
        },
        "attestation": "none",
        "excludeCredentials": [],
        "timeout": 300000,
    }


def test_creation_options_that_say_little_ask_for_a_discoverable_verified_es256_key():
    bare = decoded(CreationOptions, {"challenge": "AAAA", "rp": "localhost", "user": {"id_b64url": "AAAA"}})
    told = creation_options(bare, name="anna")
    assert told["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert (told["pubKeyCredParams"], told["attestation"]) == ([{"type": "public-key", "alg": -7}], "none")
    assert (told["rp"], told["user"]["displayName"]) == ({"id": "localhost", "name": "localhost"}, "anna")


def test_a_registration_carries_the_public_half_and_hashes():
    passkey, credential = made()
    told = registration(credential)
    point = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), bytes.fromhex(told["public_key_uncompressed_hex"])
    )
    assert point.public_numbers() == passkey.key.public_key().public_numbers()
    assert told["credential_id_hash"] == "sha256:" + hashlib.sha256(passkey.id).hexdigest()
    assert (told["authenticator_attachment"], told["sign_count"]) == ("platform", 1)
    for part in ("client_data_json", "attestation_object"):
        assert told[f"{part}_hash"] == "sha256:" + hashlib.sha256(unb64(told[f"{part}_b64url"])).hexdigest()
    assert b64(passkey.id) not in str({**told, "attestation_object_b64url": ""})
    HumanAuthRegisterPasskey(subject="a:b", challenge="a:b", relying_party_id="x", origin=ORIGIN, **told)


def test_extensions_after_the_key_do_not_disturb():
    assert registration(made(extensions=cbor2.dumps({"credProtect": 2}))[1])["sign_count"] == 1


@pytest.mark.parametrize("verified", [True, False])
def test_an_assertion_carries_the_signature_and_whether_the_person_was_verified(verified):
    passkey, _ = made()
    passkey.behaviour.user_verified = verified
    told = assertion(passkey.get(request_options(ASKED)))
    assert told["credential_id_hash"] == "sha256:" + hashlib.sha256(passkey.id).hexdigest()
    assert (told["user_verified"], told["user_handle_b64url"]) == (verified, "dXNlci0x")
    signed = unb64(told["authenticator_data_b64url"]) + hashlib.sha256(unb64(told["client_data_json_b64url"])).digest()
    passkey.key.public_key().verify(unb64(told["signature_b64url"]), signed, ec.ECDSA(SHA256()))
    HumanAuthVerifyPasskey(challenge="a:b", relying_party_id="x", **told)


@pytest.mark.parametrize("handle", [None, ""])
def test_a_missing_user_handle_is_not_sent(handle):
    passkey, _ = made()
    credential = passkey.get(request_options(ASKED))
    credential["response"]["userHandle"] = handle
    assert "user_handle_b64url" not in assertion(credential)


ODD_TEXT: list = [None, 7, "a", "AA==", "AAA=", "AA AA", "A+/A", "ä", ["AAAA"], {}]


@pytest.mark.parametrize("odd", ODD_TEXT, ids=repr)
@pytest.mark.parametrize("part", ["rawId", "clientDataJSON", "authenticatorData", "signature"])
def test_what_no_browser_would_say_of_a_signature_is_a_value_error(part, odd):
    passkey, _ = made()
    credential = passkey.get(request_options(ASKED))
    place = credential if part == "rawId" else credential["response"]
    place[part] = odd
    with pytest.raises(ValueError, match="no AuthenticationResponseJSON"):
        assertion(credential)
    del place[part]
    with pytest.raises(ValueError, match="no AuthenticationResponseJSON"):
        assertion(credential)


@pytest.mark.parametrize("odd", ODD_TEXT, ids=repr)
@pytest.mark.parametrize("part", ["rawId", "clientDataJSON", "attestationObject"])
def test_what_no_browser_would_say_of_a_new_passkey_is_a_value_error(part, odd):
    _, credential = made()
    place = credential if part == "rawId" else credential["response"]
    place[part] = odd
    with pytest.raises(ValueError, match="no RegistrationResponseJSON"):
        registration(credential)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(37),
        bytes(55),
        bytes(55) + cbor2.dumps([1]),
        bytes(55) + cbor2.dumps({1: 2, 3: -7, -1: 1}),
        bytes(55) + cbor2.dumps({1: 2, 3: -7, -1: 1, -2: 1, -3: 2}),
        bytes(55) + cbor2.dumps({1: 2, 3: -7, -1: 1, -2: "x", -3: "y"}),
        bytes(53) + b"\xff\xff" + bytes(20),
        "text",
        7,
        None,
    ],
    ids=repr,
)
def test_authenticator_data_that_is_none_is_a_value_error(data):
    _, credential = made()
    credential["response"]["attestationObject"] = b64(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}))
    with pytest.raises(ValueError, match="no RegistrationResponseJSON"):
        registration(credential)


@pytest.mark.parametrize(
    "whole", [{}, {"response": None}, {"response": []}, {"response": "x", "rawId": "AAAA"}], ids=repr
)
def test_what_is_no_credential_at_all_is_a_value_error(whole):
    for take_apart in (assertion, registration):
        with pytest.raises(ValueError, match="this is no "):
            take_apart(whole)


def test_an_attestation_nested_without_end_is_a_value_error():
    _, credential = made()
    credential["response"]["attestationObject"] = b64(b"\x81" * 100_000)
    with pytest.raises(ValueError, match="no RegistrationResponseJSON"):
        registration(credential)


def test_a_key_that_is_not_es256_is_a_value_error():
    passkey = SoftPasskey(ORIGIN, algorithm=RS256)
    options = creation_options(TO_MAKE, name="anna") | {"pubKeyCredParams": [{"type": "public-key", "alg": -257}]}
    with pytest.raises(ValueError, match="ES256"):
        registration(passkey.create(options))
