"""Behind a real PgBouncer, in both of its modes: transactions meet other server processes, and nothing is lost or left."""

import asyncio
import os
from contextlib import ExitStack, closing

import pytest
from sqlalchemy import func, select

from ostiary.kernel.errors import StoreUnavailable
from ostiary.storage import schema
from ostiary.storage.lines import Limits, Line, Lines
from ostiary.storage.statements import Statement
from tests.rigs.pooler import pooler, program
from tests.storage.ground import ALL, MAKE_THINGS, SCOPE, Ground, add, postgres_database

pytestmark = [pytest.mark.postgres, pytest.mark.skipif(program() is None, reason="no PgBouncer here")]
SLEEP = Statement(select(func.pg_sleep(30)))
NAMES = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit")


@pytest.fixture(scope="module", params=["session", "transaction"])
def through(request):
    """A database's address past the pooler, and through it."""
    with postgres_database(os.environ["OSTIARY_TEST_POSTGRES_URL"]) as url, pooler(url, request.param, 16) as made:
        schema.upgrade(made.url)
        Ground(schema.sqlalchemy_url(url)).run(MAKE_THINGS)
        yield url, made.url


@pytest.fixture
def ground(through):
    with closing(Ground(schema.sqlalchemy_url(through[1]))) as made:
        yield made


def test_a_line_knows_whether_a_pooler_stands_in_between(through):
    direct, pooled = (schema.libpq_url(url) for url in through)
    with closing(Line(direct, Limits())) as near, closing(Line(pooled, Limits())) as far:
        assert (near.pooled, far.pooled) == (False, True)


async def test_many_writers_and_readers_share_a_few_server_processes(ground):
    vaults = [ground.vault() for _ in range(6)]
    calls = [
        vault.transact(SCOPE, add(f"{number}-{turn}")) for turn in range(10) for number, vault in enumerate(vaults)
    ]
    assert await asyncio.gather(*calls) == [1] * 60
    reads = [vault.read(SCOPE, lambda tx: len(tx.all(ALL))) for vault in vaults for _ in range(2)]
    assert set(await asyncio.gather(*reads)) == {60}
    assert [len(rows) for rows in await asyncio.gather(*(vault.fetch(ALL) for vault in vaults))] == [60] * 6


async def test_a_slow_statement_is_given_up_in_every_transaction(ground):
    vault = ground.vault(limits=Limits(statement_ms=200))
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="statement timeout"):
            await vault.read(SCOPE, lambda tx: tx.all(SLEEP))
        with pytest.raises(StoreUnavailable, match="statement timeout"):
            await vault.fetch(SLEEP)
        with pytest.raises(StoreUnavailable, match="statement timeout"):
            await vault.transact(SCOPE, lambda tx: tx.all(SLEEP))


def test_the_limits_hold_in_each_transaction_and_leave_nothing_in_transaction_mode(through):
    _, pooled = through
    limits = Limits(statement_ms=1234, lock_ms=567, idle_ms=8901)
    with closing(Line(schema.libpq_url(pooled), limits)) as line:
        line.begin()
        assert [line.execute(f"SHOW {name}").fetchall()[0][0] for name in NAMES] == ["1234ms", "567ms", "8901ms", "on"]
        line.commit()
        assert line.alone("SHOW lock_timeout").fetchall() == [("567ms",)]
        assert line.execute("SHOW lock_timeout").fetchall() == [("0",)]
        assert line.execute("SELECT count(*) FROM pg_prepared_statements").fetchall() == [(0,)]


def test_lines_that_take_turns_meet_other_server_processes(through):
    lines = Lines(schema.libpq_url(through[1]), Limits(), 4)
    with ExitStack() as stack:
        lent = [stack.enter_context(lines.line()) for _ in range(3)]
        for turn in range(20):
            one, held = lent[turn % 3], lent[(turn + 1) % 3]
            held.begin()
            assert one.alone("SELECT $1::text", ["x"]).fetchall() == [("x",)]
            held.commit()
    lines.close()
