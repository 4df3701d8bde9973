"""The tests that the contract asks for by intent (section 14), and its traps (section 15), on either database.

Those of the projection (10, 12) stand in tests/projection/test_publisher.py and tests/projection/test_script.py.
"""

import asyncio
import re

import psycopg
import pytest

from ostiary import chores
from ostiary.identities import service as identities
from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.login.methods.email_code.model import LIFE, MOST_FAILURES, RETENTION
from tests.login.email_code.handset import CONFIRM, EMAIL, INTERNAL, OPERATOR, SEND, SYSTEM, Handset, new_key

SAMPLE = "11qYAYdk8v3K6Yw8QK6ZlQ2nP4Wm8Cq5g1H0K8vT9no="
ADMIN = {"reason_code": "policy_blocked", "actor": {"type": "admin", "id": "admin-1"}}


def refused(answer, status, code):
    """The answer is that refusal, in the device dialect and nothing else."""
    assert (answer.status, answer.json["error"]["code"]) == (status, code), answer.body
    assert set(answer.json) == {"error"}
    assert set(answer.json["error"]) == {"code", "message"}
    return True


def test_1_send_has_one_shape_for_the_four_classes(tower):
    existing, creatable, blocked, throttled = "old@example.com", "new@example.com", "bad@example.com", "old@example.com"
    Handset(tower).signed_in(existing)
    tower.clock.turn(2 * MINUTE)
    assert tower.post("/user-blocks", {"email": blocked, **ADMIN}).status == 200
    answers = [Handset(tower, "192.0.2.9").send(email) for email in (existing, creatable, blocked, throttled)]
    shapes = {(a.status, *sorted(a.json), len(a.json["challenge_id"]), *sorted(a.headers)) for a in answers}
    assert len(shapes) == 1
    states = [tower.state(a.json["challenge_id"])[0] for a in answers]
    assert states == ["sent", "sent", "delivery_suppressed", "delivery_throttled"]


def test_2_throttle_skips_directory_and_mail(tower, device):
    first, second = device.asked(), device.asked()
    assert [tower.state(one)[0] for one in (first, second)] == ["sent", "delivery_throttled"]
    assert len(tower.letters()) == 1
    elsewhere = Handset(tower, "192.0.2.2").asked()
    assert tower.state(elsewhere)[0] == "sent", "nobody mutes somebody else (ruling 34)"
    tower.clock.turn(61 * SECOND)
    assert tower.state(device.asked())[0] == "sent"


def test_3_wrong_codes_and_then_the_right_one_is_refused(tower, device):
    challenge = device.asked()
    wrong, right = tower.wrong(challenge), tower.code(challenge)
    for count in range(MOST_FAILURES):
        assert tower.state(challenge) == ("sent", count)
        assert refused(device.confirm(challenge, wrong), 400, "invalid_code")
    assert tower.state(challenge) == ("failed", MOST_FAILURES)
    assert refused(device.confirm(challenge, right), 410, "challenge_expired")
    assert tower.count("device_sessions") == tower.count("people", "email_hash IS NOT NULL") == 0


def test_3_the_last_attempt_may_still_be_right(tower, device):
    challenge = device.asked()
    for _ in range(MOST_FAILURES - 1):
        device.confirm(challenge, tower.wrong(challenge))
    assert device.confirm(challenge, tower.code(challenge)).status == 200


def test_4_parallel_wrong_codes_do_not_exceed_the_attempts(tower, device):
    challenge = device.asked()
    body = device.body(challenge, tower.wrong(challenge))
    answers = device.together(*[body] * 20)
    wrong = [a for a in answers if a.status == 400]
    assert len(wrong) == MOST_FAILURES
    assert all(refused(a, 410, "challenge_expired") for a in answers if a.status != 400)
    assert tower.state(challenge) == ("failed", MOST_FAILURES)
    assert tower.count("device_sessions") == 0


