"""Values of the gateway: the names of its headers, its settings."""

import msgspec

__all__ = [
    "CALLER",
    "DISCLOSE",
    "DISCLOSED",
    "EPOCH",
    "EXPIRES",
    "HEADERS",
    "KIND",
    "SCOPES",
    "SERVICE_KEY",
    "GatewaySettings",
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

DISCLOSE = b"caller-disclose"
"""The facts that a caller lets the service know."""


class GatewaySettings(msgspec.Struct, frozen=True):
    """`hosts` are the Host values (without port) that the internal listener answers for."""

    hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "[::1]"})


def no_caller() -> list[tuple[bytes, bytes]]:
    """Return the answer headers of a check that named nobody."""
    return [(name, b"-") for name in HEADERS]
