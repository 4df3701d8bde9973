"""The law of one transaction, on both databases: durable, all or nothing, no change without its event."""

import asyncio
import itertools
import sqlite3
import threading
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.refusals import Code
from ostiary.kernel.values import SYSTEM, EventName
from ostiary.sessions.store import session_seen
from ostiary.storage.outbox import Change
from ostiary.storage.statements import Statement
from tests.storage.ground import (
    ADD,
    ALL,
    CLOCK,
    INSERT,
    MARK,
    REMOVE,
    SCOPE,
    TAKE,
    TAKE_RETURNING,
    add,
    event,
    things,
    together,
)

COUNT = itertools.count()
SEEN = Statement(session_seen.insert())
CHANGES = {
    "insert": lambda tx: tx.do(INSERT, id="y", mode="new", created_at=1),
    "insert or nothing": lambda tx: tx.do(ADD, id="y", mode="new", created_at=1),
    "update": lambda tx: tx.do(MARK),
    "delete": lambda tx: tx.do(REMOVE),
    "update returning": lambda tx: tx.all(TAKE_RETURNING),
    "update returning one": lambda tx: tx.one(TAKE_RETURNING),
    "update returning, counted": lambda tx: tx.do(TAKE_RETURNING),
}


async def test_what_is_answered_is_seen_by_others(ground, vault):
    for number in range(20):
        await vault.transact(SCOPE, add(f"t{number}"))
        assert f"t{number}" in ground.things()


async def test_the_answer_is_what_the_use_case_returns(vault):
    assert await vault.transact(SCOPE, lambda tx: (tx.scope, "answer")) == (SCOPE, "answer")


async def test_time_stands_still_in_a_transaction(vault):
    before = CLOCK()
    first, again = await vault.transact(SCOPE, lambda tx: (tx.now, tx.now))
    assert before <= first == again <= CLOCK()


def test_a_command_line_blocks_until_it_is_durable(ground, vault):
    assert vault.transact_now(SCOPE, add("t")) == 1
    assert ground.things() == ["t"]
    assert vault.read_now(SCOPE, lambda tx: tx.all(ALL)) == [("t",)]


def test_a_command_line_is_told_the_error(ground, vault):
    with pytest.raises(ContractBroken):
        vault.transact_now(SCOPE, CHANGES["insert"])
    assert ground.things() == []


async def test_an_exception_undoes_its_own_use_case_only(ground, vault):
    def breaks(tx):
        add("broken")(tx)
        raise LookupError("on purpose")

    first, broken, last = await together(vault, add("first"), breaks, add("last"))
    assert (first, last) == (1, 1)
    assert isinstance(broken, LookupError)
    assert ground.things() == ["first", "last"]
    assert [receipt[2] for receipt in ground.receipts()] == ["first", "last"]


async def test_a_violation_undoes_its_own_use_case_only(ground, vault):
    def twice(tx):
        tx.emit(event())
        for _ in range(2):
            tx.do(INSERT, id="twice", mode="new", created_at=1)
        return "not to be told"

    first, broken, last = await together(vault, add("first", INSERT), twice, add("last", INSERT))
    assert (first, last) == (1, 1)
    assert isinstance(broken, ContractBroken)
    assert ground.things() == ["first", "last"]


def twice(name):
    """Insert one key twice, by statements for which nobody waits."""

    def use_case(tx):
        add(name, INSERT)(tx)
        tx.do(INSERT, id=name, mode="new", created_at=1)

    return use_case


def breaking(use_case):
    def broken(tx):
        use_case(tx)
        raise LookupError("on purpose")

    return broken


KINDS = {
    "ok": add,
    "sure": lambda name: add(name, INSERT),
    "twice": twice,
    "twice and more": lambda name: lambda tx: (twice(name)(tx), tx.all(ALL)),
    "twice behind an answer": lambda name: lambda tx: (tx.all(ALL), twice(name)(tx)),
    "sure behind an answer": lambda name: lambda tx: (tx.all(ALL), add(name, INSERT)(tx)),
    "twice, then raise": lambda name: breaking(twice(name)),
    "raise": lambda name: breaking(add(name, INSERT)),
    "nothing": lambda _: lambda _: None,
    "event": lambda name: lambda tx: tx.emit(event(name)),
    "silent": lambda name: lambda tx: tx.do(INSERT, id=name, mode="new", created_at=1),
    "look": lambda _: lambda tx: tx.all(ALL),
}


WRITE = {"ok", "sure", "sure behind an answer"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=8))
def test_in_any_company_each_stands_or_falls_by_itself(ground, vault, company):
    names = [f"{next(COUNT):06}-{kind}" for kind in company]
    use_cases = [KINDS[kind](name) for kind, name in zip(company, names, strict=True)]
    outcomes = asyncio.run(together(vault, *use_cases))
    fell = [kind.startswith("twice") or kind in {"raise", "silent"} for kind in company]
    assert [isinstance(outcome, Exception) for outcome in outcomes] == fell, outcomes
    written = {name for name, kind in zip(names, company, strict=True) if kind in WRITE}
    assert written == set(names) & set(ground.things())
    spoken = {name for name, kind in zip(names, company, strict=True) if kind in WRITE | {"event"}}
    assert spoken == {receipt[2] for receipt in ground.receipts()} & set(names)


