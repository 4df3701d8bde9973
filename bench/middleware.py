"""The middleware in process: a warm request through it, against a PyJWT HS256 decode (issuer, audience, expiry)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import jwt

from bench.method import Row, compared, interleaved
from ostiary_client.authority import Authority, Known
from ostiary_client.caller import Caller
from ostiary_client.middleware import Ostiary

__all__ = ["middleware"]

_COOKIES = 10_000
_SECRET = "k" * 32
_HEADERS = [
    (b"host", b"app.example.test"),
    (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    (b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    (b"accept-language", b"en-GB,en;q=0.5"),
    (b"accept-encoding", b"gzip, deflate, br, zstd"),
    (b"upgrade-insecure-requests", b"1"),
    (b"x-forwarded-for", b"203.0.113.9"),
]


def middleware(rounds: int, count: int) -> list[Row]:
    """A warm request with its headers cleaned, less the bare application; 10,000 callers in turn."""
    scopes = [_scope(number) for number in range(_COOKIES)]
    with asyncio.Runner() as runner:
        wrapped = runner.run(_warm(scopes))
        costs = interleaved(
            "middleware",
            {
                "middleware": lambda: runner.run(_each(wrapped, scopes)) - runner.run(_each(_bare, scopes)),
                "jwt": lambda: _decode(count),
            },
            rounds,
        )
        runner.run(wrapped.close())
    name = f"{_COOKIES:,} callers in turn, 8 headers, cookies of ours taken out"
    row = compared(
        "middleware, warm",
        name,
        (costs["jwt"], costs["middleware"]),
        unit="µs CPU a decode",
        base="middleware",
        target=50,
        better="higher",
    )
    return [row]


def _scope(number: int) -> dict[str, Any]:
    cookie = f"__Host-ostiary_session=v1.ses-{number:022d}.sk-{'s' * 22}.{'m' * 43}; theme=dark".encode()
    return {"type": "http", "path": "/", "headers": [*_HEADERS, (b"cookie", cookie)]}


async def _warm(scopes: list[dict[str, Any]]) -> Ostiary:
    authority = Authority()
    authority.until = float("inf")
    for number, scope in enumerate(scopes):
        caller = Caller("browser", f"{number:032x}", 1, 2**40)
        authority.known[scope["headers"][-1][1], b""] = Known(caller, b"theme=dark", float("inf"))
    made = Ostiary(_bare, authority=authority)
    made._following = asyncio.get_running_loop().create_future()  # type: ignore[assignment]  # noqa: SLF001 - nothing is followed here
    return made


async def _bare(scope: object, receive: object, send: object) -> None:
    del scope, receive, send


async def _each(app: Callable[..., Awaitable[None]], scopes: list[dict[str, Any]]) -> float:
    """Return microseconds of CPU for one request."""
    began = time.process_time()
    for scope in scopes:
        await app(scope, None, None)
    return (time.process_time() - began) / len(scopes) * 1e6


def _decode(count: int) -> float:
    """Return microseconds of CPU for one decode."""
    claims = {"iss": "https://id.example.test", "aud": "app", "exp": int(time.time()) + 3600, "sub": "user"}
    token = jwt.encode(claims, _SECRET, "HS256")
    began = time.process_time()
    for _ in range(count):
        jwt.decode(token, _SECRET, ["HS256"], audience="app", issuer="https://id.example.test")
    return (time.process_time() - began) / count * 1e6