@pytest.mark.parametrize("after", [LIFE - 1, LIFE, LIFE + 1])
def test_5_expiry_to_the_second(tower, device, after):
    tower.clock.hold()
    challenge = device.asked()
    code = tower.code(challenge)
    tower.clock.turn(after)
    answer = device.confirm(challenge, code)
    assert answer.status == 200 if after < LIFE else refused(answer, 410, "challenge_expired")


def test_6_the_same_confirm_twice_is_one_session(tower, device):
    challenge = device.asked()
    code = tower.code(challenge)
    first = device.confirm(challenge, code)
    assert tower.state(challenge)[0] == "confirmed_pending_expire"
    again = device.confirm(challenge, f" {code[:3]}-{code[3:]} ")
    assert first.json == again.json
    assert tower.count("device_sessions") == 1
    tower.clock.turn(RETENTION)
    assert refused(device.confirm(challenge, code), 410, "challenge_expired")
    assert tower.session(first.json["device_session_id"])["status"] == "active"


def test_7_the_same_challenge_with_another_key_is_refused(tower, device):
    challenge = device.asked()
    code = tower.code(challenge)
    device.confirm(challenge, code)
    assert refused(device.confirm(challenge, code, new_key()), 400, "invalid_code")
    assert refused(device.confirm(challenge, tower.wrong(challenge)), 400, "invalid_code")
    assert tower.count("device_sessions") == 1


def test_8_two_concurrent_confirms_are_one_active_session(tower, device):
    challenge = device.asked()
    code = tower.code(challenge)
    answers = device.together(*[device.body(challenge, code)] * 8)
    assert {a.status for a in answers} == {200}
    assert len({a.json["device_session_id"] for a in answers}) == 1
    assert tower.count("device_sessions") == 1


def test_8_of_two_keys_at_once_one_wins(tower, device):
    challenge = device.asked()
    code = tower.code(challenge)
    answers = device.together(*(device.body(challenge, code, new_key()) for _ in range(4)))
    assert sorted(a.status for a in answers) == [200, 400, 400, 400]
    assert tower.count("device_sessions", "revoked_at = 0") == tower.count("device_sessions") == 1


def test_9_the_limit_holds_under_concurrency(tower, device):
    tower.limit(2)
    places = [Handset(tower, f"192.0.2.{n}") for n in range(1, 7)]
    challenges = [one.asked() for one in places]
    bodies = [one.body(c, tower.code(c)) for one, c in zip(places, challenges, strict=True)]
    answers = device.together(*bodies)
    assert sorted(a.status for a in answers) == [200, 200, 409, 409, 409, 409]
    assert all(refused(a, 409, "session_limit_exceeded") for a in answers if a.status == 409)
    assert tower.count("device_sessions") == 2
    first = next(a.json["device_session_id"] for a in answers if a.status == 200)
    assert tower.post(f"/sessions/{first}/revoke").json["outcome"] == "revoked"
    late = next(n for n, a in enumerate(answers) if a.status == 409)
    assert places[late].confirm(challenges[late], bodies[late]["code"]).status == 200


@pytest.mark.parametrize("value", [0, -1])
def test_9_a_limit_that_makes_no_sense_lets_nobody_in(tower, device, value):
    tower.limit(2)
    tower.home.write(f"UPDATE device_limits SET most = {value}") if not tower.home.url else _write(tower, value)
    challenge = device.asked()
    assert refused(device.confirm(challenge, tower.code(challenge)), 503, "service_unavailable")
    tower.limit(2)
    assert device.confirm(challenge, tower.code(challenge)).status == 200


def _write(tower, value):
    with psycopg.connect(tower.home.url, autocommit=True) as connection:
        connection.execute(f"UPDATE device_limits SET most = {value}")


