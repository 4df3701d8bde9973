"""An administrator issues a bearer token over HTTP: with presence for that person, and to nobody else's growth."""

import pytest

from ostiary.access import service as access
from tests.login.gatehouse import OPERATOR

PATH = "/api/v1/auth/token/issue"
ME = "/api/v1/auth/me"


@pytest.fixture
def administrator(gatehouse):
    visitor = gatehouse.enrolled()
    person = visitor.person
    gatehouse.act(lambda tx: access.grant(tx, OPERATOR, person, access.ADMINISTRATOR))
    return visitor


@pytest.fixture
def ada(gatehouse):
    person = gatehouse.enrolled().person
    gatehouse.act(lambda tx: access.grant_scope(tx, OPERATOR, person, "notes.read"))
    return person


def issue(visitor, owner, *, presence=None, **given):
    proof = visitor.presence("session.issue", owner) if presence is None else presence
    return visitor.send("POST", PATH, {"person": owner, "label": "Backup job", "presence": proof} | given)


def with_token(gatehouse, method, path, token, body=None):
    return gatehouse.visitor().send(method, path, body, headers={"authorization": f"Bearer {token}"})


def bearers(gatehouse):
    return [one for one in gatehouse.sessions() if one.kind == "bearer"]


def test_it_acts_for_the_person_and_is_on_record(gatehouse, administrator, ada):
    answer = issue(administrator, ada, scopes=["notes.read"], expires_in_seconds=3600)
    assert answer.status == 201, answer.body
    made = answer.json
    assert (made["token_type"], made["scopes"]) == ("Bearer", ["notes.read"])
    me = with_token(gatehouse, "GET", ME, made["token"]).json
    assert (me["actor_id"], me["session"]["label"], me["session"]["alive_because"]) == (
        ada,
        "Backup job",
        "administrator",
    )
    (session,) = bearers(gatehouse)
    assert session.absolute_expires_at - session.created_at == 3600 * 1_000_000
    (receipt,) = gatehouse.receipts(operation="session.open", subject=made["id"])
    assert receipt.actor == administrator.person
    assert receipt.reasons[:3] == ("bearer", f"person:{ada}", "scope:notes.read")
    assert receipt.reasons[3].startswith("presence:hp-")
    assert made["token"].rpartition(".")[2] not in str(gatehouse.receipts())


def test_whoever_is_no_administrator_issues_none_not_even_to_themselves(gatehouse, ada):
    visitor = gatehouse.enrolled()
    for person in (visitor.person, ada):
        answer = issue(visitor, person)
        assert (answer.status, answer.code) == (403, "administrator_required")
    assert gatehouse.visitor().send("POST", PATH, {"person": ada, "label": "x"}).status == 401
    assert bearers(gatehouse) == []


def test_without_presence_for_this_person_there_is_none(gatehouse, administrator, ada):
    asked = issue(administrator, ada, presence="")
    assert (asked.status, asked.code) == (401, "presence_required")
    proofs = [
        administrator.presence("session.issue", administrator.person),
        administrator.presence("passkey.remove", ada),
        gatehouse.enrolled().presence("session.issue", ada),
    ]
    for proof in proofs:
        assert issue(administrator, ada, presence=proof).code == "presence_refused"
    used = administrator.presence("session.issue", ada)
    assert [issue(administrator, ada, presence=used).status for _ in range(2)] == [201, 403]
    assert len(bearers(gatehouse)) == 1


def test_a_token_begets_no_token(gatehouse, administrator):
    made = issue(administrator, administrator.person).json
    answer = with_token(gatehouse, "POST", PATH, made["token"], {"person": administrator.person, "label": "x"})
    assert (answer.status, answer.code) == (403, "administrator_required")


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"person": "user-AAAAAAAAAAAAAAAAAAAAAA"}, 404, "person_unknown"),
        ({"person": "Robert'); --"}, 404, "person_unknown"),
        ({"scopes": ["notes.burn"]}, 403, "scope_not_allowed"),
        ({"scopes": ["administrator"]}, 403, "scope_not_allowed"),
        ({"label": " "}, 400, "request_malformed"),
        ({"label": "a\u202eb"}, 400, "request_malformed"),
        ({"label": "a" * 65}, 400, "request_malformed"),
        ({"expires_in_seconds": 0}, 400, "request_malformed"),
        ({"expires_in_seconds": 86_401}, 400, "request_malformed"),
        ({"expires_in_seconds": "60"}, 400, "request_malformed"),
        ({"role": "administrator"}, 400, "request_malformed"),
    ],
)
def test_what_does_not_fit_is_refused_and_costs_no_proof(gatehouse, administrator, ada, given, status, code):
    proof = administrator.presence("session.issue", ada)
    answer = issue(administrator, ada, presence=proof, **given)
    assert (answer.status, answer.code) == (status, code)
    assert bearers(gatehouse) == []
    assert issue(administrator, ada, presence=proof).status == 201
