"""The two listeners in one process and one event loop, so that they share one cache (ruling 18)."""

import asyncio
import errno
import fcntl
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server
from starlette.types import ASGIApp

from ostiary.kernel.errors import BootRefused

__all__ = ["Listener", "free_port", "locked", "serve_until_told"]

_HEADER_BYTES = 65_536
_PROBE_S = 0.02
_PATIENCE = 500
_EVERYWHERE = "0.0.0.0"  # noqa: S104 - the public listener is for everybody


class Listener(msgspec.Struct, frozen=True):
    """One application on one address.

    `header_timeout` is in milliseconds: how long a connection may take to send a request's head, which is
    also how long it may lie idle between two requests.
    """

    address: tuple[str, int]
    app: ASGIApp
    header_timeout: int = 2000


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the data folder: a second server on the same one would silently share its port (SO_REUSEPORT)."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(folder / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as fault:
        raise BootRefused(f"cannot use the data folder {folder}: {fault.strerror}") from fault
    try:
        _lock(file, folder)
        yield
    finally:
        os.close(file)


def _lock(file: int, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BootRefused(f"another server runs on the data folder {folder}: stop it first") from None


def free_port(address: tuple[str, int], setting: str) -> None:
    """Raise BootRefused, naming the setting, when somebody else listens there, or nobody can."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as fault:
            says = f"cannot listen on {host or _EVERYWHERE}:{port}: {fault.strerror}"
            taken = fault.errno == errno.EADDRINUSE
            advice = f"stop what listens there, or set {setting}" if taken else f"correct {setting}"
            raise BootRefused(f"{says}: {advice}") from fault


async def serve_until_told(listeners: Sequence[Listener], ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Serve each listener; call `ready` when all are bound; return after `stop` is set.

    Raises BootRefused when one does not come up, or ends before it is told to.
    """
    servers = [_server(listener) for listener in listeners]
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    running = [asyncio.ensure_future(server.serve()) for server in servers]
    for listener, serving in zip(listeners, running, strict=True):
        await _answers(listener.address, serving)
    ready()
    ended = asyncio.ensure_future(stop.wait())
    await asyncio.wait([ended, *running], return_when=asyncio.FIRST_COMPLETED)
    told = stop.is_set()
    stop.set()
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]  # granian's method has no annotations
    await asyncio.gather(ended, *running, return_exceptions=True)
    if not told:
        raise BootRefused("a listener ended by itself, so all were stopped: start again")


def _server(listener: Listener) -> Server:
    host, port = listener.address
    return Server(
        listener.app,
        address=host or _EVERYWHERE,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=listener.header_timeout, max_buffer_size=_HEADER_BYTES),
        websockets=False,
        backlog=1024,
        log_enabled=False,
    )


async def _answers(address: tuple[str, int], serving: asyncio.Future[None]) -> None:
    """Return when a connection is taken; the server binds, or fails to, before the first look."""
    host = address[0] or "127.0.0.1"
    for _ in range(_PATIENCE):
        await asyncio.sleep(_PROBE_S)
        if serving.done():
            raise BootRefused(f"the listener on {host}:{address[1]} did not come up: {serving.exception()}")
        with suppress(OSError):
            _, writer = await asyncio.open_connection(host, address[1])
            writer.close()
            await writer.wait_closed()
            return
    raise BootRefused(f"the listener on {host}:{address[1]} did not come up")
