"""Use cases of enrolment that no request reaches: collection, and what is kept of a token."""

from ostiary.enrolment import service as enrolment
from ostiary.enrolment.model import INVITATION_LIFE, token_hash


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
