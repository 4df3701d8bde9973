"""The named steps of a use case, and vaults that pass them one by one. Nothing of this is in the server.

A vault of ours is a subclass whose connection, ledger and telling are watched, handed in where a house takes its vault:
no switch in the environment can kill a server that people use.
"""

import os
import signal
from contextlib import contextmanager

from ostiary.house import database_path
from ostiary.kernel.ids import system_secrets
from ostiary.receipts.ledger import SigningLedger
from ostiary.storage.postgres import PostgresVault
from ostiary.storage.schema import libpq_url
from ostiary.storage.sqlite import SqliteVault

STEPS = (
    "begun",  # the transaction is open, nothing is changed
    "changed",  # one statement of the use case has changed rows
    "recorded",  # a receipt is written into the transaction
    "returned",  # the use case is over; its group goes on
    "committing",  # the next word to the database is COMMIT
    "committed",  # the change is durable; no other process has been told
    "announced",  # other processes can see it (the tally has moved; nodes are woken)
    "telling",  # an end is about to reach this process's own memory
    "told",  # memory has forgotten what ended
    "answering",  # the answer exists, and the caller has not seen it
)
_CHANGES = ("INSERT", "UPDATE", "DELETE")


class Steps:
    """Counts what is passed, in order, while it watches; armed, it ends this process at the n-th passing of a step."""

    def __init__(self):
        self.watching, self.passed, self._fatal = False, [], None

    def arm(self, step, number):
        """End this process, as kill -9 does, at that passing of that step."""
        self._fatal = (step, number)

    def __call__(self, step):
        if not self.watching:
            return
        self.passed.append(step)
        if self._fatal == (step, self.passed.count(step)):
            os.kill(os.getpid(), signal.SIGKILL)

    def __enter__(self):
        self.watching, self.passed = True, []
        return self

    def __exit__(self, *_):
        self.watching = False


class Watched:
    """A database connection whose statements are steps; everything else is the connection's own."""

    def __init__(self, connection, steps):
        self.__dict__.update(_connection=connection, _steps=steps)

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def __setattr__(self, name, value):
        setattr(self._connection, name, value)

    def execute(self, sql, *values):
        return self._run(self._connection.execute, sql, *values)

    def put(self, sql, *values):
        return self._run(self._connection.put, sql, *values)

    def begin(self, *sql):
        self._connection.begin(*sql)
        self._steps("begun")

    def commit(self):
        self._steps("committing")
        self._connection.commit()
        self._steps("committed")

    def _run(self, run, sql, *values):
        if sql == "COMMIT":
            self._steps("committing")
        result = run(sql, *values)
        if sql == "COMMIT":
            self._steps("committed")
        elif sql.startswith("BEGIN"):
            self._steps("begun")
        elif sql.startswith(_CHANGES):
            self._steps("changed")
        return result


class Ledger:
    """The house's own ledger; each receipt is a step."""

    def __init__(self, keyring, steps):
        self._inner, self._steps = SigningLedger(keyring), steps

    def record(self, tx, event):
        receipt = self._inner.record(tx, event)
        self._steps("recorded")
        return receipt


class _Passing:
    """What both vaults have in common."""

    def watch(self, steps):
        """Pass these steps from now on. The first listener is told before memory, which listens from `app.build` on."""
        self.steps = steps
        self.listen(lambda _: steps("telling"))

    def _one(self, connection, job):
        super()._one(connection, job)
        self.steps("returned")

    def _perform(self, group):
        super()._perform(group)
        if any(job.changes for job in group):
            self.steps("announced")


class Sqlite(_Passing, SqliteVault):
    """The vault on SQLite, with steps."""

    def watch(self, steps):
        super().watch(steps)
        self._writer = Watched(self._writer, steps)


class Postgres(_Passing, PostgresVault):
    """The vault on PostgreSQL, with steps."""

    def watch(self, steps):
        super().watch(steps)
        self._lines = _WatchedLines(self._lines, steps)


class _WatchedLines:
    def __init__(self, lines, steps):
        self._inner, self._steps = lines, steps

    @contextmanager
    def line(self):
        with self._inner.line() as line:
            yield Watched(line, self._steps)

    def close(self):
        self._inner.close()


def vault(house, steps):
    """A vault with steps in the place of the house's own."""
    house.vault.close()
    ledger, path = Ledger(house.keyring, steps), database_path(house.settings)
    if path is not None:
        made = Sqlite(path, house.clock, system_secrets, ledger)
    else:
        made = Postgres(libpq_url(house.settings.database_url), house.clock, system_secrets, ledger, name="faults")
    made.watch(steps)
    return made


def answering(application, steps):
    """An ASGI application whose answers are a step before their caller sees them."""

    async def watched(scope, receive, send):
        async def passed(message):
            if message["type"] == "http.response.start":
                steps("answering")
            await send(message)

        await application(scope, receive, passed)

    return watched
