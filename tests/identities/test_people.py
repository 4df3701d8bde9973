"""The local directory: exact addresses, folded blocks, rows of before; and people whom a directory elsewhere names."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from ostiary.identities import people
from ostiary.identities import service as identities
from ostiary.identities.addresses import hashes
from ostiary.identities.blocks import service as blocks
from ostiary.identities.blocks.model import Word
from ostiary.identities.directory import Kind, Resolved
from ostiary.identities.model import address_of, is_user_id
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from tests.login.gatehouse import OPERATOR

WORD = Word("policy_blocked", "admin", "admin-1")
PATIENCE_S, WHILE_S = 10, 0.3


def ring(gatehouse):
    return gatehouse.house.keyring


def add(gatehouse, email):
    return gatehouse.act(lambda tx: identities.add_person(tx, ring(gatehouse), OPERATOR, email=email))


def ensure(gatehouse, email):
    return gatehouse.act(lambda tx: people.ensure(tx, ring(gatehouse), OPERATOR, email))


def resolve(gatehouse, email):
    return gatehouse.read(lambda tx: people.resolve(tx, ring(gatehouse), email))


def adopt(gatehouse, person, email=""):
    return gatehouse.act(lambda tx: people.adopt(tx, ring(gatehouse), OPERATOR, person, email))


def bar(gatehouse, email):
    return gatehouse.act(lambda tx: blocks.block_address(tx, ring(gatehouse), OPERATOR, email, WORD))


def meant(gatehouse, email):
    address = address_of(email)
    return {one.id for one in gatehouse.read(lambda tx: identities.people_of(tx, ring(gatehouse), address))}


def of_before(gatehouse, email):
    """Somebody in a row as it was before people were told apart by the exact address: under the folded hash."""
    made = add(gatehouse, email)
    folded = hashes(ring(gatehouse), "default", address_of(email)).folded
    gatehouse.change(f"UPDATE people SET email_hash = '{folded}' WHERE id = '{made.id}'")
    return made.id


def everybody(gatehouse):
    return gatehouse.read(lambda tx: identities.list_people(tx, ring(gatehouse)))


def test_people_are_told_apart_by_the_exact_address(everywhere):
    lower, upper = add(everywhere, "pilot@example.test"), add(everywhere, "Pilot@example.test")
    assert lower.id != upper.id
    for text, person in (
        ("pilot@example.test", lower),
        ("\u2003Pilot@example.test\n", upper),
    ):
        assert resolve(everywhere, text) == Resolved(Kind.EXISTING, person.id)
        assert ensure(everywhere, text) == Resolved(Kind.EXISTING, person.id)
    assert resolve(everywhere, "PILOT@example.test") == Resolved(Kind.CREATABLE)
    third = ensure(everywhere, "PILOT@example.test")
    assert third.kind is Kind.CREATED
    assert third.person not in {lower.id, upper.id}
    assert [one.email for one in everybody(everywhere)].count("PILOT@example.test") == 1


def test_an_address_that_no_mail_reaches_is_nobodys(everywhere):
    before = len(everywhere.receipts())
    for odd in ("", "pilot", "pilot@example.test.", "a\udcffda@example.test", "pilot@example.test\0"):
        assert resolve(everywhere, odd) == Refusal(Code.EMAIL_INVALID)
        assert ensure(everywhere, odd) == Refusal(Code.EMAIL_INVALID)
    assert (everybody(everywhere), len(everywhere.receipts())) == ([], before)


def test_who_is_made_leaves_a_receipt_without_the_address(everywhere):
    made = ensure(everywhere, "Pilot@example.test")
    receipt = everywhere.receipts(operation="person.create")[-1]
    assert (receipt.subject, receipt.outcome, receipt.actor) == (made.person, "admitted", "operator:test")
    assert "pilot" not in str(receipt).lower()
    count = len(everywhere.receipts())
    assert ensure(everywhere, "Pilot@example.test") == Resolved(Kind.EXISTING, made.person)
    assert len(everywhere.receipts()) == count, "who is there is not made again"


def test_a_row_of_before_is_found_by_its_own_spelling_and_by_no_other(everywhere):
    old = of_before(everywhere, "Pilot@example.test")
    assert resolve(everywhere, "Pilot@example.test") == Resolved(Kind.EXISTING, old)
    assert resolve(everywhere, "pilot@example.test") == Resolved(Kind.CREATABLE)
    assert add(everywhere, "Pilot@example.test").code is Code.EMAIL_TAKEN
    assert ensure(everywhere, "Pilot@example.test") == Resolved(Kind.EXISTING, old)


@pytest.mark.parametrize("how", ["add", "ensure", "adopt", "move"])
def test_a_row_of_before_makes_room_for_whoever_writes_theirs_so(everywhere, how):
    if how == "move":
        adopt(everywhere, "user-123", "else@example.test")
    old = of_before(everywhere, "Pilot@example.test")
    if how == "add":
        fresh = add(everywhere, "pilot@example.test").id
    elif how == "ensure":
        fresh = ensure(everywhere, "pilot@example.test").person
    else:
        fresh = adopt(everywhere, "user-123", "pilot@example.test").person
    assert fresh != old
    assert resolve(everywhere, "pilot@example.test") == Resolved(Kind.EXISTING, fresh)
    assert resolve(everywhere, "Pilot@example.test") == Resolved(Kind.EXISTING, old)
    hashed = everywhere.rows("SELECT email_hash, folded_hash FROM people")
    assert len({exact for exact, _ in hashed}) == 2
    assert len({folded for _, folded in hashed}) == 1


def test_a_typed_address_means_its_exact_owner_else_who_alone_folds_into_it(everywhere):
    one = add(everywhere, "Pilot@example.test").id
    assert meant(everywhere, "PILOT@example.test") == {one}
    two = add(everywhere, "pilot@example.test").id
    assert meant(everywhere, "Pilot@example.test") == {one}
    assert meant(everywhere, "pilot@example.test") == {two}
    assert meant(everywhere, "PILOT@example.test") == {one, two}, "which of them is nobody's guess"
    assert meant(everywhere, "nobody@example.test") == set()


def test_nobody_is_made_with_a_blocked_address_however_it_is_written(everywhere):
    bar(everywhere, "pilot@EXAMPLE.test")
    for spelling in ("pilot@example.test", "PILOT@example.test", " Pilot@Example.Test"):
        blocked = Resolved(Kind.BLOCKED, "", "policy_blocked")
        assert resolve(everywhere, spelling) == blocked
        assert ensure(everywhere, spelling) == blocked
    assert everybody(everywhere) == []


def test_who_is_added_by_hand_with_a_blocked_address_is_blocked_from_the_beginning(everywhere):
    bar(everywhere, "pilot@example.test")
    made = add(everywhere, "Pilot@example.test")
    assert made.blocked_at == everywhere.clock()
    assert ensure(everywhere, "Pilot@example.test") == Resolved(Kind.BLOCKED, made.id, "policy_blocked")


def test_of_many_who_come_first_with_one_address_one_is_made(everywhere):
    nodes = [everywhere, *(everywhere.node() for _ in range(3))]
    for number in range(5):
        text = f"{number}@example.test"
        answers = everywhere.together(
            *(
                node.house.vault.transact(
                    node.scope, lambda tx, node=node, text=text: people.ensure(tx, ring(node), OPERATOR, text)
                )
                for node in nodes
            )
        )
        assert sorted(one.kind for one in answers) == ["created", "existing", "existing", "existing"]
        assert len({one.person for one in answers}) == 1


@pytest.mark.parametrize("first", ["block", "ensure"])
def test_a_block_of_an_address_that_meets_its_first_login_leaves_nobody_unblocked(everywhere, first):
    """Both orders, by two processes: the second waits for the first and sees what it did."""
    other, entered, go_on = everywhere.node(), threading.Event(), threading.Event()

    def slowly(use_case):
        def held(tx):
            done = use_case(tx)
            entered.set()
            assert go_on.wait(PATIENCE_S)
            return done

        return held

    def making(tx):
        return people.ensure(tx, ring(other), OPERATOR, "Pilot@example.test")

    def barring(tx):
        return blocks.block_address(tx, ring(everywhere), OPERATOR, "pilot@example.test", WORD)

    here, there = (slowly(barring), making) if first == "block" else (barring, slowly(making))
    early, late = ((everywhere, here), (other, there)) if first == "block" else ((other, there), (everywhere, here))
    with ThreadPoolExecutor(2) as threads:
        one = threads.submit(early[0].act, early[1])
        assert entered.wait(PATIENCE_S)
        two = threads.submit(late[0].act, late[1])
        assert not wait([two], WHILE_S).done, "it came through before the first had ended"
        go_on.set()
        one.result(PATIENCE_S)
        two.result(PATIENCE_S)
    assert all(one.blocked_at for one in everybody(everywhere))
    assert len(everybody(everywhere)) == (first == "ensure")
    assert resolve(everywhere, "Pilot@example.test").kind is Kind.BLOCKED


# Whom a directory elsewhere names


@pytest.mark.parametrize("good", ["user-123", "user-" + "A" * 22, "auth0|5f7c", "urn:uuid:0", "a@b.test", "x" * 128])
def test_what_a_directory_may_call_somebody(good):
    assert is_user_id(good)


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "x" * 129,
        "a b",
        "a/b",
        "a\\b",
        "a\n",
        "\u00e4",
        "a\0",
        "\udc80",
        "system",
        "internal",
        "anonymous",
        "-",
        "operator:root",
    ],
)
def test_what_can_be_nobodys_id_is_refused(gatehouse, odd):
    assert not is_user_id(odd)
    assert adopt(gatehouse, odd) == Refusal(Code.REF_MALFORMED)
    assert everybody(gatehouse) == []


def test_somebody_from_elsewhere_is_taken_over_once(everywhere):
    assert adopt(everywhere, "user-123", "pilot@example.test") == Resolved(Kind.CREATED, "user-123")
    count = len(everywhere.receipts())
    assert adopt(everywhere, "user-123", "pilot@example.test") == Resolved(Kind.EXISTING, "user-123")
    assert adopt(everywhere, "user-123") == Resolved(Kind.EXISTING, "user-123")
    assert len(everywhere.receipts()) == count
    (made,) = everybody(everywhere)
    assert (made.id, made.email) == ("user-123", "pilot@example.test")
    assert everywhere.read(lambda tx: identities.is_known(tx, "user-123"))
    assert resolve(everywhere, "pilot@example.test") == Resolved(Kind.EXISTING, "user-123")
    assert adopt(everywhere, "user-123", "pilot") == Refusal(Code.EMAIL_INVALID)


def test_an_address_that_moves_elsewhere_moves_here(everywhere):
    adopt(everywhere, "user-1", "pilot@example.test")
    assert adopt(everywhere, "user-2", "pilot@example.test") == Resolved(Kind.CREATED, "user-2")
    assert {one.id: one.email for one in everybody(everywhere)} == {"user-1": "", "user-2": "pilot@example.test"}
    assert adopt(everywhere, "user-1", "new@example.test") == Resolved(Kind.EXISTING, "user-1")
    assert resolve(everywhere, "new@example.test") == Resolved(Kind.EXISTING, "user-1")
    told = [(one.subject, one.reasons) for one in everywhere.receipts(operation="person.change")]
    assert told == [("user-1", ("address_taken",)), ("user-1", ("address_given",))]


def test_nobody_from_elsewhere_gets_a_blocked_address(everywhere):
    adopt(everywhere, "user-1", "pilot@example.test")
    bar(everywhere, "evil@example.test")
    for person in ("user-1", "user-2"):
        assert adopt(everywhere, person, "Evil@example.test") == Resolved(Kind.BLOCKED, person, "policy_blocked")
    assert [(one.id, one.email) for one in everybody(everywhere)] == [("user-1", "pilot@example.test")]


def test_a_directory_gives_no_address_to_somebody_who_came_to_us_first(everywhere):
    """What they may do here is more than being known there: whose mailbox opens it is not the directory's to say."""
    ours, nobody = add(everywhere, "admin@example.test").id, add(everywhere, "").id
    for person in (ours, nobody):
        with pytest.raises(StoreUnavailable):
            adopt(everywhere, person, "mallory@example.test")
    assert {one.id: one.email for one in everybody(everywhere)} == {ours: "admin@example.test", nobody: ""}
    assert adopt(everywhere, ours, "admin@example.test") == Resolved(Kind.EXISTING, ours)
    assert adopt(everywhere, ours) == Resolved(Kind.EXISTING, ours)
