"""The device's side: frozen vectors, the key in its file, what verification refuses, the two clients."""

import asyncio
import json
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from ostiary_client.device import (
    REMEMBERED_MS,
    WINDOW_MS,
    DeviceKey,
    Envelope,
    KeyFileRefused,
    Misshapen,
    RequestRefused,
    Snapshot,
    remember_ms,
    signing_input,
    verify,
)
from ostiary_client.device.client import AsyncDevice, Device, DeviceRefusal
from ostiary_client.device.verification import _holds

ROOT = Path(__file__).parents[1]
FROZEN = json.loads((ROOT / "wire" / "device_request.json").read_text())
GOOD = next(case for case in FROZEN["judged"] if case["name"] == "good")
KEY = DeviceKey(ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(FROZEN["private_key"])))
SESSION, NOW = Snapshot.of(GOOD["session"]), GOOD["now_ms"]


def named(vectors):
    return [pytest.param(one, id=one["name"]) for one in vectors]


def signed(payload=b"{}", **given):
    fields = {"request_id": "request-1", "timestamp_ms": NOW} | given
    return KEY.sign(SESSION.device_session_id, "lobby.join", payload, **fields)


def refused(envelope, session=SESSION, now=NOW):
    with pytest.raises(RequestRefused) as caught:
        verify(envelope, session, now)
    return caught.value.code


# The envelope


@pytest.mark.parametrize("vector", named(FROZEN["signed"]))
def test_frozen_input_and_signature(vector):
    sent = Envelope.read(json.dumps(vector["envelope"]))
    assert signing_input(sent).hex() == vector["signing_input"]
    again = KEY.sign(
        sent.device_session_id,
        sent.message_type,
        sent.payload_bytes,
        request_id=sent.request_id,
        timestamp_ms=sent.timestamp_ms,
    )
    assert again == sent
    assert again.json() == vector["envelope"]


@pytest.mark.parametrize("vector", named(FROZEN["judged"]))
def test_frozen_verdict(vector):
    snapshot = vector["session"] and Snapshot.of(vector["session"])
    try:
        verify(Envelope.read(json.dumps(vector["envelope"])), snapshot, vector["now_ms"])
        verdict = ""
    except Misshapen:
        verdict = "device_request_malformed"
    except RequestRefused as error:
        verdict = error.code
    assert verdict == vector["refused"]


def test_the_numbers_are_the_servers():
    assert (FROZEN["window_ms"], FROZEN["remembered_ms"]) == (WINDOW_MS, REMEMBERED_MS)
    assert FROZEN["client_public_key"] == KEY.public


@given(st.data())
def test_any_changed_bit_is_refused(data):
    sent = signed(data.draw(st.binary(min_size=1, max_size=64)))
    name = data.draw(st.sampled_from(["payload_bytes", "payload_hash", "signature"]))
    raw = bytearray(getattr(sent, name))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert verify(sent, SESSION, NOW).session == SESSION
    assert refused(replace(sent, **{name: bytes(raw)})) in {
        "device_request_hash_mismatch",
        "device_request_signature_invalid",
    }


@pytest.mark.parametrize("field", ["message_type", "request_id", "timestamp_ms"])
def test_any_changed_field_is_refused(field):
    sent = signed()
    other = NOW + 1 if field == "timestamp_ms" else "other"
    assert refused(replace(sent, **{field: other})) == "device_request_signature_invalid"
    assert refused(replace(sent, device_session_id="dev-other")) == "device_session_inactive"
    assert verify(replace(sent, trace_id="other"), SESSION, NOW)


def test_how_long_an_id_is_remembered():
    for ahead in (-WINDOW_MS, 0, WINDOW_MS):
        kept = verify(signed(timestamp_ms=NOW + ahead), SESSION, NOW).remember_ms
        assert NOW + kept == NOW + ahead + REMEMBERED_MS
        assert refused(signed(timestamp_ms=NOW + ahead), now=NOW + kept) == "device_request_stale"
    assert remember_ms(signed(timestamp_ms=0), NOW) == 1


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "null",
        "[]",
        "{}",
        "[" * 100_000,
        json.dumps(GOOD["envelope"]) + "{}",
        json.dumps(GOOD["envelope"] | {"more": 1}),
        json.dumps(GOOD["envelope"] | {"timestamp_ms": str(NOW)}),
        json.dumps(GOOD["envelope"] | {"timestamp_ms": True}),
        json.dumps(GOOD["envelope"] | {"timestamp_ms": 1.5}),
        json.dumps(GOOD["envelope"] | {"request_id": 7}),
        json.dumps(GOOD["envelope"] | {"trace_id": None}),
        json.dumps(GOOD["envelope"] | {"signature": None}),
        json.dumps(GOOD["envelope"] | {"payload_bytes": "e30"}),
        json.dumps(GOOD["envelope"] | {"payload_bytes": "e31="}),
        json.dumps(GOOD["envelope"] | {"payload_bytes": "ü30="}),
        json.dumps(GOOD["envelope"])[:-1] + ', "request_id": "request-1"}',
        json.dumps(GOOD["envelope"] | {"request_id": "\ud800"}),
        b"\xff",
    ],
)
def test_an_envelope_is_read_strictly(raw):
    with pytest.raises(Misshapen):
        Envelope.read(raw)


