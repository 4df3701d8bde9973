"""The middleware in process against a PyJWT HS256 decode (issuer, audience, expiry), 10,000 callers in turn for both.

Twice: what answers "who is this, and are they alive?" from what the request shows, which is what a decode does; and
a whole request with all its headers sorted, less the bare application. A request is made anew each time, as a server
makes it; what it costs to make is taken off again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

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
    """From a Cookie header to the caller; and a whole request, its headers cleaned, less the bare application."""
    cookies, tokens = [_cookie(number) for number in range(_COOKIES)], [_token(number) for number in range(_COOKIES)]
    with asyncio.Runner() as runner:
        wrapped = runner.run(_warm(cookies))
        costs = interleaved(
            "middleware",
            {
                "check": lambda: _check(wrapped._authority, cookies),  # noqa: SLF001 - the part that a decode stands for
                "request": lambda: runner.run(_each(wrapped, cookies)) - runner.run(_each(_bare, cookies)),
                "jwt": lambda: _decode(tokens[:count]),
            },
            rounds,
        )
        runner.run(wrapped.close())
    callers = f"{_COOKIES:,} callers in turn"
    return [
        _row(
            "middleware, warm check",
            f"{callers}, from a Cookie header to the caller",
            (costs["jwt"], costs["check"]),
            50,
        ),
        _row(
            "middleware, warm request",
            f"{callers}, 8 headers, cookies of ours taken out",
            (costs["jwt"], costs["request"]),
        ),
    ]


def _row(measure: str, name: str, costs: tuple[list[float], list[float]], target: float = 0) -> Row:
    unit = "µs CPU a decode"
    return compared(measure, name, costs, unit=unit, base="middleware", target=target, better="higher")


def _cookie(number: int) -> bytes:
    return f"__Host-ostiary_session=v1.ses-{number:022d}.sk-{'s' * 22}.{'m' * 43}; theme=dark".encode()


def _token(number: int) -> str:
    claims = {"iss": "https://id.example.test", "aud": "app", "exp": int(time.time()) + 3600, "sub": f"user-{number}"}
    return jwt.encode(claims, _SECRET, "HS256")


async def _warm(cookies: list[bytes]) -> Ostiary:
    authority = Authority()
    authority.until = float("inf")
    for number, cookie in enumerate(cookies):
        caller = Caller("browser", f"{number:032x}", 1, 2**40)
        authority.known[cookie] = Known(caller, b"theme=dark", float("inf"))
    made = Ostiary(_bare, authority=authority)
    made._following = asyncio.get_running_loop().create_future()  # type: ignore[assignment]  # noqa: SLF001 - nothing is followed here
    return made


async def _bare(scope: object, receive: object, send: object) -> None:
    del scope, receive, send


async def _each(app: Callable[..., Awaitable[None]], cookies: list[bytes]) -> float:
    """Return microseconds of CPU for one request."""
    began = time.process_time()
    for cookie in cookies:
        headers = [*_HEADERS, (b"cookie", b"".join((cookie[:-1], cookie[-1:])))]
        await app({"type": "http", "path": "/", "headers": headers}, None, None)
    return (time.process_time() - began) / len(cookies) * 1e6


def _check(authority: Authority, cookies: list[bytes]) -> float:
    """Return microseconds of CPU for one look at what is remembered."""
    began = time.process_time()
    for cookie in cookies:
        authority.repeated(cookie)
    return (time.process_time() - began) / len(cookies) * 1e6


def _decode(tokens: list[str]) -> float:
    """Return microseconds of CPU for one decode."""
    began = time.process_time()
    for token in tokens:
        jwt.decode(token, _SECRET, ["HS256"], audience="app", issuer="https://id.example.test")
    return (time.process_time() - began) / len(tokens) * 1e6
