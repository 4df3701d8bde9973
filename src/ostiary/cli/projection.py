"""`ostiary projection`: how gateways' copy of device sessions stands, making it anew, holding it against the truth."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager

from ostiary.cli.terminal import house, one, say
from ostiary.house import House
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.ids import new_id, system_secrets
from ostiary.kernel.legible import escaped
from ostiary.projection.model import Mirror, MirrorUnavailable, ProjectionSettings
from ostiary.projection.rebuilding import Told, fill, sweep
from ostiary.projection.redis import RedisMirror
from ostiary.projection.truth import Truth
from ostiary.projection.verification import Difference, Verification
from ostiary.storage import snapshots

__all__ = ["rebuild", "status", "verify"]

_CLAIM_MS = 5_000
_STUCK = "Gateways refuse for good what stays revoked in Redis, and a rebuild may not bring it back. Revoke it\n\
in the truth too (ostiary sessions revoke ID), or, where you are sure that it may live, delete its key\n\
in Redis and rebuild again; docs/projection.md says more.\n"


def status(*, json_: bool = False) -> int:
    """Say how the projection stands.

    Exit code 1 where Redis cannot be used.

    Parameters
    ----------
    json_
        Print one JSON object.
    """
    with house() as opened:
        return asyncio.run(_asked(opened, as_json=json_))


def rebuild(*, progress: bool = False, json_: bool = False) -> int:
    """Write all sessions of all tenants anew, and remove those that are not known.

    A server may go on meanwhile: no session that was revoked comes to life again. Gateways hear of what stood
    otherwise, and of nothing else. Exit code 1 where a session that lives stays revoked in Redis; each is named.

    Parameters
    ----------
    progress
        Show progress on standard error even if that is no terminal.
    json_
        Print one JSON object.
    """
    with _progress(shown=progress) as told:
        return _within(lambda opened, mirror: _rebuild(opened, mirror, told, as_json=json_))


def verify(*, progress: bool = False, json_: bool = False) -> int:
    """Hold the projection against the truth and name every difference.

    Exit code 1 where there are any. What waits to be published is counted apart.

    Parameters
    ----------
    progress
        Show progress on standard error even if that is no terminal.
    json_
        Print one JSON object a line: the differences, then the sum.
    """
    with _progress(shown=progress) as told:
        return _within(lambda opened, mirror: _verify(opened, mirror, told, as_json=json_))


async def _asked(opened: House, *, as_json: bool) -> int:
    async with _mirror(_settings(opened)) as mirror:
        return await _status(opened, mirror, as_json=as_json)


async def _status(opened: House, mirror: Mirror, *, as_json: bool) -> int:
    waiting, since = opened.vault.read_now(opened.scope, snapshots.waiting)
    told: dict[str, object] = {"redis": "", "waiting": waiting}
    told["oldest_seconds"] = round(max(0, opened.clock() - since) / SECOND, 3) if waiting else 0
    try:
        about = await mirror.about()
    except MirrorUnavailable as fault:
        told |= {"redis": f"unavailable ({fault.why})", "events": None, "whole": None}
        sys.stderr.write(f"{fault.remedy}.\n")
    else:
        told |= {"redis": about.version, "events": about.events, "whole": about.run == about.whole}
    one(told if as_json else {name: _plain(value) for name, value in told.items()}, as_json=as_json)
    return 0 if told["whole"] is not None else 1


async def _rebuild(opened: House, mirror: Mirror, told: Told, *, as_json: bool) -> int:
    truth, who, began = _truth(opened), new_id("node", system_secrets), opened.clock()
    looked = 0

    async def go_on(count: int) -> None:
        nonlocal looked
        looked = count
        await mirror.keep(who, _CLAIM_MS)
        await told(count)

    run = (await mirror.about()).run
    await mirror.claim(who, _CLAIM_MS)
    filled = await fill(truth, mirror, go_on)
    await mirror.declare(run, who)
    removed = await sweep(truth, mirror)
    took = (opened.clock() - began) / SECOND
    if as_json:
        facts = {"sessions": looked, "changed": filled.changed, "removed": removed, "stuck": list(filled.stuck)}
        one(facts | {"seconds": round(took, 3)}, as_json=True)
    else:
        for session in filled.stuck:
            say(f"stuck: {session}: stands as revoked, should be active")
        done = f"{filled.changed:,} stood otherwise, {removed:,} unknown removed, {len(filled.stuck):,} stuck"
        say(f"{_sessions(looked)} in {took:.1f} s: {done}")
    if filled.stuck:
        sys.stderr.write(_STUCK)
    return 1 if filled.stuck else 0


async def _verify(opened: House, mirror: Mirror, told: Told, *, as_json: bool) -> int:
    found, walk = 0, Verification(_truth(opened), mirror, told)
    async with aclosing(walk.differences()) as differences:
        async for difference in differences:
            found += 1
            say(json.dumps(_fields(difference)) if as_json else _sentence(difference))
    if as_json:
        one({"sessions": walk.sessions, "waiting": walk.waiting, "differences": found}, as_json=True)
    else:
        sum_up = f"{found:,} difference{'' if found == 1 else 's'}"
        say(f"{_sessions(walk.sessions)}, {walk.waiting:,} waiting: {sum_up}")
    return 1 if found else 0


def _within(command: Callable[[House, Mirror], Awaitable[int]]) -> int:
    async def run(opened: House) -> int:
        given = _settings(opened)
        async with _mirror(given) as hasty:
            await hasty.about()  # one that hangs is told at once; patience is for steps of a walk that has begun
        async with _mirror(given.patient) as mirror:
            return await command(opened, mirror)

    with house() as opened:
        return asyncio.run(run(opened))


@asynccontextmanager
async def _mirror(given: ProjectionSettings) -> AsyncIterator[Mirror]:
    mirror = RedisMirror(given)
    try:
        yield mirror
    finally:
        await mirror.close()


def _settings(opened: House) -> ProjectionSettings:
    if opened.settings.projection.addr is None:
        raise SettingsError("there is no projection: OSTIARY_REDIS_ADDR names no Redis")
    return opened.settings.projection


def _truth(opened: House) -> Truth:
    return Truth(opened.vault, opened.scope, opened.clock)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Told]:
    shown = shown or sys.stderr.isatty()

    async def told(done: int) -> None:
        if shown:
            sys.stderr.write(f"\r{_sessions(done)}")
            sys.stderr.flush()

    yield told
    if shown:
        sys.stderr.write("\n")


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count:,} sessions"


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else value


def _fields(difference: Difference) -> dict[str, object]:
    return {
        "session": difference.session,
        "difference": difference.fault.value,
        "should": difference.should or None,
        "stands": difference.stands or None,
    }


def _sentence(difference: Difference) -> str:
    stands, should = difference.stands or "nothing", difference.should or "nothing"
    return escaped(f"{difference.fault}: {difference.session}: stands {stands}, should be {should}")