@pytest.mark.parametrize(
    "given", [{"request_id": ""}, {"timestamp_ms": -1}, {"request_id": "\ud800"}, {"trace_id": "t" * 129}]
)
def test_nothing_is_signed_that_nobody_would_read(given):
    with pytest.raises(Misshapen):
        signed(**given)


def test_signatures_are_judged_as_wycheproof_says():
    groups = json.loads((ROOT / "vectors/wycheproof/ed25519_test.json").read_text())["testGroups"]
    for group in groups:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            signature, message = bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"])
            held = len(signature) == 64 and _holds(signature, message, key)
            assert held is (test["result"] == "valid"), test


@pytest.mark.parametrize(
    "told", [{}, {"status": "active"}, GOOD["session"] | {"user_id": 7}, GOOD["session"] | {"status": ""}]
)
def test_what_is_no_snapshot(told):
    with pytest.raises(ValueError, match="snapshot"):
        Snapshot.of(told)
    with pytest.raises(ValueError, match="snapshot"):
        Snapshot.read(json.dumps([told]))


def test_a_snapshot_is_read_from_the_projections_value():
    told = GOOD["session"] | {"status": "revoked", "revoked_at_ms": "1775121700000"}
    assert Snapshot.read(json.dumps(told)) == replace(SESSION, status="revoked")
    assert not Snapshot.of(told).active


# The key


def test_a_key_is_made_once_and_found_again(tmp_path):
    made = DeviceKey.open(tmp_path / "device.pem")
    assert DeviceKey.open(tmp_path / "device.pem").public == made.public
    assert stat.S_IMODE((tmp_path / "device.pem").stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["device.pem"]


def test_of_several_that_make_it_at_once_all_have_the_same(tmp_path):
    start, seen = threading.Barrier(8), []

    def make():
        start.wait()
        seen.append(DeviceKey.open(tmp_path / "device.pem").public)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert (len(seen), len(set(seen))) == (8, 1)
    assert [one.name for one in tmp_path.iterdir()] == ["device.pem"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_may_use_is_refused(tmp_path, mode):
    DeviceKey.open(tmp_path / "device.pem")
    (tmp_path / "device.pem").chmod(mode)
    with pytest.raises(KeyFileRefused, match="chmod 600"):
        DeviceKey.open(tmp_path / "device.pem")


X448 = b"-----BEGIN PRIVATE KEY-----\nMEYCAQAwBQYDK2VvBDoEOA%b\n-----END PRIVATE KEY-----\n" % (b"A" * 74)


def pem(private):
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("raw", [b"", b"no key", bytes(5000), pem(x25519.X25519PrivateKey.generate()), X448])
def test_what_is_no_key_file(tmp_path, raw):
    path = tmp_path / "device.pem"
    path.touch(0o600)
    path.write_bytes(raw)
    with pytest.raises(KeyFileRefused):
        DeviceKey.open(path)
    assert path.read_bytes() == raw


def test_nobody_waits_for_a_pipe_to_become_a_key(tmp_path):
    os.mkfifo(tmp_path / "device.pem", 0o600)
    with pytest.raises(KeyFileRefused, match="no key file"):
        DeviceKey.open(tmp_path / "device.pem")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_somebody_else_is_refused(tmp_path):
    DeviceKey.open(tmp_path / "device.pem")
    os.chown(tmp_path / "device.pem", 65_534, 65_534)
    with pytest.raises(KeyFileRefused, match="somebody else"):
        DeviceKey.open(tmp_path / "device.pem")


def test_a_key_overwrites_nothing_and_shows_nothing(tmp_path):
    (tmp_path / "there").write_text("mine")
    with pytest.raises(FileExistsError):
        KEY.save(tmp_path / "there")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("there", "mine")]
    assert repr(KEY) == f"DeviceKey({KEY.public!r})"


# The clients


class Server:
    """Answers what the test tells it to, and keeps what it was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def __call__(self, request):
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer()


def answered(status, body=None, **headers):
    """What makes that answer, for one client as for the other."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda: httpx2.Response(status, content=raw, headers=told)


class Direct:
    """The client that waits, behind the face that both share here."""

    def __init__(self, server, **given):
        http = httpx2.Client(transport=httpx2.MockTransport(server), base_url="http://ostiary.test", auth=("a", "b"))
        self.device = Device("http://ostiary.test", KEY, client=http, **given)

    def send(self, *given):
        return self.device.send_email_code(*given)

    def confirm(self, *given):
        return self.device.confirm_email_code(*given)


class Awaited:
    """The one that is awaited."""

    def __init__(self, server, **given):
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(server), base_url="http://ostiary.test")
        self.device = AsyncDevice("http://ostiary.test", KEY, client=http, **given)

    def send(self, *given):
        return asyncio.run(self.device.send_email_code(*given))

    def confirm(self, *given):
        return asyncio.run(self.device.confirm_email_code(*given))


