"""Settings: the only reader of the environment. Composes what the features declare into one frozen value.

Every key exists as `OSTIARY_<KEY>` in the environment and as `<key>` (lower case, the prefix may stay) in
`ostiary.toml`; the environment wins. An unknown key stops the boot and names its nearest neighbour.
`docs/settings.md` is made from KEYS and from the other names in `aliases`.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ostiary import aliases
from ostiary.gateway.model import GatewaySettings
from ostiary.identities import settings as directory
from ostiary.identities.settings import DirectorySettings
from ostiary.kernel import texts
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.texts import Key
from ostiary.mail import settings as mail
from ostiary.mail.model import MailSettings
from ostiary.projection import settings as projection
from ostiary.projection.model import ProjectionSettings
from ostiary.receipts.model import LogSettings
from ostiary.recovery.model import RecoverySettings
from ostiary.sessions.model import SessionSettings
from ostiary.web.address import Network, network

__all__ = ["KEYS", "Key", "Settings", "bare_environment", "read_settings", "wants_colour"]

_PREFIX = "OSTIARY_"
_CONFIG = "CONFIG"
_TESTS = "OSTIARY_TEST_"


class Settings(msgspec.Struct, frozen=True):
    """Everything that can be set, with its default. Durations are microseconds."""

    data_dir: Path = Path("ostiary-data")
    database_url: str = ""
    database_direct_url: str = ""
    public_http_addr: tuple[str, int] = ("", 8080)
    internal_http_addr: tuple[str, int] = ("127.0.0.1", 8081)
    origin: str = "http://localhost:8080"
    kek_file: Path | None = None
    trusted_proxies: tuple[Network, ...] = ()
    signing_key_retention: int = 24 * 3600 * SECOND
    signing_key_rotation: int = 30 * 86400 * SECOND
    sessions: SessionSettings = SessionSettings()
    gateway: GatewaySettings = GatewaySettings()
    log: LogSettings = LogSettings()
    mail: MailSettings = MailSettings()
    recovery: RecoverySettings = RecoverySettings()
    projection: ProjectionSettings = ProjectionSettings()
    directory: DirectorySettings = DirectorySettings()

    @property
    def kek(self) -> Path:
        """Where the key-encryption key lies: beside the data folder, never inside it, unless set (ruling 2)."""
        return self.kek_file or self.data_dir.with_name(self.data_dir.name + ".kek")

    @property
    def host(self) -> str:
        """The origin's host, which is also the WebAuthn relying party id."""
        return urlsplit(self.origin).hostname or ""


def _networks(value: str) -> tuple[Network, ...]:
    return tuple(network(part) for part in value.split(",") if part.strip())


def _hosts(value: str) -> frozenset[str]:
    named = {part.strip().lower() for part in value.split(",") if part.strip()}
    if any(":" in name and not name.startswith("[") for name in named):
        raise ValueError("hosts are named without a port, and an IPv6 address in brackets")
    return GatewaySettings().hosts | named


