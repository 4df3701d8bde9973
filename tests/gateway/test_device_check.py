"""`POST /check/device`: a request that a living session's device has signed, just now, for the first time."""

import json
from base64 import b64encode
from types import SimpleNamespace

import pytest

from ostiary.access import service as access
from ostiary.gateway.device_check import SignedRequest
from ostiary.gateway.model import HEADERS
from ostiary.kernel.clock import SECOND
from ostiary.kernel.values import Scope
from ostiary.keys import service as keys
from ostiary.services import service as services
from ostiary.services.model import Registration
from ostiary.sessions.device import requests
from ostiary.sessions.device.envelope import REMEMBERED_MS, WINDOW_MS
from ostiary_client.device import DeviceKey
from tests.gateway.signing import Device, code
from tests.gateway.test_check import EMPTY, ours
from tests.gateway.test_services import register, told
from tests.login.gatehouse import OPERATOR, opened
from tests.sessions.home import Failing

STALE, REPLAYED = (401, "device_request_stale"), (401, "device_request_replayed")
INACTIVE, MALFORMED = (401, "device_session_inactive"), (400, "device_request_malformed")
HASH, SIGNATURE = (401, "device_request_hash_mismatch"), (401, "device_request_signature_invalid")
GOOD = (200, "")
INVALID = (400, "invalid_request")


def b64(raw):
    return b64encode(raw).decode()