def test_11_a_revoke_during_a_confirm_ends_revoked(tower, device):
    challenge = device.asked()
    code = tower.code(challenge)
    session = device.confirm(challenge, code).json["device_session_id"]
    assert tower.post(f"/sessions/{session}/revoke").json["outcome"] == "revoked"
    assert device.confirm(challenge, code).json["device_session_id"] == session, "the retry finds it as it is"
    assert tower.session(session)["status"] == "revoked"
    user = tower.user(session)
    others = [Handset(tower, f"192.0.2.{n}") for n in range(2, 6)]
    bodies = [one.body(c := one.asked(), tower.code(c)) for one in others]
    raced = device.together(*bodies)
    assert {a.status for a in raced} == {200}
    assert tower.post(f"/users/{user}/sessions/revoke-all").json["affected_session_count"] == 4
    assert tower.count("device_sessions", "revoked_at = 0") == 0


def test_13_block_by_address_before_the_first_login(tower, device):
    before = device.asked()
    blocked = tower.post("/user-blocks", {"email": EMAIL, **ADMIN})
    assert blocked.json == {
        "outcome": "blocked",
        "subject_kind": "email",
        "subject_value": EMAIL,
        "affected_session_count": 0,
        "affected_device_session_ids": [],
    }
    assert tower.post("/user-blocks", {"email": EMAIL, **ADMIN}).json["outcome"] == "already_blocked"
    assert refused(device.confirm(before, tower.wrong(before)), 400, "invalid_code"), "only a right code shows it"
    assert refused(device.confirm(before, tower.code(before)), 403, "blocked_by_policy")
    other = Handset(tower, "192.0.2.7").asked("PILOT@Example.com")
    assert tower.state(other)[0] == "delivery_suppressed", "blocks see the folded address (ruling 35)"
    assert tower.count("device_sessions") == 0


def test_13_block_of_a_user_ends_what_they_have(tower, device):
    sessions = [Handset(tower, f"192.0.2.{n}").signed_in() for n in range(2, 5)]
    user = tower.user(sessions[0])
    done = tower.post("/user-blocks", {"user_id": user, **ADMIN}).json
    assert (done["outcome"], done["subject_kind"], done["subject_value"]) == ("blocked", "user_id", user)
    assert done["affected_session_count"] == 3
    assert done["affected_device_session_ids"] == sessions[::-1], "newest first"
    for session in sessions:
        shown = tower.session(session)
        assert (shown["status"], shown["revoke_reason_code"]) == ("revoked", "user_blocked")
        assert (shown["revoke_actor_type"], shown["revoke_actor_id"]) == ("admin", "admin-1")
    again = tower.post("/user-blocks", {"user_id": user, **ADMIN}).json
    assert (again["outcome"], again["affected_session_count"]) == ("already_blocked", 0)
    tower.clock.turn(2 * MINUTE)
    assert tower.state(device.asked())[0] == "delivery_suppressed"


ODD = [
    b"",
    b"{}",
    b"null",
    b"[]",
    b'{"email":"pilot@example.com","more":1}',
    b'{"email":"pilot@example.com"}{"email":"pilot@example.com"}',
    b'{"email":"pilot@example.com"} x',
    b'{"email":"a@example.com","email":"b@example.com"}',
    b'{"email":7}',
    b'{"email":null}',
    b'{"email":""}',
    b'{"email":"  "}',
    b'{"email":"no address"}',
    b'{"email":"a@example.com\\r\\nBcc: b@example.com"}',
    b'{"email":"a\\u0000@example.com"}',
    b'\xff\xfe{"email":"pilot@example.com"}',
    b'{"challenge_id":"","code":"","client_public_key":""}',
    b'{"challenge_id":"x","code":123456,"client_public_key":"x"}',
    b'{"challenge_id":"x","code":"1","client_public_key":"x","time_zone":""}',
    b'{"challenge_id":"x","code":"1","client_public_key":"x","time_zone":"Mars/Olympus"}',
]


@pytest.mark.parametrize("path", [SEND, CONFIRM])
def test_14_strict_json(tower, path):
    for raw in ODD:
        answer = tower.visitor().send("POST", path, raw=raw, headers={"content-type": "application/json"})
        assert refused(answer, 400, "invalid_request"), raw