KEYS: dict[str, Key] = {
    "DATA_DIR": Key(
        "data_dir",
        texts.folder,
        "ostiary-data",
        "The data folder.",
        "The SQLite file and the locks lie there; made with mode 0700. One server at a time.",
    ),
    "DATABASE_URL": Key(
        "database_url",
        texts.database,
        "",
        "A PostgreSQL database, as `postgresql://user@host/name`; nothing for SQLite.",
        "Everything is stored there instead of the SQLite file. `ostiary migrate` makes the tables.",
    ),
    "DATABASE_DIRECT_URL": Key(
        "database_direct_url",
        texts.database,
        "",
        "The same PostgreSQL database past any pooler, for the one connection that listens; unset: `DATABASE_URL`.",
        "Nodes hear of an end at once. Without such a connection they hear of it at the next renewal, within 0.3 s.",
    ),
    "PUBLIC_HTTP_ADDR": Key(
        "public_http_addr",
        texts.address,
        ":8080",
        "Where the public listener binds; without a host on all IPv4 addresses.",
        "Pages and operations answer there.",
    ),
    "INTERNAL_HTTP_ADDR": Key(
        "internal_http_addr",
        texts.address,
        "127.0.0.1:8081",
        "Where the internal listener binds: a loopback address, another port than the public one.",
        "The check, health, readiness and metrics answer there.",
    ),
    "INTERNAL_HOSTS": Key(
        "gateway.hosts",
        _hosts,
        "",
        "More values of `Host`, without port, that the internal listener answers for.",
        "Besides `127.0.0.1`, `localhost`, `[::1]` and the host of the origin; all others are refused with 403.",
    ),
    "ORIGIN": Key(
        "origin",
        texts.origin,
        "http://localhost:8080",
        "The one origin of the pages, as browsers show it; https, or http on localhost; "
        "unset: `http://localhost` at the port of `PUBLIC_HTTP_ADDR`.",
        "Its host is the passkeys' relying party; unsafe requests from other origins are refused; https adds HSTS.",
    ),
    "KEK_FILE": Key(
        "kek_file",
        texts.path,
        "",
        "The key-encryption key, outside the data folder; unset: beside it, as `<data folder>.kek`.",
        "Opens the stored keys. The server does not start without it, nor with another one.",
    ),
    "TRUSTED_PROXIES": Key(
        "trusted_proxies",
        _networks,
        "",
        "Addresses and CIDR blocks of proxies, separated by commas.",
        "`X-Forwarded-For` is believed from these only; the client is the rightmost hop that is none of them.",
    ),
    "SESSION_IDLE_TIMEOUT": Key(
        "sessions.idle",
        texts.duration,
        "1h",
        "How long a session may go unused.",
        "Then it is refused with the cause `idle_timeout`. Each successful use starts the time anew.",
    ),
    "SESSION_ABSOLUTE_TIMEOUT": Key(
        "sessions.absolute",
        texts.duration,
        "8h",
        "How long a session may live at most.",
        "Then it is refused with the cause `absolute_timeout`; the cookies' Max-Age says the same.",
    ),
    "SESSION_BEARER_TIMEOUT": Key(
        "sessions.bearer",
        texts.duration,
        "24h",
        "How long a bearer session may live at most, whatever its issuer wished.",
        "Then it is refused with the cause `absolute_timeout`.",
    ),
    "SESSION_DEVICE_TIMEOUT": Key(
        "sessions.device",
        texts.lifetime,
        "never",
        "How long a device session may live at most; `never` for no end.",
        "Then it is revoked with the reason `expired`, and gateways are told. Sessions keep the end they began with.",
    ),
    "SESSION_REFRESH_TIMEOUT": Key(
        "sessions.family",
        texts.duration,
        "30d",
        "How long a bearer token and all that it is refreshed to may live together.",
        "No refresh moves that end; then the token is refused with the cause `absolute_timeout`: issue another.",
    ),
    "SESSION_REFRESH_GRACE": Key(
        "sessions.grace",
        texts.duration,
        "10s",
        "For how long the same refresh of a bearer token may be sent again.",
        "Then, or with another request, a token that was refreshed before ends its whole family (`token_reused`).",
    ),
    "SESSION_SAMESITE": Key(
        "sessions.samesite",
        texts.samesite,
        "Lax",
        "`Lax` or `Strict`.",
        "SameSite of the session and CSRF cookies. With `Strict`, a link from another site arrives signed out.",
    ),
    "SESSION_BIND_IP": Key(
        "sessions.bind_address",
        texts.switch,
        "false",
        "Whether a session works only from the address that opened it (IPv6: from its /64).",
        "From elsewhere it is refused with the cause `address_mismatch`; it lives on where it belongs.",
    ),
    "SESSION_BIND_USER_AGENT": Key(
        "sessions.bind_agent",
        texts.switch,
        "false",
        "Whether a session works only with the User-Agent that opened it.",
        "With another one, or with none, it is refused with the cause `agent_mismatch`.",
    ),
    "SIGNING_KEY_RETENTION": Key(
        "signing_key_retention",
        texts.duration,
        "24h",
        "How long what a retired key has signed stays good; at least the longest life of a session or a token.",
        "After a rotation old sessions live on for that long; then they are refused and the key is deleted.",
    ),
    "SIGNING_KEY_ROTATION": Key(
        "signing_key_rotation",
        texts.rotation,
        "30d",
        "How long a session, pre-login or receipt key stays in service; `never` for as long as nobody rotates it.",
        "Then the server puts a new one in service; one of several servers does it.",
    ),
    "RECOVERY_WAITING": Key(
        "recovery.waiting",
        texts.duration,
        "1d",
        "How long a recovery waits after its contact was proved.",
        "Before that no new passkey can be made for it, and a link in the notices cancels it; fixtures never wait.",
    ),
    "GC_INTERVAL": Key(
        "sessions.collect_every",
        texts.duration,
        "1h",
        "How often expired rows are deleted.",
        "Sessions, challenges, links and keys that nothing can use any more leave the database; captured letters too.",
    ),
    "HEAD_FILE": Key(
        "log.head_file",
        texts.path,
        "",
        "A file for signed heads of the log, best on another machine's disk; `serve --head-file` says the same.",
        "Each head is appended as one line of JSON and synced; `receipts verify` holds the log against them.",
    ),
    "HEAD_WEBHOOK": Key(
        "log.head_webhook",
        texts.webhook,
        "",
        "Where signed heads are sent: an https address, or http on this machine.",
        "Each head is posted as JSON; what fails is logged, and tried again with the next head.",
    ),
    "HEAD_INTERVAL": Key(
        "log.head_every",
        texts.duration,
        "1m",
        "How often a signed head is made while the log grows.",
        "It is printed, appended and posted; one more is made at a clean stop.",
    ),
    **mail.KEYS,
    **projection.KEYS,
    **directory.KEYS,
}
"""Every key, without its prefix."""

