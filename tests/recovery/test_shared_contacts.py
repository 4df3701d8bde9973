"""Anybody may write the hash of somebody else's address into a policy of their own: that opens nothing, to nobody."""

import pytest

from tests.membrane.stage import Person
from tests.recovery.story import OTHER, Story, hashed


def named_by_a_stranger(stage, address):
    """A stranger sets a policy whose contact is this address; return their story."""
    owner, stage.person = stage.person, Person(stage)
    try:
        stranger = Story(stage)
        stranger.insured(recovery_contact_hashes=[hashed(address)])
    finally:
        stage.person = owner
    return stranger


@pytest.mark.parametrize("insured", [False, True], ids=["by default", "by a policy"])
def test_an_own_address_recovers_its_own_account_whoever_else_names_it(live, insured):
    owner = Story(live)
    named_by_a_stranger(live, owner.own)
    if insured:
        owner.insured()
    assert owner.begin()["subject"] == live.person.ref


def test_an_own_address_that_the_own_policy_turned_out_recovers_nobody(live):
    owner = Story(live)
    named_by_a_stranger(live, owner.own)
    owner.insured(recovery_contact_hashes=[hashed(OTHER)])
    assert owner.send().status == 200
    assert owner.letters("recovery_code") == []


def test_a_contact_that_two_people_name_recovers_neither_until_one_lets_go_of_it(live):
    owner = Story(live)
    owner.contact = OTHER
    token = owner.insured()
    stranger = named_by_a_stranger(live, OTHER)
    presence = live.presence("auth.recovery.policy")
    assert owner.policy(token, presence).status == 200, "who renews theirs gains and loses nothing by it"
    assert owner.send().status == 200
    assert owner.letters("recovery_code") == []
    mine, live.person = live.person, stranger.person
    stranger.insured(recovery_contact_hashes=[hashed("third@example.test")])
    live.person = mine
    assert owner.begin()["subject"] == live.person.ref


def test_a_contact_that_one_person_named_twice_is_theirs(live):
    owner = Story(live)
    owner.contact = OTHER
    owner.insured()
    owner.insured()
    assert owner.begin()["subject"] == live.person.ref
