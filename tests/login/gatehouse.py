"""The real application inside the test's own process: no listener, a clock that the test turns, either database."""

import asyncio
import secrets
from contextlib import closing, contextmanager
from urllib.parse import quote, unquote

import psycopg

from ostiary import app
from ostiary.access import service as access
from ostiary.enrolment import service as enrolment
from ostiary.house import database_path, open_house
from ostiary.identities import service as identities
from ostiary.identities.model import METHODS
from ostiary.kernel.clock import SECOND
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Caller
from ostiary.keys.sealing import make_kek
from ostiary.receipts import service as receipts
from ostiary.sessions import service as sessions
from ostiary.settings import read_settings
from ostiary.storage.sqlite import connect
from tests.flows.browser import Answer, Browser
from tests.rigs import databases

OPERATOR = Caller(actor="operator:test")
SPRING = 1_800_000_000 * SECOND


class Clock:
    """A clock that stands still until it is turned; microseconds since 1970."""

    def __init__(self, now=SPRING):
        self.now = now

    def __call__(self):
        return self.now

    def turn(self, micros):
        self.now += micros


class Gatehouse:
    """One Ostiary, with `methods` besides its own. `node` opens another on the same store and the same clock."""

    origin = "http://localhost:8080"
    public_port, internal_port = 8080, 8081

    def __init__(self, folder, *methods, url="", beside=None):
        self.folder, self.methods, self.url = folder, methods, url
        self.clock = beside.clock if beside else Clock()
        self.loop = beside.loop if beside else asyncio.new_event_loop()
        self.nodes = []
        self.house = _house(folder, url, self.clock)
        self.scope = self.house.scope
        self.application = app.build(self.house, *methods)
        self.offer(*METHODS, *(one.name for one in methods))

    def node(self):
        """Another node: a keyring, a vault and a cache of its own."""
        made = Gatehouse(self.folder, *self.methods, url=self.url, beside=self)
        self.nodes.append(made)
        return made

    def close(self):
        """Let go of the store."""
        for one in (*self.nodes, self):
            self.leave(one.house)
        self.run(asyncio.sleep(0))  # a connection that was closed lets go of its socket in the loop's next turn
        self.loop.close()

    def leave(self, house):
        """Let go of a house: of what it holds open elsewhere, then of its store."""
        self.run(house.leave())
        house.close()

    def visitor(self, passkey=None):
        """A browser that has never been here."""
        return Visitor(self, passkey)

    def run(self, awaitable):
        """Run to the end on the loop of all nodes."""
        return self.loop.run_until_complete(awaitable)

    def race(self, *requests):
        """Send (visitor, method, path, body, headers) at once, each to its visitor's node; return the answers."""
        return self.together(*(visitor.asked(*request) for visitor, *request in requests))

    def together(self, *coroutines):
        """Run all at once; return what each returned."""

        async def gathered():
            return await asyncio.gather(*coroutines)

        return self.run(gathered())

    def method(self, name):
        """The registered login method of that name."""
        begin = next(one for one in self.application.operations if one.name == f"login.{name}.begin")
        return begin.handler.args[1]

    def act(self, use_case):
        """Run a use case in a transaction of its own, in the tenant that is served."""
        return self.house.vault.transact_now(self.scope, use_case)

    def read(self, use_case):
        """Run a use case that changes nothing."""
        return self.house.vault.read_now(self.scope, use_case)

    def offer(self, *names):
        """Let the tenant that is served offer these ways to sign in, if it does not yet."""
        if self.read(identities.offered) != names:
            assert self.act(lambda tx: identities.offer(tx, OPERATOR, names, names)) is None

    def first_link(self):
        """The token that a start prints."""
        return self.act(enrolment.invite_first)

    def invite(self, email="ada@example.test", **given):
        """Add a person; return (their id, the token of their link)."""
        made = self.act(lambda tx: identities.add_person(tx, self.house.keyring, OPERATOR, email=email))
        assert not isinstance(made, Refusal), made
        return made.id, self.act(lambda tx: enrolment.invite(tx, OPERATOR, made.id, **given))

    def enrolled(self):
        """A browser in which a newly invited person has just enrolled."""
        _, token = self.invite(f"{secrets.token_hex(8)}@example.test")
        made = self.visitor()
        assert made.enrol(token).status == 200
        return made

    def receipts(self, **wanted):
        """Receipts with these fields, oldest first."""
        every = reversed(self.read(lambda tx: receipts.newest(tx, 1_000_000)))
        return [one for one in every if all(getattr(one, name) == value for name, value in wanted.items())]

    def sessions(self):
        """Every session, dead or alive, newest first."""
        return self.read(lambda tx: sessions.newest(tx, 1_000_000))

    def living(self, person):
        """The ids of a person's living sessions."""
        rules = sessions.Rules(self.house.keyring, self.house.settings.sessions)
        return {one.id for one in self.read(lambda tx: sessions.list_live(tx, rules, person))}

    def roles(self, person):
        """The roles of a person."""
        return self.read(lambda tx: access.roles(tx, person))

    def rows(self, sql):
        """What a query of the test answers, on a connection of its own."""
        (found,) = self.answers(sql)
        return found

    def answers(self, *queries):
        """What queries of the test answer, one after the other on a connection of their own."""
        path = database_path(self.house.settings)
        with closing(psycopg.connect(self.url) if self.url else connect(path)) as connection:
            return [connection.execute(sql).fetchall() for sql in queries]

    def change(self, sql):
        """Change rows behind the server's back, on either database."""
        path = database_path(self.house.settings)
        with closing(psycopg.connect(self.url) if self.url else connect(path)) as connection:
            connection.execute(sql)
            connection.commit()

    def dump(self):
        """Everything that is stored, as SQL (SQLite only): equal dumps, nothing changed."""
        with closing(connect(database_path(self.house.settings))) as connection:
            return list(connection.iterdump())

    def write(self, sql, values=()):
        """Change rows behind the server's back."""
        path = database_path(self.house.settings)
        with closing(psycopg.connect(self.url, autocommit=True) if self.url else connect(path)) as connection:
            connection.execute(sql.replace("?", "%s") if self.url else sql, values)


