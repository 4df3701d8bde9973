"""Purposes as they are stored: each tenant its own, and no proof outlives the purpose that it was given under."""

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Factor, Proof, Scope
from ostiary.keys import service as keys
from ostiary.presence import purposes
from ostiary.presence import service as presence
from ostiary.presence.model import BUILT_IN, Challenge, Minimum, PresenceReceipt, Purpose, PurposeRule
from tests.login.gatehouse import OPERATOR, opened

RULE = PurposeRule("invoice.pay", "Pay an invoice", Minimum.ANY, commits_operation=False, life=90_000_000)
CALLER = Caller(actor="user-a", session="ses-a")
ROUNDS = 15


def add(gatehouse, rule=RULE):
    return gatehouse.act(lambda tx: purposes.add(tx, OPERATOR, rule))


def found(tx):
    return purposes.find(tx, RULE.name)


def remove(tx):
    return purposes.remove(tx, OPERATOR, RULE.name)


def prove(tx):
    asked = Challenge("la-a", Purpose.PRESENCE, "m", "", "b", 0, act=RULE.name)
    return presence.prove(tx, CALLER, asked, Proof("user-a", Factor.PASSKEY, tx.now, "la-a", user_verified=True))


def consume(tx, receipt):
    tx.refuse(EventName.PRESENCE_CONSUME, CALLER, "-", Code.PRESENCE_REFUSED)
    return presence.consume(tx, CALLER, receipt, RULE.name)


def test_what_is_declared_is_found_whole_on_both_databases(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as gatehouse:
        assert add(gatehouse) is None
        assert add(gatehouse).code is Code.PURPOSE_TAKEN
        assert gatehouse.read(found) == RULE
        assert gatehouse.act(lambda tx: purposes.held(tx, RULE.name)) == RULE
        every = gatehouse.read(purposes.every)
        assert every == [*((rule, True) for rule in BUILT_IN), (RULE, False)]
        receipt = gatehouse.receipts(operation="purpose.add", outcome="admitted")[-1]
        assert (receipt.subject, receipt.reasons) == (RULE.name, ("minimum:any", "life:90000000"))
        assert gatehouse.act(remove) == 0
        assert gatehouse.read(found) == Refusal(Code.PURPOSE_UNKNOWN)


def test_a_tenant_knows_its_own_purposes_only(gatehouse):
    house, other = gatehouse.house, Scope("other")
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    assert add(gatehouse) is None
    assert house.vault.read_now(other, found) == Refusal(Code.PURPOSE_UNKNOWN)
    assert house.vault.transact_now(other, remove).code is Code.PURPOSE_UNKNOWN
    assert house.vault.transact_now(other, prove).code is Code.PURPOSE_UNKNOWN
    assert gatehouse.read(found) == RULE


def test_no_proof_outlives_its_purpose_however_close_the_removal_came(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as gatehouse:
        first, second = gatehouse.house.vault, gatehouse.node().house.vault
        for turn in range(ROUNDS):
            assert add(gatehouse) is None
            acts = [first.transact(gatehouse.scope, prove), second.transact(gatehouse.scope, remove)]
            outcomes = gatehouse.together(*(acts if turn % 2 else reversed(acts)))
            made = next(one for one in outcomes if not isinstance(one, int))
            assert add(gatehouse) is None
            if isinstance(made, PresenceReceipt):
                outcome = gatehouse.act(lambda tx, made=made: consume(tx, made.id))
                assert outcome == Refusal(Code.PRESENCE_REFUSED)
            else:
                assert made.code is Code.PURPOSE_UNKNOWN
            gatehouse.act(remove)
