"""PostgreSQL at its worst, each fault really provoked on a server of our own, and recovery without a restart."""

import asyncio
import threading
import time
from contextlib import ExitStack, closing

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from sqlalchemy import func, select

from ostiary.kernel.errors import ContractBroken, StoreUnavailable
from ostiary.storage import schema
from ostiary.storage.lines import Limits, Line, Lines
from ostiary.storage.statements import Statement
from tests.rigs.counterparts import programs
from tests.storage.cluster import cluster
from tests.storage.ground import (
    ALL,
    INSERT,
    MAKE_THINGS,
    MARK,
    SCOPE,
    TAKE,
    Gate,
    Ground,
    add,
    event,
    postgres_database,
    queued,
    things,
    together,
)

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(programs() is None, reason="no initdb here: a server of our own cannot be made"),
]

QUICK = Limits(answer_s=1.0, statement_ms=300, lock_ms=150)
SLEEP = Statement(select(func.pg_sleep(30)))
BOUND_S = 5.5  # 2.5 s by the limits, and what a busy machine adds


@pytest.fixture(scope="module")
def server():
    with cluster() as made:
        yield made


@pytest.fixture
def ground(server):
    with postgres_database(f"{server.url}/postgres") as url:
        schema.upgrade(schema.sqlalchemy_url(url))
        with closing(Ground(schema.sqlalchemy_url(url))) as made:
            made.run(MAKE_THINGS)
            yield made


def name_of(ground):
    return ground.url.rpartition("/")[2]


async def in_the_middle(vault, meanwhile):
    """The outcome of a use case that has written and then meets what happens meanwhile, and of those in its group."""
    gate = Gate()

    def use_case(tx):
        add("middle")(tx)
        gate(tx)
        return add("after")(tx)

    tasks = await queued(vault, add("before"), use_case, add("behind"))
    await gate.entered()
    await asyncio.to_thread(meanwhile)
    gate.open()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def told_within_bounds(call):
    began = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await call
    assert time.monotonic() - began < BOUND_S


async def test_a_connection_that_is_cut_off_undoes_its_group(server, ground):
    vault = ground.vault()
    await vault.transact(SCOPE, add("answered"))
    first, *cut = await in_the_middle(vault, lambda: server.terminate(name_of(ground)))
    acknowledged = {"answered"} | ({"before"} if first == 1 else set())
    assert [type(outcome) for outcome in cut if outcome != 1][:1] == [StoreUnavailable]
    assert acknowledged <= set(ground.things()) <= {"answered", "before", "behind"}
    assert await vault.transact(SCOPE, add("later")) == 1


async def test_connections_at_rest_that_were_cut_off_are_replaced_unseen(server, ground):
    vault = ground.vault()
    for _ in range(3):
        assert await vault.transact(SCOPE, add("x")) in {0, 1}
        await asyncio.gather(*(vault.read(SCOPE, lambda tx: tx.all(ALL)) for _ in range(8)))
        await asyncio.gather(*(vault.fetch(ALL) for _ in range(8)))
        await asyncio.to_thread(server.terminate, name_of(ground))
    assert await vault.fetch(ALL) == [("x",)]


async def test_a_server_that_stops_is_told_and_works_again_when_it_is_back(server, ground):
    vault = ground.vault()
    await vault.transact(SCOPE, add("answered"))
    with ExitStack() as stack:
        outcomes = await in_the_middle(vault, lambda: stack.enter_context(server.stopped()))
        assert StoreUnavailable in {type(outcome) for outcome in outcomes}
        for call in (vault.transact(SCOPE, add("x")), vault.read(SCOPE, TAKE), vault.fetch(ALL)):
            await told_within_bounds(call)
        with pytest.raises(StoreUnavailable):
            schema.state(ground.url)
    assert "answered" in ground.things()
    assert "middle" not in ground.things()
    assert await vault.transact(SCOPE, add("later")) == 1
    assert ("later",) in await vault.fetch(ALL)


