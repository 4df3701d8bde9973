"""Who is blocked recovers nothing and is sent nothing; which of several spellings recovers is nobody's guess."""

import pytest

from ostiary.identities import service as identities
from tests.login.gatehouse import OPERATOR
from tests.recovery.story import OTHER
from tests.sessions.blocked import barred, barred_at, freed


def ring(story):
    return story.stage.home.house.keyring


def spelled(story, address):
    """Somebody else, whose address folds into the story's own."""
    return story.stage.act(lambda tx: identities.add_person(tx, ring(story), OPERATOR, email=address)).id


@pytest.mark.parametrize("by", ["person", "address"])
def test_who_is_blocked_is_sent_no_code_and_the_answer_is_the_same(anywhere, by):
    use_case = barred(anywhere.person.id) if by == "person" else barred_at(ring(anywhere), anywhere.own.upper())
    anywhere.stage.act(use_case)
    sent, nobody = anywhere.send(), anywhere.send("nobody@example.test")
    assert sent.status == nobody.status == 200
    assert set(sent.json["body"]) == set(nobody.json["body"])
    assert anywhere.letters("recovery_code") == []
    anywhere.stage.act(freed(ring(anywhere), anywhere.person.id if by == "person" else anywhere.own))
    assert anywhere.begin()["subject"] == anywhere.person.ref


def test_a_blocked_address_is_no_contact_of_anybody(anywhere):
    anywhere.contact = OTHER
    anywhere.insured()
    anywhere.stage.act(barred_at(ring(anywhere), OTHER))
    assert anywhere.send().status == 200
    assert anywhere.letters("recovery_code") == []


def test_a_code_that_is_on_its_way_begins_nothing_for_who_was_blocked_meanwhile(anywhere):
    sent = anywhere.send()
    right = anywhere.code()
    anywhere.stage.act(barred(anywhere.person.id))
    wrong = anywhere.confirm(sent, "00000000" if right != "00000000" else "11111111")
    assert wrong.json["body"]["stable_code"] == "auth_recovery_code_refused", "told only to who has the right one"
    assert anywhere.confirm(sent, right).json["body"]["stable_code"] == "blocked_by_policy"
    anywhere.stage.act(freed(ring(anywhere), anywhere.person.id))
    assert anywhere.confirm(sent, right).status == 200, "the code was not used up"


def test_a_recovery_that_waits_is_not_executed_for_who_was_blocked_meanwhile_but_may_be_cancelled(anywhere):
    anywhere.begin()
    anywhere.wait()
    assert anywhere.register().status == 200
    anywhere.stage.act(barred(anywhere.person.id))
    assert anywhere.execute().json["body"]["stable_code"] == "blocked_by_policy"
    assert anywhere.cancel().status == 200, "that opens nothing"


def test_an_owner_who_is_blocked_may_still_undo_a_recovery_and_is_not_let_in_by_that(anywhere):
    anywhere.recovered()
    anywhere.stage.act(barred(anywhere.person.id))
    assert anywhere.contest().status == 200
    assert anywhere.signs_in(anywhere.person.passkey) == "blocked_by_policy"
    anywhere.stage.act(freed(ring(anywhere), anywhere.person.id))
    assert anywhere.signs_in(anywhere.person.passkey) == ""


def test_of_two_who_fold_into_one_address_the_exact_spelling_recovers_and_no_other(anywhere):
    other = spelled(anywhere, anywhere.own.upper())
    assert other != anywhere.person.id
    anywhere.contact = anywhere.own.title()
    assert anywhere.contact not in {anywhere.own, anywhere.own.upper()}
    assert anywhere.send().status == 200
    assert anywhere.letters("recovery_code") == [], "which of the two is nobody's guess"
    anywhere.contact = anywhere.own
    assert anywhere.begin()["subject"] == anywhere.person.ref


def test_who_alone_folds_into_an_address_recovers_by_any_spelling_and_mail_goes_to_their_own(anywhere):
    assert anywhere.send(anywhere.own.upper()).status == 200
    (letter,) = anywhere.letters("recovery_code")
    assert letter.to == anywhere.own
