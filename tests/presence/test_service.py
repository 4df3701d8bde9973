"""Use cases of presence over a transaction: what is recorded once, consumed once, and kept long enough."""

import msgspec
import pytest

from ostiary.kernel.ids import new_id, system_secrets
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Factor, Proof, Scope
from ostiary.keys import service as keys
from ostiary.presence import service as presence
from ostiary.presence.model import CHALLENGE_LIFE, PRESENCE_LIFE, Challenge, Presence, Purpose, State
from tests.login.gatehouse import opened

CALLER = Caller(actor="user-a", session="ses-a")
SPENT, EXPIRED = Code.LOGIN_ATTEMPT_SPENT, Code.LOGIN_ATTEMPT_EXPIRED


def challenge(gatehouse, purpose=Purpose.PASSKEY_REMOVE, subject="pk-a"):
    until = gatehouse.clock() + CHALLENGE_LIFE
    return Challenge(new_id("la", system_secrets), Purpose.PRESENCE, "m", subject, "b", until, act=str(purpose))


def noted(use_case):
    """A use case that leaves the receipt of whatever it is part of."""

    def whole(tx):
        outcome = use_case(tx)
        tx.refuse(EventName.PRESENCE_PROVE, CALLER, "-", Code.PRESENCE_REFUSED)
        return outcome

    return whole


def proved(gatehouse, factor=Factor.PASSKEY, *, user_verified=True):
    proof = Proof("user-a", factor, gatehouse.clock(), "la-a", "pk-a", user_verified=user_verified)
    return gatehouse.act(lambda tx: presence.prove(tx, CALLER, challenge(gatehouse), proof))


def consume(gatehouse, receipt, caller=CALLER, purpose=Purpose.PASSKEY_REMOVE, subject="pk-a"):
    return gatehouse.act(noted(lambda tx: presence.consume(tx, caller, receipt, purpose, subject)))


def spend(gatehouse, asked):
    return gatehouse.act(noted(lambda tx: presence.spend(tx, asked)))


def rows(gatehouse, table):
    return gatehouse.rows(f"SELECT count(*) FROM {table}")[0][0]


# Challenges


def test_a_challenge_is_spent_once(gatehouse):
    asked = challenge(gatehouse)
    assert spend(gatehouse, asked) is None
    assert spend(gatehouse, asked).code is SPENT
    assert gatehouse.act(noted(lambda tx: presence.recorded(tx, asked))) == (State.PROVED, 0)


