"""Tenants and people: made once, sealed, found by keyed hash, in their tenant only."""

import pytest

from ostiary.identities import service as identities
from ostiary.kernel.errors import BootRefused, SealBroken
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Mode, Scope
from ostiary.keys import service as keys
from tests.login.gatehouse import OPERATOR, opened

OTHER = Scope("other")


def add(gatehouse, email="ada@example.test", **given):
    return gatehouse.act(lambda tx: identities.add_person(tx, gatehouse.house.keyring, OPERATOR, email=email, **given))


def everybody(gatehouse):
    return gatehouse.read(lambda tx: identities.list_people(tx, gatehouse.house.keyring))


def found(gatehouse, person):
    return gatehouse.read(lambda tx: identities.find_person(tx, gatehouse.house.keyring, person))


def test_a_person_is_found_as_they_were_added(gatehouse):
    made = add(gatehouse, " Ada@Example.test ", name="Ada Lovelace")
    assert (made.email, made.name, made.created_at) == ("Ada@Example.test", "Ada Lovelace", gatehouse.clock())
    assert made.id.startswith("user-")
    assert found(gatehouse, made.id) == made
    assert found(gatehouse, "user-nobody") is None
    receipt = gatehouse.receipts()[-1]
    assert (receipt.operation, receipt.actor, receipt.subject) == ("person.create", "operator:test", made.id)


def test_people_are_listed_oldest_first(gatehouse):
    made = []
    for number in range(3):
        gatehouse.clock.turn(1)
        made.append(add(gatehouse, f"{number}@example.test"))
    assert everybody(gatehouse) == made


def test_an_address_is_one_persons(gatehouse):
    first = add(gatehouse)
    for same in ("ada@example.test", " ada@example.test\n", "\u3000ada@example.test\u2003"):
        assert add(gatehouse, same).code is Code.EMAIL_TAKEN
    assert everybody(gatehouse) == [first]
    receipt = gatehouse.receipts()[-1]
    assert (receipt.outcome, receipt.reasons) == ("refused", ("email_taken",))
    assert "ada" not in str(receipt)


def test_a_name_is_one_that_a_page_can_show(gatehouse):
    assert add(gatehouse, name="W" * 200).name == "W" * 200
    assert add(gatehouse, "eve@example.test", name="W" * 201).code is Code.NAME_TOO_LONG
    assert [person.name for person in everybody(gatehouse)] == ["W" * 200]
    assert gatehouse.receipts()[-1].reasons == ("name_too_long",)


def test_of_two_nodes_that_add_one_address_one_wins(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as gatehouse:
        nodes = [gatehouse, gatehouse.node()]
        for number in range(10):
            outcomes = gatehouse.together(
                *(
                    node.house.vault.transact(
                        node.scope,
                        lambda tx, node=node, number=number: identities.add_person(
                            tx, node.house.keyring, OPERATOR, email=f"{number}@example.test"
                        ),
                    )
                    for node in nodes
                )
            )
            assert [isinstance(outcome, Refusal) for outcome in outcomes].count(True) == 1
        assert len(everybody(gatehouse)) == 10


def test_people_without_an_address_are_many(gatehouse):
    assert add(gatehouse, "").email == add(gatehouse, "").email == ""
    assert len(everybody(gatehouse)) == 2


def test_an_odd_address_is_refused_with_a_receipt(gatehouse):
    for odd in ("ada", "ada@example.test.", "a\udcffda@example.test"):
        assert add(gatehouse, odd).code is Code.EMAIL_INVALID
        assert gatehouse.receipts()[-1].reasons == ("email_invalid",)
    assert everybody(gatehouse) == []


def test_neither_address_nor_name_can_be_read_in_the_database(gatehouse):
    made = add(gatehouse, name="Lovelace")
    stored = "".join(gatehouse.dump())
    for word in ("ada@example.test", "Lovelace", *(text.encode().hex().upper() for text in ("ada@", "Lovelace"))):
        assert word not in stored
    assert made.id in stored


def test_what_is_sealed_for_one_person_does_not_open_for_another(gatehouse):
    ada, bob = add(gatehouse, "ada@example.test"), add(gatehouse, "bob@example.test")
    gatehouse.write(
        "UPDATE people SET email_sealed = (SELECT email_sealed FROM people WHERE id = ?) WHERE id = ?", (ada.id, bob.id)
    )
    with pytest.raises(SealBroken):
        found(gatehouse, bob.id)


def test_a_tenant_has_people_of_its_own(gatehouse):
    house = gatehouse.house
    house.vault.transact_now(OTHER, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    ada = add(gatehouse)
    other = house.vault.transact_now(
        OTHER, lambda tx: identities.add_person(tx, house.keyring, OPERATOR, email="ada@example.test")
    )
    assert everybody(gatehouse) == [ada]
    assert found(gatehouse, other.id) is None
    hashes = gatehouse.rows("SELECT DISTINCT email_hash FROM people")
    assert len(hashes) == 2


def test_a_tenant_is_made_once(gatehouse):
    before = len(gatehouse.receipts())
    gatehouse.act(identities.ensure_tenant)
    assert len(gatehouse.receipts()) == before
    assert [one.reasons for one in gatehouse.receipts(operation="tenant.create")] == [("live",)]
    assert gatehouse.read(identities.find_tenant).mode is Mode.LIVE


def test_a_tenant_keeps_its_mode(gatehouse):
    with pytest.raises(BootRefused, match="not fixture"):
        gatehouse.house.vault.transact_now(Scope("default", Mode.FIXTURE), identities.ensure_tenant)
    assert gatehouse.read(identities.find_tenant).mode is Mode.LIVE
