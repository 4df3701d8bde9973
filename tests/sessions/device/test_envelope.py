"""The envelope of a signed request: frozen in tests/wire/device_request.json, refused in order, no bit to change."""

import hashlib

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kernel.refusals import Code
from ostiary.sessions.device import envelope as wire
from ostiary.sessions.device.envelope import Envelope, signing_input, verify
from tests.passkeys.vectors import wycheproof
from tests.sessions.device.vectors import FROZEN, GOOD, envelope, session

KEY = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(FROZEN["private_key"]))
NOW = GOOD["now_ms"] * 1000
SMALL = bytes([1]) + bytes(31)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=32)


def made(payload=b"{}", **given):
    fields = {
        "protocol_version": "v1",
        "device_session_id": GOOD["session"]["device_session_id"],
        "message_type": "lobby.join",
        "timestamp_ms": GOOD["now_ms"],
        "request_id": "request-1",
        "payload_bytes": payload,
        "payload_hash": hashlib.sha256(payload).digest(),
        "signature": bytes(64),
    } | given
    return msgspec.structs.replace(Envelope(**fields), signature=KEY.sign(signing_input(Envelope(**fields))))


def code(refusal):
    return refusal.code.value if refusal else ""


@pytest.mark.parametrize("vector", [pytest.param(one, id=one["name"]) for one in FROZEN["signed"]])
def test_frozen_input_and_signature(vector):
    sent = envelope(vector["envelope"])
    assert signing_input(sent).hex() == vector["signing_input"]
    assert KEY.sign(signing_input(sent)) == sent.signature
    assert wire.misshapen(sent) is None


@pytest.mark.parametrize("vector", [pytest.param(one, id=one["name"]) for one in FROZEN["judged"]])
def test_frozen_verdict(vector):
    verdict = verify(envelope(vector["envelope"]), session(vector["session"]), vector["now_ms"] * 1000)
    assert code(verdict) == vector["refused"]


def test_the_vectors_show_every_refusal_but_the_replay():
    every = {one.value for one in Code if one.value.startswith("device_")}
    assert {one["refused"] for one in FROZEN["judged"]} == every - {"device_request_replayed"} | {""}
    assert (FROZEN["window_ms"], FROZEN["remembered_ms"]) == (wire.WINDOW_MS, wire.REMEMBERED_MS)


@given(st.data())
def test_any_changed_bit_is_refused(data):
    sent = made(data.draw(st.binary(min_size=1, max_size=64)), message_type=data.draw(names))
    name = data.draw(st.sampled_from(["payload_bytes", "payload_hash", "signature"]))
    raw = bytearray(getattr(sent, name))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert verify(sent, session(GOOD["session"]), NOW) is None
    changed = msgspec.structs.replace(sent, **{name: bytes(raw)})
    assert code(verify(changed, session(GOOD["session"]), NOW)) in {
        "device_request_hash_mismatch",
        "device_request_signature_invalid",
    }


@given(st.integers(0, 41), st.data())
def test_any_changed_time_is_refused(bit, data):
    at = GOOD["now_ms"]
    sent = msgspec.structs.replace(made(), timestamp_ms=at ^ 1 << bit)
    assert code(verify(sent, session(GOOD["session"]), NOW)) == "device_request_signature_invalid"


@given(names, names, names, names)
def test_no_two_envelopes_share_what_is_signed(kind, request, other_kind, other_request):
    one, two = made(message_type=kind, request_id=request), made(message_type=other_kind, request_id=other_request)
    assert (signing_input(one) == signing_input(two)) is ((kind, request) == (other_kind, other_request))


@given(st.integers(0, 1 << 20))
def test_a_length_has_one_spelling(length):
    prefix = wire._prefixed(bytes(length))[: -length or None]
    value = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(prefix))
    assert value == length
    assert [byte >> 7 for byte in prefix] == [1] * (len(prefix) - 1) + [0]
    assert len(prefix) == 1 or prefix[-1] != 0


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"protocol_version": ""}, "protocol_version"),
        ({"protocol_version": "V1"}, "protocol_version"),
        ({"device_session_id": ""}, "name"),
        ({"message_type": "é" * 65}, "name"),
        ({"trace_id": "t" * 129}, "name"),
        ({"request_id": "a\0b"}, "name"),
        ({"timestamp_ms": -1}, "timestamp"),
        ({"timestamp_ms": 1 << 63}, "timestamp"),
        ({"payload_hash": bytes(33)}, "payload_hash"),
        ({"signature": bytes(65)}, "signature"),
    ],
)
def test_what_is_no_envelope(given, word):
    refused = wire.misshapen(msgspec.structs.replace(made(), **given))
    assert (refused.code, refused.reasons) == (Code.DEVICE_REQUEST_MALFORMED, (word,))


def test_a_lone_surrogate_is_no_name():
    assert wire.misshapen(msgspec.structs.replace(made(), request_id="\ud800")).reasons == ("name",)


def test_a_session_lives_until_the_instant_of_its_expiry():
    lasting = session(GOOD["session"], expires_at=NOW + 1)
    assert verify(made(), lasting, NOW) is None
    assert code(verify(made(), lasting, NOW + 1)) == "device_session_inactive"


@pytest.mark.parametrize(
    ("ahead", "fresh"),
    [(-300_000_000 - 1, False), (-300_000_000, True), (300_000_999, True), (300_001_000, False)],
)
def test_the_edges_of_the_window(ahead, fresh):
    """A millisecond of ours is the one that has begun."""
    assert code(verify(made(), session(GOOD["session"]), NOW + ahead)) == ("" if fresh else "device_request_stale")


@pytest.mark.parametrize(
    ("group", "test"),
    [
        pytest.param(group, test, id=f"{test['tcId']} {test['result']} {' '.join(test['flags'])}")
        for group, test in wycheproof("ed25519")
    ],
)
def test_signature_is_judged_as_wycheproof_says(group, test):
    key, signature, message = (bytes.fromhex(text) for text in (group["publicKey"]["pk"], test["sig"], test["msg"]))
    held = len(signature) == 64 and wire._holds(signature, message, key)
    assert held is (test["result"] == "valid")


@pytest.mark.parametrize("message", [b"one", b"another"])
def test_under_a_key_of_small_order_nothing_holds_though_openssl_lets_it(message):
    Ed25519PublicKey.from_public_bytes(SMALL).verify(SMALL + bytes(32), message)
    assert not wire._holds(SMALL + bytes(32), message, SMALL)


def test_a_key_that_is_not_canonical_verifies_nothing():
    twin = (2**255 - 19 + 1).to_bytes(32, "little")  # the same point as SMALL, spelt otherwise
    assert not wire._holds(twin + bytes(32), b"one", twin)
    with pytest.raises(InvalidSignature):
        KEY.public_key().verify(bytes(64), b"one")