@pytest.mark.parametrize(
    ("path", "raw", "named"),
    [
        (SEND, b"{}", ": email."),
        (SEND, b'{"email":7}', ": email."),
        (SEND, b'{"email":"pilot@example.com","more":1}', "type."),
        (CONFIRM, b'{"challenge_id":"x","code":123456,"client_public_key":"x"}', ": code."),
        (CONFIRM, b'{"challenge_id":"x","code":" ","client_public_key":"x"}', ": code."),
        (CONFIRM, b'{"challenge_id":" ","code":"1","client_public_key":"x"}', ": challenge_id."),
    ],
)
def test_a_refused_field_is_named(tower, path, raw, named):
    answer = tower.visitor().send("POST", path, raw=raw, headers={"content-type": "application/json"})
    assert answer.json["error"]["message"].endswith(named)


def test_14_white_space_around_values_is_none(tower, device):
    challenge = device.asked(f"\u00a0\t{EMAIL}\u2003\n")
    (letter,) = tower.letters()
    assert letter.to == EMAIL
    answer = device.confirm(f" {challenge} ", f"\u3000{letter.code}\n", f" {device.key}\t", time_zone=" Europe/Berlin ")
    assert answer.status == 200


def test_15_both_listeners_keep_their_own_routes(tower, device):
    session = device.signed_in()
    visitor = tower.visitor()
    for path in (f"{INTERNAL}/sessions/{session}", f"{INTERNAL}/users/x/sessions"):
        assert visitor.send("GET", path).status == 404
        assert tower.get(path.removeprefix(INTERNAL)).status == 200
    for path in (f"{INTERNAL}/sessions/{session}/revoke", f"{INTERNAL}/user-blocks"):
        assert visitor.send("POST", path, SYSTEM).status == 404
    for path in (SEND, CONFIRM):
        assert visitor.send("POST", path, {"email": EMAIL}, internal=True).status == 404
    assert tower.session(session)["status"] == "active"


def test_15_what_is_not_there_is_refused_in_the_same_dialect(tower):
    for method, path, allowed in (
        ("GET", "/user-blocks", "POST"),
        ("PUT", "/sessions/x", "GET"),
        ("DELETE", "/users/x/sessions/revoke-all", "POST"),
    ):
        answer = tower.visitor().send(method, INTERNAL + path, internal=True)
        assert refused(answer, 405, "method_not_allowed")
        assert allowed in answer.header("allow")
    assert refused(tower.get("/nothing"), 404, "route_unknown")
    assert refused(tower.visitor().send("GET", "/check/device/x/y", internal=True), 404, "route_unknown")
    assert refused(tower.visitor().send("POST", "/api/v1/public/nothing", {}), 404, "route_unknown")
    assert refused(tower.visitor().send("GET", SEND), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"email": "no address"}, "e-mail address"),
        ({"email": EMAIL, "more": 1}, "unknown"),
        ({}, "missing"),
    ],
)
def test_14_a_refusal_says_what_is_wrong(tower, body, says):
    answer = tower.visitor().send("POST", SEND, body)
    assert refused(answer, 400, "invalid_request")
    assert says in answer.json["error"]["message"]


def test_15_the_internal_listener_hears_no_page(tower, device):
    session = device.signed_in()
    for name in ("origin", "sec-fetch-site"):
        path = f"{INTERNAL}/sessions/{session}/revoke"
        assert tower.visitor().send("POST", path, SYSTEM, headers={name: "x"}, internal=True).status == 403
    assert tower.session(session)["status"] == "active"