def standing(home):
    """That house, its clock at the beginning of a millisecond."""
    home.clock.hold(home.clock() // 1000 * 1000 + 1000)
    return home


@pytest.fixture
def device(home):
    return Device(standing(home))


@pytest.fixture
def anywhere_device(anywhere):
    return Device(standing(anywhere))


def reserved(home):
    return home.rows("SELECT session_id, request_id, until FROM device_requests ORDER BY request_id")


# 200


def test_a_signed_request_is_answered_with_a_reference_and_no_person(anywhere_device):
    device = anywhere_device
    answer = device.ask()
    reference = answer.header("ostiary-caller")
    assert (answer.status, answer.json) == (200, {"device_session_id": device.session, "caller": reference})
    assert {name.encode() for name in ours(answer)} == set(HEADERS)
    assert (answer.header("ostiary-session"), len(reference)) == ("device", 32)
    assert (answer.header("ostiary-expires"), answer.header("ostiary-scopes")) == ("-", "-")
    assert (answer.header("cache-control"), answer.header("content-type")) == ("no-store", "application/json")
    text = json.dumps(answer.headers) + answer.body.decode()
    assert device.person not in text
    assert device.key.public not in text


def test_a_session_that_ends_some_day_says_when(home):
    device = Device(home, life=3600 * SECOND)
    made = home.rows("SELECT created_at FROM device_sessions")[0][0]
    assert int(device.ask().header("ostiary-expires")) == (made + 3600 * SECOND) // SECOND


def test_every_service_learns_a_reference_of_its_own_that_stays(device):
    for name in ("one", "two"):
        register(device.house, name)
    seen = {path: device.ask(path=f"/check/device/{path}").json["caller"] for path in ("one", "two", "default")}
    assert len(set(seen.values())) == 3
    assert device.ask().json["caller"] == seen["default"]
    assert device.ask(path="/check/device/one").json["caller"] == seen["one"]


def test_scopes_and_facts_are_those_of_the_registration(device):
    register(device.house, "app", scopes=("reports.read",), discloses=("factor", "person"))
    asked = {"caller-disclose": "factor, name"}
    answer = device.ask(path="/check/device/app", headers=asked)
    assert (code(answer), ours(answer)) == ((403, "scope_missing"), EMPTY)
    device.house.act(lambda tx: access.grant_scope(tx, OPERATOR, device.person, "reports.read"))
    answer = device.ask(path="/check/device/app", headers=asked)
    assert (answer.header("ostiary-scopes"), told(answer)) == ("reports.read", {"factor": "email_code"})


def test_it_leaves_no_receipt_and_counts_as_a_check(home, device):
    before, seen = len(home.receipts()), home.application.internal._check.counts
    assert [code(device.ask()), code(device.ask(device.signed(at=0)))] == [GOOD, STALE]
    assert len(home.receipts()) == before
    assert (seen[200], seen[401]) == (1, 1)


# Refusals, and their order


REFUSED = {
    "version": (MALFORMED, {"protocol_version": "v2"}),
    "hash": (HASH, {"payload_bytes": b64(b"other")}),
    "signature": (SIGNATURE, {"signature": b64(bytes(64))}),
    "stale": (STALE, {"at": 0}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal(device, name):
    verdict, given = REFUSED[name]
    answer = device.ask(device.signed(**given))
    assert (code(answer), ours(answer)) == (verdict, EMPTY)
    assert answer.header("www-authenticate") == (
        'Bearer realm="ostiary", error="invalid_token", error_description="invalid_token"'
        if verdict[0] == 401
        else None
    )
    assert reserved(device.house) == []


def test_a_refused_request_says_what_comes_first(device):
    """Each line mends what the line before was refused for; the rest is wrong from the beginning."""
    body = device.signed(at=0, protocol_version="v2", payload_bytes=b64(b"other"))
    body |= {"signature": b64(bytes(64)), "device_session_id": "dev-AAAAAAAAAAAAAAAAAAAAAA"}
    good = device.signed()
    assert code(device.ask(good)) == GOOD
    seen = [code(device.ask(body))]
    mended = (
        {"protocol_version": "v1"},
        {"device_session_id": device.session},
        {"payload_bytes": good["payload_bytes"]},
        {"signature": device.signed(at=0, request=body["request_id"])["signature"]},
        good,
    )
    for mend in mended:
        body |= mend
        seen.append(code(device.ask(body)))
    assert seen == [MALFORMED, INACTIVE, HASH, SIGNATURE, STALE, REPLAYED]


def test_missing_revoked_and_expired_are_one(home):
    home.clock.hold()
    revoked, expired = Device(home), Device(home, life=SECOND)
    missing = revoked.signed(device_session_id="dev-AAAAAAAAAAAAAAAAAAAAAA")
    odd = revoked.signed(device_session_id="ses-AAAAAAAAAAAAAAAAAAAAAA")
    revoked.revoke()
    home.clock.turn(SECOND - 1)
    assert code(expired.ask()) == GOOD
    home.clock.turn(1)
    answers = [revoked.ask(missing), revoked.ask(odd), revoked.ask(), expired.ask()]
    assert {(code(one), one.body) for one in answers} == {(INACTIVE, answers[0].body)}


def test_a_device_of_another_tenant_is_none(home, device):
    other, house = Scope("other"), home.house
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))

    there = SimpleNamespace(
        clock=home.clock, visitor=home.visitor, act=lambda use_case: house.vault.transact_now(other, use_case)
    )
    foreign = Device(there, person=device.person)
    assert code(foreign.ask()) == INACTIVE
    assert code(device.ask()) == GOOD


def test_another_devices_key_opens_nothing(device):
    other = Device(device.house, person=device.person)
    stolen = other.signed() | {"device_session_id": device.session}
    assert code(device.ask(stolen)) == SIGNATURE


@pytest.mark.parametrize(
    ("ahead", "verdict"),
    [(-WINDOW_MS - 1, STALE), (-WINDOW_MS, GOOD), (0, GOOD), (WINDOW_MS, GOOD), (WINDOW_MS + 1, STALE)],
)
def test_the_window_to_the_millisecond(device, ahead, verdict):
    at = device.house.clock() // 1000 + ahead
    assert code(device.ask(device.signed(at=at))) == verdict


# Replays


def test_a_replay_is_refused_and_another_session_may_use_the_same_id(anywhere_device):
    device = anywhere_device
    body = device.signed(request="request-1")
    assert [code(device.ask(body)), code(device.ask(body))] == [GOOD, REPLAYED]
    assert code(device.ask(device.signed(b"another payload", request="request-1"))) == REPLAYED
    assert code(Device(device.house).ask(None)) == GOOD
    other = Device(device.house)
    assert code(other.ask(other.signed(request="request-1"))) == GOOD


def test_of_equal_requests_at_once_on_two_nodes_exactly_one_is_let_in(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as gatehouse:
        device, node = Device(gatehouse), gatehouse.node()
        for _ in range(6):
            answers = device.together([device.signed()] * 8, gatehouse, node)
            assert sorted(map(code, answers)) == [GOOD] + [REPLAYED] * 15


def test_a_session_that_is_revoked_between_judging_and_reserving_is_refused(device):
    envelope = SignedRequest(**device.signed()).envelope
    assert device.house.read(lambda tx: requests.judge(tx, envelope)).id == device.session
    device.revoke()
    assert device.house.act(lambda tx: requests.reserve(tx, envelope)).code.value == "device_session_inactive"
    assert reserved(device.house) == []


def test_an_id_is_forgotten_when_its_request_is_stale_by_any_clock(anywhere_device):
    device = anywhere_device
    home, at = device.house, device.house.clock() // 1000
    for ahead in (-WINDOW_MS, WINDOW_MS):
        assert code(device.ask(device.signed(at=at + ahead, request=f"r{ahead:+}"))) == GOOD
    home.clock.turn((REMEMBERED_MS - WINDOW_MS) * 1000 - 1)
    home.collect()
    assert [row[1] for row in reserved(home)] == [f"r+{WINDOW_MS}", f"r-{WINDOW_MS}"]
    home.clock.turn(1)
    home.collect()
    assert [row[1] for row in reserved(home)] == [f"r+{WINDOW_MS}"]
    home.clock.turn(2 * WINDOW_MS * 1000)
    home.collect()
    assert reserved(home) == []


def test_collection_forgets_more_than_one_batch(home):
    rows = [("dev-x", f"r-{number}", 1) for number in range(2500)]
    for row in rows:
        home.write("INSERT INTO device_requests VALUES (?, ?, ?)", row)
    home.collect()
    assert reserved(home) == []


# Strict JSON


def encoded(body):
    return json.dumps(body).encode()


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"{", b"\xff"])
def test_what_is_no_envelope_in_json(device, raw):
    answer = device.ask(raw=raw)
    assert (code(answer), ours(answer)) == (INVALID, EMPTY)


