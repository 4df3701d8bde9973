"""The server that is measured: `ostiary serve` as it is, with a third listener that gives a fixed answer.

Run as a process of its own by `bench.server`: one event loop, one granian configuration and one garbage collector
for the check and for what it is compared with.
"""

import asyncio
import os
import sys

import msgspec
import uvloop
from starlette.types import Receive, Scope, Send

from ostiary.app import build
from ostiary.cli.listeners import Listener, locked, serve_until_told
from ostiary.cli.terminal import house
from ostiary.house import House
from ostiary.settings import read_settings

__all__ = ["fixed"]

_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"ostiary-session", b"browser"),
        (b"ostiary-caller", b"0" * 32),
        (b"ostiary-epoch", b"1" * 19),
        (b"ostiary-expires", b"1" * 10),
        (b"ostiary-scopes", b"-"),
        (b"ostiary-disclosed", b"-"),
        (b"content-length", b"0"),
    ],
}
_EMPTY = {"type": "http.response.body", "body": b""}


async def fixed(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with as many headers of the same length as an admitted check, without a look at the request."""
    await send(_START)
    await send(_EMPTY)


def main(core: int, fixed_port: int, cache_size: int) -> None:
    """Serve with `core` for itself (-1: anywhere) and room for `cache_size` sessions in memory."""
    if core >= 0:
        os.sched_setaffinity(0, {core})
    settings = read_settings()
    sessions = msgspec.structs.replace(settings.sessions, cache_size=cache_size)
    settings = msgspec.structs.replace(settings, sessions=sessions)
    with (
        locked(settings.data_dir),
        house(settings) as opened,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(opened, fixed_port))


async def _serve(opened: House, fixed_port: int) -> None:
    application, settings, stop = build(opened), opened.settings, asyncio.Event()
    chores = asyncio.ensure_future(application.chores(stop))
    listeners = [
        Listener(settings.public_http_addr, application.public),
        Listener(settings.internal_http_addr, application.internal),
        Listener(("127.0.0.1", fixed_port), fixed),
    ]
    await serve_until_told(listeners, lambda: print("ready", flush=True), stop)
    await chores


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
