"""Examination of the projection: whether the Redis that gateways read can be used. Nothing is written there."""

import asyncio
from collections.abc import Iterator

from ostiary.cli.doctor.finding import Finding, ok, problem
from ostiary.kernel.errors import BootRefused
from ostiary.projection.model import MirrorUnavailable, ProjectionSettings
from ostiary.projection.redis import RedisMirror
from ostiary.settings import Settings

__all__ = ["projection"]

_MEANWHILE = "Logins go on without it; gateways hear nothing."


def projection(settings: Settings) -> Iterator[Finding]:
    """Say what gateways read, and ask that Redis for a sign of life."""
    given = settings.projection
    if given.addr is None:
        yield ok("projection", "no gateway reads from here (OSTIARY_REDIS_ADDR is not set)")
        return
    try:
        fault = asyncio.run(_asked(given))
    except BootRefused as refused:
        yield problem("projection", str(refused), "Put the file there, readable for this user.")
        return
    where = f"Redis at {given.addr[0]}:{given.addr[1]}"
    if fault:
        yield problem("projection", f"{where} cannot be used: {fault.why}", f"{fault.remedy}. {_MEANWHILE}")
    else:
        yield ok("projection", f"gateways read from {where}, which answers")


async def _asked(settings: ProjectionSettings) -> MirrorUnavailable | None:
    mirror = RedisMirror(settings)
    try:
        await mirror.about()
    except MirrorUnavailable as fault:
        return fault
    finally:
        await mirror.close()
    return None
