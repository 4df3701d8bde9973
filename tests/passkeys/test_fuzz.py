"""Whatever the bytes: an outcome, never an exception; and nothing that was signed can be changed unseen."""

import cbor2
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.kernel.refusals import Refusal
from ostiary.passkeys.ceremony import (
    AssertionParts,
    AttestationParts,
    AuthenticationResponse,
    Fault,
    RegistrationResponse,
    Stored,
)
from ostiary.passkeys.webauthn import (
    Asserted,
    Registered,
    credential_hash,
    user_handle,
    verify_assertion,
    verify_registration,
)
from tests.passkeys.ceremonies import CHALLENGE, EVERYTHING, b64, created, gotten, passkey, register, unb64

LENIENT = msgspec.structs.replace(
    EVERYTHING, algorithms=(-7, -257, -8, -35), cross_origin=True, user_verification=False, strip_attestation=True
)
KEY = passkey(algorithm=-8)
KNOWN = register(KEY)
CREATED = created(KEY)["response"]
GOTTEN = gotten(KEY)["response"]
NAME = b64(KEY.id)

# NOTE: any text at all, lone surrogates too, which a JSON decoder hands on when they are escaped.
TEXTS = st.text(st.characters(codec=None)) | st.binary().map(b64) | st.just(NAME)
WORDS = set(Fault)


@st.composite
def spoiled(draw, data):
    """Bytes with a few changes: some replaced, some taken out, some put in."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=6)) + data[at + draw(st.integers(0, 6)) :]
    return data


def spoiled_text(text):
    return spoiled(unb64(text)).map(b64)


def is_outcome(outcome, kind):
    return isinstance(outcome, kind) or (isinstance(outcome, Refusal) and WORDS.issuperset(outcome.reasons))


@settings(deadline=None)
@given(TEXTS, TEXTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=3).map(tuple))
def test_any_registration_has_an_outcome(name, raw_name, client_data, attestation, transports):
    sent = RegistrationResponse(name, raw_name, "public-key", AttestationParts(client_data, attestation, transports))
    assert is_outcome(credential_hash(sent), bytes)
    assert isinstance(verify_registration(LENIENT, CHALLENGE, sent), Refusal)


@settings(deadline=None)
@given(TEXTS, TEXTS, TEXTS, TEXTS, TEXTS, st.none() | TEXTS, st.binary())
def test_any_assertion_has_an_outcome(name, raw_name, client_data, data, signature, handle, key):
    sent = AuthenticationResponse(name, raw_name, "public-key", AssertionParts(client_data, data, signature, handle))
    assert is_outcome(credential_hash(sent), bytes)
    assert isinstance(user_handle(sent), bytes | None)
    for known in (KNOWN, Stored(-7, key, 0, backup_eligible=True, backed_up=False)):
        assert isinstance(verify_assertion(LENIENT, CHALLENGE, known, sent), Refusal)


@settings(max_examples=500, deadline=None)
@given(spoiled_text(CREATED["clientDataJSON"]))
def test_spoiled_client_data_has_an_outcome(client_data):
    sent = RegistrationResponse(NAME, NAME, "public-key", AttestationParts(client_data, CREATED["attestationObject"]))
    assert is_outcome(verify_registration(LENIENT, CHALLENGE, sent), Registered)


@settings(max_examples=500, deadline=None)
@given(spoiled_text(CREATED["attestationObject"]))
def test_a_spoiled_attestation_object_has_an_outcome(attestation):
    sent = RegistrationResponse(NAME, NAME, "public-key", AttestationParts(CREATED["clientDataJSON"], attestation))
    assert is_outcome(verify_registration(LENIENT, CHALLENGE, sent), Registered)


@settings(max_examples=500, deadline=None)
@given(spoiled(cbor2.loads(unb64(CREATED["attestationObject"]))["authData"]))
def test_spoiled_authenticator_data_has_an_outcome(data):
    attestation = b64(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}))
    sent = RegistrationResponse(NAME, NAME, "public-key", AttestationParts(CREATED["clientDataJSON"], attestation))
    assert is_outcome(verify_registration(LENIENT, CHALLENGE, sent), Registered)


def asserted(**changes):
    parts = {**GOTTEN, **changes}
    response = AssertionParts(parts["clientDataJSON"], parts["authenticatorData"], parts["signature"])
    return verify_assertion(LENIENT, CHALLENGE, KNOWN, AuthenticationResponse(NAME, NAME, "public-key", response))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_nothing_signed_can_be_changed(data):
    assert isinstance(asserted(), Asserted)
    part = data.draw(st.sampled_from(["clientDataJSON", "authenticatorData", "signature"]))
    changed = data.draw(spoiled_text(GOTTEN[part]).filter(lambda text: text != GOTTEN[part]))
    assert isinstance(asserted(**{part: changed}), Refusal)