async def test_an_exception_hides_no_violation_from_the_next(ground, vault):
    def breaks(tx):
        for _ in range(2):
            with suppress(sqlite3.IntegrityError):  # PostgreSQL tells it later
                tx.do(INSERT, id="twice", mode="new", created_at=1)
        raise LookupError("on purpose")

    first, broken, last = await together(vault, add("first"), breaks, add("last"))
    assert (first, last) == (1, 1)
    assert isinstance(broken, LookupError)
    assert ground.things() == ["first", "last"]


async def test_nobody_is_told_success_of_what_was_undone(ground, vault):
    def goes_on(tx):
        add("before")(tx)
        try:
            tx.all(Statement(things.insert().returning(things.c.id)), id="before", mode="new", created_at=1)
        except Exception:  # noqa: BLE001 - the fault that is tried: a use case that hides an error
            return "went on"
        raise AssertionError("the second insert must break")

    outcomes = dict(
        zip(
            ["first", "before", "last"],
            await together(vault, add("first"), goes_on, add("last")),
            strict=True,
        )
    )
    told = {name for name, outcome in outcomes.items() if not isinstance(outcome, BaseException)}
    if ground.path is None:
        assert "went on after" in str(outcomes["before"])
    assert told >= {"first", "last"}
    assert set(ground.things()) == told


async def test_a_refusal_is_an_answer_and_commits_with_its_receipt(ground, vault):
    def refuses(tx):
        add("counted")(tx)
        return tx.refuse(EventName.TENANT_CREATE, SYSTEM, "x", Code.REQUEST_MALFORMED)

    refusal = await vault.transact(SCOPE, refuses)
    assert (refusal.code, ground.things()) == (Code.REQUEST_MALFORMED, ["counted"])
    assert ground.look("SELECT id, outcome FROM receipts")[1] == (refusal.receipt, "refused")


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_without_its_event_is_refused_and_undone(change, ground, vault):
    await vault.transact(SCOPE, add("x"))
    before = ground.look("SELECT * FROM things")
    with pytest.raises(ContractBroken, match="things changed without an event"):
        await vault.transact(SCOPE, CHANGES[change])
    assert ground.look("SELECT * FROM things") == before


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_with_its_event_stands(change, ground, vault):
    await vault.transact(SCOPE, add("x"))
    before = ground.look("SELECT * FROM things")
    await vault.transact(SCOPE, lambda tx: (CHANGES[change](tx), tx.emit(event())))
    assert ground.look("SELECT * FROM things") != before
    assert len(ground.receipts()) == 2


async def test_a_statement_that_changes_nothing_needs_no_event(vault):
    for change in (TAKE, TAKE_RETURNING, REMOVE):
        assert await vault.transact(SCOPE, lambda tx, change=change: tx.do(change)) == 0


async def test_rows_that_are_counted_need_not_be_read(ground, vault):
    await vault.transact(SCOPE, add("x"))
    assert await vault.transact(SCOPE, lambda tx: (tx.do(TAKE_RETURNING), tx.emit(event()))[0]) == 1
    assert ground.look("SELECT mode FROM things") == [("taken",)]


async def test_bookkeeping_needs_no_event(ground, vault):
    await vault.transact(SCOPE, lambda tx: tx.do(SEEN, session_id="ses-1", last_seen_at=5))
    await vault.transact(SCOPE, lambda tx: tx.shrink("session", "ses-1"))
    assert ground.look("SELECT session_id, last_seen_at FROM session_seen") == [("ses-1", 5)]
    assert ground.look("SELECT tenant_id, kind, subject FROM outbox") == [("default", "session", "ses-1")]
    assert ground.receipts() == []


@pytest.mark.parametrize(
    "change", [*CHANGES.values(), lambda tx: tx.emit(event()), lambda tx: tx.shrink("session", "s")]
)
async def test_a_reading_transaction_refuses_writes_and_events(change, ground, vault):
    with pytest.raises(ContractBroken, match="read-only"):
        await vault.read(SCOPE, change)
    assert (ground.things(), ground.receipts()) == ([], [])


async def test_a_read_is_one_snapshot(vault):
    looked, written = threading.Event(), threading.Event()

    def reads(tx):
        first = tx.all(ALL)
        looked.set()
        assert written.wait(10)
        return first, tx.all(ALL)

    read = asyncio.create_task(vault.read(SCOPE, reads))
    await asyncio.to_thread(looked.wait, 10)
    await vault.transact(SCOPE, add("meanwhile"))
    written.set()
    assert await read == ([], [])
    assert await vault.read(SCOPE, lambda tx: tx.all(ALL)) == [("meanwhile",)]


async def test_a_read_that_breaks_leaves_the_vault_usable(vault):
    for _ in range(20):
        with pytest.raises(KeyError):
            await vault.read(SCOPE, lambda tx: tx.all(INSERT) if tx.all(ALL) else {}["gone"])
    await vault.transact(SCOPE, add("later"))
    assert await vault.read(SCOPE, lambda tx: tx.all(ALL)) == [("later",)]


async def test_a_missing_bind_is_told_and_undone(ground, vault):
    first, broken = await together(vault, add("first"), lambda tx: tx.do(INSERT, id="y", mode="new"))
    assert (first, type(broken)) == (1, KeyError)
    assert ground.things() == ["first"]


async def test_a_change_is_announced_in_the_outbox_of_its_own_commit(ground, vault):
    def ends(tx):
        tx.shrink("session", "ses-1")
        raise LookupError("on purpose")

    with pytest.raises(LookupError):
        await vault.transact(SCOPE, ends)
    assert ground.look("SELECT * FROM outbox") == []
    assert Change("session", "ses-1") == Change(kind="session", subject="ses-1")
