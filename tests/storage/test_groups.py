"""Groups of use cases, on both databases: their order, who is told when, who wins, who goes away."""

import asyncio
import threading

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert

from ostiary.kernel.errors import ContractBroken, OstiaryError, StoreUnavailable
from ostiary.storage.groups import Groups
from ostiary.storage.jobs import Job
from ostiary.storage.outbox import Change
from ostiary.storage.statements import Statement
from ostiary.storage.tally import Tally
from tests.storage.ground import (
    ADD,
    CLOCK,
    SCOPE,
    TAKE,
    TAKE_RETURNING,
    Gate,
    add,
    event,
    queued,
    together,
)

CHILDREN = Table("children", MetaData(), Column("id", String), Column("parent", String))
ORPHAN = Statement(insert(CHILDREN).values(id="o", parent="nobody"))


def ends(subject):
    """A use case that takes authority away."""

    def use_case(tx):
        tx.do(ADD, id=subject, mode="new", created_at=1)
        tx.emit(event(subject))
        tx.shrink("session", subject)

    return use_case


async def test_use_cases_run_in_the_order_in_which_they_came(vault):
    seen = []
    await together(vault, *(lambda _, number=number: seen.append(number) for number in range(300)))
    assert seen == list(range(300))


async def test_a_group_sees_what_stands_before_in_it(vault):
    outcomes = await together(vault, add("x"), lambda tx: (tx.do(TAKE), tx.emit(event()))[0], add("x"))
    assert outcomes == [1, 1, 0]


async def test_nobody_is_answered_before_the_group_has_committed(ground, vault):
    holds, gate = Gate(), Gate()
    first = asyncio.create_task(vault.transact(SCOPE, holds))
    await holds.entered()
    done, behind = await queued(vault, add("done"), gate)
    holds.open()
    await gate.entered()
    for _ in range(100):
        await asyncio.sleep(0)
    assert not done.done()
    assert ground.things() == []
    gate.open()
    await asyncio.gather(first, done, behind)
    assert ground.things() == ["done"]


async def test_a_commit_that_fails_answers_nobody_with_success(ground, vault):
    ground.run("CREATE TABLE parents (id VARCHAR PRIMARY KEY)")
    ground.run(
        "CREATE TABLE children (id VARCHAR, parent VARCHAR REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)"
    )
    told = []
    vault.listen(told.extend)
    outcomes = await together(vault, add("first"), lambda tx: (tx.do(ORPHAN), tx.emit(event())), ends("s"))
    assert [isinstance(outcome, OstiaryError) for outcome in outcomes] == [True] * 3
    assert (ground.things(), ground.receipts(), told) == ([], [], [])
    assert await vault.transact(SCOPE, add("later")) == 1


async def test_listeners_are_told_on_the_loop_after_the_commit_and_before_the_answer(ground, vault):
    loop, told, waiting = asyncio.get_running_loop(), [], {}

    def listener(changes):
        assert asyncio.get_running_loop() is loop
        subjects = [change.subject for change in changes]
        assert set(subjects) <= set(ground.things()), "told before the commit"
        assert not any(waiting[subject].done() for subject in subjects), "answered before"
        told.extend(subjects)

    vault.listen(listener)
    for number in range(20):
        names = [f"a{number}", f"b{number}"]
        waiting |= dict(zip(names, await queued(vault, *map(ends, names)), strict=True))
        await asyncio.gather(*waiting.values(), vault.transact(SCOPE, add(f"c{number}")))
        assert told[-2:] == names


async def test_a_listener_that_breaks_leaves_nobody_waiting_and_no_promise(ground, vault):
    def listener(changes):
        raise LookupError("on purpose")

    vault.listen(listener)
    broken, stands = await together(vault, ends("s"), add("t"))
    assert (type(broken), stands) == (LookupError, 1)
    assert ground.things() == ["s", "t"]


async def test_nobody_hears_of_a_change_that_was_undone(vault):
    told = []
    vault.listen(told.extend)

    def breaks(tx):
        ends("broken")(tx)
        raise LookupError("on purpose")

    await together(vault, breaks, ends("stands"), lambda tx: tx.shrink("session", "unspoken"))
    assert Change("session", "broken") not in told
    assert Change("session", "stands") in told


async def test_a_repeated_end_is_told_like_the_first(ground, vault):
    told = []
    vault.listen(told.extend)
    await vault.transact(SCOPE, lambda tx: tx.settle("session", "again"))
    assert told == [Change("session", "again")]
    assert ground.look("SELECT * FROM outbox") == []


@pytest.mark.parametrize("end", [ends("s"), lambda tx: tx.settle("session", "s")], ids=["first", "again"])
async def test_on_sqlite_the_tally_of_every_node_has_moved_before_an_end_is_told(end, sqlite):
    vault, node = sqlite.vault(), Tally(sqlite.path)
    moved = []
    vault.listen(lambda _: moved.append(node.count[0]))
    for expected in (1, 2):
        await vault.transact(SCOPE, end)
        assert moved[-1] == node.count[0] == expected
    vault.transact_now(SCOPE, end)
    assert node.count[0] == 3


