"""Settings: the only reader of the environment. Composes what the features declare into one frozen value.

Every key exists as `OSTIARY_<KEY>` in the environment and as `<key>` (lower case) in `ostiary.toml`; the
environment wins. An unknown key stops the boot and names its nearest neighbour.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ostiary.gateway.model import GatewaySettings
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import SettingsError
from ostiary.sessions.model import SessionSettings
from ostiary.web.address import Network, network

__all__ = ["KEYS", "Settings", "read_settings"]

_PREFIX = "OSTIARY_"
_OURS_ELSEWHERE = ("OSTIARY_TEST_", "OSTIARY_CONFIG", "OSTIARY_VECTORS")
_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d|)\Z")
_UNITS = {"ms": SECOND // 1000, "s": SECOND, "": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86400 * SECOND}


class Settings(msgspec.Struct, frozen=True):
    """Everything that can be set, with its default. Durations are microseconds."""

    data_dir: Path = Path("ostiary-data")
    database_url: str = ""
    public_http_addr: tuple[str, int] = ("", 8080)
    internal_http_addr: tuple[str, int] = ("127.0.0.1", 8081)
    origin: str = "http://localhost:8080"
    kek_file: Path | None = None
    trusted_proxies: tuple[Network, ...] = ()
    signing_key_retention: int = 24 * 3600 * SECOND
    sessions: SessionSettings = SessionSettings()
    gateway: GatewaySettings = GatewaySettings()

    @property
    def kek(self) -> Path:
        """Where the key-encryption key lies: beside the data folder, never inside it, unless set (ruling 2)."""
        return self.kek_file or self.data_dir.with_name(self.data_dir.name + ".kek")

    @property
    def host(self) -> str:
        """The origin's host, which is also the WebAuthn relying party id."""
        return urlsplit(self.origin).hostname or ""


def _text(value: str) -> str:
    return value


def _path(value: str) -> Path:
    return Path(value).expanduser()


def _duration(value: str) -> int:
    match = _DURATION.match(value)
    if match is None or int(match[1]) == 0:
        raise ValueError("a duration such as 90s, 15m, 8h or 1d is expected")
    return int(match[1]) * _UNITS[match[2]]


