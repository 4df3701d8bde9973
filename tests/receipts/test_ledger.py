"""The ledger: what an event becomes, with which key it is signed, and how it is read again."""

from ostiary.kernel.clock import SECOND
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName, Outcome, Scope
from ostiary.keys import service as keys
from ostiary.receipts import service
from ostiary.receipts.ledger import signature_holds
from tests.login.gatehouse import OPERATOR

CALLER = Caller("user-1", "ses-1", "d1", "request", "address", "agent")


def test_every_word_of_an_event_is_on_the_receipt_and_nothing_of_address_and_agent(anywhere):
    home = anywhere
    home.clock.hold()
    event = Event(EventName.SESSION_END, CALLER, "ses-2", Outcome.REFUSED, ("why", "and, more: 1:a,é"), "rcp-link")
    receipt_id = home.act(lambda tx: tx.emit(event))
    made = home.read(lambda tx: service.find(tx, receipt_id))
    assert (made.id, made.tenant, made.mode, made.at) == (receipt_id, "default", "live", home.clock())
    assert (made.operation, made.outcome, made.subject) == ("session.end", "refused", "ses-2")
    assert (made.actor, made.session, made.digest, made.link) == ("user-1", "ses-1", "d1", "rcp-link")
    assert made.reasons == event.reasons
    assert made.seq == len(home.receipts())
    assert "address" not in repr(made)
    assert "agent" not in repr(made)
    key = home.house.keyring.find(made.key)
    assert signature_holds(made, key.public)


def test_an_unknown_receipt_is_refused(home):
    assert home.read(lambda tx: service.find(tx, "rcp-nothing")) == Refusal(Code.RECEIPT_UNKNOWN)


def test_they_are_read_newest_first_in_pages(anywhere):
    home = anywhere
    home.open()
    total = len(home.receipts())
    first = home.read(lambda tx: service.newest(tx, 3))
    rest = home.read(lambda tx: service.newest(tx, 1000, first[-1].seq))
    seqs = [one.seq for one in (*first, *rest)]
    assert seqs == list(range(total, 0, -1))


def test_a_tenant_sees_its_own_and_signs_with_its_own_key(home):
    house, other = home.house, Scope("other")
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    mine = home.act(lambda tx: tx.emit(Event(EventName.SESSION_END, OPERATOR, "x")))
    theirs = house.vault.transact_now(other, lambda tx: tx.emit(Event(EventName.SESSION_END, OPERATOR, "y")))
    assert home.read(lambda tx: service.find(tx, theirs)) == Refusal(Code.RECEIPT_UNKNOWN)
    assert {one.tenant for one in home.receipts()} == {"default"}
    found = house.vault.read_now(other, lambda tx: service.find(tx, theirs))
    assert found.key != home.read(lambda tx: service.find(tx, mine)).key
    assert house.keyring.find(found.key).tenant == "other"


def test_the_newest_time_is_that_of_the_latest_receipt_of_all_tenants(home):
    assert home.read(service.newest_time) == home.last().at
    home.clock.turn(SECOND)
    home.open()
    latest = home.last().at
    home.clock.turn(-3600 * SECOND)
    home.open()
    assert home.last().at < latest == home.read(service.newest_time)