def test_revoke_and_its_repeat_are_acknowledged(tower, device):
    session = device.signed_in()
    first, again = tower.post(f"/sessions/{session}/revoke"), tower.post(f"/sessions/{session}/revoke")
    assert first.json == {"outcome": "revoked", "device_session_id": session, "affected_session_count": 1}
    assert again.json == {"outcome": "already_revoked", "device_session_id": session, "affected_session_count": 0}
    assert refused(tower.post("/sessions/dev-AAAAAAAAAAAAAAAAAAAAAA/revoke"), 404, "session_not_found")
    assert refused(tower.get("/sessions/device-session-123"), 404, "session_not_found")


def test_revoke_all_and_its_repeat_are_acknowledged(tower, device):
    sessions = [Handset(tower, f"192.0.2.{n}").signed_in() for n in range(2, 5)]
    user = tower.user(sessions[0])
    assert [one["device_session_id"] for one in tower.get(f"/users/{user}/sessions").json["sessions"]] == sessions[::-1]
    done = tower.post(f"/users/{user}/sessions/revoke-all", {"reason_code": "logout_all", "actor": {"type": "service"}})
    assert done.json == {
        "outcome": "revoked",
        "user_id": user,
        "affected_session_count": 3,
        "affected_device_session_ids": sessions[::-1],
    }
    again = tower.post(f"/users/{user}/sessions/revoke-all").json
    assert (again["outcome"], again["affected_device_session_ids"]) == ("no_active_sessions", [])
    assert refused(tower.post("/users/user-AAAAAAAAAAAAAAAAAAAAAA/sessions/revoke-all"), 404, "subject_not_found")
    assert tower.get("/users/user-AAAAAAAAAAAAAAAAAAAAAA/sessions").json == {"sessions": []}


ACTS = [
    {},
    {"reason_code": "x"},
    {"actor": {"type": "system"}},
    {"reason_code": " ", "actor": {"type": "system"}},
    {"reason_code": "x", "actor": {"type": ""}},
    {"reason_code": "x", "actor": {"type": "admin", "id": " "}},
    {"reason_code": "x\x1b[2J", "actor": {"type": "admin"}},
    {"reason_code": "x\naddress:0  forged", "actor": {"type": "admin"}},
    {"reason_code": "x", "actor": {"type": "\u202enimda"}},
    {"reason_code": "x", "actor": {"type": "admin", "id": "\x07"}},
    {"reason_code": "x", "actor": {"type": "admin", "name": "x"}},
    {"reason_code": "x", "actor": "system"},
    {"reason_code": "x", "actor": {"type": "system"}, "more": 1},
]


def test_an_act_says_why_and_on_whose_word(tower, device):
    session = device.signed_in()
    for body in ACTS:
        assert refused(tower.post(f"/sessions/{session}/revoke", body), 400, "invalid_request"), body
        assert refused(tower.post("/user-blocks", {"email": EMAIL, **body}), 400, "invalid_request"), body
    assert tower.session(session)["status"] == "active"


def test_the_field_of_an_act_that_is_refused_is_named(tower, device):
    session = device.signed_in()
    for body, named in (
        ({"reason_code": " ", "actor": {"type": "x"}}, ": reason_code."),
        ({"reason_code": "x", "actor": {"type": "\x1b"}}, ": actor.type."),
        ({"reason_code": "x", "actor": {"type": "x", "id": ""}}, ": actor.id."),
        ({"reason_code": "x", "actor": {}}, ": actor.type."),
    ):
        assert tower.post(f"/sessions/{session}/revoke", body).json["error"]["message"].endswith(named), body


def test_a_block_names_exactly_one_subject(tower):
    for subject in ({}, {"email": EMAIL, "user_id": "user-AAAAAAAAAAAAAAAAAAAAAA"}, {"email": "no address"}):
        assert refused(tower.post("/user-blocks", {**subject, **ADMIN}), 400, "invalid_request")
    unknown = {"user_id": "user-AAAAAAAAAAAAAAAAAAAAAA", **ADMIN}
    assert refused(tower.post("/user-blocks", unknown), 404, "subject_not_found")


