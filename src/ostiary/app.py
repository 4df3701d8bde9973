"""The composition root: an opened house in, the application out; names every concrete thing once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from ostiary import __version__
from ostiary.console.pages import Pages
from ostiary.console.returns import Returns
from ostiary.console.routes import Console
from ostiary.enrolment import routes as enrolment_routes
from ostiary.enrolment import service as enrolment
from ostiary.gateway import landing
from ostiary.gateway.check import Check, CheckRules
from ostiary.gateway.counts import Counts
from ostiary.gateway.entrance import Entrance, EntranceRules
from ostiary.gateway.feed import TRUTH, Feed, TruthfulCheck
from ostiary.gateway.internal import Internal
from ostiary.gateway.log import LogRoutes
from ostiary.gateway.onward import Onward
from ostiary.gateway.passes import Passes
from ostiary.gateway.presence import ConsumeDesk
from ostiary.gateway.teller import Teller
from ostiary.house import House, database_locator
from ostiary.identities import service as identities
from ostiary.invocation.references import caller_reference
from ostiary.kernel.clock import SECOND, system_clock, ticks_of
from ostiary.kernel.errors import OstiaryError, StoreUnavailable
from ostiary.kernel.ids import new_id, system_secrets
from ostiary.keys import service as keys
from ostiary.keys.model import Purpose
from ostiary.keys.watch import KeyWatch
from ostiary.limits import service as limits
from ostiary.login import account, tokens
from ostiary.login import routes as login_routes
from ostiary.login.method import Method
from ostiary.login.methods.passkey.method import PasskeyMethod
from ostiary.login.registry import registry
from ostiary.login.service import Registry
from ostiary.membrane import crossing as membrane
from ostiary.membrane import upkeep as membrane_upkeep
from ostiary.membrane.callers import Callers
from ostiary.membrane.door import MembraneDoor
from ostiary.membrane.table import ROWS
from ostiary.membrane.table import Row as Crossed
from ostiary.passkeys import service as passkeys
from ostiary.passkeys.ceremony import RelyingParty
from ostiary.presence import service as presence
from ostiary.presence.challenges import Asker
from ostiary.receipts import service as receipts
from ostiary.receipts.publishing import HeadPublisher, sequence
from ostiary.receipts.refusals import RefusalLog
from ostiary.receipts.sequencer import DELAY
from ostiary.services.registrations import Fetch, Registrations
from ostiary.sessions import routes as session_routes
from ostiary.sessions import service as sessions
from ostiary.sessions.cache import SessionCache
from ostiary.sessions.guard import SessionGuard
from ostiary.sessions.leased import LeasedSessions
from ostiary.sessions.liveness import Judge, Liveness
from ostiary.sessions.seen import Seen
from ostiary.settings import Settings
from ostiary.storage import outbox, schema
from ostiary.storage.keeper import Keeper
from ostiary.storage.postgres import PostgresVault
from ostiary.storage.sqlite import SqliteVault
from ostiary.storage.statements import Statement
from ostiary.storage.tx import Row, UseCase
from ostiary.web.door import Door
from ostiary.web.front import Front
from ostiary.web.openapi import document, rows
from ostiary.web.operation import Operation

__all__ = ["FRESH", "Application", "build"]

_LOG = structlog.get_logger("ostiary.app")
_BATCH = 500
_HEADS, _CHECKS = "heads.published", "checks.counted"

FRESH = (_HEADS, _CHECKS)
"""Files in the data folder that the workers of one server share: whoever starts a server removes them first."""


class Application(msgspec.Struct, frozen=True):
    """The two listeners' applications and what must run beside them."""

    public: ASGIApp
    internal: ASGIApp
    operations: tuple[Operation, ...]
    chores: Callable[[asyncio.Event], Awaitable[None]]


