"""The settings of the projection: their names, how they are read, and what contradicts itself."""

import re

from ostiary.kernel import texts
from ostiary.kernel.errors import SettingsError
from ostiary.kernel.texts import Key
from ostiary.projection.model import ProjectionSettings

__all__ = ["KEYS", "check"]

_PORTS = range(1, 65536)
_PREFIX = re.compile(r"[A-Za-z0-9_.:{}-]{1,64}\Z")
_TAG = re.compile(r"[^{]*\{[^}]+\}")
_DATABASES, _LONGEST = range(1_000), range(1_000, 100_000_001)


def _server(value: str) -> tuple[str, int] | None:
    """Read a server's host and port, nothing for none; an IPv6 address stands in brackets."""
    if not value:
        return None
    host, _, port = value.rpartition(":")
    named = host.startswith("[") and host.endswith("]") and texts.is_address(host[1:-1])
    plain = host and host.isascii() and host.isprintable() and not set(host) & set(" /@:[]")
    if not (named or plain) or not (port.isascii() and port.isdecimal() and int(port[:6]) in _PORTS):
        raise ValueError("a host and a port are expected, such as 127.0.0.1:6379, or nothing")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _user(value: str) -> str:
    if not value or not value.isprintable():
        raise ValueError("a user name is expected")
    return value


def _password(value: str) -> str:
    if not value.isprintable():
        raise ValueError("one line of text is expected")
    return value


def _number(value: str, known: range) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) <= len(str(known.stop)) and int(value) in known):
        raise ValueError(f"a number between {known.start} and {known.stop - 1} is expected")
    return int(value)


def _prefix(value: str) -> str:
    if not _PREFIX.match(value):
        raise ValueError("1 to 64 letters, digits and _.:{}- are expected, such as gateway:")
    return value


KEYS: dict[str, Key] = {
    "REDIS_ADDR": Key(
        "projection.addr",
        _server,
        "",
        "A Redis (7 or later) or Valkey that gateways read, with its port; nothing for none.",
        "Device sessions are written there as they open and end ([projection.md](projection.md)).",
    ),
    "REDIS_USERNAME": Key(
        "projection.username",
        _user,
        "",
        "The user name at Redis; without one Redis means its `default`.",
        "Redis is used signed in as that user.",
    ),
    "REDIS_PASSWORD_FILE": Key(
        "projection.password_file",
        texts.path,
        "",
        "A file that holds the password at Redis.",
        "Used to sign in, and shown nowhere. Read at the start.",
    ),
    "REDIS_PASSWORD": Key(
        "projection.password",
        _password,
        "",
        "The password at Redis itself, where a file is not to be had.",
        "Used to sign in, and shown nowhere; whoever sees the environment sees it.",
        secret=True,
    ),
    "REDIS_TLS": Key(
        "projection.tls",
        texts.switch,
        "false",
        "Whether the line to Redis is encrypted.",
        "Then no other line is used, and the server's certificate must hold for its name.",
    ),
    "REDIS_TLS_CA_FILE": Key(
        "projection.ca_file",
        texts.path,
        "",
        "Certificates (PEM) of authorities that may vouch for Redis; unset: the system's.",
        "A Redis that none of them vouches for is not used.",
    ),
    "REDIS_DB": Key(
        "projection.db",
        lambda value: _number(value, _DATABASES),
        "0",
        "The number of the database in Redis; a cluster has only 0.",
        "The projection stands there.",
    ),
    "REDIS_OPERATION_TIMEOUT": Key(
        "projection.timeout",
        texts.duration,
        "250ms",
        "How long one step at Redis may take, at most 10s.",
        "Then it has failed: the session waits, and the request that changed it is answered.",
    ),
    "REDIS_CLUSTER": Key(
        "projection.cluster",
        texts.switch,
        "false",
        "Whether Redis is a Redis Cluster; `REDIS_ADDR` is any of its nodes.",
        "Then `REDIS_KEY_PREFIX` must hold a hash tag, and the whole projection stands on one of its masters.",
    ),
    "REDIS_KEY_PREFIX": Key(
        "projection.prefix",
        _prefix,
        "gateway:",
        "What all keys in Redis begin with; gateways must have the same. On a cluster `{gateway}:` or the like.",
        "The keys are this with `session:<id>` and with `session_events`.",
    ),
    "REDIS_STREAM_MAXLEN": Key(
        "projection.maxlen",
        lambda value: _number(value, _LONGEST),
        "100000",
        "How many events the stream keeps, roughly.",
        "Older ones go; a gateway that was away for longer reads its sessions anew.",
    ),
}
"""Every key of the projection, without its prefix."""


def check(settings: ProjectionSettings) -> None:
    """Raise SettingsError where settings of the projection contradict each other, or would do nothing."""
    for wrong, says in _contradictions(settings):
        if wrong:
            raise SettingsError(says)


def _contradictions(s: ProjectionSettings) -> list[tuple[bool, str]]:
    return [
        (
            s.addr is None and s != ProjectionSettings(),
            "OSTIARY_REDIS_… does nothing: set OSTIARY_REDIS_ADDR too",
        ),
        (
            bool(s.username) and not (s.password_file or s.password),
            "OSTIARY_REDIS_USERNAME needs a password: set OSTIARY_REDIS_PASSWORD_FILE too",
        ),
        (
            bool(s.password_file and s.password),
            "OSTIARY_REDIS_PASSWORD and OSTIARY_REDIS_PASSWORD_FILE are two passwords: set one of them",
        ),
        (s.ca_file is not None and not s.tls, "OSTIARY_REDIS_TLS_CA_FILE does nothing: set OSTIARY_REDIS_TLS to true"),
        (s.cluster and s.db > 0, "OSTIARY_REDIS_DB: a cluster has only the database 0"),
        (
            s.cluster and not _TAG.match(s.prefix),
            "OSTIARY_REDIS_CLUSTER is true: OSTIARY_REDIS_KEY_PREFIX needs a hash tag, such as {gateway}:",
        ),
        (
            s.timeout > texts.duration("10s"),
            "OSTIARY_REDIS_OPERATION_TIMEOUT is longer than 10s: requests would wait for it",
        ),
    ]
