"""Pledges: an end waits for every leave that is outstanding, for no other, and never for longer than the leave."""

import asyncio
import subprocess
import sys
import time

from ostiary.kernel.clock import SECOND
from ostiary.storage.pledges import Pledges
from tests.storage.ground import SCOPE


class Ticks:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_a_leave_is_outstanding_until_it_has_confirmed_or_run_out(tmp_path):
    ticks = Ticks()
    mine, ender = Pledges(tmp_path / "t", ticks), Pledges(tmp_path / "t", ticks)
    assert not ender.outstanding(1)
    mine.pledge(until=ticks.now + 0.3, confirmed=4)
    assert not ender.outstanding(4)
    assert ender.outstanding(5)
    mine.pledge(until=ticks.now + 0.3, confirmed=5)
    assert not ender.outstanding(5)
    assert ender.outstanding(6)
    ticks.now += 0.299
    assert ender.outstanding(6)
    ticks.now += 0.002
    assert not ender.outstanding(6)


def test_each_process_has_a_slot_of_its_own_and_the_slowest_counts(tmp_path):
    ticks = Ticks()
    made = [Pledges(tmp_path / "t", ticks) for _ in range(3)]
    for confirmed, one in enumerate(made):
        one.pledge(ticks.now + 1, confirmed)
    assert made[0].outstanding(1)
    made[0].pledge(ticks.now + 1, 9)
    assert made[0].outstanding(2)
    assert not made[0].outstanding(1)


def test_a_slot_is_let_go_with_its_process_and_its_leave_still_runs_out(tmp_path):
    code = (
        "import sys, time; from functools import partial; from pathlib import Path;"
        "from ostiary.storage.pledges import Pledges;"
        "ticks = partial(time.clock_gettime, time.CLOCK_BOOTTIME);"
        "Pledges(Path(sys.argv[1]), ticks).pledge(ticks() + 3600, 1)"
    )
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "t")], check=True, timeout=60)
    real = Pledges(tmp_path / "t", lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
    assert real.outstanding(2), "whoever was granted leave may still use it"
    real.pledge(0.0, 0)
    assert real.outstanding(2), "and nobody takes its slot before it has run out"


def test_a_leave_stays_outstanding_when_its_process_has_died_and_another_takes_a_slot(tmp_path):
    ticks = Ticks()
    dead, alive = Pledges(tmp_path / "t", ticks), Pledges(tmp_path / "t", ticks)
    dead.pledge(ticks.now + 0.3, 5)
    dead.close()
    alive.pledge(ticks.now + 0.3, 6)
    assert alive.outstanding(6)
    ticks.now += 0.31
    assert not alive.outstanding(6)


async def test_an_end_is_told_when_the_leave_has_confirmed_it_and_others_do_not_wait(sqlite):
    vault = sqlite.vault()
    other = sqlite.vault().pledges
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    other.pledge(now + 3600, 0)
    ending = asyncio.ensure_future(vault.transact(SCOPE, lambda tx: tx.settle("session", "s")))
    assert await vault.transact(SCOPE, lambda _: "done") == "done"
    await asyncio.sleep(0)
    assert not ending.done()
    other.pledge(now + 3600, 1)
    await asyncio.wait_for(ending, 5)


def test_a_command_waits_too_and_no_longer_than_the_leave(sqlite):
    vault, other = sqlite.vault(), sqlite.vault().pledges
    until = time.clock_gettime(time.CLOCK_BOOTTIME) + 0.2
    other.pledge(until, 0)
    vault.transact_now(SCOPE, lambda tx: tx.settle("session", "s"))
    over = time.clock_gettime(time.CLOCK_BOOTTIME) - until
    assert over >= -1 / SECOND
    assert over < 2
