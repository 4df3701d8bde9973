"""Values of the gateway: the services it answers for, its answers' headers, its settings."""

import msgspec

__all__ = ["HEADERS", "SERVICES", "GatewaySettings", "no_caller"]

SERVICES = {"default": 1}
"""Registered services and their scope ids (never reused). `default` is the one that every server has."""

HEADERS = (
    b"ostiary-session",
    b"ostiary-caller",
    b"ostiary-epoch",
    b"ostiary-expires",
    b"ostiary-scopes",
    b"ostiary-disclosed",
)
"""All present in every answer, `-` where empty: some proxies pass a forged header where ours is absent (ruling 16)."""


class GatewaySettings(msgspec.Struct, frozen=True):
    """`hosts` are the Host values (without port) that the internal listener answers for."""

    hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "[::1]"})


def no_caller() -> list[tuple[bytes, bytes]]:
    """Return the answer headers of a check that named nobody."""
    return [(name, b"-") for name in HEADERS]
