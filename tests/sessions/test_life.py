"""Random lives of sessions against the real store, and faults planted by handing a faulty part in: each is found."""

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from hypothesis.stateful import run_state_machine_as_test

from ostiary.house import database_path
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import EventName
from ostiary.receipts.ledger import SigningLedger
from ostiary.sessions.store import sessions
from ostiary.storage.sqlite import SqliteVault
from tests.rigs.databases import migrated_url
from tests.sessions.life import SessionLife
from tests.sessions.world import PostgresStage, Stage

QUIET = settings(
    derandomize=True,
    deadline=None,
    database=None,
    stateful_step_count=200,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


MEMORY = Path("/dev/shm")  # where there is one: what is tried here is not the disk


@pytest.fixture(scope="module")
def stage():
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Stage(Path(folder))


def living(stage, fit=None):
    """A machine of its own, with its own count."""
    return type("Life", (SessionLife,), {"stage": stage, "fit": staticmethod(fit) if fit else None})


def lived(stage, examples, fit=None, **more):
    """Let sessions live in so many examples; return how many steps were taken."""
    machine = living(stage, fit)
    run_state_machine_as_test(machine, settings=settings(QUIET, max_examples=examples, **more))
    return machine.steps


@pytest.mark.timeout(600)
def test_every_life_of_a_session_keeps_the_laws(stage):
    assert lived(stage, 80) > 5000


@pytest.mark.postgres
def test_every_life_of_a_session_keeps_the_laws_on_postgresql(tmp_path):
    with ExitStack() as stack:
        assert lived(PostgresStage(tmp_path, lambda: stack.enter_context(migrated_url())), 6) > 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_times_as_many_lives(stage):
    """Other lives at each run: what is found prints its steps."""
    assert lived(stage, int(os.environ.get("LIVES", "450")), derandomize=False) > 10_000


# Planted faults.


class Part:
    """A vault in front of the real one, which changes what happens in a use case."""

    def __init__(self, vault):
        self.vault = vault

    def __getattr__(self, name):
        return getattr(self.vault, name)

    def altered(self, use_case):
        return use_case

    async def transact(self, scope, use_case):
        return await self.vault.transact(scope, self.altered(use_case))

    def transact_now(self, scope, use_case):
        return self.vault.transact_now(scope, self.altered(use_case))


class Other:
    """A transaction in front of the real one."""

    def __init__(self, tx):
        self.tx = tx

    def __getattr__(self, name):
        return getattr(self.tx, name)


class Untold(Part):
    """Ends are stored, and no cache ever hears of them."""

    def altered(self, use_case):
        class Silent(Other):
            def shrink(self, kind, subject):
                pass

        return lambda tx: use_case(Silent(tx))


class Receiptless(Part):
    """Ends leave no receipt."""


class Busy(Part):
    """Whatever is refused ends a session all the same."""

    def altered(self, use_case):
        def acted(tx):
            outcome = use_case(tx)
            if isinstance(outcome, Refusal):
                tx._connection.execute("UPDATE sessions SET ended_at = 1, end_reason = 'x' WHERE ended_at = 0")
            return outcome

        return acted


class Lossy(Part):
    """An end is acknowledged and not stored."""

    def altered(self, use_case):
        class Losing(Other):
            def do(self, statement, **binds):
                ends = statement.table == sessions.name and "reason" in binds
                return 1 if ends else self.tx.do(statement, **binds)

        return lambda tx: use_case(Losing(tx))


class Selective:
    """A ledger that writes no receipt of an end."""

    def __init__(self, ledger):
        self.ledger = ledger

    def record(self, tx, event):
        return "rcp-none" if event.name is EventName.SESSION_END else self.ledger.record(tx, event)


def wrapped(part):
    return lambda house: msgspec.structs.replace(house, vault=part(house.vault))


def receiptless(house):
    house.vault.close()
    ledger = Selective(SigningLedger(house.keyring))
    vault = SqliteVault(database_path(house.settings), house.clock, system_secrets, ledger)
    return msgspec.structs.replace(house, vault=vault)


def longer(**limits):
    """`now > end` instead of `now >= end` is a limit that is one microsecond longer."""

    def fit(house):
        given = {name: getattr(house.settings.sessions, name) + more for name, more in limits.items()}
        changed = msgspec.structs.replace(house.settings.sessions, **given)
        return msgspec.structs.replace(house, settings=msgspec.structs.replace(house.settings, sessions=changed))

    return fit


FAULTS = {
    "the cache is not told of an end": wrapped(Untold),
    "an end leaves no receipt": receiptless,
    "a refused act ends a session": wrapped(Busy),
    "an end is acknowledged and not stored": wrapped(Lossy),
    "the instant of the idle time is alive": longer(idle=1),
    "the instant of the absolute time is alive": longer(absolute=1),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_planted_fault_is_found(stage, fault):
    machine = living(stage, FAULTS[fault])
    with suppress(AssertionError, Flaky):  # what the faulty world does twice need not be the same
        run_state_machine_as_test(machine, settings=settings(QUIET, max_examples=20, report_multiple_bugs=False))
    assert machine.found
