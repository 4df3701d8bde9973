"""The house: settings in, an opened store with its keys out; what the server and every command stand on.

The only file that chooses the vault. It stands apart from `app` so that a command need not import the server.
"""

import os
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from pkgutil import resolve_name
from socket import gethostname

import msgspec

from ostiary.identities import service as identities
from ostiary.kernel.clock import Clock, system_clock
from ostiary.kernel.errors import BootRefused, OstiaryError, SealBroken
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.values import Mode, Scope
from ostiary.keys import service as keys
from ostiary.keys.keyring import Keyring
from ostiary.keys.sealing import Sealer, read_kek
from ostiary.receipts import service as receipts
from ostiary.receipts.ledger import SigningLedger
from ostiary.sessions import service as sessions
from ostiary.settings import Settings
from ostiary.storage import schema
from ostiary.storage.inspection import holds_rows, reading
from ostiary.storage.sqlite import SqliteReader, SqliteVault
from ostiary.storage.vault import Vault

__all__ = [
    "House",
    "database_locator",
    "database_name",
    "database_path",
    "database_url",
    "guard_kek",
    "migrate",
    "open_house",
    "own_kek",
    "prepare",
    "require",
]

_DEFAULT = "default"
_ADDRESS = re.compile(r"[a-z]+://(?:([^:@/?#]*)(?::[^@/?#]*)?(@))?([^@?#]*)(?:\?[^@#]*)?")
_POSTGRES = "ostiary.storage.postgres:PostgresVault"
"""Named, not imported: psycopg costs a command on SQLite a fifth of its start."""


class House(msgspec.Struct, frozen=True):
    """An opened store with its keys: what every command and the server stand on.

    `closing` is called at its end; `leaving` before that, on the event loop that was used, by whoever ran one.
    """

    settings: Settings
    scope: Scope
    clock: Clock
    keyring: Keyring
    sealer: Sealer
    vault: Vault
    readers: list[SqliteReader] = msgspec.field(default_factory=list)
    closing: list[Callable[[], None]] = msgspec.field(default_factory=list)
    leaving: list[Callable[[], Awaitable[None]]] = msgspec.field(default_factory=list)

    def reader(self) -> SqliteReader:
        """Return what reads the SQLite file on the thread of the event loop; made at the first call, one for all."""
        if not self.readers:
            self.readers.append(SqliteReader(database_path(self.settings) or Path()))
        return self.readers[0]

    async def leave(self) -> None:
        """Let go of what this event loop holds open elsewhere."""
        while self.leaving:
            await self.leaving.pop()()

    def close(self) -> None:
        """Finish what is queued and let go of the store."""
        self.vault.close()
        while self.readers:
            self.readers.pop().close()
        while self.closing:
            self.closing.pop()()


def database_url(settings: Settings) -> str:
    """Return where the database is, in SQLAlchemy's form; without a setting a SQLite file in the data folder."""
    default = f"sqlite:///{(settings.data_dir / 'ostiary.sqlite').resolve()}"
    return schema.sqlalchemy_url(settings.database_url or default)


def database_path(settings: Settings) -> Path | None:
    """Return where the SQLite file lies, None on PostgreSQL."""
    return schema.sqlite_path(database_url(settings))


def database_locator(settings: Settings) -> str:
    """Return what says where the database is: its file, or the host part of its address. No answer may show it."""
    path = database_path(settings)
    return str(path) if path is not None else settings.database_url.rpartition("@")[2].partition("?")[0]


def database_name(settings: Settings) -> str:
    """Return the database's address as it may be shown: without password, and in doubt without anything."""
    scheme, _, _ = settings.database_url.partition("://")
    parts = _ADDRESS.fullmatch(settings.database_url)
    return f"{scheme}://" + ("".join(part or "" for part in parts.groups()) if parts else "…")


def own_kek(settings: Settings) -> bytes:
    """Read the key-encryption key. Raises BootRefused, saying whether to make one or to put the old one back."""
    guard_kek(settings)
    return read_kek(settings.kek)


