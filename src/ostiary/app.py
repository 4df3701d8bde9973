"""The composition root: settings in, application out; the only file that names concrete adapters."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from ostiary import __version__
from ostiary.console.pages import Pages
from ostiary.console.routes import Console
from ostiary.enrolment import routes as enrolment_routes
from ostiary.enrolment import service as enrolment
from ostiary.gateway.check import Check, CheckRules
from ostiary.gateway.internal import Internal
from ostiary.identities import service as identities
from ostiary.kernel.clock import SECOND, Clock, system_clock
from ostiary.kernel.errors import BootRefused, OstiaryError, SealBroken, StoreUnavailable
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.values import Mode, Scope
from ostiary.keys import service as keys
from ostiary.keys.keyring import Keyring
from ostiary.keys.sealing import Sealer, read_kek
from ostiary.login import account
from ostiary.login import routes as login_routes
from ostiary.login.method import Method
from ostiary.login.methods.passkey.method import PasskeyMethod
from ostiary.login.registry import registry
from ostiary.passkeys import service as passkeys
from ostiary.passkeys.ceremony import RelyingParty
from ostiary.presence import service as presence
from ostiary.presence.challenges import Asker
from ostiary.receipts import service as receipts
from ostiary.receipts.ledger import SigningLedger
from ostiary.receipts.refusals import RefusalLog
from ostiary.sessions import routes as session_routes
from ostiary.sessions import service as sessions
from ostiary.sessions.cache import SessionCache
from ostiary.sessions.coalesced import AskedSessions
from ostiary.sessions.guard import SessionGuard
from ostiary.sessions.liveness import Judge, Liveness
from ostiary.sessions.seen import Seen
from ostiary.settings import Settings
from ostiary.storage import outbox, schema
from ostiary.storage.postgres import PostgresVault
from ostiary.storage.sqlite import SqliteReader, SqliteVault
from ostiary.storage.tx import Tx, UseCase
from ostiary.storage.vault import Vault
from ostiary.web.door import Door
from ostiary.web.headers import SecurityHeaders
from ostiary.web.openapi import document, rows
from ostiary.web.operation import Operation

__all__ = ["Application", "House", "build", "database_path", "migrate", "open_house", "prepare"]

_LOG = structlog.get_logger("ostiary.app")
_BATCH = 500


class House(msgspec.Struct, frozen=True):
    """An opened store with its keys: what every command and the server stand on."""

    settings: Settings
    scope: Scope
    clock: Clock
    keyring: Keyring
    sealer: Sealer
    vault: Vault

    def close(self) -> None:
        """Finish what is queued and let go of the store."""
        self.vault.close()


class Application(msgspec.Struct, frozen=True):
    """The two listeners' applications and what must run beside them."""

    public: ASGIApp
    internal: ASGIApp
    operations: tuple[Operation, ...]
    chores: Callable[[asyncio.Event], Awaitable[None]]


def database_path(settings: Settings) -> Path:
    """Return where the SQLite file lies."""
    return settings.data_dir / "ostiary.sqlite"


def prepare(settings: Settings) -> None:
    """Bring the store's schema up to date on SQLite; on PostgreSQL refuse one that is not. Raises BootRefused."""
    url = _database_url(settings)
    if not settings.database_url:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        schema.upgrade(url)
    elif schema.state(url) is not schema.State.CURRENT:
        raise BootRefused("the database schema is not this version's: run `ostiary migrate`")


def migrate(settings: Settings) -> list[str]:
    """Run the migrations that are missing; return their names."""
    if not settings.database_url:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return schema.upgrade(_database_url(settings))


def open_house(settings: Settings, mode: Mode = Mode.LIVE, clock: Callable[[int], Clock] = system_clock) -> House:
    """Open the store, make the default tenant and its keys where they are missing, and load the keys.

    `clock` makes the clock from the earliest time that it may tell: no time that this database has seen
    comes again (ruling 7). Raises BootRefused when the key-encryption key is missing or is not the one that
    sealed the stored keys.
    """
    sealer = Sealer(read_kek(settings.kek), system_secrets)
    keyring, scope = Keyring(), Scope("default", mode)
    probe = _vault(settings, keyring, clock(0))
    try:
        floor = probe.read_now(scope, _newest_time)
    finally:
        probe.close()
    now = clock(floor)
    house = House(settings, scope, now, keyring, sealer, _vault(settings, keyring, now))
    try:
        house.vault.transact_now(scope, lambda tx: keys.ensure(tx, sealer, keyring))
        house.vault.transact_now(scope, identities.ensure_tenant)
    except SealBroken as fault:
        house.close()
        raise BootRefused(
            f"the key-encryption key {settings.kek} is not the one that sealed the keys in this database: "
            "put the right one back; nothing was changed"
        ) from fault
    except BaseException:
        house.close()
        raise
    return house