def test_a_challenge_is_spent_by_one_of_two_nodes(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as gatehouse:
        vaults = [gatehouse.house.vault, gatehouse.node().house.vault]
        for _ in range(20):
            asked = challenge(gatehouse)
            outcomes = gatehouse.together(
                *(
                    vault.transact(gatehouse.scope, noted(lambda tx, asked=asked: presence.spend(tx, asked)))
                    for vault in vaults
                )
            )
            assert sorted(outcome.code if outcome else "" for outcome in outcomes) == ["", SPENT]


def test_an_answered_challenge_cannot_be_spent(gatehouse):
    asked = challenge(gatehouse)
    assert gatehouse.act(noted(lambda tx: presence.recorded(tx, asked))) == (State.OPEN, 0)
    assert spend(gatehouse, asked).code is SPENT


def test_at_the_instant_of_expiry_nothing_is_put_on_record(gatehouse):
    asked = challenge(gatehouse)
    gatehouse.clock.turn(CHALLENGE_LIFE)
    assert spend(gatehouse, asked).code is EXPIRED
    assert gatehouse.act(noted(lambda tx: presence.recorded(tx, asked))) == Refusal(EXPIRED)
    assert rows(gatehouse, "challenges") == 0


def test_a_spent_challenge_outlives_its_time_so_that_no_slow_clock_meets_it_fresh(gatehouse):
    asked = challenge(gatehouse)
    spend(gatehouse, asked)
    gatehouse.clock.turn(2 * CHALLENGE_LIFE - 1)
    assert gatehouse.act(presence.collect) == 0
    gatehouse.clock.turn(-CHALLENGE_LIFE)  # what a node that is five minutes late believes
    assert spend(gatehouse, asked).code is SPENT
    gatehouse.clock.turn(CHALLENGE_LIFE + 1)
    assert gatehouse.act(presence.collect) == 1
    assert rows(gatehouse, "challenges") == 0


def test_collection_leaves_one_receipt_and_none_for_nothing(gatehouse):
    for _ in range(3):
        spend(gatehouse, challenge(gatehouse))
    proved(gatehouse)
    gatehouse.clock.turn(2 * CHALLENGE_LIFE)
    proved(gatehouse)
    before = len(gatehouse.receipts())
    assert gatehouse.act(presence.collect) == 4
    assert gatehouse.act(presence.collect) == 0
    told = gatehouse.receipts()[before:]
    assert [(one.operation, one.actor, one.reasons) for one in told] == [("challenge.collect", "system", ("count:4",))]
    assert rows(gatehouse, "presence") == 1


# Proofs


def test_a_proof_is_consumed_once(gatehouse):
    made = proved(gatehouse)
    assert made.expires_at == gatehouse.clock() + PRESENCE_LIFE
    assert consume(gatehouse, made.id) == Presence(made.id, "passkey", user_verified=True, proved_at=gatehouse.clock())
    assert consume(gatehouse, made.id).code is Code.PRESENCE_REFUSED


def test_a_proof_is_consumed_by_one_of_two_nodes(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as gatehouse:
        vaults = [gatehouse.house.vault, gatehouse.node().house.vault]
        for _ in range(20):
            made = proved(gatehouse)
            use_case = noted(
                lambda tx, made=made: presence.consume(tx, CALLER, made.id, Purpose.PASSKEY_REMOVE, "pk-a")
            )
            outcomes = gatehouse.together(*(vault.transact(gatehouse.scope, use_case) for vault in vaults))
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Presence", "Refusal"]


def test_a_proof_serves_exactly_its_bindings(gatehouse):
    made = proved(gatehouse)
    replace = msgspec.structs.replace
    for given in (
        {"caller": replace(CALLER, actor="user-b")},
        {"caller": replace(CALLER, session="ses-b")},
        {"purpose": Purpose.PASSKEY_ADD},
        {"subject": ""},
        {"subject": "pk-b"},
    ):
        assert consume(gatehouse, made.id, **given) == Refusal(Code.PRESENCE_REFUSED)
    assert isinstance(consume(gatehouse, made.id), Presence)


def test_a_proof_of_another_tenant_is_none(gatehouse):
    house, other = gatehouse.house, Scope("other")
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    made = proved(gatehouse)
    use_case = noted(lambda tx: presence.consume(tx, CALLER, made.id, Purpose.PASSKEY_REMOVE, "pk-a"))
    assert house.vault.transact_now(other, use_case) == Refusal(Code.PRESENCE_REFUSED)
    assert isinstance(consume(gatehouse, made.id), Presence)


def test_a_proof_is_stale_at_the_instant(gatehouse):
    early, late = proved(gatehouse), proved(gatehouse)
    gatehouse.clock.turn(PRESENCE_LIFE - 1)
    assert isinstance(consume(gatehouse, early.id), Presence)
    gatehouse.clock.turn(1)
    assert consume(gatehouse, late.id) == Refusal(Code.PRESENCE_REFUSED)


@pytest.mark.parametrize("receipt", ["hp-", "hp-a\0", "x", "é", "A" * 5000])
def test_what_is_no_proof_is_refused_before_the_store_is_asked(gatehouse, receipt):
    """PostgreSQL would choke on a NUL; nobody is asked here."""
    assert presence.consume(None, CALLER, receipt, Purpose.PASSKEY_REMOVE) == Refusal(Code.PRESENCE_REFUSED)
    assert presence.consume(None, CALLER, "", Purpose.PASSKEY_REMOVE) == Refusal(Code.PRESENCE_REQUIRED)
    assert consume(gatehouse, receipt) == Refusal(Code.PRESENCE_REFUSED)


@pytest.mark.parametrize(
    ("factor", "user_verified", "strong"),
    [(Factor.PASSKEY, True, True), (Factor.PASSKEY, False, False), (Factor.EMAIL_CODE, True, False)],
)
def test_only_a_user_verified_passkey_is_strong(gatehouse, factor, user_verified, strong):
    made = proved(gatehouse, factor, user_verified=user_verified)
    assert consume(gatehouse, made.id).strong is strong
    receipt = gatehouse.receipts(operation="presence.prove", outcome="admitted")[-1]
    assert receipt.reasons == ("passkey.remove", factor.value)
