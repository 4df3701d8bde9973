"""Examinations of the server: whether one runs on this data folder, and whether its listeners answer."""

import fcntl
import json
import os
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from ostiary.cli.doctor.finding import Finding, ok, problem, warning
from ostiary.settings import Settings

__all__ = ["server"]

_PATIENCE_S = 3
_LOOK = "Look at its log, or restart it."


def server(settings: Settings) -> Iterator[Finding]:
    """Look for a running server, and ask it."""
    internal, public = settings.internal_http_addr, settings.public_http_addr
    if not _runs(settings.data_dir):
        yield from _silence(internal, public)
        return
    workers = _workers(settings.data_dir)
    many = f", with {len(workers)} workers (process ids {', '.join(map(str, workers))})" if workers else ""
    yield ok("server", f"one runs on this data folder{many}")
    for what, address, path, word in (
        ("the check", internal, "/healthz", 200),
        ("the store behind it", internal, "/readyz", 200),
        ("the sign-in page", public, "/", 499),
    ):
        status = _asked(address, path)
        where = f"{what} (http://{address[0] or '127.0.0.1'}:{address[1]}{path})"
        if isinstance(status, int) and status <= word:
            yield ok("server", f"{where} answers")
        else:
            yield problem("server", f"{where} does not answer well: {status}", _LOOK)


def _silence(*addresses: tuple[str, int]) -> Iterator[Finding]:
    taken = [address for address in addresses if isinstance(_asked(address, "/"), int)]
    for host, port in taken:
        says = f"none runs on this data folder, yet somebody answers on {host or '127.0.0.1'}:{port}"
        yield warning("server", says, "Stop that one, or choose another address.")
    if not taken:
        yield ok("server", "none runs on this data folder; `ostiary serve` starts one")


def _runs(folder: Path) -> bool:
    """Tell whether a server holds the folder; asks for a shared lock, which is let go at once."""
    try:
        file = os.open(folder / "serve.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _workers(folder: Path) -> list[int]:
    """Return the workers' process ids as their supervisor noted them; none where one process serves."""
    try:
        return [int(pid) for pid in json.loads((folder / "serve.lock").read_text("utf-8") or "{}").get("workers", [])]
    except (OSError, ValueError):
        return []


def _asked(address: tuple[str, int], path: str) -> int | str:
    """Return the status of one GET, or in words why there is none."""
    connection = HTTPConnection(address[0] or "127.0.0.1", address[1], timeout=_PATIENCE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException) as fault:
        return str(fault) or type(fault).__name__
    finally:
        connection.close()
