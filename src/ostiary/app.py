"""The composition root: an opened house in, the application out; names every concrete thing once."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import cache, partial

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp

from ostiary import __version__, chores
from ostiary.console.letters import Letters, is_development
from ostiary.console.pages import Pages
from ostiary.console.returns import Returns
from ostiary.console.routes import Console
from ostiary.elsewhere import Elsewhere, elsewhere
from ostiary.enrolment import routes as enrolment_routes
from ostiary.enrolment import service as enrolment
from ostiary.gateway.check import Check, CheckRules
from ostiary.gateway.counts import Counts
from ostiary.gateway.device_check import DeviceDesk
from ostiary.gateway.device_sessions import DeviceSessionDesk
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
from ostiary.kernel.clock import system_clock, ticks_of
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.ids import new_id, system_secrets
from ostiary.keys.model import Purpose
from ostiary.keys.watch import KeyWatch
from ostiary.login import account, tokens
from ostiary.login import routes as login_routes
from ostiary.login.method import Method
from ostiary.login.methods.email_code import challenges, device_routes
from ostiary.login.methods.email_code.device import DeviceFlow
from ostiary.login.methods.email_code.method import EmailCodeMethod
from ostiary.login.methods.email_code.model import QUANTUM_S
from ostiary.login.methods.email_code.sending import Dispatch
from ostiary.login.methods.passkey.method import PasskeyMethod
from ostiary.login.pace import Paced
from ostiary.login.registry import registry
from ostiary.login.service import Registry
from ostiary.membrane import crossing as membrane
from ostiary.membrane.callers import Callers
from ostiary.membrane.door import MembraneDoor
from ostiary.membrane.table import ROWS
from ostiary.membrane.table import Row as Crossed
from ostiary.passkeys import service as passkeys
from ostiary.passkeys.ceremony import RelyingParty
from ostiary.presence.challenges import Asker
from ostiary.projection.publisher import Publisher
from ostiary.receipts import service as receipts
from ostiary.receipts.publishing import HeadPublisher
from ostiary.receipts.refusals import RefusalLog
from ostiary.recovery import model as recovery
from ostiary.recovery import routes as recovery_routes
from ostiary.services.registrations import Fetch, Registrations
from ostiary.sessions import routes as session_routes
from ostiary.sessions import service as sessions
from ostiary.sessions.cache import SessionCache
from ostiary.sessions.guard import SessionGuard
from ostiary.sessions.leased import LeasedSessions
from ostiary.sessions.liveness import Judge, Liveness
from ostiary.sessions.seen import Seen
from ostiary.settings import Settings
from ostiary.storage import schema
from ostiary.storage.keeper import Keeper
from ostiary.storage.postgres import PostgresVault
from ostiary.storage.sqlite import SqliteVault
from ostiary.storage.statements import Statement
from ostiary.storage.tx import Row
from ostiary.web.description import Description
from ostiary.web.door import Door
from ostiary.web.front import Front
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
    membrane: tuple[Operation, ...]
    chores: Callable[[asyncio.Event], Awaitable[None]]


class _Core(msgspec.Struct, frozen=True):
    """What most of the application stands on."""

    house: House
    watch: KeyWatch
    sessions: sessions.Rules
    passkeys: passkeys.Rules
    recovery: recovery.Rules
    judge: Judge
    liveness: Liveness
    guard: SessionGuard
    refusals: RefusalLog


def build(
    house: House, *more: Method, say: Callable[[str], None] = lambda _: None, crossings: Sequence[Crossed] = ROWS
) -> Application:
    """Put the application together; `more` are login methods besides those of this release, `say` prints a line.

    `crossings` are the membrane's operations.
    """
    settings, scope, keyring, clock, vault = house.settings, house.scope, house.keyring, house.clock, house.vault
    core = _core(house)
    others = elsewhere(house)
    codes = _codes(house, others)
    flow = DeviceFlow(codes, others.publish, settings.sessions.device)
    device, ways = (
        device_routes.operations(flow, Paced(QUANTUM_S)),
        (PasskeyMethod(core.passkeys), EmailCodeMethod(codes)),
    )
    asker, methods = Asker(keyring, clock, system_secrets), registry((*ways, *more))
    operations, contract = (*_operations(core, asker, methods), *device), tuple(row.operation for row in crossings)
    door = Door(settings.origin, scope, core.guard, core.refusals)
    fetch, learn = _fetch(house), core.watch.learn
    registrations, passes = Registrations(scope.tenant, fetch), Passes(scope.tenant, keyring, fetch, learn)
    onward = Onward(settings.origin, registrations, keyring, clock, system_secrets)
    console = _console(core, onward, (*operations, *contract))
    public = _public(console, [*console.routes(), *door.routes(operations), *_membrane(core, door).routes(crossings)])
    entrance = Entrance(
        EntranceRules(onward, scope, core.sessions, passes, vault, core.refusals, settings.trusted_proxies), public
    )
    teller = Teller(scope, registrations, vault, keyring, clock)
    rules = CheckRules(keyring, settings.sessions, settings.gateway, settings.trusted_proxies, teller, passes)
    check = Check(core.liveness, rules)
    counts = _counts(house, check)
    return Application(
        public=Front(entrance, system_secrets, secure=settings.origin.startswith("https:")),
        internal=_internal(
            house, core.liveness, core.sessions, rules, (check, counts), others, _letters(house, console)
        ),
        operations=operations,
        membrane=contract,
        chores=partial(
            chores.run,
            house,
            core.sessions.seen,
            core.refusals,
            HeadPublisher(vault, scope, keyring, settings.log, say, settings.data_dir / _HEADS),
            _beside(house, core.liveness, others.publisher),
            {"keys": core.watch.look, "counts": counts.write, "mail": others.postman.deliver},
        ),
    )


def _core(house: House) -> _Core:
    settings, keyring, clock = house.settings, house.keyring, house.clock
    seen, watch = Seen(), _watch(house)
    session_rules = sessions.Rules(keyring, settings.sessions, seen)
    judge = Judge(clock, keyring, settings.sessions, settings.signing_key_retention, seen, watch.learn)
    liveness = _liveness(house, judge)
    return _Core(
        house,
        watch,
        session_rules,
        passkeys.Rules(keyring, _party(settings)),
        recovery.Rules(keyring, session_rules, settings.recovery, settings.origin, house.scope.tenant),
        judge,
        liveness,
        SessionGuard(liveness, keyring, settings.sessions, settings.trusted_proxies),
        RefusalLog(house.vault, clock),
    )


def _operations(core: _Core, asker: Asker, methods: Registry) -> tuple[Operation, ...]:
    vault, rules = core.house.vault, enrolment.Rules(core.sessions, core.passkeys)
    return (
        *enrolment_routes.operations(enrolment_routes.Desk(vault, rules, asker, system_secrets)),
        *login_routes.operations(login_routes.Desk(vault, core.sessions, asker, methods, system_secrets)),
        *session_routes.operations(session_routes.Desk(vault, core.sessions, core.house.clock, core.judge.recognise)),
        *tokens.token_operations(tokens.TokenDesk(vault, core.sessions)),
        *account.account_operations(account.AccountDesk(vault, core.passkeys, asker, methods)),
        *recovery_routes.operations(recovery_routes.RecoveryDesk(vault, core.recovery)),
    )


def _console(core: _Core, onward: Onward, described: tuple[Operation, ...]) -> Console:
    house, origin = core.house, core.house.settings.origin
    description, returns = Description(described, __version__, origin), Returns(origin, onward.known)
    more = (onward, description, returns, core.recovery)
    return Console(_pages(), house.scope, house.vault, core.guard, core.sessions, core.passkeys, *more)


def _membrane(core: _Core, door: Door) -> MembraneDoor:
    """Return the door of the membrane, for all tenants."""
    house = core.house
    locator = database_locator(house.settings)
    desk = membrane.Desk(house.vault, house.keyring, core.sessions, core.passkeys, core.recovery, locator)
    callers = Callers(house.vault, house.scope, house.keyring, core.judge, core.watch.look, system_secrets)
    trusted = house.settings.trusted_proxies
    return MembraneDoor(door.origin, house.scope, desk, callers, core.guard, core.refusals, house.clock, trusted)


def _watch(house: House) -> KeyWatch:
    every = house.settings.signing_key_rotation
    return KeyWatch(house.vault, house.scope, house.sealer, house.keyring, house.clock, every, identities.tenant_scopes)


def _codes(house: House, others: Elsewhere) -> Dispatch:
    rules = challenges.Rules(house.keyring, house.settings.origin, inline=others.postman.inline)
    return Dispatch(house.vault, rules, others.postman, others.directory)


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
    house: House,
    liveness: Liveness,
    session_rules: sessions.Rules,
    rules: CheckRules,
    parts: tuple[Check, Counts],
    others: Elsewhere,
    pages: tuple[Route, ...],
) -> Internal:
    """Put the internal listener together: the check in front, then what services ask besides."""
    vault, scope, (check, counts) = house.vault, house.scope, parts
    consume = ConsumeDesk(vault, scope, session_rules, check, rules.teller)
    devices = DeviceSessionDesk(vault, scope, house.keyring, others.publish, others.directory)
    signed = DeviceDesk(vault, scope, check, rules.teller)
    log = LogRoutes(vault, scope, house.keyring)
    asked = (*consume.routes(), *devices.routes(), *signed.routes(), *log.routes(), *pages)
    more, opened = (*_feed(house, liveness, check, rules), *asked), tuple(page.path.partition("{")[0] for page in pages)
    told = (_lease(liveness), counts.sums, others.publisher.standing if others.publisher else None, opened)
    return Internal(check, lambda: vault.read(scope, receipts.newest_time), more, *told)


def _beside(house: House, liveness: Liveness, publisher: Publisher | None) -> list[chores.Beside]:
    keeper = _keeper(house, liveness)
    return [*([keeper.run] if keeper else []), *([publisher.follow] if publisher else [])]


def _letters(house: House, console: Console) -> tuple[Route, ...]:
    """Return the development page of captured letters; nothing on a server that others use."""
    if not is_development(house.settings.mail.mode, house.settings.host):
        return ()
    return Letters(console.pages, house.scope, house.vault, house.keyring, console.asset).routes()


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
