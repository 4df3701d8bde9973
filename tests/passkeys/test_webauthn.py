"""Honest ceremonies, and what policy changes; the hostile ones stand in test_hostile.py."""

import hashlib

import cbor2
import msgspec
import pytest

from ostiary.kernel.refusals import Code, Refusal
from ostiary.passkeys.webauthn import (
    TIMEOUT_MS,
    Asserted,
    Registered,
    RegistrationResponse,
    Stored,
    creation_options,
    credential_hash,
    request_options,
)
from ostiary_client.authenticator import Behaviour
from tests.passkeys import ceremonies
from tests.passkeys.ceremonies import (
    CHALLENGE,
    EVERYTHING,
    HANDLE,
    PARTY,
    b64,
    created,
    gotten,
    passkey,
    register,
)
from tests.passkeys.vectors import verdict

FRAMER = "https://example.com"


def policy(**changes):
    return msgspec.structs.replace(EVERYTHING, **changes)


def create(rp=EVERYTHING, *, made=None, **says):
    key = passkey(**(made or {}), behaviour=Behaviour(**says))
    return ceremonies.verify_created(created(key), rp)


def sign_in(rp=EVERYTHING, *, stored=None, **says):
    key = passkey()
    known = msgspec.structs.replace(register(key), **(stored or {}))
    key.behaviour = Behaviour(**says)
    return ceremonies.verify_gotten(gotten(key), known, rp)


@pytest.mark.parametrize("algorithm", [-7, -257, -8])
def test_a_passkey_registers_and_signs_in(algorithm):
    key = passkey(algorithm=algorithm, aaguid=bytes(range(16)))
    new = ceremonies.verify_created(created(key))
    assert new == Registered(
        credential_hash=hashlib.sha256(key.id).digest(),
        algorithm=algorithm,
        public_key=key.cose_key(),
        sign_count=1,
        backup_eligible=True,
        backed_up=True,
        aaguid="00010203-0405-0607-0809-0a0b0c0d0e0f",
        transports=("hybrid", "internal"),
    )
    known = Stored(new.algorithm, new.public_key, new.sign_count, new.backup_eligible, new.backed_up)
    assert ceremonies.verify_gotten(gotten(key), known) == Asserted(sign_count=2, backed_up=True)


def test_creation_options_ask_for_a_discoverable_verified_passkey_without_attestation():
    assert creation_options(PARTY, CHALLENGE, HANDLE, "ann@example.test", "Ann") == {
        "rp": {"id": "example.test", "name": "Example"},
        "user": {"id": b64(HANDLE), "name": "ann@example.test", "displayName": "Ann"},
        "challenge": b64(CHALLENGE),
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -257}],
        "timeout": TIMEOUT_MS,
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }


def test_request_options_name_no_credential():
    assert request_options(PARTY, CHALLENGE) == {
        "challenge": b64(CHALLENGE),
        "timeout": 300_000,
        "rpId": "example.test",
        "userVerification": "required",
    }


def test_options_prefer_user_verification_where_policy_does_not_require_it():
    rp = policy(user_verification=False)
    assert request_options(rp, CHALLENGE)["userVerification"] == "preferred"
    assert (
        creation_options(rp, CHALLENGE, HANDLE, "a", "b")["authenticatorSelection"]["userVerification"] == "preferred"
    )


def test_every_origin_of_the_party_is_accepted():
    for origin in PARTY.origins:
        assert not isinstance(create(origin=origin), Refusal)
        assert not isinstance(sign_in(origin=origin), Refusal)


def test_absent_cross_origin_is_false():
    key = passkey()
    known = register(key)
    sent = gotten(key)
    client_data = ceremonies.unb64(sent["response"]["clientDataJSON"]).replace(b',"crossOrigin":false', b"")
    sent["response"]["clientDataJSON"] = b64(client_data)
    signed = ceremonies.unb64(sent["response"]["authenticatorData"]) + hashlib.sha256(client_data).digest()
    sent["response"]["signature"] = b64(key.sign(signed))
    assert b"crossOrigin" not in client_data
    assert isinstance(ceremonies.verify_gotten(sent, known), Asserted)