async def test_what_ends_nothing_moves_no_tally(sqlite):
    vault, node = sqlite.vault(), Tally(sqlite.path)
    await vault.transact(SCOPE, add("t"))
    assert node.count[0] == 0


@pytest.mark.parametrize("take", [TAKE, TAKE_RETURNING])
async def test_single_use_has_one_winner_among_fifty(take, ground, vault):
    await vault.transact(SCOPE, add("x"))
    other = ground.vault()
    wins = await asyncio.gather(
        *(
            node.transact(SCOPE, lambda tx: (tx.do(take), tx.emit(event()))[0])
            for _ in range(25)
            for node in (vault, other)
        )
    )
    assert sorted(wins) == [0] * 49 + [1]


async def test_one_key_is_stored_once_by_fifty(ground, vault):
    other = ground.vault()
    counts = await asyncio.gather(*(node.transact(SCOPE, add("same")) for _ in range(25) for node in (vault, other)))
    assert sorted(counts) == [0] * 49 + [1]


async def test_a_waiter_who_goes_away_harms_nobody(ground, vault):
    gate = Gate()
    first = asyncio.create_task(vault.transact(SCOPE, gate))
    await gate.entered()
    gone, stays = await queued(vault, add("gone"), add("stays"))
    gone.cancel()
    first.cancel()
    await asyncio.sleep(0)
    gate.open()
    assert await stays == 1
    assert gone.cancelled()
    assert ground.things() == ["gone", "stays"]  # what was asked for happens, whoever still waits


async def test_closing_finishes_what_is_queued(ground, vault):
    gate = Gate()
    tasks = await queued(vault, gate, *(add(f"t{number:03}") for number in range(300)))
    await gate.entered()
    closing = asyncio.create_task(asyncio.to_thread(vault.close))
    gate.open()
    await closing
    assert [await task for task in tasks[1:]] == [1] * 300
    assert len(ground.things()) == 300


async def test_a_closed_vault_takes_no_more(vault):
    vault.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await vault.transact(SCOPE, add("late"))


async def test_a_full_queue_refuses_and_keeps_what_it_took():
    gate, done = Gate(), []

    def perform(group):
        gate(None)
        done.extend(group)

    groups = Groups(perform, lambda _: None, CLOCK, most=3)
    jobs = [Job(SCOPE, add(str(number))) for number in range(5)]
    groups.put(jobs[0])
    await gate.entered()
    for job in jobs[1:4]:
        groups.put(job)
    with pytest.raises(StoreUnavailable, match="too many"):
        groups.put(jobs[4])
    gate.open()
    groups.close()
    assert done == jobs[:4]


async def test_one_thread_takes_up_together_what_one_turn_of_the_loop_queued():
    loop, sizes, woken = asyncio.get_running_loop(), [], asyncio.Event()

    def perform(group):
        sizes.append(len(group))
        loop.call_soon_threadsafe(woken.set)

    groups = Groups(perform, lambda _: None, CLOCK)
    groups.put(Job(SCOPE, add("early"), loop))
    await woken.wait()  # the thread is awake from here on
    for number in range(50):
        groups.put(Job(SCOPE, add(str(number)), loop))
        threading.Event().wait(0.0001)  # time enough to be taken up alone
    await asyncio.sleep(0)
    groups.close()
    assert sizes == [1, 50]


def test_a_loop_that_ended_in_mid_turn_holds_up_nobody():
    performed, done, alive, gone = [], asyncio.Event(), asyncio.new_event_loop(), asyncio.new_event_loop()

    def perform(group):
        performed.extend(group)
        alive.call_soon_threadsafe(done.set)

    groups = Groups(perform, lambda _: None, CLOCK)
    groups.put(Job(SCOPE, add("gone"), gone))
    gone.close()
    groups.put(Job(SCOPE, add("alive"), alive))
    alive.run_until_complete(asyncio.wait_for(done.wait(), 10))
    groups.close()
    alive.close()
    assert len(performed) == 2


@pytest.mark.parametrize(("took", "failed"), [(1_000_001, 4), (999_999, 1)], ids=["hung", "quick"])
async def test_who_queued_up_behind_a_store_that_hung_need_not_hang_in_turn(took, failed):
    told, performed, now, gate = [], [], [0], Gate()

    def perform(group):
        performed.extend(group)
        if len(performed) == 1:
            gate(None)
            raise StoreUnavailable("once")

    jobs = [Job(SCOPE, add(str(number))) for number in range(4)]
    groups = Groups(perform, told.extend, lambda: now[0])
    groups.put(jobs[0])
    await gate.entered()
    for job in jobs[1:]:
        groups.put(job)
    now[0] = took
    gate.open()
    groups.close()
    assert sorted(map(id, told)) == sorted(map(id, jobs))
    assert [str(job.error) for job in jobs] == ["once"] * failed + ["None"] * (4 - failed)


async def test_jobs_without_a_loop_cannot_be_awaited():
    with pytest.raises(ContractBroken):
        await Job(SCOPE, add("x")).outcome()