def build(
    house: House, *more: Method, say: Callable[[str], None] = lambda _: None, crossings: Sequence[Crossed] = ROWS
) -> Application:
    """Put the application together; `more` are login methods besides those of this release, `say` prints a line.

    `crossings` are the membrane's operations.
    """
    settings, scope, keyring, clock, vault = house.settings, house.scope, house.keyring, house.clock, house.vault
    seen, refusals = Seen(), RefusalLog(vault, clock)
    watch = KeyWatch(
        vault, scope, house.sealer, keyring, clock, settings.signing_key_rotation, identities.tenant_scopes
    )
    session_rules = sessions.Rules(keyring, settings.sessions, seen)
    judge = Judge(clock, keyring, settings.sessions, settings.signing_key_retention, seen, watch.learn)
    liveness = _liveness(house, judge)
    passkey_rules = passkeys.Rules(keyring, _party(settings))
    asker, methods = Asker(keyring, clock, system_secrets), registry((PasskeyMethod(passkey_rules), *more))
    operations = _operations(house, session_rules, passkey_rules, asker, methods, judge)
    guard = SessionGuard(liveness, keyring, settings.sessions, settings.trusted_proxies)
    door = Door(settings.origin, scope, guard, refusals)
    described = (*operations, *(row.operation for row in crossings))
    openapi = document(described, __version__, settings.origin)
    fetch = _fetch(house)
    registrations, passes = Registrations(scope.tenant, fetch), Passes(scope.tenant, keyring, fetch, watch.learn)
    onward = Onward(settings.origin, registrations, keyring, clock, system_secrets)
    returns = Returns(settings.origin, onward.known)
    console = Console(
        _pages(), scope, vault, guard, session_rules, passkey_rules, onward, openapi, rows(described), returns
    )
    membrane = _membrane(house, session_rules, passkey_rules, judge, watch, door).routes(crossings)
    public = _public(console, [*console.routes(), *door.routes(operations), *membrane])
    entrance = Entrance(
        EntranceRules(onward, scope, session_rules, passes, vault, refusals, settings.trusted_proxies), public
    )
    teller = Teller(scope, registrations, vault, keyring, clock)
    rules = CheckRules(keyring, settings.sessions, settings.gateway, settings.trusted_proxies, teller, passes)
    check = Check(liveness, rules)
    counts = _counts(house, check)
    return Application(
        public=Front(entrance, system_secrets, secure=settings.origin.startswith("https:")),
        internal=_internal(house, liveness, session_rules, rules, (check, counts)),
        operations=operations,
        chores=partial(
            _chores,
            house,
            seen,
            refusals,
            HeadPublisher(vault, scope, keyring, settings.log, say, settings.data_dir / _HEADS),
            _keeper(house, liveness),
            {"keys": watch.look, "counts": counts.write},
        ),
    )


def _operations(
    house: House,
    session_rules: sessions.Rules,
    passkey_rules: passkeys.Rules,
    asker: Asker,
    methods: Registry,
    judge: Judge,
) -> tuple[Operation, ...]:
    vault, rules = house.vault, enrolment.Rules(session_rules, passkey_rules)
    return (
        *enrolment_routes.operations(enrolment_routes.Desk(vault, rules, asker, system_secrets)),
        *login_routes.operations(login_routes.Desk(vault, session_rules, asker, methods, system_secrets)),
        *session_routes.operations(session_routes.Desk(vault, session_rules, house.clock, judge.recognise)),
        *tokens.token_operations(tokens.TokenDesk(vault, session_rules)),
        *account.account_operations(account.AccountDesk(vault, passkey_rules, asker, methods)),
    )


def _membrane(
    house: House,
    session_rules: sessions.Rules,
    passkey_rules: passkeys.Rules,
    judge: Judge,
    watch: KeyWatch,
    door: Door,
) -> MembraneDoor:
    """Return the door of the membrane, for all tenants."""
    vault, scope, keyring = house.vault, house.scope, house.keyring
    desk = membrane.Desk(vault, keyring, session_rules, passkey_rules, database_locator(house.settings))
    callers = Callers(vault, scope, keyring, judge, watch.look, system_secrets)
    return MembraneDoor(
        door.origin, scope, desk, callers, door.guard, door.recorder, house.settings.trusted_proxies, door.patience
    )


def _party(settings: Settings) -> RelyingParty:
    return RelyingParty(id=settings.host, name="Ostiary", origins=frozenset({settings.origin}))


@cache
def _pages() -> Pages:
    """Compile the pages once for all applications of this process: it takes a tenth of a second."""
    return Pages()


def _public(console: Console, routes: Sequence[Route]) -> Starlette:
    """Return pages and operations as one application; what goes wrong becomes a page of the console."""
    made = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: console.on_http_exception,
            StoreUnavailable: console.on_store_unavailable,
            Exception: console.on_fault,
        },
    )
    made.router.redirect_slashes = False  # it would send the browser to whatever host the request names
    return made


def _liveness(house: House, judge: Judge) -> Liveness:
    if isinstance(house.vault, PostgresVault):
        return LeasedSessions(judge, house.vault, ticks_of(judge.clock))
    cache = SessionCache(judge, house.reader())
    house.vault.listen(cache.forget)
    return cache


def _counts(house: House, check: Check) -> Counts:
    made = Counts(house.settings.data_dir / _CHECKS, lambda: check.counts)
    house.closing.append(made.close)
    return made