async def test_a_server_that_hangs_is_given_up_in_time_by_all_who_wait(server, ground):
    vault = ground.vault()
    await vault.transact(SCOPE, add("answered"))
    await vault.fetch(ALL)
    with server.paused():
        began = time.monotonic()
        calls = [vault.transact(SCOPE, add(f"x{number}")) for number in range(300)]
        calls += [vault.read(SCOPE, lambda tx: tx.all(ALL)), vault.fetch(ALL)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        took = time.monotonic() - began
        assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
        assert took < BOUND_S
        await told_within_bounds(vault.transact(SCOPE, add("again")))  # now a new connection hangs
    assert await vault.transact(SCOPE, add("later")) == 1
    assert "answered" in ground.things()


async def test_a_slow_statement_is_given_up_alone(ground):
    vault = ground.vault(limits=QUICK)
    first, slow, last = await together(vault, add("first"), lambda tx: tx.all(SLEEP), add("last"))
    assert (first, type(slow), last) == (1, StoreUnavailable, 1)
    assert "statement timeout" in str(slow)
    with pytest.raises(StoreUnavailable, match="statement timeout"):
        await vault.read(SCOPE, lambda tx: tx.all(SLEEP))
    assert ground.things() == ["first", "last"]


async def test_a_foreign_lock_is_given_up_alone(ground):
    vault = ground.vault(limits=QUICK)
    await vault.transact(SCOPE, add("x"))
    with ground.eyes() as stranger:
        stranger.execute("BEGIN; UPDATE things SET mode = 'held'")
        first, locked, last = await together(
            vault, add("first"), lambda tx: (tx.do(MARK), tx.emit(event())), add("last")
        )
        stranger.execute("ROLLBACK")
    assert (first, type(locked), last) == (1, StoreUnavailable, 1)
    assert "lock timeout" in str(locked)
    assert ground.things() == ["first", "last", "x"]


async def test_a_deadlock_between_nodes_ends_with_one_winner(ground):
    one, two = ground.vault(), ground.vault()
    await one.transact(SCOPE, add("x"))
    await one.transact(SCOPE, add("y"))
    rows = {name: Statement(things.update().where(things.c.id == name).values(mode="m")) for name in "xy"}
    meet = threading.Barrier(2)

    def crossing(first, second):
        def use_case(tx):
            tx.do(rows[first])
            meet.wait(10)
            tx.do(rows[second])
            tx.emit(event())
            return "won"

        return use_case

    outcomes = await asyncio.gather(
        one.transact(SCOPE, crossing("x", "y")),
        two.transact(SCOPE, crossing("y", "x")),
        return_exceptions=True,
    )
    assert "won" in outcomes
    assert [type(outcome) for outcome in outcomes].count(StoreUnavailable) == 1


async def test_too_many_connections_are_told_and_forgotten(server, ground):
    vault = ground.vault()
    with ExitStack() as stack:

        def crowd():
            while True:
                stack.enter_context(psycopg.connect(f"{server.url}/postgres"))

        with pytest.raises(psycopg.OperationalError, match="too many"):
            crowd()
        for call in (vault.transact(SCOPE, add("x")), vault.fetch(ALL)):
            await told_within_bounds(call)
    assert await vault.transact(SCOPE, add("later")) == 1


async def test_a_database_that_is_read_only_is_not_our_fault(ground):
    vault = ground.vault()
    ground.run(f"ALTER DATABASE {name_of(ground)} SET default_transaction_read_only = on")
    with pytest.raises(StoreUnavailable, match="read-only"):
        await vault.transact(SCOPE, add("refused"))
    assert await vault.read(SCOPE, lambda tx: tx.all(ALL)) == []


async def test_a_right_that_was_not_given_is_not_our_fault(server, ground):
    ground.run("DROP ROLE IF EXISTS guest")
    ground.run("CREATE ROLE guest LOGIN")
    guest = Ground(ground.url.replace("postgres@", "guest@"))
    with closing(guest), pytest.raises(StoreUnavailable, match="permission denied"):
        await guest.vault().transact(SCOPE, add("refused"))
    ground.run("DROP ROLE guest")


@pytest.mark.parametrize(
    "wrong",
    [
        add("with\0nul"),
        lambda tx: tx._connection.execute("SELECT nonsense"),
        lambda tx: tx._connection.execute("SELECT 1/0"),
        lambda tx: tx._connection.execute("SELECT $1", []),
        lambda tx: tx._connection.execute("SELECT $1", [object()]),
        lambda tx: tx._connection.execute("INSERT INTO things (id) VALUES ('x')"),
    ],
    ids=["NUL", "syntax", "zero", "binds", "type", "null"],
)
async def test_what_we_did_wrong_is_ours_and_harms_no_other(wrong, ground):
    first, broken, last = await together(ground.vault(), add("first"), wrong, add("last"))
    assert (first, last) == (1, 1)
    assert isinstance(broken, ContractBroken), repr(broken)
    assert ground.things() == ["first", "last"]


async def test_an_error_does_not_quote_rows(ground):
    def twice(tx):
        for _ in range(2):
            tx.do(INSERT, id="private", mode="new", created_at=1)
        tx.emit(event())

    with pytest.raises(ContractBroken) as broken:
        await ground.vault().transact(SCOPE, twice)
    assert "private" not in str(broken.value)


def test_a_commit_of_what_had_failed_is_no_commit(ground):
    with closing(Line(schema.libpq_url(ground.url), Limits())) as line:
        line.put("BEGIN")
        with pytest.raises(psycopg.errors.DivisionByZero):
            line.execute("SELECT 1/0")
        line.settle()
        with pytest.raises(ContractBroken):
            line.check()
        with pytest.raises(StoreUnavailable, match="ROLLBACK to COMMIT"):
            line.commit()
        assert line.execute("SELECT 1").fetchall() == [(1,)]


def test_a_line_that_was_given_up_is_never_used_again(ground):
    with closing(Line(schema.libpq_url(ground.url), Limits(answer_s=0.1))) as line:
        with pytest.raises(psycopg.OperationalError, match="did not answer in time"):
            line.execute("SELECT pg_sleep(1)")
        assert line.lost
        with pytest.raises(StoreUnavailable, match="lost"):
            line.settle()


def test_the_last_word_of_the_server_is_what_is_told(ground):
    with closing(Line(schema.libpq_url(ground.url), Limits())) as line:
        with pytest.raises(psycopg.errors.AdminShutdown):
            line.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        assert line.lost


def test_the_limits_reach_the_server_and_commits_are_durable(ground):
    ground.run(f"ALTER DATABASE {name_of(ground)} SET synchronous_commit = off")
    with closing(Line(schema.libpq_url(ground.url), Limits())) as line:
        names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit")
        assert [line.execute(f"SHOW {name}").fetchall()[0][0] for name in names] == ["2s", "1s", "10s", "on"]
    ground.run(f"ALTER DATABASE {name_of(ground)} SET synchronous_commit = remote_apply")
    with closing(Line(schema.libpq_url(ground.url), Limits())) as line:
        assert line.execute("SHOW synchronous_commit").fetchall() == [("remote_apply",)]


def test_no_more_connections_rest_than_may(ground):
    lines = Lines(schema.libpq_url(ground.url), Limits(), 2)
    with ExitStack() as stack:
        lent = [stack.enter_context(lines.line()) for _ in range(4)]
    assert [line.lost for line in lent].count(False) == 2
    lines.close()
    assert all(line.lost for line in lent)


def test_a_use_case_that_breaks_costs_no_connection(ground):
    lines, used = Lines(schema.libpq_url(ground.url), Limits(), 2), []

    def breaks():
        with lines.line() as line:
            used.append(line)
            line.put("BEGIN")
            line.put("SELECT 1/0")
            line.execute("SELECT 1")

    with pytest.raises(psycopg.errors.DivisionByZero):
        breaks()
    (first,) = used
    with lines.line() as second:
        assert second is first
        assert second.execute("SELECT 1").fetchall() == [(1,)]
        assert second._connection.info.transaction_status is TransactionStatus.IDLE
    lines.close()
