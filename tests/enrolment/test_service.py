"""Use cases of enrolment that no request reaches: collection, and what is kept of a token."""

from ostiary.enrolment import service as enrolment
from ostiary.enrolment.model import INVITATION_LIFE, token_hash
from ostiary.kernel.refusals import Code
from tests.login.gatehouse import OPERATOR


def pending(gatehouse):
    return [row[0] for row in gatehouse.rows("SELECT token_hash FROM invitations")]


def test_only_the_hash_of_a_token_is_kept(gatehouse):
    _, token = gatehouse.invite()
    assert pending(gatehouse) == [token_hash(token)]
    assert len(token) == 43
    assert token not in "".join(gatehouse.dump())
    assert gatehouse.invite("bob@example.test")[1] != token


def test_the_receipt_of_a_link_names_person_and_role_and_not_the_token(gatehouse):
    person, token = gatehouse.invite(role="auditor")
    receipt = gatehouse.receipts()[-1]
    assert (receipt.operation, receipt.actor) == ("invitation.create", "operator:test")
    assert receipt.reasons == (f"person:{person}", "role:auditor")
    assert token not in str(receipt)
    person, _ = gatehouse.invite("bob@example.test")
    assert gatehouse.receipts()[-1].reasons == (f"person:{person}",)


def test_collection_takes_what_has_expired_and_leaves_the_rest(gatehouse):
    assert gatehouse.act(enrolment.collect) == 0
    before = len(gatehouse.receipts())
    gatehouse.invite("old@example.test")
    gatehouse.invite("older@example.test")
    gatehouse.clock.turn(INVITATION_LIFE)
    _, young = gatehouse.invite("young@example.test")
    assert gatehouse.act(enrolment.collect) == 2
    assert pending(gatehouse) == [token_hash(young)]
    told = [one for one in gatehouse.receipts()[before:] if one.operation == "invitation.collect"]
    assert [(one.actor, one.reasons) for one in told] == [("system", ("count:2",))]
    assert gatehouse.act(enrolment.collect) == 0
    assert gatehouse.receipts()[-1] == told[0]
    assert gatehouse.visitor().enrol(young).status == 200


def again(gatehouse, person):
    return gatehouse.act(lambda tx: enrolment.invite_again(tx, gatehouse.house.keyring, OPERATOR, person))


def test_a_person_who_lost_everything_is_invited_again_and_keeps_what_they_are(gatehouse):
    person, lost = gatehouse.invite(role="auditor")
    gatehouse.visitor().enrol(lost)
    other = gatehouse.invite("bob@example.test")[1]
    first, second = again(gatehouse, person), again(gatehouse, person)
    assert gatehouse.visitor().enrol(first).code == "invitation_refused"
    visitor = gatehouse.visitor()
    assert visitor.enrol(second).status == 200
    assert visitor.person == person
    assert gatehouse.roles(person) == ["auditor"]
    assert len(visitor.passkeys) == 2
    assert gatehouse.rows("SELECT count(*) FROM people") == [(2,)]
    assert gatehouse.visitor().enrol(other).status == 200


def test_nobody_is_not_invited_again(gatehouse):
    before = len(gatehouse.receipts())
    assert again(gatehouse, "user-nobody").code is Code.PERSON_UNKNOWN
    assert gatehouse.rows("SELECT count(*) FROM invitations") == [(0,)]
    (refused,) = gatehouse.receipts()[before:]
    assert (refused.operation, refused.outcome, refused.subject) == ("invitation.create", "refused", "")


def test_only_the_role_of_the_administrator_is_given_to_the_first_alone(gatehouse):
    gatehouse.visitor().enrol(gatehouse.first_link())
    person, token = gatehouse.invite(role="auditor")
    assert gatehouse.visitor().enrol(token).status == 200
    assert gatehouse.roles(person) == ["auditor"]
    person, token = gatehouse.invite("eve@example.test", role="administrator")
    assert gatehouse.visitor().enrol(token).code == "invitation_refused"
    assert gatehouse.receipts()[-1].reasons == ("invitation_refused", "administrator_exists")
    assert gatehouse.roles(person) == []


def test_a_first_administrator_whose_passkey_was_refused_may_try_again(gatehouse):
    token, visitor = gatehouse.first_link(), gatehouse.visitor()
    visitor.passkey.behaviour.user_verified = False
    assert visitor.enrol(token).code == "passkey_refused"
    visitor.passkey.behaviour.user_verified = True
    assert visitor.enrol(token).status == 200
    assert gatehouse.roles(visitor.person) == ["administrator"]
