"""The roll and the barrier on a real PostgreSQL: who ends something waits, a late commit is heard, clocks play no part."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from ostiary.storage.leases import PostgresLeases
from ostiary.storage.outbox import Change
from ostiary.storage.postgres import CHANNEL
from ostiary.storage.roll import PATIENCE_S, contains
from ostiary.storage.schema import libpq_url
from tests.storage.ground import SCOPE, add

pytestmark = pytest.mark.postgres

ADD = (
    "INSERT INTO outbox (tenant_id, kind, subject, at, xid)"
    " VALUES ('default', 'session', '{}', 0, pg_current_xact_id()::text::bigint)"
)


@pytest.fixture
def leases(postgres):
    with closing(PostgresLeases(libpq_url(postgres.url), "here:1")) as made:
        yield made


def ending(subject):
    def use_case(tx):
        add(subject)(tx)
        tx.shrink("session", subject)

    return use_case


def settling(tx):
    tx.settle("session", "s1")


def follow(leases, node="n1", after=""):
    """One round of a node; return its snapshot."""
    news = leases.news(after)
    leases.renew(node, news.snapshot)
    return news.snapshot


class Acting(threading.Thread):
    """A use case in a thread of its own."""

    def __init__(self, vault, use_case):
        super().__init__()
        self.began, self.took = time.monotonic(), 0.0
        self._act = lambda: vault.transact_now(SCOPE, use_case)
        self.start()

    def run(self):
        self._act()
        self.took = time.monotonic() - self.began


def test_the_transaction_with_the_smaller_id_that_commits_late_is_heard(postgres, leases):
    start = leases.news("").snapshot
    with postgres.eyes() as late, postgres.eyes() as early:
        late.execute("BEGIN")
        late.execute(ADD.format("late"))
        early.execute(ADD.format("early"))
        first = leases.news(start)
        assert first.changes == [Change("session", "early")]
        late.execute("COMMIT")
        second = leases.news(first.snapshot)
        assert second.changes == [Change("session", "late")]
        assert leases.news(second.snapshot).changes == []
        (smaller,), (larger,) = early.execute("SELECT xid FROM outbox ORDER BY id").fetchall()
    assert smaller < larger
    assert [contains(first.snapshot, xid) for xid in (smaller, larger)] == [False, True]
    assert [contains(second.snapshot, xid) for xid in (smaller, larger)] == [True, True]


def test_a_long_transaction_elsewhere_holds_up_no_confirmation(postgres, leases):
    with postgres.eyes() as long:
        long.execute("BEGIN")
        long.execute("SELECT pg_current_xact_id()")
        start = leases.news("").snapshot
        postgres.run(ADD.format("s1"))
        (xid,) = postgres.look("SELECT xid FROM outbox")[0]
        news = leases.news(start)
        assert news.changes == [Change("session", "s1")]
        assert contains(news.snapshot, xid)


@pytest.mark.parametrize("use_case", [ending("s1"), settling], ids=["first", "repeated"])
def test_an_end_is_acknowledged_when_a_node_confirms_it_and_wakes_the_node(postgres, leases, use_case):
    vault = postgres.vault()
    snapshot = follow(leases)
    with postgres.eyes() as ear:
        ear.execute(f"LISTEN {CHANNEL}")
        acting = Acting(vault, use_case)
        assert next(ear.notifies(timeout=20, stop_after=1)).channel == CHANNEL
        assert acting.is_alive()
        follow(leases, after=snapshot)
        acting.join()
    assert acting.took < PATIENCE_S


def test_a_dead_node_delays_one_end_by_a_lease_and_the_next_one_not(postgres, leases):
    vault = postgres.vault()
    follow(leases)
    first = Acting(vault, ending("s1"))
    first.join()
    assert first.took >= PATIENCE_S
    assert leases.roll() == []
    second = Acting(vault, ending("s2"))
    second.join()
    assert second.took < PATIENCE_S


async def test_others_are_answered_while_an_end_waits_and_the_end_when_it_may_be(postgres, leases):
    vault = postgres.vault()
    follow(leases)
    began = time.monotonic()
    ended = vault.transact(SCOPE, ending("s1"))
    waiting = asyncio.ensure_future(ended)
    await vault.transact(SCOPE, add("other"))
    assert not waiting.done()
    await waiting
    assert time.monotonic() - began >= PATIENCE_S


def test_who_renewed_meanwhile_is_not_struck_off(leases):
    follow(leases)
    (seen,) = leases.roll()
    follow(leases)
    leases.strike(seen)
    assert [node.renewals for node in leases.roll()] == [2]
    leases.leave("n1")
    assert leases.roll() == []


def test_a_command_on_sqlite_does_not_import_what_only_postgresql_needs():
    program = "import json, sys; import ostiary.cli.doctor.database; print(json.dumps('psycopg' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False


def test_a_rolled_back_end_is_announced_to_nobody(postgres, leases):
    start = leases.news("").snapshot
    with postgres.eyes() as other:
        other.execute("BEGIN")
        other.execute(ADD.format("s1"))
        other.execute("ROLLBACK")
    assert leases.news(start).changes == []
