"""Two nodes of one Ostiary on one store, on a clock that stands still: they restart, crash, and may be given a faulty part."""

import asyncio
import copy
import shutil
import sqlite3

import psycopg

from ostiary import app, chores
from ostiary.house import database_path, open_house
from ostiary.identities.model import METHODS
from ostiary.kernel.clock import SECOND
from ostiary.kernel.ids import system_secrets
from ostiary.keys import service as keys
from ostiary.keys.sealing import make_kek
from ostiary.settings import read_settings
from ostiary.storage.statements import METADATA
from ostiary.storage.tx import BOOKKEEPING
from ostiary_client.authenticator import SoftPasskey
from tests.login.gatehouse import Clock, Gatehouse
from tests.rigs import databases

IDLE, ABSOLUTE = 600 * SECOND, 3600 * SECOND
STATE = sorted(set(METADATA.tables) - BOOKKEEPING)


class Node(Gatehouse):
    """One process on the store. `fit` may change its house before the application is built on it."""

    def __init__(self, folder, clock, loop, *methods, url="", fit=None):
        self.folder, self.clock, self.loop, self.url = folder, clock, loop, url
        self.methods, self.fit, self.nodes = methods, fit, []
        self.boot()

    def boot(self):
        """Start as a process does."""
        given = {
            "OSTIARY_DATA_DIR": str(self.folder / "data"),
            "OSTIARY_SESSION_IDLE_TIMEOUT": f"{IDLE // SECOND}s",
            "OSTIARY_SESSION_ABSOLUTE_TIMEOUT": f"{ABSOLUTE // SECOND}s",
        } | ({"OSTIARY_DATABASE_URL": self.url} if self.url else {})
        settings = read_settings(given, self.folder)
        make_kek(settings.kek, system_secrets)
        databases.migrate(settings)
        made = open_house(settings, clock=lambda _: self.clock)
        self.house = self.fit(made) if self.fit else made
        self.scope, self.application = self.house.scope, app.build(self.house, *self.methods)
        self.offer(*METHODS, *(one.name for one in self.methods))

    def flush(self):
        """Write out what memory holds."""
        stopped = asyncio.Event()
        stopped.set()
        self.run(self.application.chores(stopped))

    def restart(self):
        """Stop cleanly and start again."""
        self.flush()
        self.crash()

    def crash(self):
        """Start again without writing what memory held."""
        self.house.close()
        self.boot()

    def collect(self):
        """Collect what has expired, as the chores do."""
        self.run(chores.collect(self.house, asyncio.Event()))

    def refresh_keys(self):
        """Learn the keys that another process made, as the chores do once a second."""
        self.read(lambda tx: keys.load(tx, self.house.sealer, self.house.keyring))

    def presented(self, cookies, passkey=None):
        """A browser with these cookies; it keeps its own copy."""
        made = self.visitor(passkey)
        made.cookies = dict(cookies)
        return made


class World:
    """Two nodes beside each other and a pair of eyes on their tables."""

    def __init__(self, folder, *methods, url="", fit=None):
        self.clock, self.loop = Clock(), asyncio.new_event_loop()
        self.nodes = [Node(folder, self.clock, self.loop, *methods, url=url, fit=fit) for _ in range(2)]
        path = database_path(self.nodes[0].house.settings)
        self._eyes = psycopg.connect(url, autocommit=True) if url else sqlite3.connect(path, isolation_level=None)
        self._seen = None

    def close(self):
        """Let go of everything."""
        self._eyes.close()
        for node in self.nodes:
            node.house.close()
        self.loop.close()

    def tables(self):
        """Every row of every table but the closed bookkeeping and the log; looked at anew once somebody has written."""
        written = self._written()
        if self._seen is None or written != self._seen[0]:
            found = {name: set(self._eyes.execute(f"SELECT * FROM {name}").fetchall()) for name in STATE}
            self._seen = written, found
        return self._seen[1]

    def _written(self):
        """What changes with every write of others (on PostgreSQL: at each look)."""
        if isinstance(self._eyes, psycopg.Connection):
            return object()
        return self._eyes.execute("PRAGMA data_version").fetchone()

    def newest(self):
        """The sequence number of the newest receipt."""
        return self._eyes.execute("SELECT coalesce(max(seq), 0) FROM receipts").fetchone()[0]

    def told(self, after):
        """The receipts after that one: (sequence, operation, outcome, subject, reasons)."""
        columns = "seq, operation, outcome, subject, reasons"
        return self._eyes.execute(f"SELECT {columns} FROM receipts WHERE seq > {after} ORDER BY seq").fetchall()


def enrol_people(node):
    """Two people with two passkeys each, all of them signed out: [[(software passkey, id), …], …]."""
    return [_enrolled(node, email) for email in ("ada@example.test", "bob@example.test")]


def _enrolled(node, email):
    _, token = node.invite(email)
    visitor = node.visitor()
    assert visitor.enrol(token).status == 200
    second = SoftPasskey(node.origin)
    proof, begun = visitor.presence("passkey.add"), visitor.send("POST", "/api/v1/auth/passkeys/begin", {}).json
    made = second.create(begun["options"])
    answer = {"attempt": begun["attempt"], "credential": made, "presence": proof, "label": "Second"}
    answered = visitor.send("POST", "/api/v1/auth/passkeys/finish", answer)
    assert answered.status < 300, answered.body
    listed = [row["id"] for row in visitor.passkeys]
    assert visitor.send("POST", "/auth/logout").status == 204
    signed = _binding_of(node, visitor.passkey)
    return [(visitor.passkey, signed), (second, next(one for one in listed if one != signed))]


def _binding_of(node, passkey):
    """Which stored passkey it is, as the session that it opens says."""
    visitor = node.visitor(passkey)
    assert visitor.sign_in().status == 200
    opened = visitor.session
    assert visitor.send("POST", "/auth/logout").status == 204
    return next(one.binding for one in node.sessions() if one.id == opened)  # many begin at one instant here


class Stage:
    """What examples begin with: a furnished folder with its people, copied for each of them."""

    def __init__(self, folder, *methods):
        self.folder, self.methods = folder, methods
        world = World(folder / "like", *methods)
        self.people = enrol_people(world.nodes[0])
        self.began = world.clock.now
        world.close()
        self._count = 0

    def world(self, fit=None):
        """A world of its own, and the people in it."""
        self._count += 1
        folder = self.folder / str(self._count)
        shutil.copytree(self.folder / "like", folder)
        made = World(folder, *self.methods, fit=fit)
        made.clock.now = self.began
        return made, copy.deepcopy(self.people)


class PostgresStage:
    """The same on a database that `address` makes for each example."""

    def __init__(self, folder, address, *methods):
        self.folder, self.address, self.methods, self._count = folder, address, methods, 0

    def world(self, fit=None):
        """A world of its own, and the people in it."""
        self._count += 1
        made = World(self.folder / str(self._count), *self.methods, url=self.address(), fit=fit)
        return made, enrol_people(made.nodes[0])
