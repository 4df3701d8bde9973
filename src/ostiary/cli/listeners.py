"""The two listeners in one process and one event loop, so that they share one cache (ruling 18)."""

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from starlette.types import ASGIApp

from ostiary.kernel.errors import BootRefused

__all__ = ["free_port", "locked", "serve_until_told"]

_HTTP1 = HTTP1Settings(header_read_timeout=2000, max_buffer_size=65_536)
_PROBE_S = 0.02
_PATIENCE = 500
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - the public listener is for everybody


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the data folder: a second server on the same one would silently share its port (SO_REUSEPORT)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(folder / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise BootRefused(f"another server runs on the data folder {folder}: stop it first") from None
    finally:
        os.close(file)


def free_port(address: tuple[str, int]) -> None:
    """Raise BootRefused when somebody else listens there."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            raise BootRefused(f"cannot listen on {host or _EVERYWHERE}:{port}: {fault.strerror}") from fault


async def serve_until_told(
    listeners: list[tuple[tuple[str, int], ASGIApp]], ready: Callable[[], None], stop: asyncio.Event
) -> None:
    """Serve each application on its address; call `ready` when all are bound; return after `stop` is set."""
    servers = [_server(address, app) for address, app in listeners]
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    running = [asyncio.ensure_future(server.serve()) for server in servers]
    for address, _ in listeners:
        await _answers(address)
    ready()
    ended = asyncio.ensure_future(stop.wait())
    await asyncio.wait([ended, *running], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]  # granian's method has no annotations
    await asyncio.gather(ended, *running, return_exceptions=True)


def _server(address: tuple[str, int], app: ASGIApp) -> Server:
    host, port = address
    return Server(
        app,
        address=host or _EVERYWHERE,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=_HTTP1,
        websockets=False,
        backlog=1024,
        log_enabled=False,
    )


async def _answers(address: tuple[str, int]) -> None:
    host = address[0] or "127.0.0.1"
    for _ in range(_PATIENCE):
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, address[1])
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(_PROBE_S)
    raise BootRefused(f"the listener on {host}:{address[1]} did not come up")
