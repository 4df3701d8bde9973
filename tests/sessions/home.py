"""The assembled application in the test's own process, on a clock that the test turns, with any settings."""

import asyncio
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import msgspec

from ostiary import app, chores
from ostiary.house import open_house
from ostiary.kernel.clock import SECOND
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.values import Factor, Proof
from ostiary.keys import service as keys
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import make_kek
from ostiary.sessions import service as sessions
from ostiary.sessions.model import EndReason
from ostiary.settings import read_settings
from ostiary.storage.faults import translated
from tests.flows.browser import SESSION
from tests.login.gatehouse import OPERATOR as OPERATOR  # noqa: PLC0414 - handed on to the tests
from tests.login.gatehouse import SPRING as SPRING  # noqa: PLC0414 - handed on to the tests
from tests.login.gatehouse import Gatehouse, Visitor
from tests.rigs import databases

MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
STOPPED = asyncio.Event()
STOPPED.set()


class Turned:
    """A clock that follows real time from SPRING on, unless it is held; `turn` moves it."""

    def __init__(self, start=SPRING):
        self._ahead, self._held = start - _micros(), None

    def __call__(self):
        return _micros() + self._ahead if self._held is None else self._held

    def turn(self, micros):
        """Let that much time pass (or come back)."""
        self._ahead += micros
        if self._held is not None:
            self._held += micros

    def hold(self, at=None):
        """Stand still, at that instant."""
        self._held = self() if at is None else at

    def release(self):
        """Follow real time again, from where it stood."""
        if self._held is not None:
            self._ahead, self._held = self._held - _micros(), None


class Home(Gatehouse):
    """One Ostiary on a folder. `environ` are settings without their prefix: SESSION_IDLE_TIMEOUT="10m".

    `vault` may put another vault in the place of the house's own, which it is handed.
    """

    def __init__(self, folder, *, clock=None, url="", vault=None, **environ):
        self.folder, self.url, self.environ, self.nodes = folder, url, environ, []
        self.vault = vault
        self.clock = clock or Turned()
        self.loop = asyncio.new_event_loop()
        make_kek(self.settings.kek, system_secrets)
        databases.migrate(self.settings)
        self.boot()

    @property
    def settings(self):
        """The settings, read as the server reads them."""
        given = {f"OSTIARY_{name}": value for name, value in self.environ.items()}
        there = {"OSTIARY_DATA_DIR": str(self.folder / "data")}
        return read_settings(there | ({"OSTIARY_DATABASE_URL": self.url} if self.url else {}) | given, self.folder)

    def boot(self):
        """Open the house as a process would at its start."""
        self.house = open_house(self.settings, clock=self._clock)
        if self.vault:
            self.house = msgspec.structs.replace(self.house, vault=self.vault(self.house))
        self.scope, self.application = self.house.scope, app.build(self.house)

    def restart(self, **environ):
        """Stop cleanly and start again, with these settings changed."""
        self.flush()
        self.leave(self.house)
        self.environ |= environ
        self.boot()

    def crash(self):
        """Start again without writing what memory held."""
        self.leave(self.house)
        self.boot()

    def flush(self):
        """Write out what memory holds, as a clean stop does."""
        self.run(self.application.chores(STOPPED))

    def collect(self):
        """Collect what has expired, as the chores do."""
        self.run(chores.collect(self.house, asyncio.Event()))

    def beside(self):
        """Another process on the same store: a house of its own, and what it can do."""
        made = open_house(self.settings, clock=self._clock)
        self.nodes.append(Neighbour(made))
        return self.nodes[-1]

    def _clock(self, floor):
        """Return the clock as `app.open_house` asks for it, and remember how low it may be."""
        self.floor = floor
        if hasattr(self.clock, "at_least"):
            self.clock.at_least(floor)
        return self.clock

    @property
    def rules(self):
        """What the use cases of sessions need."""
        return sessions.Rules(self.house.keyring, self.settings.sessions)

    def open(self, person="user-AAAAAAAAAAAAAAAAAAAAAA", caller=OPERATOR, factor=Factor.PASSKEY):
        """Open a session by the use case; return (session, cookie value)."""
        attempt = system_secrets(9).hex()
        opened = self.act(
            lambda tx: sessions.open_session(
                tx, self.rules, caller, Proof(person, factor, tx.now, attempt), "Test on Linux"
            )
        )
        return opened.session, opened.cookie

    def check(self, cookie, path="/check", /, **headers):
        """Send one check with this session cookie (None: with none)."""
        visitor = self.visitor()
        if cookie is not None:
            visitor.cookies[SESSION] = cookie
        return visitor.send("GET", path, internal=True, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def key(self, purpose=Purpose.SESSION):
        """The active key of a purpose."""
        return self.house.keyring.active(self.scope.tenant, purpose)

    def last(self):
        """The newest receipt."""
        return self.receipts()[-1]


class Traveller(Visitor):
    """A browser that sends these headers with every request."""

    def __init__(self, home, passkey=None, **always):
        super().__init__(home, passkey)
        self.always = {name.replace("_", "-"): value for name, value in always.items()}

    def dress(self, method, body=None, *, headers=None, **given):
        return super().dress(method, body, headers=self.always | (headers or {}), **given)


class Failing:
    """A vault whose store does not answer while `down` is set."""

    def __init__(self, vault):
        self.vault, self.down = vault, False

    def __getattr__(self, name):
        return getattr(self.vault, name)

    async def transact(self, scope, use_case):
        return await self._up().transact(scope, use_case)

    async def read(self, scope, use_case):
        return await self._up().read(scope, use_case)

    def _up(self):
        if self.down:
            with translated():
                raise sqlite3.OperationalError("disk I/O error")
        return self.vault


class Dice:
    """Randomness that runs dry while `empty` is set."""

    empty = False

    def __call__(self, count):
        if self.empty:
            raise OSError(5, "no randomness")
        return system_secrets(count)


class Neighbour:
    """A process beside the server."""

    def __init__(self, house):
        self.house = house

    def act(self, use_case):
        return self.house.vault.transact_now(self.house.scope, use_case)

    def end(self, session, reason=EndReason.ENDED_BY_OPERATOR):
        return self.act(lambda tx: sessions.end(tx, OPERATOR, session, reason))

    def rotate(self, purpose=Purpose.SESSION):
        house = self.house
        return self.act(lambda tx: keys.rotate(tx, house.sealer, house.keyring, OPERATOR, purpose))


def cause(answer):
    """The machine word of a 401's challenge."""
    return answer.header("www-authenticate").partition('error_description="')[2].rstrip('"')


def micros(text):
    """An instant of an answer as microseconds since 1970."""
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _micros():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