def _address(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - the highest port
        raise ValueError("an address such as 127.0.0.1:8081 or :8080 is expected")
    return host.strip("[]"), int(port)


def _origin(value: str) -> str:
    parts = urlsplit(value)
    local = parts.hostname == "localhost" or (parts.hostname or "").endswith(".localhost")
    if parts.scheme not in {"http", "https"} or not parts.hostname or value != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("an origin such as https://id.example.test is expected, without a path")
    if parts.scheme == "http" and not local:
        raise ValueError("browsers give passkeys to https origins only, and to http://localhost")
    return value


def _networks(value: str) -> tuple[Network, ...]:
    return tuple(network(part) for part in value.split(",") if part.strip())


def _hosts(value: str) -> frozenset[str]:
    return GatewaySettings().hosts | {part.strip().lower() for part in value.split(",") if part.strip()}


def _switch(value: str) -> bool:
    known = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    if value.lower() not in known:
        raise ValueError("true or false is expected")
    return known[value.lower()]


def _samesite(value: str) -> str:
    if value.capitalize() not in {"Lax", "Strict"}:
        raise ValueError("Lax or Strict is expected")
    return value.capitalize()


_Parser = Callable[[str], Any]
KEYS: dict[str, tuple[str, _Parser]] = {
    "DATA_DIR": ("data_dir", _path),
    "DATABASE_URL": ("database_url", _text),
    "PUBLIC_HTTP_ADDR": ("public_http_addr", _address),
    "INTERNAL_HTTP_ADDR": ("internal_http_addr", _address),
    "INTERNAL_HOSTS": ("gateway.hosts", _hosts),
    "ORIGIN": ("origin", _origin),
    "KEK_FILE": ("kek_file", _path),
    "TRUSTED_PROXIES": ("trusted_proxies", _networks),
    "SESSION_IDLE_TIMEOUT": ("sessions.idle", _duration),
    "SESSION_ABSOLUTE_TIMEOUT": ("sessions.absolute", _duration),
    "SESSION_SAMESITE": ("sessions.samesite", _samesite),
    "SESSION_BIND_IP": ("sessions.bind_address", _switch),
    "SESSION_BIND_USER_AGENT": ("sessions.bind_agent", _switch),
    "SIGNING_KEY_RETENTION": ("signing_key_retention", _duration),
    "GC_INTERVAL": ("sessions.collect_every", _duration),
}
"""Every key, without its prefix: the field that it sets and how its text is read."""


def read_settings(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Read `ostiary.toml` (in `folder`, or where OSTIARY_CONFIG says) and the environment. Raises SettingsError."""
    env = os.environ if environ is None else environ
    given = _from_file(Path(env["OSTIARY_CONFIG"]) if "OSTIARY_CONFIG" in env else None, folder or Path.cwd())
    mine = {k: v for k, v in env.items() if k.startswith(_PREFIX) and not k.startswith(_OURS_ELSEWHERE)}
    given.update({_known(name.removeprefix(_PREFIX), name): text for name, text in mine.items()})
    values: dict[str, Any] = {}
    for key, text in given.items():
        field, parse = KEYS[key]
        try:
            values[field] = parse(text)
        except ValueError as fault:
            raise SettingsError(f"{_PREFIX}{key}={text!r}: {fault}") from fault
    return _check(_compose(values))


def _from_file(named: Path | None, folder: Path) -> dict[str, str]:
    path = named or folder / "ostiary.toml"
    if named is None and not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise SettingsError(f"cannot read {path}: {fault}") from fault
    return {_known(name.upper().removeprefix(_PREFIX), name): _plain(name, value) for name, value in found.items()}


def _plain(name: str, value: object) -> str:
    if isinstance(value, list):
        return ",".join(_plain(name, inner) for inner in value)
    if isinstance(value, bool | int | str):
        return str(value)
    raise SettingsError(f"{name}: a text, a number, true, false or a list of these is expected")


def _known(key: str, shown: str) -> str:
    if key in KEYS:
        return key
    near = difflib.get_close_matches(key, KEYS, n=1, cutoff=0)
    raise SettingsError(f"unknown setting {shown}: did you mean {_PREFIX}{near[0]}?")


def _compose(values: dict[str, Any]) -> Settings:
    parts: dict[str, dict[str, Any]] = {"": {}, "sessions": {}, "gateway": {}}
    for field, value in values.items():
        section, _, name = field.rpartition(".")
        parts[section][name] = value
    idle = parts["sessions"].get("idle", SessionSettings().idle)
    parts["sessions"]["flush"] = min(SessionSettings().flush, idle // 10)
    bare = Settings(**parts[""])
    hosts = parts["gateway"].get("hosts", GatewaySettings().hosts) | {bare.host}
    return msgspec.structs.replace(bare, sessions=SessionSettings(**parts["sessions"]), gateway=GatewaySettings(hosts))


def _check(settings: Settings) -> Settings:
    sessions = settings.sessions
    if settings.signing_key_retention < sessions.absolute:
        raise SettingsError(
            "OSTIARY_SIGNING_KEY_RETENTION is shorter than OSTIARY_SESSION_ABSOLUTE_TIMEOUT: "
            "a rotation would end living sessions. Make the retention at least as long."
        )
    if sessions.flush > sessions.idle // 10:
        raise SettingsError("last-seen times would be written too rarely for OSTIARY_SESSION_IDLE_TIMEOUT")
    if settings.internal_http_addr[0] not in {"127.0.0.1", "::1", "localhost"}:
        raise SettingsError(
            "OSTIARY_INTERNAL_HTTP_ADDR must be a loopback address: services have no keys of their own yet, "
            "so whoever reaches the internal listener is trusted."
        )
    if settings.data_dir.resolve() in settings.kek.resolve().parents:
        raise SettingsError("OSTIARY_KEK_FILE lies inside OSTIARY_DATA_DIR: a backup of one would hold the other")
    return settings