class Visitor(Browser):
    """A browser at the gatehouse; `person` is who is signed in."""

    def exchange(self, method, path, raw, sent, *, internal, timeout):
        """Hand the request to the application, without a network."""
        return self.served.run(self._exchange(method, path, raw, sent, internal=internal))

    async def asked(self, method, path, body=None, headers=None):
        """`send`, for those who wait in company."""
        sent, raw = self.dress(method, body, headers=headers)
        return self.keep(await self._exchange(method, path, raw, sent))

    def moved(self, node):
        """The same browser, with its cookies, at another node."""
        made = node.visitor(self.passkey)
        made.cookies = self.cookies
        return made

    @property
    def person(self):
        """The id of the person who is signed in."""
        return self.send("GET", "/api/v1/auth/me").json["actor_id"]

    @property
    def passkeys(self):
        """The person's passkeys as they see them."""
        return self.send("GET", "/api/v1/auth/passkeys").json["passkeys"]

    async def _exchange(self, method, path, raw, sent, *, internal=False):
        application = self.served.application
        return await call(application.internal if internal else application.public, method, path, raw, sent)


async def call(application, method, path, raw, sent):
    """One request to an ASGI application (HTTP, ASGI 3)."""
    path, _, query = path.partition("?")
    waiting = [{"type": "http.request", "body": raw or b"", "more_body": False}]
    told = []
    headers = {"content-length": str(len(raw or b"")), **sent}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": quote(path, safe="/%").encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 40_000),
        "server": ("localhost", 8080),
    }

    async def receive():
        return waiting.pop() if waiting else {"type": "http.disconnect"}

    async def send(message):
        told.append(message)

    await application(scope, receive, send)
    start, *rest = told
    headers = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(start["status"], headers, b"".join(message.get("body", b"") for message in rest))


@contextmanager
def opened(folder, *methods, url=""):
    """A gatehouse for the block, in an empty folder."""
    made = Gatehouse(folder, *methods, url=url)
    try:
        yield made
    finally:
        made.close()


def _house(folder, url, clock):
    environ = {"OSTIARY_DATA_DIR": str(folder / "data")} | ({"OSTIARY_DATABASE_URL": url} if url else {})
    settings = read_settings(environ, folder)
    make_kek(settings.kek, system_secrets)
    databases.migrate(settings)
    return open_house(settings, clock=lambda _: clock)
