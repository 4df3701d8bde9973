"""Blocks: of a person, of an address in all its spellings, lifted one by one; and what receipts say of them."""

import pytest

from ostiary.identities import service as identities
from ostiary.identities.blocks import service as blocks
from ostiary.identities.blocks.model import Kind, Word, is_reason
from ostiary.kernel.clock import SECOND
from ostiary.kernel.refusals import Code
from ostiary.kernel.values import Scope
from ostiary.keys import service as keys
from tests.login.gatehouse import OPERATOR

WORD, OTHER = Word("policy_blocked", "admin", "admin-1"), Word("abuse", "system")
NOBODY = "user-" + "A" * 22


def ring(gatehouse):
    return gatehouse.house.keyring


def add(gatehouse, email):
    return gatehouse.act(lambda tx: identities.add_person(tx, ring(gatehouse), OPERATOR, email=email)).id


def bar(gatehouse, who, word=WORD):
    def use_case(tx):
        if "@" in who:
            return blocks.block_address(tx, ring(gatehouse), OPERATOR, who, word)
        return blocks.block_person(tx, OPERATOR, who, word)

    return gatehouse.act(use_case)


def free(gatehouse, who):
    def use_case(tx):
        if "@" in who:
            return blocks.unblock_address(tx, ring(gatehouse), OPERATOR, who)
        return blocks.unblock_person(tx, OPERATOR, who)

    return gatehouse.act(use_case)


def since(gatehouse, person):
    return gatehouse.read(lambda tx: identities.find_person(tx, ring(gatehouse), person)).blocked_at


def over(gatehouse, person):
    return [(one.kind, one.word, one.at) for one in gatehouse.read(lambda tx: blocks.of_person(tx, person))]


def test_a_person_is_blocked_and_unblocked(everywhere):
    ada, bob = add(everywhere, "ada@example.test"), add(everywhere, "bob@example.test")
    everywhere.clock.turn(SECOND)
    done = bar(everywhere, ada)
    at = everywhere.clock()
    assert (done.changed, done.people) == (True, (ada,))
    assert (since(everywhere, ada), since(everywhere, bob)) == (at, 0)
    assert over(everywhere, ada) == [(Kind.PERSON, WORD, at)]
    assert everywhere.act(lambda tx: identities.hold(tx, ada))
    receipt = everywhere.receipts()[-1]
    assert (receipt.operation, receipt.subject, receipt.actor) == ("person.block", ada, "operator:test")
    assert receipt.reasons == ("policy_blocked", "actor:admin", "actor_id:admin-1")
    assert free(everywhere, ada).changed
    assert (since(everywhere, ada), over(everywhere, ada)) == (0, [])
    receipt = everywhere.receipts()[-1]
    assert (receipt.operation, receipt.subject) == ("person.unblock", ada)


def test_a_repeat_changes_nothing_and_leaves_no_receipt(everywhere):
    ada = add(everywhere, "ada@example.test")
    for who in (ada, "ada@example.test"):
        bar(everywhere, who)
        count, standing, at = len(everywhere.receipts()), over(everywhere, ada), since(everywhere, ada)
        everywhere.clock.turn(SECOND)
        done = bar(everywhere, who, OTHER)
        assert (done.changed, done.people) == (False, (ada,))
        assert (over(everywhere, ada), since(everywhere, ada)) == (standing, at), "who came first is kept"
        assert len(everywhere.receipts()) == count
    for who in (ada, "ada@example.test"):
        assert free(everywhere, who).changed
        count = len(everywhere.receipts())
        assert not free(everywhere, who).changed
        assert len(everywhere.receipts()) == count


def test_a_block_of_an_address_is_over_everybody_who_has_it_however_they_write_it(everywhere):
    lower, upper = add(everywhere, "pilot@example.test"), add(everywhere, "Pilot@EXAMPLE.test")
    other = add(everywhere, "pilot2@example.test")
    done = bar(everywhere, "PILOT@example.test")
    assert (done.changed, done.people) == (True, tuple(sorted((lower, upper))))
    assert since(everywhere, lower) == since(everywhere, upper) == everywhere.clock()
    assert since(everywhere, other) == 0
    free(everywhere, "pilot@Example.test")
    assert since(everywhere, lower) == since(everywhere, upper) == 0


def test_a_person_who_is_unblocked_stays_blocked_while_their_address_is(everywhere):
    ada = add(everywhere, "ada@example.test")
    bar(everywhere, "ADA@example.test")
    first = since(everywhere, ada)
    everywhere.clock.turn(SECOND)
    assert bar(everywhere, ada, OTHER).changed, "a block of another kind is no repeat"
    assert [kind for kind, _, _ in over(everywhere, ada)] == [Kind.ADDRESS, Kind.PERSON]
    assert free(everywhere, ada).changed
    assert since(everywhere, ada) == first
    assert everywhere.act(lambda tx: identities.hold(tx, ada))
    assert not free(everywhere, ada).changed
    free(everywhere, "ada@example.test")
    assert since(everywhere, ada) == 0


