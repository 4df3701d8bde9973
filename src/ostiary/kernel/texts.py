"""The texts that people write in settings, read into values. Each raises ValueError that says what is expected."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ostiary.kernel.clock import SECOND

__all__ = [
    "Key",
    "address",
    "base_url",
    "database",
    "duration",
    "folder",
    "is_address",
    "lifetime",
    "origin",
    "path",
    "rotation",
    "samesite",
    "switch",
    "webhook",
]

_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d|)\Z")
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND}
_LONGEST = 3650 * _UNITS["d"]
_PORTS = range(1, 65536)
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z")
_USUAL_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!-~]+\Z")


class Key(msgspec.Struct, frozen=True):
    """One key: the field it sets, how its text is read; its default as one writes it, its meaning and effect.

    What is `secret` is shown nowhere, however wrong it is.
    """

    field: str
    parse: Callable[[str], Any]
    default: str
    meaning: str
    effect: str
    secret: bool = False


def path(value: str) -> Path:
    """Read a path; `~` is the home folder."""
    if not value or "\0" in value:
        raise ValueError("a path is expected")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError("there is no such home folder") from None


def folder(value: str) -> Path:
    """Read the path of a folder that has a name of its own."""
    folder = path(value)
    folder = folder if folder.name else folder.absolute()
    if not folder.name or folder.name == "..":
        raise ValueError("a folder of its own is expected, such as /var/lib/ostiary")
    return folder


def database(value: str) -> str:
    """Read a PostgreSQL address; nothing means SQLite."""
    if value and not value.startswith(("postgresql://", "postgres://")):
        raise ValueError("postgresql://user@host/name is expected, or nothing for SQLite in OSTIARY_DATA_DIR")
    return value


def duration(value: str) -> int:
    """Read a duration into microseconds."""
    match = _DURATION.match(value)
    length = int(match[1]) * _UNITS[match[2]] if match else 0
    if not 0 < length <= _LONGEST:
        raise ValueError("a duration such as 90s, 15m, 8h or 1d is expected, and at most 3650d")
    return length


def rotation(value: str) -> int:
    """Read how often a key is rotated into microseconds, 0 for never."""
    length = 0 if value == "never" else duration(value)
    if 0 < length < _UNITS["h"]:
        raise ValueError("at least 1h is expected, or never")
    return length


def lifetime(value: str) -> int:
    """Read how long something lives into microseconds, 0 for ever."""
    return 0 if value == "never" else duration(value)


def address(value: str) -> tuple[str, int]:
    """Read where a listener binds: (host, port), the host "" for everywhere."""
    host, _, port = value.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    known = not host or is_address(host)
    if not (known and port.isascii() and port.isdecimal() and int(port[:6]) in _PORTS):
        raise ValueError("an address such as 127.0.0.1:8081 or :8080 is expected")
    return host, int(port)


def origin(value: str) -> str:
    """Read an origin as browsers send it (RFC 6454 section 6.2)."""
    parts = urlsplit(value)
    scheme, host, port = parts.scheme, parts.hostname or "", parts.port
    if scheme not in _USUAL_PORTS or not _HOST.match(host) or is_address(host):
        raise ValueError("an origin such as https://id.example.test is expected, with a name and not an address")
    if scheme == "http" and not (host == "localhost" or host.endswith(".localhost")):
        raise ValueError("browsers give passkeys to https origins only, and to http://localhost")
    written = f"{scheme}://{host}" + (f":{port}" if port not in {None, _USUAL_PORTS[scheme]} else "")
    if value != written:
        raise ValueError(f"write it as browsers send it: {written}")
    return value


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def switch(value: str) -> bool:
    """Read a switch."""
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if value.lower() not in known:
        raise ValueError("true or false is expected")
    return known[value.lower()]


def webhook(value: str) -> str:
    """Read the address of a webhook: https, or http on this machine."""
    parts = urlsplit(value)
    loopback = parts.hostname == "localhost" or (
        is_address(parts.hostname or "") and ip_address(parts.hostname or "").is_loopback
    )
    if (
        not parts.hostname
        or "@" in parts.netloc
        or not (parts.scheme == "https" or (parts.scheme == "http" and loopback))
    ):
        raise ValueError("an https address is expected, or an http address on this machine")
    return value


def base_url(value: str) -> str:
    """Read the address of a service, below which its paths lie: as a webhook's, without query and fragment."""
    parts = urlsplit(webhook(value))
    if not _PLAIN.match(value) or parts.query or parts.fragment or parts.port == 0:
        raise ValueError("an address such as https://mail.example.test/base is expected, without query or fragment")
    return value


def samesite(value: str) -> str:
    """Read a SameSite value (RFC 6265bis section 4.1.2.7)."""
    if value.capitalize() not in {"Lax", "Strict"}:
        raise ValueError("Lax or Strict is expected")
    return value.capitalize()
