"""Two nodes on PostgreSQL whose groups want each other's locks: neither fails, and nobody waits for a deadlock."""

import threading
from functools import partial

import pytest
from sqlalchemy import bindparam, update

from ostiary.kernel.values import SYSTEM, Event, EventName
from ostiary.storage.jobs import Job
from ostiary.storage.lines import Limits
from ostiary.storage.statements import Statement
from tests.storage.ground import ADD, PATIENCE_S, SCOPE, things

pytestmark = pytest.mark.postgres

TOUCH = Statement(update(things).where(things.c.id == bindparam("thing")).values(mode=bindparam("by")))


def touched(tx, *, thing, by, before=None, after=None):
    """Write to a thing; say when, and wait for what must have happened before."""
    if before is not None:
        assert before.wait(PATIENCE_S)
    assert tx.do(TOUCH, thing=thing, by=by) == 1
    tx.emit(Event(EventName.TENANT_CREATE, SYSTEM, thing))
    if after is not None:
        after.set()
    return by


@pytest.fixture
def nodes(postgres):
    made = [postgres.vault(limits=Limits(lock_ms=PATIENCE_S * 1000, statement_ms=PATIENCE_S * 1000)) for _ in range(2)]

    def things_there(tx):
        for thing in "xy":
            tx.do(ADD, id=thing, mode="new", created_at=1)
        tx.emit(Event(EventName.TENANT_CREATE, SYSTEM, "x"))

    made[0].transact_now(SCOPE, things_there)
    return made


def together(*works):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def test_groups_that_hold_what_the_other_wants_both_succeed(nodes):
    first = [threading.Event() for _ in nodes]
    groups = []
    for number, (one, other) in enumerate(("xy", "yx")):
        begins = partial(touched, thing=one, by=f"node {number}", after=first[number])
        goes_on = partial(touched, thing=other, by=f"node {number}", before=first[1 - number])
        groups.append([Job(SCOPE, begins), Job(SCOPE, goes_on)])
    together(*(partial(vault._groups.run, group) for vault, group in zip(nodes, groups, strict=True)))
    assert [job.value() for group in groups for job in group] == ["node 0", "node 0", "node 1", "node 1"]
    assert not any(job.busy for group in groups for job in group)


def test_who_waits_in_a_group_holds_up_nobody_else_of_it(nodes):
    """The holder lets go only when the group's other use case has committed."""
    held, let_go = threading.Event(), threading.Event()

    def holder(tx):
        touched(tx, thing="x", by="holder", after=held)
        assert let_go.wait(PATIENCE_S)
        return "held"

    def beside(tx):
        return touched(tx, thing="y", by="beside")

    waits = Job(SCOPE, lambda tx: touched(tx, thing="x", by="waits", before=held))
    group = [waits, Job(SCOPE, beside)]

    def watched():
        while nodes[0].read_now(SCOPE, lambda tx: tx.all(MODE_OF_Y)) != [("beside",)]:
            pass
        let_go.set()

    holding = Job(SCOPE, holder)
    together(partial(nodes[0]._groups.run, [holding]), partial(nodes[1]._groups.run, group), watched)
    assert [holding.value(), *(job.value() for job in group)] == ["held", "waits", "beside"]


MODE_OF_Y = Statement(things.select().where(things.c.id == "y").with_only_columns(things.c.mode))