def test_the_sample_key_of_the_source_is_no_key(tower, device):
    challenge = device.asked()
    code = tower.code(challenge)
    small = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    beyond = "7f///////////////////////////////////////38="
    longer, shorter = "A" * 44, "A" * 42 + "=="
    for key in (
        SAMPLE,
        small,
        beyond,
        longer,
        shorter,
        SAMPLE[:-1],
        device.key.rstrip("="),
        "x",
        device.key.replace("=", "=="),
    ):
        assert refused(device.confirm(challenge, code, key), 400, "invalid_client_public_key"), key
    assert tower.state(challenge) == ("sent", 0), "a broken key costs no attempt"
    assert device.confirm(challenge, code).status == 200


def test_instants_are_in_order_and_in_utc(tower, device):
    session = device.signed_in()
    tower.clock.turn(SECOND)
    tower.post(f"/sessions/{session}/revoke")
    shown = tower.session(session)
    assert shown["created_at"] < shown["revoked_at"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", shown[n]) for n in ("created_at", "revoked_at"))


def test_what_is_not_there_is_not_said(tower, device):
    shown = tower.session(device.signed_in())
    assert list(shown) == ["device_session_id", "user_id", "client_public_key", "status", "created_at"]


def test_addresses_are_matched_to_the_letter(tower):
    one, other = (
        Handset(tower).signed_in("Pilot@example.com"),
        Handset(tower, "192.0.2.8").signed_in("pilot@example.com"),
    )
    assert tower.user(one) != tower.user(other)
    third = Handset(tower, "192.0.2.9").signed_in(" pilot@example.com ")
    assert tower.user(third) == tower.user(other)


def test_a_session_expires_when_the_setting_says(tower, device):
    tower.home.restart(SESSION_DEVICE_TIMEOUT="1h")
    tower.clock.hold()
    session = device.signed_in()
    assert "expires_at" in tower.session(session)
    stop = asyncio.Event()
    tower.clock.turn(60 * MINUTE - 1)
    tower.home.run(chores.expire(tower.home.house, stop))
    assert tower.session(session)["status"] == "active"
    tower.clock.turn(1)
    tower.home.run(chores.expire(tower.home.house, stop))
    shown = tower.session(session)
    assert (shown["status"], shown["revoke_reason_code"], shown["revoke_actor_type"]) == (
        "revoked",
        "expired",
        "system",
    )


def test_a_tenant_that_does_not_offer_the_method_sends_nothing(tower, device):
    tower.act(lambda tx: identities.offer(tx, OPERATOR, ("passkey",)))
    assert refused(device.send(), 403, "method_not_offered")
    assert tower.letters() == []
    assert tower.count("code_challenges") == 0
    tower.act(lambda tx: identities.offer(tx, OPERATOR, ("email_code",)))
    challenge = device.asked()
    tower.act(lambda tx: identities.offer(tx, OPERATOR, ("passkey",)))
    assert refused(device.confirm(challenge, tower.code(challenge)), 403, "method_not_offered"), "nor is it confirmed"


def test_nothing_secret_is_stored_or_written_down(tower, device):
    challenge = device.asked()
    code = tower.code(challenge)
    device.confirm(challenge, tower.wrong(challenge))
    device.confirm(challenge, code)
    for table in ("code_challenges", "receipts", "mail_outbox", "people", "device_sessions"):
        text = str(tower.home.rows(f"SELECT * FROM {table}"))
        assert EMAIL not in text
        assert not re.search(rf"(?<!\d){code}(?!\d)", text), table


def test_over_time_everything_is_swept_away(tower, device):
    session = device.signed_in()
    device.asked()
    tower.clock.turn(25 * 60 * MINUTE)
    tower.home.collect()
    assert tower.count("code_challenges") == tower.count("code_budgets") == 0
    tower.post(f"/sessions/{session}/revoke")
    tower.clock.turn(31 * 24 * 60 * MINUTE)
    tower.home.collect()
    assert tower.count("device_sessions") == 0