def guard_kek(settings: Settings) -> None:
    """Raise BootRefused where the key-encryption key is missing and the database holds keys that it sealed."""
    kek = settings.kek.resolve()
    if not kek.exists() and _holds_keys(settings):
        where = database_path(settings) or "that OSTIARY_DATABASE_URL names"
        raise BootRefused(
            f"the key-encryption key {kek} is missing, and the database {where} holds keys that it sealed: "
            "put it back; a new one opens nothing"
        )


def _holds_keys(settings: Settings) -> bool:
    """Tell whether any key is stored; a SQLite file that cannot be read may hold some, an unreachable server not."""
    path = database_path(settings)
    if path is not None and not path.exists():
        return False
    try:
        return holds_rows(database_url(settings), "keys")
    except OstiaryError:
        return path is not None


def prepare(settings: Settings) -> None:
    """Bring the schema up to date on SQLite, refuse one that is not on PostgreSQL: what a server does first.

    Raises BootRefused, before anything is made where the key-encryption key is missing.
    """
    own_kek(settings)
    if database_path(settings) is None:
        schema.require(database_url(settings))
    else:
        migrate(settings)


def require(settings: Settings) -> None:
    """Raise BootRefused, saying what to do, unless key and a database of this release are there; make nothing."""
    own_kek(settings)
    path = database_path(settings)
    if path is not None and not path.exists():
        raise BootRefused(f"there is no database at {path} yet: start `ostiary serve`, or run `ostiary migrate`")
    schema.require(database_url(settings))


def migrate(settings: Settings) -> list[str]:
    """Run the migrations that are missing; return their names."""
    path = database_path(settings)
    if path is not None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return schema.upgrade(database_url(settings))


def open_house(settings: Settings, mode: Mode | None = None, clock: Callable[[int], Clock] = system_clock) -> House:
    """Open the store and load the keys; the default tenant and its keys are made where they are missing.

    `mode` is that of a tenant that is not there yet (live, unless said). `clock` makes the clock from the
    earliest time that it may tell: no time that this database has seen comes again (ruling 7). Raises
    BootRefused when the key-encryption key is missing or is not the one that sealed the stored keys, and when
    the stored tenant has another mode.
    """
    sealer, keyring = Sealer(own_kek(settings), system_secrets), Keyring()
    with _sealed_under(settings.kek), reading(database_url(settings), Scope(_DEFAULT)) as tx:
        floor, tenant = max(receipts.newest_time(tx), sessions.newest_seen(tx)), identities.find_tenant(tx)
        keys.load(tx, sealer, keyring)
    found = mode or Mode.LIVE if tenant is None else tenant.mode
    if mode not in {None, found}:
        raise BootRefused(f"this data folder belongs to a {found} tenant: choose another folder for a {mode} one")
    now, scope = clock(floor), Scope(_DEFAULT, found)
    house = House(settings, scope, now, keyring, sealer, _vault(settings, keyring, now))
    if tenant is None or keys.missing(keyring, _DEFAULT):
        _furnish(house)
    return house


def _furnish(house: House) -> None:
    """Make keys and tenant; two nodes that boot at once end with the same ones."""
    try:
        with _sealed_under(house.settings.kek):
            house.vault.transact_now(house.scope, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
            house.vault.transact_now(house.scope, identities.ensure_tenant)
    except BaseException:
        house.close()
        raise


@contextmanager
def _sealed_under(kek: Path) -> Iterator[None]:
    try:
        yield
    except SealBroken as fault:
        raise BootRefused(
            f"the key-encryption key {kek} is not the one that sealed the keys in this database: "
            "put the right one back (after `ostiary keys rewrap`: the new one); nothing was changed"
        ) from fault


def _vault(settings: Settings, keyring: Keyring, clock: Clock) -> Vault:
    ledger = SigningLedger(keyring)
    path = database_path(settings)
    if path is not None:
        return SqliteVault(path, clock, system_secrets, ledger)
    name = f"{gethostname()}:{os.getpid()}"
    url = schema.libpq_url(settings.database_url)
    made: Vault = resolve_name(_POSTGRES)(url, clock, system_secrets, ledger, name=name)
    return made
