"""The settings of the directory: who knows people by their address, and what contradicts itself."""

from enum import StrEnum
from pathlib import Path

import msgspec

from ostiary.kernel import texts
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.texts import Key

__all__ = ["KEYS", "DirectoryMode", "DirectorySettings", "check"]


class DirectoryMode(StrEnum):
    """Who knows people: our own tables, or a user service over HTTP. NOTE: wire format (the contract's names)."""

    LOCAL = "local"
    REST = "rest"


class DirectorySettings(msgspec.Struct, frozen=True):
    """Where people are looked up. `timeout` is in microseconds."""

    mode: DirectoryMode = DirectoryMode.LOCAL
    base_url: str = ""
    timeout: int = SECOND
    token_file: Path | None = None


def _mode(value: str) -> DirectoryMode:
    known = {"local": DirectoryMode.LOCAL, "stub": DirectoryMode.LOCAL, "rest": DirectoryMode.REST}
    if value not in known:
        raise ValueError("local (or stub, its other name) or rest is expected")
    return known[value]


KEYS: dict[str, Key] = {
    "USER_SERVICE_MODE": Key(
        "directory.mode",
        _mode,
        "local",
        "Who knows people by their address: `local` (or `stub`: this server) or `rest`.",
        "With `rest` device logins ask the user service whose an address is; see [directory.md](directory.md).",
    ),
    "USER_SERVICE_BASE_URL": Key(
        "directory.base_url",
        texts.base_url,
        "",
        "The user service of the mode `rest`: an https address, or http on this machine.",
        "Addresses are looked up, people made and blocked there.",
    ),
    "USER_SERVICE_TOKEN_FILE": Key(
        "directory.token_file",
        texts.path,
        "",
        "A file that holds the user service's bearer token.",
        "Each request carries it. Read at the start.",
    ),
    "USER_SERVICE_REQUEST_TIMEOUT": Key(
        "directory.timeout",
        texts.duration,
        "1s",
        "How long one question to the user service may take in all, at most 1m.",
        "Then it has failed, and the request that needs it is answered 503.",
    ),
}
"""Every key of the directory, without its prefix."""


def check(settings: DirectorySettings) -> None:
    """Raise SettingsError where settings of the directory contradict each other, or would do nothing."""
    rest = settings.mode is DirectoryMode.REST
    if rest and not settings.base_url:
        raise SettingsError("OSTIARY_USER_SERVICE_MODE is rest: set OSTIARY_USER_SERVICE_BASE_URL too")
    if (settings.base_url or settings.token_file) and not rest:
        raise SettingsError(
            "OSTIARY_USER_SERVICE_BASE_URL or _TOKEN_FILE does nothing: set OSTIARY_USER_SERVICE_MODE to rest"
        )
    if settings.timeout > texts.duration("1m"):
        raise SettingsError("OSTIARY_USER_SERVICE_REQUEST_TIMEOUT is longer than 1m: nobody waits that long")
