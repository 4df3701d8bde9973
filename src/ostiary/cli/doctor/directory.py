"""Examination of the directory: who knows people, and whether a user service elsewhere answers. None is made there."""

import asyncio
from collections.abc import Iterator

from ostiary.cli.doctor.finding import Finding, ok, problem
from ostiary.identities.rest import RestDirectory
from ostiary.identities.settings import DirectoryMode, DirectorySettings
from ostiary.kernel.clock import system_clock, ticks_of
from ostiary.kernel.errors import BootRefused
from ostiary.settings import Settings

__all__ = ["directory"]

_ADVICE = "Is it up, and are OSTIARY_USER_SERVICE_BASE_URL and the token in OSTIARY_USER_SERVICE_TOKEN_FILE right?"


def directory(settings: Settings) -> Iterator[Finding]:
    """Say who knows people; ask the user service for somebody whom it does not have."""
    try:
        yield _found(settings.directory)
    except BootRefused as fault:
        yield problem("directory", str(fault), "Put the file there, readable for this user.")


def _found(settings: DirectorySettings) -> Finding:
    if settings.mode is DirectoryMode.LOCAL:
        return ok("directory", "people are kept here (`local`)")
    why = asyncio.run(_asked(RestDirectory(settings, ticks_of(system_clock()))))
    if why:
        return problem("directory", f"the user service at {settings.base_url} does not answer: {why}", _ADVICE)
    return ok("directory", f"people are kept by the user service at {settings.base_url}, which answers")


async def _asked(directory: RestDirectory) -> str:
    try:
        return await directory.probe()
    finally:
        await directory.close()
