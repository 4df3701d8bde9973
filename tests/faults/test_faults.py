"""A quick selection of the faults table; `make faults` runs the whole of it."""

from contextlib import closing

import pytest

from ostiary.kernel.values import EventName
from tests.faults.__main__ import line, page
from tests.faults.cases import CASES, READS, REFUSALS_ONLY
from tests.faults.floods import floods
from tests.faults.killing import killed, killing
from tests.faults.kills import Victim, kills
from tests.faults.scene import Row
from tests.faults.steps import STEPS
from tests.faults.stores import clock, disk, pgbouncer, postgres

QUICK = ("session.end", "login.passkey.finish")
POSTGRES = pytest.mark.postgres


def rows(fault, *names):
    """The rows of faults by name, each of which must hold."""
    made = list(fault(lambda name: name in names))
    for row in made:
        if row.skipped:
            pytest.skip(row.skipped)
        assert row.wrong == [], line(row)
    assert [row.name for row in made] == list(names)


def test_every_use_case_has_its_row(gatehouse):
    operations = {operation.name for operation in gatehouse.application.operations}
    assert operations <= {*CASES, *READS}, "an operation without a row in tests/faults/cases.py"
    events = {event for case in CASES.values() for event in case.events}
    assert {name.value for name in EventName} == {*events, *REFUSALS_ONLY}
    assert not events & REFUSALS_ONLY


@pytest.fixture(params=["SQLite", pytest.param("PostgreSQL", marks=POSTGRES)])
def database(request):
    return request.param


def test_kill_9_at_each_step_loses_nothing(database):
    row = killed("kill -9", database, cases=QUICK)
    assert row.wrong == []
    assert f", {len(STEPS)} steps, " in row.meanwhile, "a step that nobody passes any more"


class Forgetful(Victim):
    """A victim whose store comes back from a restart as it was before the act: what was acknowledged is lost."""

    def shut(self):
        super().shut()
        self.kept = {path: path.read_bytes() for path in (self.folder / "data").glob("ostiary.sqlite")}

    def boot(self):
        if hasattr(self, "kept"):
            for path in (self.folder / "data").glob("ostiary.sqlite-*"):
                path.unlink()
            for path, content in self.kept.items():
                path.write_bytes(content)
        super().boot()


class HalfDone(Victim):
    """A victim that changes a table behind the log's back when it is opened again."""

    def boot(self):
        super().boot()
        if len(self.log()) > 10:
            self.write("UPDATE sessions SET label_sealed = x'00'")


@pytest.mark.parametrize(
    ("kind", "step", "words"), [(Forgetful, "committed", "durable were"), (HalfDone, "begun", "half done")]
)
def test_a_store_that_loses_or_halves_is_found(tmp_path, kind, step, words):
    with closing(kind(tmp_path)) as victim:
        found = [kill for kill in kills(victim, "services rotate") if kill.step == step]
    assert [words in kill.wrong for kill in found] == [True], found


@pytest.mark.slow
def test_a_full_disk():
    rows(disk, "disk full")


@pytest.mark.slow
def test_a_clock_that_is_set_back():
    rows(clock, "clock set back 6 h, restart")


def test_a_flood_of_headers():
    rows(floods, "header floods (300 KB, 5,000 fields)")


@POSTGRES
@pytest.mark.slow
def test_a_pooler_in_transaction_mode():
    rows(pgbouncer, "behind PgBouncer, transaction mode")


@POSTGRES
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_all_that_can_befall_postgresql():
    assert all(row.wrong == [] and not row.skipped for row in postgres(lambda _: True))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kill_9_at_every_passing_of_every_step(database):
    assert [row.wrong for row in killing(lambda name: name.endswith(database), every=True)] == [[]]


def test_a_row_says_what_is_wrong():
    held, lost = Row("disk full", "200×1", "0.1 s", []), Row("disk full", "200×1", "-", ["it did not heal"])
    assert line(held).endswith("hold, nothing lost")
    assert "| 0.1 s | hold, nothing lost |" in page([held])
    assert lost.verdict == "it did not heal"