def _internal(
    house: House, liveness: Liveness, session_rules: sessions.Rules, rules: CheckRules, parts: tuple[Check, Counts]
) -> Internal:
    """Put the internal listener together: the check in front, then what services ask besides."""
    vault, scope, (check, counts) = house.vault, house.scope, parts
    consume = ConsumeDesk(vault, scope, session_rules, check, rules.teller)
    more = (*_feed(house, liveness, check, rules), *consume.routes(), *LogRoutes(vault, scope, house.keyring).routes())
    return Internal(check, lambda: vault.read(scope, receipts.newest_time), more, _lease(liveness), counts.sums)


def _keeper(house: House, liveness: Liveness) -> Keeper | None:
    """Return who keeps this node's lease (PostgreSQL); on SQLite memory needs none."""
    if not (isinstance(house.vault, PostgresVault) and isinstance(liveness, LeasedSessions)):
        return None
    settings, node = house.settings, new_id("node", system_secrets)
    direct = schema.libpq_url(settings.database_direct_url or settings.database_url)
    return Keeper(house.vault.leases, liveness, node, ticks_of(house.clock), direct)


def _lease(liveness: Liveness) -> Callable[[], bool] | None:
    return (lambda: liveness.held) if isinstance(liveness, LeasedSessions) else None


def _feed(house: House, liveness: Liveness, check: Check, rules: CheckRules) -> tuple[Route, ...]:
    """Return what lets services keep answers; nothing where sessions follow an address, which a memory does not see."""
    settings, clocks = house.settings.sessions, (house.clock, ticks_of(system_clock()))
    if settings.bind_address or settings.bind_agent:
        return ()

    def reference(service_scope: int, session: str) -> str:
        key = house.keyring.active(house.scope.tenant, Purpose.CALLER).secret
        return caller_reference(key, service_scope, session)

    if isinstance(liveness, LeasedSessions):
        leave = Feed(
            rules.teller,
            liveness,
            liveness,
            reference,
            clocks,
            system_secrets,
            settings.idle,
            trusted=lambda: liveness.until,
        )
        truth = Check(liveness.truth, rules)
        truth.counts = check.counts  # they are checks like any others
        asked = Route(f"{TRUTH}/{{service}}", TruthfulCheck(truth))
        return *leave.routes(), asked
    if not (isinstance(liveness, SessionCache) and isinstance(house.vault, SqliteVault)):
        return ()
    pledges = house.vault.pledges
    return Feed(rules.teller, liveness, pledges, reference, clocks, system_secrets, settings.idle).routes()


def _fetch(house: House) -> Fetch:
    if isinstance(house.vault, PostgresVault):
        return house.vault.fetch
    reader = house.reader()

    async def on_the_spot(statement: Statement, **binds: object) -> list[Row]:
        return reader.all(statement, **binds)

    return on_the_spot


async def _chores(
    house: House,
    seen: Seen,
    refusals: RefusalLog,
    heads: HeadPublisher,
    keeper: Keeper | None,
    often: dict[str, Callable[[], Awaitable[None]]],
    stop: asyncio.Event,
) -> None:
    """Run what must happen beside the requests until `stop` is set, then write out what memory still holds."""
    settings = house.settings.sessions
    flush = partial(_write_seen, house, seen)
    await asyncio.gather(
        _every(stop, settings.flush, "last_seen", flush),
        _every(stop, SECOND, "refusals", refusals.flush),
        *(_every(stop, SECOND, name, chore) for name, chore in often.items()),
        _every(stop, settings.collect_every, "collection", partial(_collect, house, stop)),
        _every(stop, DELAY // 2, "sequencing", partial(sequence, house.vault, house.scope)),
        _every(stop, house.settings.log.head_every, "heads", heads.publish),
        *([keeper.run(stop)] if keeper else []),
    )
    await _try("last_seen", flush)
    await _try("refusals", refusals.flush)
    await _try("heads", heads.publish)


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
    """Write last-seen times behind, and the server's own: no clock set back while it is down revives a session."""
    items = list(seen.drain().items())
    for start in range(0, max(1, len(items)), _BATCH):
        part = items[start : start + _BATCH]
        await house.vault.transact(house.scope, partial(sessions.write_seen, batch=part))
    seen.written()


async def _collect(house: House, stop: asyncio.Event) -> None:
    """Delete what has expired, a batch at a time, each batch with its own event."""
    unused_keys = partial(keys.collect, retention=house.settings.signing_key_retention)
    collectors: tuple[UseCase[int], ...] = (
        sessions.collect,
        presence.collect,
        enrolment.collect,
        unused_keys,
        landing.collect,
        outbox.collect,
        limits.collect,
        membrane_upkeep.collect,
    )
    for collect in collectors:
        while not stop.is_set() and await house.vault.transact(house.scope, collect) > 0:
            pass