def test_a_person_stays_blocked_whose_address_is_unblocked(everywhere):
    ada = add(everywhere, "ada@example.test")
    bar(everywhere, "ada@example.test")
    everywhere.clock.turn(SECOND)
    bar(everywhere, ada)
    free(everywhere, "ada@example.test")
    assert since(everywhere, ada) == everywhere.clock(), "since the block that still stands"


def test_no_receipt_bears_an_address(everywhere):
    add(everywhere, "Pilot@example.test")
    for act in (bar, free):
        act(everywhere, "Pilot@example.test")
    told = everywhere.receipts(operation="person.block") + everywhere.receipts(operation="person.unblock")
    assert len({one.subject for one in told}) == 1, "whoever reads them sees that it is the same address"
    assert told[0].subject.startswith("address:")
    assert "pilot" not in str(told).lower()


def test_an_address_can_be_blocked_that_nobody_has(everywhere):
    done = bar(everywhere, " Pilot@example.test ")
    assert (done.changed, done.people) == (True, ())
    assert not bar(everywhere, "pilot@example.test").changed
    assert free(everywhere, "PILOT@example.test").changed


@pytest.mark.parametrize(
    "nobody", [NOBODY, "user-123", "", "a b", "a\0b", "\udc80", "x" * 129, "' OR 1=1 --", "operator:test"]
)
def test_nobody_is_blocked_who_is_not_there(everywhere, nobody):
    for act in (bar, free):
        assert act(everywhere, nobody).code is Code.SUBJECT_NOT_FOUND
        assert (everywhere.receipts()[-1].outcome, everywhere.receipts()[-1].subject) == ("refused", "-")


def test_no_address_is_blocked_that_no_mail_reaches(everywhere):
    for act in (bar, free):
        assert act(everywhere, "pilot@nowhere").code is Code.EMAIL_INVALID
    assert everywhere.rows("SELECT count(*) FROM blocks") == [(0,)]


def test_a_block_is_of_one_tenant(gatehouse):
    house, other = gatehouse.house, Scope("other")
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    theirs = house.vault.transact_now(
        other, lambda tx: identities.add_person(tx, house.keyring, OPERATOR, email="ada@example.test")
    ).id
    ada = add(gatehouse, "ada@example.test")
    bar(gatehouse, "ada@example.test")
    assert bar(gatehouse, theirs).code is Code.SUBJECT_NOT_FOUND
    assert since(gatehouse, ada) > 0
    assert house.vault.read_now(other, lambda tx: identities.find_person(tx, house.keyring, theirs)).blocked_at == 0
    assert house.vault.read_now(other, blocks.of_everybody) == {}
    assert set(gatehouse.read(blocks.of_everybody)) == {ada}


def test_who_was_found_open_is_not_so_after_a_block_in_the_same_transaction(everywhere):
    ada = add(everywhere, "ada@example.test")

    def use_case(tx):
        before = identities.hold(tx, ada)
        blocks.block_person(tx, OPERATOR, ada, WORD)
        return before, identities.hold(tx, ada)

    assert everywhere.act(use_case) == (False, True)


def test_to_hold_somebody_again_costs_nothing(everywhere):
    ada = add(everywhere, "ada@example.test")

    def use_case(tx):
        asked = []
        watched = _Watched(tx, asked)
        return [identities.hold(watched, ada) for _ in range(3)], len(asked)

    assert everywhere.act(use_case) == ([False] * 3, 1)


class _Watched:
    """A transaction that notes what it is asked."""

    def __init__(self, tx, asked):
        self._tx, self._asked = tx, asked

    def __getattr__(self, name):
        return getattr(self._tx, name)

    def one(self, statement, **binds):
        self._asked.append(statement)
        return self._tx.one(statement, **binds)


@pytest.mark.parametrize("code", ["policy_blocked", "a", "two words", "mißbraucht", "x" * 128])
def test_what_is_the_code_of_a_reason(code):
    assert is_reason(code)


@pytest.mark.parametrize("code", ["", " ", "\u200d", "x" * 129, "a\n", "a\x1b[2J", "\u202ea"])
def test_what_is_none(code):
    assert not is_reason(code)


def test_all_blocks_of_a_tenant_and_none_of_another(everywhere):
    ada = add(everywhere, "ada@example.test")
    bar(everywhere, "Nobody@example.test", OTHER)
    everywhere.clock.turn(SECOND)
    bar(everywhere, ada)
    first, second = everywhere.read(blocks.of_tenant)
    assert (first.block.kind, first.block.word) == (Kind.ADDRESS, OTHER)
    assert first.subject in {one.subject for one in everywhere.receipts(operation="person.block")}
    assert (second.subject, second.block.word, second.block.by) == (ada, WORD, OPERATOR.actor)
    found = [
        everywhere.read(lambda tx, t=t: blocks.of_text(tx, ring(everywhere), t)) for t in ("NOBODY@example.test", "x")
    ]
    assert found == [first.block, None]
    house = everywhere.house
    assert house.vault.read_now(Scope("other", house.scope.mode), blocks.of_tenant) == []
