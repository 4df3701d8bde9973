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
from ostiary.projection.model import Mirror, MirrorUnavailable
from ostiary.projection.rebuilding import Told, fill, sweep
from ostiary.projection.redis import RedisMirror
from ostiary.projection.truth import Truth
from ostiary.projection.verification import Difference, Verification
from ostiary.storage import snapshots

__all__ = ["rebuild", "status", "verify"]

_CLAIM_MS = 5_000


def status(*, json_: bool = False) -> int:
    """Say how the projection stands.

    Exit code 1 where Redis cannot be used.

    Parameters
    ----------
    json_
        Print one JSON object.
    """
    return _within(lambda opened, mirror: _status(opened, mirror, as_json=json_))


def rebuild(*, progress: bool = False, json_: bool = False) -> int:
    """Write all sessions of all tenants anew, and remove those that are not known.

    A server may go on meanwhile: no session that was revoked comes to life again. Gateways hear of what stood
    otherwise, and of nothing else.

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


async def _status(opened: House, mirror: Mirror, *, as_json: bool) -> int:
    waiting, since = opened.vault.read_now(opened.scope, snapshots.waiting)
    told: dict[str, object] = {"redis": "", "waiting": waiting}
    told["oldest_seconds"] = round(max(0, opened.clock() - since) / SECOND, 3) if waiting else 0
    try:
        about = await mirror.about()
    except MirrorUnavailable as fault:
        told |= {"redis": f"unavailable ({fault.why})", "events": None, "whole": None}
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
        await mirror.claim(who, _CLAIM_MS)
        await told(count)

    run = (await mirror.about()).run
    changed = await fill(truth, mirror, go_on)
    removed = await sweep(truth, mirror)
    await mirror.declare(run)
    took = (opened.clock() - began) / SECOND
    if as_json:
        facts = {"sessions": looked, "changed": changed, "removed": removed, "seconds": round(took, 3)}
        one(facts, as_json=True)
    else:
        say(f"{looked:,} sessions in {took:.1f} s: {changed:,} stood otherwise, {removed:,} unknown ones removed")
    return 0


async def _verify(opened: House, mirror: Mirror, told: Told, *, as_json: bool) -> int:
    found, walk = 0, Verification(_truth(opened), mirror, told)
    async with aclosing(walk.differences()) as differences:
        async for difference in differences:
            found += 1
            say(json.dumps(_fields(difference)) if as_json else _sentence(difference))
    if as_json:
        one({"sessions": walk.sessions, "waiting": walk.waiting, "differences": found}, as_json=True)
    else:
        say(f"{walk.sessions:,} sessions, {walk.waiting:,} of them waiting: {found:,} differences")
    return 1 if found else 0


def _within(command: Callable[[House, Mirror], Awaitable[int]]) -> int:
    async def run(opened: House) -> int:
        async with _mirror(opened) as mirror:
            return await command(opened, mirror)

    with house() as opened:
        return asyncio.run(run(opened))


@asynccontextmanager
async def _mirror(opened: House) -> AsyncIterator[Mirror]:
    if opened.settings.projection.addr is None:
        raise SettingsError("there is no projection: OSTIARY_REDIS_ADDR names no Redis")
    mirror = RedisMirror(opened.settings.projection.patient)
    try:
        yield mirror
    finally:
        await mirror.close()


def _truth(opened: House) -> Truth:
    return Truth(opened.vault, opened.scope, opened.clock)


@contextmanager
def _progress(*, shown: bool) -> Iterator[Told]:
    shown = shown or sys.stderr.isatty()

    async def told(done: int) -> None:
        if shown:
            sys.stderr.write(f"\r{done:,} sessions")
            sys.stderr.flush()

    yield told
    if shown:
        sys.stderr.write("\n")


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
    return f"{difference.fault}: {difference.session}: {difference.stands or '-'}, not {difference.should or '-'}"
