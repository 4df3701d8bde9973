"""The one-time link, over HTTP: how long it is good, for whom, how often, and what it gives."""

import pytest

from ostiary.enrolment import service as enrolment
from ostiary.enrolment.model import BOOT_LIFE, INVITATION_LIFE
from ostiary.kernel.clock import MINUTE, instant
from ostiary.kernel.values import SYSTEM, Scope
from ostiary.keys import service as keys
from ostiary_client.authenticator import Behaviour
from tests.flows.browser import PRELOGIN
from tests.login.gatehouse import opened

ROUNDS = 30


def begin(visitor, token):
    return visitor.send("POST", "/enrolment/begin", {"token": token})


def body(visitor, token, begun, label=""):
    made = visitor.passkey.create(begun["options"])
    return {"token": token, "attempt": begun["attempt"], "credential": made, "label": label}


def finish(visitor, token, begun, **given):
    return visitor.send("POST", "/enrolment/finish", body(visitor, token, begun, **given))


def assert_refused(answer):
    assert (answer.status, answer.code) == (403, "invitation_refused")


# What it gives


def test_the_first_administrator_is_made_with_the_role_and_signed_in(gatehouse):
    token, visitor = gatehouse.first_link(), gatehouse.visitor()
    assert gatehouse.rows("SELECT * FROM people") == []
    begun = begin(visitor, token).json
    assert begun["options"]["user"]["name"] == "Administrator"
    answer = finish(visitor, token, begun, label="My key")
    assert (answer.status, answer.json["next"], answer.json["session"]["alive_because"]) == (
        200,
        "/account",
        "invitation",
    )
    assert gatehouse.roles(visitor.person) == ["administrator"]
    assert [key["label"] for key in visitor.passkeys] == ["My key"]
    assert visitor.passkey.user_handle.decode() == visitor.person
    assert PRELOGIN not in visitor.cookies
    assert visitor.check().status == 200


def test_every_step_of_it_is_on_record(gatehouse):
    visitor = gatehouse.visitor()
    visitor.enrol(gatehouse.first_link())
    told = [(one.operation, one.actor) for one in gatehouse.receipts()][-5:]
    assert told == [
        ("passkey.add", visitor.person),
        ("invitation.accept", visitor.person),
        ("person.create", visitor.person),
        ("role.grant", "system"),
        ("session.open", visitor.person),
    ]


def test_the_role_is_given_once_and_signing_in_changes_nobodys(gatehouse):
    administrator, invited = gatehouse.visitor(), gatehouse.visitor()
    administrator.enrol(gatehouse.first_link())
    invited.enrol(gatehouse.invite()[1])
    before = gatehouse.rows("SELECT * FROM grants")
    assert [row[1:4] for row in before] == [(administrator.person, "administrator", "system")]
    for visitor in (administrator, invited):
        assert visitor.send("POST", "/auth/logout").status == 204
        assert visitor.sign_in().status == 200
    assert gatehouse.rows("SELECT * FROM grants") == before
    assert len(gatehouse.receipts(operation="role.grant")) == 1


def test_an_invited_person_has_no_role(gatehouse):
    person, token = gatehouse.invite("ada@example.test")
    visitor = gatehouse.visitor()
    begun = begin(visitor, token).json
    assert begun["options"]["user"]["displayName"] == "ada@example.test"
    assert finish(visitor, token, begun).status == 200
    assert visitor.person == person
    assert gatehouse.roles(person) == []
    assert visitor.send("GET", "/api/v1/auth/me").json["roles"] == []
    assert gatehouse.rows("SELECT count(*) FROM people") == [(1,)]


def test_a_link_may_carry_a_role(gatehouse):
    person, token = gatehouse.invite(role="auditor")
    assert gatehouse.visitor().enrol(token).status == 200
    assert gatehouse.roles(person) == ["auditor"]


# Once


def test_a_link_works_once(gatehouse):
    _, token = gatehouse.invite()
    late = gatehouse.visitor()
    begun = begin(late, token).json
    assert gatehouse.visitor().enrol(token).status == 200
    assert_refused(finish(late, token, begun))
    assert_refused(begin(gatehouse.visitor(), token))
    assert gatehouse.rows("SELECT count(*) FROM passkeys") == [(1,)]
    assert len(gatehouse.sessions()) == 1


