"""The passkey in software: what it promises to those who build on it."""

import json

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ostiary_client.authenticator import Behaviour, SoftPasskey
from tests.passkeys.ceremonies import ORIGIN, created, gotten, passkey, unb64


def client_data(sent):
    return json.loads(unb64(sent["response"]["clientDataJSON"]))


def test_answers_are_json():
    key = passkey()
    for sent in (created(key), gotten(key)):
        assert json.loads(json.dumps(sent)) == sent


def test_an_algorithm_that_is_not_offered_is_declined():
    key = passkey(algorithm=-8)
    with pytest.raises(ValueError, match="offer"):
        key.create({"pubKeyCredParams": [{"type": "public-key", "alg": -7}]})


def test_an_algorithm_that_nobody_signs_with_is_declined():
    with pytest.raises(ValueError, match="-257"):
        SoftPasskey(ORIGIN, algorithm=-35)


def test_a_key_can_be_brought_along():
    private = ec.derive_private_key(7, ec.SECP256R1())
    assert passkey(key=private).cose_key() == passkey(key=private).cose_key()
    assert passkey(key=private).id == passkey(key=private).id


def test_the_counter_advances_by_its_step():
    key = passkey(behaviour=Behaviour(count_step=5))
    created(key)
    assert gotten(key)["response"]["userHandle"]
    assert key.count == 10


def test_the_browser_says_what_behaviour_says():
    key = passkey(behaviour=Behaviour(origin="https://evil.test", cross_origin=True, top_origin="https://top.test"))
    key.behaviour.client_data = {"extra": 1}
    assert client_data(gotten(key)) | {"challenge": ""} == {
        "type": "webauthn.get",
        "challenge": "",
        "origin": "https://evil.test",
        "crossOrigin": True,
        "topOrigin": "https://top.test",
        "extra": 1,
    }


@pytest.mark.parametrize("self_attested", [False, True])
def test_the_attestation_object_is_canonical(self_attested):
    raw = unb64(created(passkey(behaviour=Behaviour(self_attested=self_attested)))["response"]["attestationObject"])
    assert cbor2.dumps(cbor2.loads(raw), canonical=True) == raw
