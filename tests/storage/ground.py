"""Ground to try a vault on: a migrated database, and a second pair of eyes on it."""

import asyncio
import importlib
import os
import shutil
import sqlite3
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import BigInteger, Column, MetaData, String, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql

from ostiary.kernel.clock import system_clock
from ostiary.kernel.values import SYSTEM, Event, EventName, Scope
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.keys.service import make
from ostiary.receipts.ledger import SigningLedger
from ostiary.storage import schema
from ostiary.storage.postgres import PostgresVault
from ostiary.storage.sqlite import SqliteVault
from ostiary.storage.statements import Statement

SOURCE = Path(__file__).parents[2] / "src" / "ostiary"
SCOPE = Scope()
CLOCK = system_clock()
PATIENCE_S = 20

# Every feature's tables, so that METADATA is whole.
for store in sorted(SOURCE.glob("*/store.py")):
    importlib.import_module(f"ostiary.{store.parent.name}.store")

# What the tests write: no feature's, so that no feature's change changes them.
things = Table(
    "things",
    MetaData(),
    Column("id", String, primary_key=True),
    Column("mode", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
MAKE_THINGS = "CREATE TABLE things (id VARCHAR PRIMARY KEY, mode VARCHAR NOT NULL, created_at BIGINT NOT NULL)"
INSERT = Statement(insert(things))
ADD = Statement(postgresql.insert(things).on_conflict_do_nothing())
MARK = Statement(update(things).where(things.c.id == "x").values(mode="marked"))
TAKE = Statement(update(things).where(things.c.id == "x", things.c.mode == "new").values(mode="taken"))
TAKE_RETURNING = Statement(
    update(things)
    .where(things.c.id == "x", things.c.mode == "new")
    .values(mode="taken")
    .returning(things.c.id, things.c.mode)
)
REMOVE = Statement(delete(things).where(things.c.id == "x"))
ALL = Statement(select(things.c.id).order_by(things.c.created_at, things.c.id))


class Ground:
    """One database. `look` is what another process would see; `vault` opens a vault that `close` closes."""

    def __init__(self, url):
        self.url = url
        self.path = schema.sqlite_path(url)
        self.dialect = "postgresql" if self.path is None else "sqlite"
        self._vaults = []

    def vault(self, *, clock=CLOCK, keyring=None, **options):
        ledger = SigningLedger(keyring or Keyring([make(os.urandom, SCOPE.tenant, Purpose.RECEIPT, 1, clock())]))
        made = (
            SqliteVault(self.path, clock, os.urandom, ledger, **options)
            if self.path
            else PostgresVault(self.url, clock, os.urandom, ledger, **options)
        )
        self._vaults.append(made)
        return made

    @contextmanager
    def eyes(self):
        """A connection of its own, each statement committed."""
        made = (
            sqlite3.connect(self.path, isolation_level=None)
            if self.path
            else psycopg.connect(schema.libpq_url(self.url), autocommit=True)
        )
        with closing(made):
            yield made

    def look(self, sql):
        with self.eyes() as connection:
            return connection.execute(sql).fetchall()

    def run(self, sql):
        with self.eyes() as connection:
            connection.execute(sql)

    def things(self):
        return [row[0] for row in self.look("SELECT id FROM things ORDER BY id")]

    def receipts(self):
        return self.look("SELECT operation, outcome, subject, reasons FROM receipts ORDER BY seq")

    def close(self):
        for vault in self._vaults:
            vault.close()


@contextmanager
def sqlite_ground(folder, template):
    path = folder / "ground.sqlite"
    shutil.copy(template, path)
    with closing(Ground(f"sqlite:///{path}")) as ground:
        yield ground


@contextmanager
def postgres_database(server, template="template0"):
    """A database of our own on the server of that address; yields its address."""
    name = f"ostiary_storage_{os.urandom(6).hex()}"
    parts = psycopg.conninfo.conninfo_to_dict(schema.libpq_url(server))
    ours = server == os.environ.get("OSTIARY_TEST_POSTGRES_URL")
    place = os.environ.get("OSTIARY_TEST_POSTGRES_TABLESPACE", "pg_default") if ours else "pg_default"
    with psycopg.connect(schema.libpq_url(server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8' LOCALE 'C' TABLESPACE {place}")
    try:
        yield f"postgresql://{parts.get('user', 'postgres')}@{parts['host']}:{parts.get('port', 5432)}/{name}"
    finally:
        with psycopg.connect(schema.libpq_url(server), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def event(subject="x", name=EventName.TENANT_CREATE):
    return Event(name, SYSTEM, subject)


def add(name, statement=ADD):
    """A use case that adds a thing and says so."""

    def use_case(tx):
        count = tx.do(statement, id=name, mode="new", created_at=tx.now)
        tx.emit(event(name))
        return count

    return use_case


class Gate:
    """A use case that holds the writer until it is opened."""

    def __init__(self):
        self._entered, self._opened = threading.Event(), threading.Event()

    def __call__(self, tx):
        self._entered.set()
        assert self._opened.wait(PATIENCE_S), "nobody opened the gate"

    async def entered(self):
        assert await asyncio.to_thread(self._entered.wait, PATIENCE_S), "nobody came to the gate"

    def open(self):
        self._opened.set()


async def queued(vault, *use_cases):
    """Tasks whose use cases wait in the queue, in that order."""
    tasks = [asyncio.create_task(vault.transact(SCOPE, one)) for one in use_cases]
    await asyncio.sleep(0)  # each task runs up to its await
    return tasks


async def together(vault, *use_cases):
    """The outcomes, errors too, of use cases that one group performs."""
    gate = Gate()
    first = asyncio.create_task(vault.transact(SCOPE, gate))
    await gate.entered()
    tasks = await queued(vault, *use_cases)
    gate.open()
    await first
    return await asyncio.gather(*tasks, return_exceptions=True)