def build(house: House, *more: Method) -> Application:
    """Put the application together; `more` are login methods besides those of this release."""
    settings, scope, keyring, clock, vault = house.settings, house.scope, house.keyring, house.clock, house.vault
    seen, refusals = Seen(), RefusalLog(vault, clock)
    session_rules = sessions.Rules(keyring, settings.sessions, seen)
    judge = Judge(clock, keyring, settings.sessions, settings.signing_key_retention, seen, _learner(house))
    liveness = _liveness(house, judge)
    rp = RelyingParty(id=settings.host, name="Ostiary", origins=frozenset({settings.origin}))
    passkey_rules = passkeys.Rules(keyring, rp)
    asker = Asker(keyring, clock, system_secrets)
    methods = registry((PasskeyMethod(passkey_rules), *more))
    operations = (
        *enrolment_routes.operations(
            enrolment_routes.Desk(vault, enrolment.Rules(session_rules, passkey_rules), asker, system_secrets)
        ),
        *login_routes.operations(login_routes.Desk(vault, session_rules, asker, methods, system_secrets)),
        *session_routes.operations(session_routes.Desk(vault, session_rules, clock)),
        *account.account_operations(account.AccountDesk(vault, passkey_rules, asker, methods)),
    )
    guard = SessionGuard(liveness, keyring, settings.sessions, settings.trusted_proxies)
    door = Door(settings.origin, scope, guard, refusals, system_secrets)
    openapi = document(operations, __version__, settings.origin)
    console = Console(Pages(), scope, vault, guard, session_rules, passkey_rules, openapi, rows(operations))
    public = Starlette(
        routes=[*console.routes(), *map(door.route, operations)],
        exception_handlers={
            HTTPException: console.on_http_exception,
            StoreUnavailable: console.on_store_unavailable,
        },
    )
    check = Check(liveness, CheckRules(keyring, settings.sessions, settings.gateway, settings.trusted_proxies))
    return Application(
        public=SecurityHeaders(public, secure=settings.origin.startswith("https:")),
        internal=Internal(check, lambda: vault.read(scope, receipts.newest_time)),
        operations=operations,
        chores=partial(_chores, house, seen, refusals),
    )


def _database_url(settings: Settings) -> str:
    if settings.database_url:
        return schema.sqlalchemy_url(settings.database_url)
    return f"sqlite:///{database_path(settings).resolve()}"


def _vault(settings: Settings, keyring: Keyring, clock: Clock) -> Vault:
    ledger = SigningLedger(keyring)
    if settings.database_url:
        return PostgresVault(settings.database_url, clock, system_secrets, ledger)
    return SqliteVault(database_path(settings), clock, system_secrets, ledger)


def _liveness(house: House, judge: Judge) -> Liveness:
    if isinstance(house.vault, PostgresVault):
        return AskedSessions(judge, house.vault)
    cache = SessionCache(judge, SqliteReader(database_path(house.settings)))
    house.vault.listen(cache.forget)
    return cache


def _learner(house: House) -> Callable[[str], Awaitable[None]]:
    async def learn(key_id: str) -> None:
        await house.vault.read(house.scope, lambda tx: keys.learn(tx, house.sealer, house.keyring, key_id))

    return learn


def _newest_time(tx: Tx) -> int:
    return max(receipts.newest_time(tx), sessions.newest_seen(tx))


async def _chores(house: House, seen: Seen, refusals: RefusalLog, stop: asyncio.Event) -> None:
    """Run what must happen beside the requests until `stop` is set, then write out what memory still holds."""
    settings = house.settings.sessions
    flush = partial(_write_seen, house, seen)
    await asyncio.gather(
        _every(stop, settings.flush, "last_seen", flush),
        _every(stop, SECOND, "refusals", refusals.flush),
        _every(stop, SECOND, "keys", partial(_refresh_keys, house)),
        _every(stop, settings.collect_every, "collection", partial(_collect, house, stop)),
    )
    await _try("last_seen", flush)
    await _try("refusals", refusals.flush)


async def _every(stop: asyncio.Event, period: int, name: str, chore: Callable[[], Awaitable[Any]]) -> None:
    """Run a chore at once and then once a period; a server that restarts often collects too."""
    while not stop.is_set():
        await _try(name, chore)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), period / SECOND)


async def _try(name: str, chore: Callable[[], Awaitable[Any]]) -> None:
    try:
        await chore()
    except OstiaryError as fault:
        _LOG.warning("chore_failed", chore=name, fault=str(fault))
    except Exception:  # noqa: BLE001 - one broken chore must not end the others, nor itself for good
        _LOG.exception("chore_broke", chore=name)


async def _write_seen(house: House, seen: Seen) -> None:
    items = list(seen.drain().items())
    for start in range(0, len(items), _BATCH):
        part = items[start : start + _BATCH]
        await house.vault.transact(house.scope, partial(sessions.write_seen, batch=part))
    seen.written()


async def _refresh_keys(house: House) -> None:
    await house.vault.read(house.scope, lambda tx: keys.load(tx, house.sealer, house.keyring))


async def _collect(house: House, stop: asyncio.Event) -> None:
    """Delete what has expired, a batch at a time, each batch with its own event."""
    unused_keys = partial(keys.collect, retention=house.settings.signing_key_retention)
    collectors: tuple[UseCase[int], ...] = (
        sessions.collect,
        presence.collect,
        enrolment.collect,
        unused_keys,
        outbox.collect,
    )
    for collect in collectors:
        while not stop.is_set() and await house.vault.transact(house.scope, collect) > 0:
            pass
