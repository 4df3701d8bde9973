"""Values of the gateway: the names of its headers, its settings."""

import msgspec

from ostiary.kernel.clock import SECOND

__all__ = [
    "CALLER",
    "CODE_LIFE",
    "DEVICE_CHECK",
    "DISCLOSE",
    "DISCLOSED",
    "EPOCH",
    "EXPIRES",
    "FORWARDED_HOST",
    "HEADERS",
    "KIND",
    "SCOPES",
    "SERVICE_KEY",
    "GatewaySettings",
    "LandingCode",
    "ServiceSession",
    "no_caller",
]

KIND = b"ostiary-session"
CALLER = b"ostiary-caller"
EPOCH = b"ostiary-epoch"
EXPIRES = b"ostiary-expires"
SCOPES = b"ostiary-scopes"
DISCLOSED = b"ostiary-disclosed"

HEADERS = (KIND, CALLER, EPOCH, EXPIRES, SCOPES, DISCLOSED)
"""All present in every answer, `-` where empty: some proxies pass a forged header where ours is absent (ruling 16)."""

SERVICE_KEY = b"ostiary-service-key"
"""Carries a service's key. Not `Authorization`: that one is the caller's own, and some proxies hand it on."""

FORWARDED_HOST = b"x-forwarded-host"
"""The host that the browser asked, as the proxy tells it; a service cookie is good on its own host only."""

DISCLOSE = b"caller-disclose"
"""The facts that a caller lets the service know."""


DEVICE_CHECK = "/check/device"
"""The path of the check of signed requests; a service's name may follow. No service is called `device`."""

CODE_LIFE = 45 * SECOND
"""How long a landing code is good: a redirect takes a moment, and a slow line some seconds."""


class LandingCode(msgspec.Struct, frozen=True):
    """What a one-time code says, sealed: which session may land where, in which browser, until when.

    `browser` is the hash of the pre-login id that the service's host gave to the browser that began there.
    """

    id: str
    service: str
    scope_id: int
    host: str
    path: str
    session: str
    browser: str
    expires_at: int


class ServiceSession(msgspec.Struct, frozen=True):
    """A browser's pass at one service on one host. `parent` is the session it came from, `parent_key` its signer."""

    id: str
    scope_id: int
    host: str
    parent: str
    parent_key: str
    expires_at: int


class GatewaySettings(msgspec.Struct, frozen=True):
    """`hosts` are the Host values (without port) that the internal listener answers for."""

    hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "[::1]"})


def no_caller() -> list[tuple[bytes, bytes]]:
    """Return the answer headers of a check that named nobody."""
    return [(name, b"-") for name in HEADERS]