def test_token_binding_and_members_of_the_future_are_ignored():
    future = {"tokenBinding": {"status": "present", "id": "?"}, "extra": [None, 1.5, {"a": {}}]}
    assert isinstance(create(client_data=future), Registered)
    assert isinstance(sign_in(client_data=future), Asserted)


def test_a_frame_is_admitted_where_policy_says_so():
    assert isinstance(sign_in(policy(cross_origin=True), cross_origin=True), Asserted)
    named = policy(cross_origin=True, top_origins=frozenset({FRAMER}))
    assert isinstance(sign_in(named, cross_origin=True, top_origin=FRAMER), Asserted)
    assert isinstance(create(named, cross_origin=True, top_origin=FRAMER), Registered)
    assert isinstance(sign_in(named), Asserted)


def test_presence_alone_is_enough_where_policy_says_so():
    assert isinstance(create(policy(user_verification=False), user_verified=False), Registered)
    assert isinstance(sign_in(policy(user_verification=False), user_verified=False), Asserted)


@pytest.mark.parametrize(("eligible", "backed_up"), [(False, False), (True, False), (True, True)])
def test_backup_flags_are_kept(eligible, backed_up):
    new = create(backup_eligible=eligible, backed_up=backed_up)
    assert (new.backup_eligible, new.backed_up) == (eligible, backed_up)


def test_backup_state_may_change_and_is_reported():
    assert sign_in(backed_up=False) == Asserted(sign_count=2, backed_up=False)


def test_reserved_flags_are_ignored():
    assert isinstance(sign_in(flags=0x1D | 0x22), Asserted)


@pytest.mark.parametrize(
    ("stored", "step", "count"), [(0, -1, 0), (0, 0, 1), (1, 1, 2), (2**32 - 2, 2**32 - 2, 2**32 - 1)]
)
def test_sign_counts_that_grow_or_stay_zero_are_accepted(stored, step, count):
    assert sign_in(stored={"sign_count": stored}, count_step=step).sign_count == count


def test_algorithms_are_a_policy_for_new_passkeys():
    assert isinstance(sign_in(policy(algorithms=(-8,))), Asserted)


@pytest.mark.parametrize("extensions", [{}, {"credProtect": 3, "hmac-secret": True}, {"uvm": [[2, 4, 2]]}])
def test_extensions_nobody_asked_for_are_read_past(extensions):
    encoded = cbor2.dumps(extensions, canonical=True)
    assert isinstance(create(extensions=encoded), Registered)
    assert isinstance(sign_in(extensions=encoded), Asserted)


@pytest.mark.parametrize("algorithm", [-7, -257, -8])
def test_anonymous_self_attestation_is_verified_and_admitted(algorithm):
    assert isinstance(create(made={"algorithm": algorithm}, self_attested=True), Registered)


def test_any_attestation_is_stripped_where_policy_says_so():
    model = {"aaguid": bytes(15) + b"\x01"}
    assert verdict(create(made=model, self_attested=True)) == "attestation_refused"
    stripped = create(policy(strip_attestation=True), made=model, self_attested=True)
    assert stripped.aaguid == "00000000-0000-0000-0000-000000000001"


def test_transports_are_sorted_hints_in_known_letters():
    sent = created(passkey())
    sent["response"]["transports"] = ["usb", "nfc", "usb", "smart-card", "\x00", "", "USB", "x\n", "é"]
    assert ceremonies.verify_created(sent).transports == ("nfc", "smart-card", "usb")
    del sent["response"]["transports"]
    assert ceremonies.verify_created(sent).transports == ()


@pytest.mark.parametrize("length", [1, 1023])
def test_a_credential_id_has_1_to_1023_bytes(length):
    key = passkey()
    key.id = bytes(length)
    known = register(key)
    assert isinstance(ceremonies.verify_gotten(gotten(key), known), Asserted)


@pytest.mark.parametrize("text", ["", b64(bytes(1024))])
def test_an_id_of_impossible_length_is_refused_even_past_the_decoder(text):
    sent = msgspec.convert(created(passkey()), RegistrationResponse)
    odd = msgspec.structs.replace(sent, id=text, raw_id=text)
    assert credential_hash(odd) == Refusal(Code.PASSKEY_REFUSED, ("credential_malformed",))