def test_json_is_read_strictly(device):
    body = device.signed()
    text = encoded(body)
    for raw in (
        text + b" {}",
        text + b"x",
        encoded(body | {"more": 1}),
        text.replace(b'"request_id"', b'"request_id": "other", "request_id"'),
        encoded(body | {"timestamp_ms": str(body["timestamp_ms"])}),
        encoded(body | {"timestamp_ms": -1}),
        encoded(body | {"timestamp_ms": 1 << 63}),
        encoded(body | {"timestamp_ms": True}),
        encoded(body | {"request_id": "a\0b"}),
        encoded({name: value for name, value in body.items() if name != "signature"}),
    ):
        assert code(device.ask(raw=raw)) == INVALID, raw
    assert code(device.ask(raw=text, headers={"content-type": "text/plain"})) == INVALID
    assert code(device.ask({name: value for name, value in body.items() if name != "trace_id"})) == GOOD


def test_base64_has_one_spelling(device):
    body = device.signed()
    for name in ("payload_bytes", "payload_hash", "signature"):
        text = body[name]
        for other in (text.rstrip("="), text + "=", text + "\n", " " + text, text.replace(text[0], "é"), "-_" + text):
            if other != text:
                assert code(device.ask(body | {name: other})) == MALFORMED, other


def test_a_body_that_is_too_large_is_not_read(device):
    assert code(device.ask(device.signed(bytes(70_000)))) == (413, "request_too_large")
    assert code(device.ask(device.signed(bytes(45_000)))) == GOOD


# Services, hosts, stores


def test_a_service_is_known_and_shows_its_key_before_anything_is_said(device):
    key = register(device.house, "app", requires_key=True)
    bad = device.signed(signature=b64(bytes(64)))
    assert code(device.ask(bad, "/check/device/nobody")) == (403, "service_unknown")
    assert code(device.ask(bad, "/check/device/app")) == (403, "service_key_refused")
    assert code(device.ask(bad, "/check/device/app", headers={"ostiary-service-key": "wrong"})) == (
        403,
        "service_key_refused",
    )
    assert code(device.ask(bad, "/check/device/app", headers={"ostiary-service-key": key})) == SIGNATURE
    assert device.ask(path="/check/device/app", headers={"ostiary-service-key": key}).status == 200


@pytest.mark.parametrize("header", ["origin", "sec-fetch-site"])
def test_no_page_asks(device, header):
    assert device.ask(headers={header: "http://localhost:8080"}).code == "origin_refused"
    assert device.ask(headers={"host": "evil.example.test"}).code == "host_refused"


@pytest.mark.parametrize("path", ["/check/device", "/api/v1/internal/user-blocks", "/api/v1/internal/nothing"])
@pytest.mark.parametrize(
    ("header", "code"),
    [({"host": "evil.example.test"}, "host_refused"), ({"origin": "http://localhost"}, "origin_refused")],
)
def test_what_is_refused_at_the_threshold_is_said_in_the_dialect_of_the_path(home, path, header, code):
    refused = home.visitor().send("POST", path, {}, internal=True, headers=header)
    assert (refused.status, refused.json["error"]["code"]) == (403, code)


def test_no_service_is_called_device_and_the_check_is_not_answered_there(home):
    assert home.act(lambda tx: services.add(tx, OPERATOR, Registration("device"))).code == "service_malformed"
    cookie = home.open()[1]
    assert home.check(cookie).status == 200
    assert home.check(cookie, "/check/device").status == 405
    assert home.check(cookie, "/check/device/").status == 307
    assert home.check(cookie, "/check/device/app/more").status == 404
    assert home.check(cookie, "/check/devices").status == 403


def test_it_is_not_on_the_public_listener(device):
    assert device.house.visitor().send("POST", "/check/device", device.signed()).status == 404


def test_a_store_that_cannot_answer_is_503_and_takes_no_id(homes):
    home = homes(vault=lambda house: Failing(house.vault))
    device = Device(home)
    body = device.signed()
    home.house.vault.down = True
    answer = device.ask(body)
    assert (code(answer), ours(answer), answer.header("retry-after")) == ((503, "service_unavailable"), EMPTY, "1")
    home.house.vault.down = False
    assert [code(device.ask(body)), code(device.ask(body))] == [GOOD, REPLAYED]


def test_a_break_says_nothing(homes):
    class Broken(Failing):
        async def read(self, scope, use_case):
            raise LookupError("a secret of ours")

    home = homes(vault=lambda house: Broken(house.vault))
    answer = Device(home).ask()
    assert (code(answer), ours(answer)) == ((500, "internal_error"), EMPTY)
    assert b"secret" not in answer.body


def test_a_key_that_was_made_elsewhere_is_refused(device):
    device.key = DeviceKey.make()
    assert code(device.ask()) == SIGNATURE
