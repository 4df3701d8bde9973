"""Refusals in floods: single receipts while they are few, exact counts when they are many, nothing lost."""

from collections import Counter

import pytest

from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import ANONYMOUS, Caller, EventName, Scope
from ostiary.receipts.refusals import RefusalLog
from ostiary.storage.tx import Tx
from tests.flows.browser import SESSION, Browser
from tests.sessions.home import SPRING, Failing

SCOPE, OTHER = Scope(), Scope("other")
INVALID, CSRF = Refusal(Code.SESSION_INVALID), Refusal(Code.CSRF_REFUSED, ("missing",), subject="ses-1")
SINGLY = 20


class Store:
    """A vault and its ledger, which keeps the events; it fails where `fails` says so."""

    def __init__(self):
        self.events, self.fails = [], never

    async def transact(self, scope, use_case):
        return use_case(Tx(None, "sqlite", scope, SPRING, system_secrets, self))

    def record(self, tx, event):
        if self.fails(event):
            raise StoreUnavailable("full")
        self.events.append((tx.scope, event.name, event.reasons, event.subject, event.caller))
        return ""


def never(event):
    """Fail at no event."""
    return False


class World:
    def __init__(self):
        self.now, self.store = SPRING, Store()
        self.log = RefusalLog(self.store, lambda: self.now)

    async def refuse(self, times, refusal=INVALID, event=EventName.SESSION_LIST, scope=SCOPE):
        for _ in range(times):
            await self.log.refused(scope, event, Caller(address="a"), refusal)

    def told(self):
        """How often each refusal is on record: singly and counted, together."""
        told = Counter()
        for scope, name, reasons, *_ in self.store.events:
            count = [int(word.removeprefix("count:")) for word in reasons if word.startswith("count:")]
            told[scope.tenant, name, reasons[0]] += count[0] if count else 1
        return told


@pytest.fixture
def world():
    return World()


async def test_the_first_twenty_of_a_second_are_written_one_by_one_with_everything_known(world):
    await world.refuse(1, CSRF, EventName.SESSION_END)
    await world.refuse(SINGLY - 1)
    assert len(world.store.events) == SINGLY
    assert world.store.events[0] == (
        SCOPE,
        EventName.SESSION_END,
        ("csrf_refused", "missing"),
        "ses-1",
        Caller(address="a"),
    )
    assert world.store.events[1] == (SCOPE, EventName.SESSION_LIST, ("session_invalid",), "-", Caller(address="a"))


async def test_what_is_more_is_counted_exactly_by_operation_tenant_and_code(world):
    await world.refuse(SINGLY)
    await world.refuse(300)
    await world.refuse(200, CSRF)
    await world.refuse(100, INVALID, EventName.SESSION_END)
    await world.refuse(50, INVALID, scope=OTHER)
    assert len(world.store.events) == SINGLY, "a flood costs no transaction"
    await world.log.flush()
    counted = world.store.events[SINGLY:]
    assert sorted((scope.tenant, name, reasons) for scope, name, reasons, *_ in counted) == [
        ("default", "session.end", ("session_invalid", "count:100")),
        ("default", "session.list", ("csrf_refused", "count:200")),
        ("default", "session.list", ("session_invalid", "count:300")),
        ("other", "session.list", ("session_invalid", "count:50")),
    ]
    assert {(subject, caller) for *_, subject, caller in counted} == {("-", ANONYMOUS)}
    await world.log.flush()
    assert len(world.store.events) == SINGLY + 4, "what is written is not counted again"


async def test_the_next_second_starts_anew(world):
    await world.refuse(SINGLY + 5)
    world.now = (world.now // SECOND + 1) * SECOND - 1
    await world.refuse(1)
    world.now += 1
    await world.refuse(SINGLY + 5)
    assert len(world.store.events) == 2 * SINGLY
    await world.log.flush()
    assert sum(world.told().values()) == 2 * (SINGLY + 5) + 1


@pytest.mark.parametrize("failing", ["session_invalid", "csrf_refused", "origin_refused"])
async def test_a_count_that_cannot_be_written_is_kept_and_so_are_the_others(world, failing):
    for code in (Code.SESSION_INVALID, Code.CSRF_REFUSED, Code.ORIGIN_REFUSED):
        await world.refuse(SINGLY + 100, Refusal(code))
        world.now += SECOND
    before = world.told()
    world.store.fails = lambda event: event.reasons[0] == failing
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await world.log.flush()
    await world.refuse(SINGLY, Refusal(Code.HOST_REFUSED))
    await world.refuse(7, Refusal(Code(failing)))
    world.store.fails = never
    await world.log.flush()
    told = {code: number for (_, _, code), number in world.told().items() if code != "host_refused"}
    assert sum(before.values()) == 3 * SINGLY
    assert told == {
        code: SINGLY + 100 + (7 if code == failing else 0)
        for code in ("session_invalid", "csrf_refused", "origin_refused")
    }


# Over HTTP


def count(receipts, code):
    """How many refusals of that code the receipts tell of."""
    return sum(
        int(one.reasons[1].removeprefix("count:")) if one.reasons[1:] and one.reasons[1].startswith("count:") else 1
        for one in receipts
        if one.reasons[:1] == (code,)
    )


def test_a_flood_at_the_door_is_on_record_to_the_last_one(home):
    visitor, sent = home.visitor(), 0
    visitor.cookies[SESSION] = "x"
    home.clock.hold()
    for _ in range(3):
        for _ in range(70):
            assert visitor.send("GET", "/api/v1/auth/me").status == 401
            sent += 1
        home.clock.turn(SECOND)
    home.clock.release()
    assert len(home.receipts(operation="account.read")) == 3 * SINGLY
    home.flush()
    assert count(home.receipts(), "session_invalid") == sent
    assert home.last().reasons == ("session_invalid", f"count:{sent - 3 * SINGLY}")


def test_refusals_of_use_cases_are_never_counted_together(home):
    visitor = home.enrolled()
    home.clock.hold()
    for _ in range(50):
        assert visitor.send("DELETE", "/api/v1/auth/sessions/ses-AAAAAAAAAAAAAAAAAAAAAA").status == 404
    assert len(home.receipts(operation="session.end")) == 50


def test_a_refusal_that_cannot_be_recorded_is_a_503(homes):
    home = homes(vault=lambda house: Failing(house.vault))
    visitor = home.visitor()
    home.house.vault.down = True
    assert visitor.send("GET", "/api/v1/auth/me").status == 503
    home.house.vault.down = False
    assert visitor.send("GET", "/api/v1/auth/me").status == 401


def test_a_clean_stop_loses_no_refusal(server):
    visitor, sent = Browser(server), 150
    visitor.cookies[SESSION] = "x"
    for _ in range(sent):
        assert visitor.send("GET", "/api/v1/auth/me").status == 401
    assert server.stop() == 0
    rows = [
        row["reasons"]
        for row in server.json("receipts", "list", "--most", "1000")
        if row["operation"] == "account.read"
    ]
    told = [int(words[1].removeprefix("count:")) if words[1:] else 1 for words in rows]
    assert sum(told) == sent
    assert len(told) < sent, "the flood was fast enough to be counted"