def test_of_two_browsers_at_once_exactly_one_wins(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as gatehouse:
        other = gatehouse.node()
        for number in range(ROUNDS):
            person, token = gatehouse.invite(f"{number}@example.test")
            pair = gatehouse.visitor(), other.visitor()
            begun = [begin(visitor, token).json for visitor in pair]
            bodies = [body(visitor, token, asked) for visitor, asked in zip(pair, begun, strict=True)]
            answers = gatehouse.race(
                *((visitor, "POST", "/enrolment/finish", sent) for visitor, sent in zip(pair, bodies, strict=True))
            )
            assert sorted(answer.status for answer in answers) == [200, 403]
            assert {answer.code for answer in answers if answer.status == 403} == {"invitation_refused"}
            assert len(gatehouse.living(person)) == 1
        assert gatehouse.rows("SELECT count(*) FROM passkeys") == [(ROUNDS,)]


def test_a_challenge_is_answered_once(gatehouse):
    _, token = gatehouse.invite()
    visitor = gatehouse.visitor()
    begun = begin(visitor, token).json
    visitor.passkey.behaviour.origin = "https://evil.test"
    assert finish(visitor, token, begun).code == "passkey_refused"
    visitor.passkey.behaviour = Behaviour()
    again = finish(visitor, token, begun)
    assert (again.status, again.code) == (409, "login_attempt_spent")
    assert visitor.enrol(token).status == 200


# In time


@pytest.mark.parametrize(("first", "life"), [(True, 15 * MINUTE), (False, 24 * 60 * MINUTE)])
def test_at_the_instant_of_expiry_it_is_too_late(gatehouse, first, life):
    assert life == (BOOT_LIFE if first else INVITATION_LIFE)
    token = gatehouse.first_link() if first else gatehouse.invite()[1]
    gatehouse.clock.turn(life - 1)
    visitor = gatehouse.visitor()
    begun = begin(visitor, token)
    assert begun.status == 200
    gatehouse.clock.turn(1)
    assert_refused(finish(visitor, token, begun.json))
    assert_refused(begin(visitor, token))
    assert gatehouse.rows("SELECT count(*) FROM passkeys") == [(0,)]


@pytest.mark.parametrize(("first", "life"), [(True, 15 * MINUTE), (False, 24 * 60 * MINUTE)])
def test_a_moment_before_it_is_in_time(gatehouse, first, life):
    token = gatehouse.first_link() if first else gatehouse.invite()[1]
    gatehouse.clock.turn(life - 1)
    assert gatehouse.visitor().enrol(token).status == 200


def test_a_challenge_of_it_lives_five_minutes(gatehouse):
    _, token = gatehouse.invite()
    visitor = gatehouse.visitor()
    begun = begin(visitor, token).json
    gatehouse.clock.turn(5 * MINUTE)
    late = finish(visitor, token, begun)
    assert (late.status, late.code) == (401, "login_attempt_expired")
    assert visitor.enrol(token).status == 200


# Replaced at each start


def test_each_start_replaces_the_first_administrators_link_until_it_is_used(gatehouse):
    old, visitor = gatehouse.first_link(), gatehouse.visitor()
    begun = begin(visitor, old).json
    new = gatehouse.first_link()
    assert_refused(begin(gatehouse.visitor(), old))
    assert_refused(finish(visitor, old, begun))
    assert visitor.enrol(new).status == 200
    assert gatehouse.first_link() is None


def test_a_start_leaves_other_peoples_links_alone(gatehouse):
    _, token = gatehouse.invite()
    gatehouse.first_link()
    gatehouse.first_link()
    assert gatehouse.visitor().enrol(token).status == 200


# A passkey that is refused


def test_a_refused_passkey_leaves_the_link_as_it_was(gatehouse):
    person, token = gatehouse.invite()
    visitor = gatehouse.visitor()
    visitor.passkey.behaviour.user_verified = False
    refused = visitor.enrol(token)
    assert (refused.status, refused.code) == (403, "passkey_refused")
    receipt = gatehouse.receipts()[-1]
    assert (receipt.operation, receipt.actor) == ("passkey.add", person)
    assert receipt.reasons == ("passkey_refused", "user_verification_missing")
    assert gatehouse.sessions() == []
    visitor.passkey.behaviour = Behaviour()
    assert visitor.enrol(token).status == 200


def test_a_passkey_of_somebody_else_cannot_be_taken(gatehouse):
    owner = gatehouse.enrolled()
    person, token = gatehouse.invite()
    thief = gatehouse.visitor(owner.passkey)
    refused = thief.enrol(token)
    assert (refused.status, refused.code) == (409, "passkey_already_registered")
    assert gatehouse.living(person) == set()
    assert gatehouse.visitor().enrol(token).status == 200


# Somebody else's


def test_the_challenge_of_another_invitation_is_refused(gatehouse):
    (ada, first), (bob, second) = gatehouse.invite("ada@example.test"), gatehouse.invite("bob@example.test")
    visitor = gatehouse.visitor()
    begun = begin(visitor, first).json
    assert_refused(finish(visitor, second, begun))
    assert gatehouse.receipts()[-1].reasons == ("invitation_refused", "challenge_of_another_invitation")
    assert gatehouse.living(ada) | gatehouse.living(bob) == set()
    for token in (first, second):
        assert gatehouse.visitor().enrol(token).status == 200


def test_another_browser_cannot_finish(gatehouse):
    _, token = gatehouse.invite()
    visitor, stranger = gatehouse.visitor(), gatehouse.visitor()
    begun = begin(visitor, token).json
    for _ in range(2):
        refused = finish(stranger, token, begun)
        assert (refused.status, refused.code) == (401, "login_attempt_invalid")
        begin(stranger, token)
    assert gatehouse.receipts()[-1].reasons == ("login_attempt_invalid", "challenge_of_another_browser")
    assert finish(visitor, token, begun).status == 200


def test_an_attempt_to_sign_in_is_no_answer(gatehouse):
    _, token = gatehouse.invite()
    visitor = gatehouse.visitor()
    begun = begin(visitor, token).json | {"attempt": visitor.begin()["attempt"]}
    refused = finish(visitor, token, begun)
    assert (refused.status, refused.code) == (401, "login_attempt_invalid")
    assert gatehouse.receipts()[-1].reasons == ("login_attempt_invalid", "challenge_of_another_purpose")


def test_the_link_of_another_tenant_is_unknown(gatehouse):
    house, other = gatehouse.house, Scope("other")
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    token = house.vault.transact_now(other, lambda tx: enrolment.invite(tx, SYSTEM, "user-a"))
    assert_refused(begin(gatehouse.visitor(), token))


def test_unknown_used_and_expired_look_alike(gatehouse):
    tokens = [gatehouse.invite(f"{name}@example.test")[1] for name in ("used", "expired")]
    gatehouse.visitor().enrol(tokens[0])
    gatehouse.clock.turn(INVITATION_LIFE)
    answers = [begin(gatehouse.visitor(), token) for token in (*tokens, "unknown")]
    seen = [(answer.status, answer.headers, answer.json | {"request_id": ""}) for answer in answers]
    assert seen[0] == seen[1] == seen[2]
    assert_refused(answers[0])


@pytest.mark.parametrize("token", ["", "a" * 65, "a\0", 7, None, ["a"]])
def test_what_cannot_be_a_token_is_malformed(gatehouse, token):
    answer = begin(gatehouse.visitor(), token)
    assert (answer.status, answer.code) == (400, "request_malformed")


# Looking


def test_looking_changes_nothing(gatehouse):
    _, token = gatehouse.invite()
    before = gatehouse.dump()
    page = gatehouse.visitor().send("GET", "/enrol")
    assert (page.status, page.header("cache-control")) == (200, "no-store")
    assert begin(gatehouse.visitor(), token).status == 200
    assert gatehouse.dump() == before
    assert token not in page.body.decode()


def test_a_link_shows_nothing_of_the_person_to_whom_it_is_not_for(gatehouse):
    gatehouse.invite("ada@example.test")
    assert b"ada" not in begin(gatehouse.visitor(), "unknown").body


def test_its_session_dies_like_any_other(gatehouse):
    visitor = gatehouse.enrolled()
    shown = visitor.send("GET", "/api/v1/auth/sessions").json["sessions"][0]
    assert shown["created_at"] == instant(gatehouse.clock())
    gatehouse.clock.turn(gatehouse.house.settings.sessions.absolute)
    assert visitor.send("GET", "/api/v1/auth/me").status == 401