@pytest.fixture(params=[Direct, Awaited])
def client(request):
    return request.param


def test_a_code_is_asked_for_confirmed_and_used(client):
    server = Server(answered(200, {"challenge_id": "ch-1"}), answered(200, {"device_session_id": "dev-1"}))
    made = client(server, clock=lambda: NOW, ids=lambda: "id-1")
    assert made.send("pilot@example.test", "de") == "ch-1"
    with pytest.raises(ValueError, match="name"):
        made.device.sign("lobby.join", b"{}")
    assert made.confirm("ch-1", "123456", "Europe/Berlin") == made.device.session == "dev-1"
    sent, confirmed = server.asked
    assert (sent.url.path, json.loads(sent.content), sent.headers["accept-language"]) == (
        "/api/v1/public/auth/send-email-code",
        {"email": "pilot@example.test"},
        "de",
    )
    assert (confirmed.url.path, json.loads(confirmed.content)) == (
        "/api/v1/public/auth/confirm-email-code",
        {"challenge_id": "ch-1", "code": "123456", "client_public_key": KEY.public, "time_zone": "Europe/Berlin"},
    )
    assert not {"authorization", "cookie"} & set(sent.headers)
    envelope = made.device.sign("lobby.join", b"{}")
    assert (envelope.request_id, envelope.timestamp_ms, envelope.device_session_id) == ("id-1", NOW, "dev-1")
    assert verify(envelope, replace(SESSION, device_session_id="dev-1"), NOW)


@pytest.mark.parametrize(
    ("answer", "code", "status", "after"),
    [
        (
            answered(410, {"error": {"code": "challenge_expired", "message": "It is over."}}),
            "challenge_expired",
            410,
            0,
        ),
        (
            answered(503, {"error": {"code": "service_unavailable", "message": ""}}, retry_after="7"),
            "service_unavailable",
            503,
            7,
        ),
        (answered(200, {}), "answer_odd", 200, 0),
        (answered(200, {"device_session_id": ""}), "answer_odd", 200, 0),
        (answered(200, b"[" * 100_000), "answer_odd", 200, 0),
        (answered(302, {}, location="http://elsewhere.test/"), "answer_odd", 302, 0),
        (answered(500, b"<html>"), "answer_odd", 500, 0),
        (answered(400, {"error": "no"}), "answer_odd", 400, 0),
        (httpx2.ConnectError("refused"), "transport_failed", 0, 0),
    ],
)
def test_refusals(client, answer, code, status, after):
    server = Server(answer)
    made = client(server)
    with pytest.raises(DeviceRefusal) as caught:
        made.confirm("ch-1", "123456")
    assert (caught.value.code, caught.value.status, caught.value.retry_after) == (code, status, after)
    assert (len(server.asked), made.device.session) == (1, "")
    assert "123456" not in f"{caught.value!r}{caught.value}{made.device!r}"


def test_a_client_of_our_own_is_closed_and_no_odd_base_is_taken():
    with Device("http://127.0.0.1:9", KEY, "dev-1") as made:
        assert len({made.sign("a", b"").request_id for _ in range(100)}) == 100
    for base in ("", "ftp://host", "http://user@host"):
        with pytest.raises(ValueError, match="base"):
            Device(base, KEY)

    async def awaited():
        async with AsyncDevice("http://127.0.0.1:9", KEY, "dev-1") as device:
            with pytest.raises(DeviceRefusal, match="transport_failed"):
                await device.send_email_code("pilot@example.test")

    asyncio.run(awaited())
