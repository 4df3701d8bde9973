"""The rows of kill -9: every use case on both databases, each database in a process of its own."""

import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, nullcontext
from multiprocessing import get_context
from pathlib import Path

from tests.faults.cases import CASES
from tests.faults.kills import Victim, kills
from tests.faults.scene import Row
from tests.storage.ground import postgres_database

__all__ = ["killed", "killing"]


def killing(wanted, *, every):
    """kill -9 at each named step of each use case: one row for each database, both at once."""
    names = {database: f"kill -9 at each step, {database}" for database in ("SQLite", "PostgreSQL")}
    chosen = {database: name for database, name in names.items() if wanted(name)}
    if "PostgreSQL" in chosen and "OSTIARY_TEST_POSTGRES_URL" not in os.environ:
        why = "no PostgreSQL: apt-get install postgresql (as root)"
        yield Row(chosen.pop("PostgreSQL"), "", "-", [], why)
    if chosen:  # processes of their own: who forks should have no threads
        with ProcessPoolExecutor(len(chosen), get_context("spawn")) as pool:
            works = [pool.submit(killed, name, database, every=every) for database, name in chosen.items()]
            yield from (work.result() for work in works)


def killed(name, database, *, every=False, cases=CASES):
    """Kill through these cases on one database; a line of progress for each."""
    url = nullcontext("") if database == "SQLite" else postgres_database(os.environ["OSTIARY_TEST_POSTGRES_URL"])
    wrong, count, steps = [], 0, set()
    with tempfile.TemporaryDirectory() as folder, url as address, ExitStack() as stack:
        victim = stack.enter_context(closing(Victim(Path(folder), url=address)))
        for case in cases:
            before = count
            for kill in kills(victim, case, every=every):
                count += 1
                steps.add(kill.step)
                wrong += [f"{kill.case}, {kill.step} {kill.number}: {kill.wrong}"] if kill.wrong else []
            print(f"    {database}, {case}: {count - before} kills", flush=True)
        wrong += victim.unverified()
    return Row(name, f"{len(cases)} use cases, {len(steps)} steps, {count} kills", "at restart", wrong)
