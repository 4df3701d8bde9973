"""Examinations of the store: reachable, of this release, durable, writable; its keys, people and time."""

from collections.abc import Iterator
from pathlib import Path

from ostiary.access import service as access
from ostiary.cli.doctor.finding import Finding, ok, problem, warning
from ostiary.house import database_name, database_path, database_url
from ostiary.kernel.clock import SECOND, Clock, instant
from ostiary.kernel.errors import BootRefused, OstiaryError, SealBroken, StoreUnavailable
from ostiary.kernel.ids import system_secrets
from ostiary.kernel.values import Scope
from ostiary.keys import service as keys
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import ROTATABLE, Purpose
from ostiary.keys.sealing import Sealer, read_kek
from ostiary.receipts import service as receipts
from ostiary.settings import Settings
from ostiary.storage import schema
from ostiary.storage.inspection import Facts, facts, reading
from ostiary.storage.roll import LEASE_S, NODES
from ostiary.storage.tx import Tx

__all__ = ["database"]

_DAY = 24 * 3600 * SECOND
_OLD = 400 * _DAY
_NOTICEABLE, _LARGE = 2 * SECOND, 60 * SECOND
_RESTORE = "Stop the server, keep the file, and restore a backup (docs/operations.md)."
_REACH = "Is PostgreSQL up, and is OSTIARY_DATABASE_URL right?"


def database(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Look at the database, and, where it can be read, at what it holds."""
    path, url = database_path(settings), database_url(settings)
    if path is not None and not path.exists():
        yield warning("database", f"there is none at {path} yet", "Start `ostiary serve`, or run `ostiary migrate`.")
        return
    try:
        state = schema.state(url)
        yield from _schema(url, state, path)
        found = facts(url, clock)
        if path is None:
            yield ok("database", f"{database_name(settings)} is reached")
        yield from _engine(found, path)
        if found.settings.get("pooled") and not settings.database_direct_url:
            yield _deaf()
        if state is schema.State.CURRENT:
            with reading(url, Scope(), clock) as tx:
                yield from [*_keys(tx, settings), *_people(tx), *_time(tx), *(_nodes(tx) if path is None else ())]
    except OstiaryError as fault:
        where = str(path) if path is not None else database_name(settings)
        remedy = fault.remedy if isinstance(fault, StoreUnavailable) else ""
        advice = f"{remedy}." if remedy else _REACH if path is None else _RESTORE
        yield problem("database", f"{where} cannot be read: {fault}", advice)


def _schema(url: str, state: schema.State, path: Path | None) -> Iterator[Finding]:
    match state:
        case schema.State.CURRENT:
            yield ok("schema", "this release's")
        case schema.State.BEHIND if path is not None:
            yield warning("schema", "older than this release", "`ostiary serve` brings it up to date; back up first.")
        case schema.State.BEHIND | schema.State.NEWER:
            try:
                schema.require(url)
            except BootRefused as fault:
                says, _, advice = str(fault).partition(": ")
                yield problem("schema", says, f"{advice[:1].upper()}{advice[1:]}.")


def _engine(found: Facts, path: Path | None) -> Iterator[Finding]:
    if found.fault:
        yield problem("database", f"{found.engine} cannot be written now: {found.fault}", "Find who holds it.")
    yield from _postgres(found) if path is None else _sqlite(found, path)


def _sqlite(found: Facts, path: Path) -> Iterator[Finding]:
    damage, journal = found.settings["quick_check"], found.settings["journal_mode"]
    if damage not in {"", "ok"}:
        yield problem("database", f"{path} is damaged: {damage}", _RESTORE)
    elif journal != "wal":
        yield warning("database", f"its journal mode is {journal}", "`ostiary serve` sets it to WAL again.")
    elif not found.fault:
        looked = "intact" if damage else "nothing wrong in the first two seconds of looking"
        yield ok("database", f"{found.engine}, {looked}; write-ahead log, each commit synced to disk")


def _postgres(found: Facts) -> Iterator[Finding]:
    words = found.settings
    if words["fsync"] != "on":
        yield problem("database", "fsync is off: a power cut loses acknowledged changes", "Set fsync = on.")
    if words["full_page_writes"] != "on":
        yield warning("database", "full_page_writes is off", "Turn it on, unless the file system writes whole pages.")
    if words["standbys"] != "0" and not words["synchronous_standby_names"]:
        yield warning(
            "database",
            f"{words['standbys']} standby follows, none of them synchronously: a failover may forget acknowledged ends",
            "Name it in synchronous_standby_names.",
        )
    if not found.fault:
        commit = words["synchronous_commit"]
        raised = ", which Ostiary raises to on for its own" if commit in {"off", "local"} else ""
        yield ok("database", f"{found.engine}; synchronous_commit is {commit}{raised}")


def _deaf() -> Finding:
    return warning(
        "database",
        "a pooler stands before it, and in transaction mode nobody hears through it: an end waits for the next renewal",
        "Name the database past the pooler in OSTIARY_DATABASE_DIRECT_URL.",
    )


def _keys(tx: Tx, settings: Settings) -> Iterator[Finding]:
    keyring = Keyring()
    try:
        keys.load(tx, Sealer(read_kek(settings.kek), system_secrets), keyring)
    except SealBroken:
        advice = "Put the right one back; nothing can be signed or opened with this one."
        yield problem("keys", f"{settings.kek} is not the key that sealed the stored keys", advice)
        return
    except BootRefused:
        return  # the line about the key has said it
    missing = keys.missing(keyring, tx.scope.tenant)
    if missing:
        yield warning("keys", f"none yet for {', '.join(missing)}", "`ostiary serve` makes them.")
    held = {purpose: keyring.active(tx.scope.tenant, purpose) for purpose in Purpose if purpose not in missing}
    ages = {purpose: (tx.now - key.created_at) // _DAY for purpose, key in held.items()}
    if ages:
        said = ", ".join(f"{purpose} {age}" for purpose, age in ages.items())
        yield ok("keys", f"the key-encryption key opens all {len(keyring.all())}; days in service: {said}")
    for purpose in ROTATABLE & ages.keys():
        if tx.now - held[purpose].created_at > _OLD:
            yield warning(
                "keys",
                f"the {purpose} key is {ages[purpose]} days old",
                f"Run `ostiary keys rotate --purpose {purpose}`.",
            )


def _people(tx: Tx) -> Iterator[Finding]:
    if access.has_administrator(tx):
        yield ok("people", "there is an administrator")
    else:
        yield warning("people", "no administrator yet", "Open the one-time link that `ostiary serve` prints.")


def _nodes(tx: Tx) -> Iterator[Finding]:
    """Tell of each node on the roll how old its lease is, and what it has not confirmed yet."""
    for name, age, lag in tx.all(NODES):
        says = f"{name} renewed its lease {age / SECOND:.1f} s ago; announcements it has not confirmed: {lag}"
        if age <= LEASE_S * SECOND:
            yield ok("nodes", says)
        else:
            yield warning("nodes", f"{says}; it asks the database at every check", "Look at its log, if it still runs.")


def _time(tx: Tx) -> Iterator[Finding]:
    newest = receipts.newest_time(tx)
    ahead = newest - tx.now
    if ahead <= _NOTICEABLE:
        yield ok("time", f"the clock agrees with the log; newest receipt {instant(newest) if newest else 'none'}")
        return
    says = f"the clock is {ahead / SECOND:,.0f} s behind the newest receipt ({instant(newest)}): it was set back"
    advice = "Set the clock. Until then time goes on from the newest receipt: no session lives longer, some end early."
    yield problem("time", says, advice) if ahead > _LARGE else warning("time", says, advice)