_SECTIONS: dict[str, Callable[..., msgspec.Struct]] = {
    "sessions": SessionSettings,
    "gateway": GatewaySettings,
    "log": LogSettings,
    "mail": MailSettings,
    "recovery": RecoverySettings,
    "directory": DirectorySettings,
    "projection": ProjectionSettings,
}


def read_settings(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Read `ostiary.toml` (in `folder`, or where OSTIARY_CONFIG says) and the environment. Raises SettingsError."""
    env = os.environ if environ is None else environ
    mine = {k.removeprefix(_PREFIX): k for k in env if k.startswith(_PREFIX) and not k.startswith(_TESTS)}
    config = mine.pop(_CONFIG, None)
    given = {
        key: (f"{_PREFIX}{key}", text) for key, text in _from_file(config and env[config], folder or Path.cwd()).items()
    }
    for key, name in mine.items():
        if key not in KEYS:
            raise SettingsError(f"unknown setting {name}: did you mean {_PREFIX}{_nearest(key, [*KEYS, _CONFIG])}?")
        given[key] = name, env[name]
    said = set(mine)
    for name, key, text in aliases.translated(env):
        if key in said and _parsed(key, *given[key]) != _parsed(key, name, text):
            raise SettingsError(f"{given[key][0]} and {name} are one setting, and differ: set one of them")
        said.add(key)
        given[key] = name, text
    settings = _compose({KEYS[key].field: _parsed(key, *named) for key, named in given.items()})
    try:
        return _check(settings)
    except SettingsError as fault:
        raise SettingsError(aliases.named(str(fault), env)) from fault


def bare_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment without our settings: for a server of its own that must not hear them."""
    env = os.environ if environ is None else environ
    return {name: text for name, text in env.items() if not (name.startswith(_PREFIX) or aliases.is_alias(name))}


def wants_colour(environ: Mapping[str, str] | None = None) -> bool:
    """Tell whether whoever looks at a terminal wants colours: NO_COLOR (no-color.org) or TERM=dumb say no."""
    env = os.environ if environ is None else environ
    return not env.get("NO_COLOR") and env.get("TERM", "dumb") != "dumb"


def _parsed(key: str, name: str, text: str) -> Any:  # noqa: ANN401 - each key has its type
    try:
        return KEYS[key].parse(text)
    except ValueError as fault:
        shown = "" if KEYS[key].secret or "@" in text else f"={text!r}"  # what holds an @ may hold a password
        raise SettingsError(f"{name}{shown}: {fault}") from fault


def _from_file(named: str | None, folder: Path) -> dict[str, str]:
    path = folder / "ostiary.toml" if named is None else Path(named)
    if named is None and not path.exists():
        return {}
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise SettingsError(f"cannot read {path}: {fault}") from fault
    given: dict[str, str] = {}
    for name, value in found.items():
        key = name.upper().removeprefix(_PREFIX)
        if key not in KEYS:
            raise SettingsError(f"unknown setting {name} in {path}: did you mean {_nearest(key, KEYS).lower()}?")
        if key in given:
            raise SettingsError(f"{path} sets {key.lower()} twice")
        given[key] = _plain(name, value)
    return given


def _plain(name: str, value: object) -> str:
    if isinstance(value, list):
        return ",".join(_plain(name, inner) for inner in value)
    if isinstance(value, bool | int | str):
        return str(value)
    raise SettingsError(f"{name}: a text, a number, true, false or a list of these is expected")


def _nearest(key: str, known: Iterable[str]) -> str:
    return difflib.get_close_matches(key, known, n=1, cutoff=0)[0]


def _compose(values: dict[str, Any]) -> Settings:
    parts: dict[str, dict[str, Any]] = {"": {}, **{section: {} for section in _SECTIONS}}
    for field, value in values.items():
        section, _, name = field.rpartition(".")
        parts[section][name] = value
    idle = parts["sessions"].get("idle", SessionSettings().idle)
    parts["sessions"]["flush"] = min(SessionSettings().flush, idle // 10)
    bare = Settings(**({"origin": _nearby(parts[""])} | parts[""]))
    parts["gateway"]["hosts"] = parts["gateway"].get("hosts", GatewaySettings().hosts) | {bare.host}
    return msgspec.structs.replace(bare, **{name: made(**parts[name]) for name, made in _SECTIONS.items()})


def _nearby(given: Mapping[str, Any]) -> str:
    """Return the origin of a server whose origin nobody set: a browser on this machine, at the public port."""
    _, port = given.get("public_http_addr", Settings().public_http_addr)
    return f"http://localhost:{port}".removesuffix(":80")


def _check(settings: Settings) -> Settings:
    mail.check(settings.mail)
    projection.check(settings.projection)
    directory.check(settings.directory)
    longest = max(("ABSOLUTE", settings.sessions.absolute), ("BEARER", settings.sessions.bearer), key=lambda x: x[1])
    if settings.signing_key_retention < longest[1]:
        raise SettingsError(
            f"OSTIARY_SIGNING_KEY_RETENTION is shorter than OSTIARY_SESSION_{longest[0]}_TIMEOUT: "
            "a rotation would end living sessions. Make the retention at least as long."
        )
    host, port = settings.internal_http_addr
    if not host or not ip_address(host).is_loopback:
        raise SettingsError(
            "OSTIARY_INTERNAL_HTTP_ADDR must be a loopback address: whoever reaches the internal listener "
            "may ask about any session. Put a proxy on each machine, or a tunnel between them."
        )
    if port == settings.public_http_addr[1]:
        raise SettingsError(
            "OSTIARY_INTERNAL_HTTP_ADDR and OSTIARY_PUBLIC_HTTP_ADDR name one port: "
            "what is meant for services would answer the public. Give each its own."
        )
    if settings.data_dir.resolve() in settings.kek.resolve().parents:
        raise SettingsError("OSTIARY_KEK_FILE lies inside OSTIARY_DATA_DIR: a backup of one would hold the other")
    return settings
