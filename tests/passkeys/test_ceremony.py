"""The JSON forms: what is decoded, what is tolerated, and where it ends."""

import hashlib
import json

import msgspec
import pytest

from ostiary.passkeys.ceremony import AuthenticationResponse, RegistrationResponse
from ostiary.passkeys.webauthn import credential_hash, user_handle
from tests.passkeys.ceremonies import b64, created, gotten, passkey


def decoded(sent, kind):
    return msgspec.json.decode(json.dumps(sent), type=kind)


def test_members_that_are_not_read_are_tolerated():
    sent = created(passkey())
    plain = decoded(sent, RegistrationResponse)
    sent |= {
        "authenticatorAttachment": None,
        "clientExtensionResults": {"prf": {"enabled": True}},
        "new": [1],
    }
    sent["response"] |= {"publicKey": "AA", "publicKeyAlgorithm": -7, "authenticatorData": "AA", "new": {}}
    assert decoded(sent, RegistrationResponse) == plain


@pytest.mark.parametrize("absent", ["id", "rawId", "type", "response"])
@pytest.mark.parametrize("kind", [RegistrationResponse, AuthenticationResponse])
def test_members_that_are_read_are_required(kind, absent):
    sent = created(passkey()) if kind is RegistrationResponse else gotten(passkey())
    del sent[absent]
    with pytest.raises(msgspec.ValidationError, match=absent):
        decoded(sent, kind)


@pytest.mark.parametrize(
    ("kind", "name", "length"),
    [
        (RegistrationResponse, "id", 1364),
        (RegistrationResponse, "rawId", 1364),
        (RegistrationResponse, "response.clientDataJSON", 8192),
        (RegistrationResponse, "response.attestationObject", 16384),
        (AuthenticationResponse, "id", 1364),
        (AuthenticationResponse, "rawId", 1364),
        (AuthenticationResponse, "response.clientDataJSON", 8192),
        (AuthenticationResponse, "response.authenticatorData", 4096),
        (AuthenticationResponse, "response.signature", 2048),
        (AuthenticationResponse, "response.userHandle", 86),
    ],
)
def test_texts_have_their_greatest_length(kind, name, length):
    sent = created(passkey()) if kind is RegistrationResponse else gotten(passkey())
    *path, last = name.split(".")
    inner = sent[path[0]] if path else sent
    inner[last] = "A" * length
    decoded(sent, kind)
    inner[last] += "A"
    with pytest.raises(msgspec.ValidationError, match=last):
        decoded(sent, kind)


@pytest.mark.parametrize("other", ["public-key ", "password", "", None, 1])
def test_another_type_is_no_passkey(other):
    with pytest.raises(msgspec.ValidationError, match="type"):
        decoded(gotten(passkey()) | {"type": other}, AuthenticationResponse)


def test_the_hash_is_that_of_the_raw_id():
    key = passkey()
    key.id = bytes(1023)
    new, old = decoded(created(key), RegistrationResponse), decoded(gotten(key), AuthenticationResponse)
    assert credential_hash(new) == credential_hash(old)
    assert credential_hash(new) == hashlib.sha256(bytes(1023)).digest()


def with_handle(handle):
    sent = decoded(gotten(passkey()), AuthenticationResponse)
    return msgspec.structs.replace(sent, response=msgspec.structs.replace(sent.response, user_handle=handle))


@pytest.mark.parametrize("handle", [b"a", bytes(64)])
def test_a_user_handle_is_read(handle):
    assert user_handle(with_handle(b64(handle))) == handle


@pytest.mark.parametrize("handle", [None, "", "A", "AB", "AA==", b64(bytes(65))])
def test_no_user_handle_and_a_malformed_one_are_none(handle):
    assert user_handle(with_handle(handle)) is None


def test_an_absent_user_handle_is_none():
    sent = gotten(passkey())
    del sent["response"]["userHandle"]
    assert user_handle(decoded(sent, AuthenticationResponse)) is None
