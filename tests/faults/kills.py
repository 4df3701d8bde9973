"""kill -9 at each named step of each use case, in a process of its own, and what is there after the restart."""

import asyncio
import faulthandler
import hashlib
import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from http.client import HTTPException
from typing import NamedTuple

import msgspec
import psycopg

from ostiary.house import database_path
from ostiary.kernel.errors import BootRefused
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.refusals import Refusal
from ostiary.receipts.sequencer import drain
from ostiary.storage.schema import libpq_url
from ostiary.storage.tx import BOOKKEEPING
from tests.faults import steps as stepping
from tests.faults.cases import CASES
from tests.flows.browser import SESSION, Answer
from tests.flows.server import OSTIARY
from tests.sessions.home import Home

__all__ = ["Kill", "Victim", "kills", "named"]

_MOVING = BOOKKEEPING | {"nodes", "alembic_version", "sqlite_sequence"}
_ANSWERED, _BROKE = 10, 11
_PATIENCE_S = 10


class Kill(NamedTuple):
    """One kill: which step of which use case, and what is wrong after the restart ("" is nothing)."""

    case: str
    step: str
    number: int
    wrong: str


class Victim(Home):
    """A home whose vault has steps. `shut` and `boot` are what a killed process and its successor share: the store."""

    new_kek = None

    def __init__(self, folder, url=""):
        self.steps = stepping.Steps()
        super().__init__(folder, url=url, vault=lambda house: stepping.vault(house, self.steps))

    def boot(self):
        """Open the store as a restart does; with the other key where a rewrap came so far (all keys, or none)."""
        if self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
        try:
            super().boot()
        except BootRefused:
            if self.new_kek is None or not self.new_kek.exists():
                raise
            self.new_kek.replace(self.settings.kek)
            super().boot()
        steps = self.steps
        self.house.vault.listen(lambda _: steps("told"))
        made = self.application
        self.application = msgspec.structs.replace(
            made,
            public=stepping.answering(made.public, steps),
            internal=stepping.answering(made.internal, steps),
        )

    def invite(self, email="", **given):
        """Add a person of whom nobody has heard yet; return (their id, the token of their link)."""
        return super().invite(email or f"{system_secrets(8).hex()}@example.test", **given)

    def shut(self):
        """Let go of the store and of the loop: a child that dropped it would take its file descriptors off our epoll."""
        self.house.close()
        self.loop.close()

    def settle(self):
        """After a rewrap, put the new key in place of the old, as an operator does."""
        if self.new_kek is not None:
            self.shut()
            self.boot()
            self.new_kek.unlink(missing_ok=True)
            self.new_kek = None

    def digest(self):
        """What is stored in each table that an event must explain."""
        connection = self._eyes()
        with closing(connection):
            return {table: _digest(connection, table) for table in self._tables(connection) if table not in _MOVING}

    def unverified(self):
        """What `ostiary receipts verify --signatures` has to say of this store, nothing where it is whole."""
        while self.url and self.act(drain):
            pass
        environ = {"OSTIARY_DATA_DIR": str(self.folder / "data")} | (
            {"OSTIARY_DATABASE_URL": self.url} if self.url else {}
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")}
        command = [*OSTIARY, "receipts", "verify", "--signatures"]
        done = subprocess.run(
            command, cwd=self.folder, env=kept | environ, capture_output=True, text=True, check=False, timeout=60
        )
        return [f"the log is not whole: {done.stdout[-200:]}{done.stderr[-200:]}"] if done.returncode else []

    def log(self):
        """The receipts so far, as (operation, outcome)."""
        connection = self._eyes()
        with closing(connection):
            return connection.execute("SELECT operation, outcome FROM receipts ORDER BY seq").fetchall()

    def _eyes(self):
        if self.url:
            return psycopg.connect(libpq_url(self.url), autocommit=True)
        return sqlite3.connect(database_path(self.settings), isolation_level=None)

    def _tables(self, connection):
        if self.url:
            found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        else:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return sorted(name for (name,) in found.fetchall())


def _digest(connection, table):
    rows = sorted(map(repr, connection.execute(f"SELECT * FROM {table}").fetchall()))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def ok(answer):
    """Whether an act was acknowledged."""
    return answer.status < 400 if isinstance(answer, Answer) else not isinstance(answer, Refusal)


class Standing:
    """A living and an ended session from before, which no kill may touch."""

    def __init__(self, home):
        self.living = home.enrolled()
        ended = home.enrolled()
        self.dead = home.visitor()
        self.dead.cookies = {SESSION: ended.cookies[SESSION]}
        assert ended.send("POST", "/auth/logout").status == 204

    def wrong(self):
        """What is not as it was acknowledged."""
        living, dead = self.living.check().status, self.dead.check().status
        return "" if (living, dead) == (200, 401) else f"a living session {living}, an ended one {dead}"


def named(case, home):
    """The steps that an undisturbed run of the case passes, in order; raises where it does not leave its receipts."""
    act = CASES[case].prepare(home)
    before = len(home.log())
    with home.steps as steps:
        answer = act()
    left = [operation for operation, _ in home.log()[before:]]
    assert left == CASES[case].events, (case, left, getattr(answer, "body", answer))
    home.settle()
    return list(steps.passed)


def kills(home, case, *, every=False):
    """Kill at each named step of a case, at `every` passing of it or at the last. Yields what came of each."""
    passed, standing = named(case, home), Standing(home)
    for place, step in enumerate(passed):
        number = passed[: place + 1].count(step)
        if every or number == passed.count(step):
            yield Kill(case, step, number, _killed(home, CASES[case], standing, passed[: place + 1]))


def _killed(home, case, standing, passed):
    """Kill one process at the last of these steps, start again, and return what is wrong."""
    step, number = passed[-1], passed.count(passed[-1])
    act = case.prepare(home)
    if case.aged:
        standing = Standing(home)
    before, receipts = home.digest(), home.log()
    home.shut()
    ended = _ended(home, act, step, number)
    home.boot()
    if ended != -signal.SIGKILL:
        return f"step {step} {number} was not passed ({ended})"
    return _judged(home, case, act, _durable(passed), before, receipts) or standing.wrong()


def _durable(passed):
    """How many receipts were in commits that had happened."""
    commits = [place for place, step in enumerate(passed) if step == "committed"]
    return passed[: commits[-1]].count("recorded") if commits else 0


def _judged(home, case, act, durable, before, receipts):
    """What is wrong: the log must hold what was durable and no more, the rest of the store must agree with it."""
    new = home.log()
    if new[: len(receipts)] != receipts:
        return "a receipt from before is gone"
    left = [operation for operation, _ in new[len(receipts) :]]
    if left != case.events[:durable]:
        return f"the log holds {left}, durable were {case.events[:durable]}"
    changed = {table for table, digest in home.digest().items() if digest != before[table]}
    if changed and not durable:
        return f"half done: {sorted(changed)} changed without a receipt"
    again = not case.again or _again(home, act, durable)
    home.settle()
    if not again:
        return "after the restart it can neither be done again nor is it refused"
    return ""


def _again(home, act, durable):
    """Whether the same act succeeds after a restart that found nothing, and is answered clearly after one that found it."""
    answer = act()
    fault = isinstance(answer, Answer) and answer.status >= 500
    return not fault and (bool(durable) or ok(answer) or isinstance(answer, Answer))


def _ended(home, act, step, number):
    """Run the act in a process of its own that is killed at that step; return the exit code (negative: the signal)."""
    pid = os.fork()
    if pid == 0:
        code = _BROKE
        try:
            signal.alarm(_PATIENCE_S)
            faulthandler.dump_traceback_later(_PATIENCE_S - 2)
            home.boot()
            home.steps.arm(step, number)
            with home.steps:
                act()
            code = _ANSWERED
        except (OSError, HTTPException):
            code = _BROKE
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
