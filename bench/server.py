"""A measured server in a process of its own: filled with sessions, started, pinned, stopped by its own pid."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from bench.conditions import pinned
from bench.load import Load
from bench.method import cpu_of
from ostiary.house import House, database_path, open_house, prepare
from ostiary.kernel.ids import system_secrets
from ostiary.keys.sealing import make_kek
from ostiary.settings import Settings
from ostiary.web.address import Network

__all__ = ["Server", "environ", "file_of", "new_house", "serving", "temporary"]

T = TypeVar("T")


class Server:
    """A running server. Ports: `public`, `check`, `fixed`."""

    def __init__(self, settings: Settings, cache_size: int) -> None:
        self.public, self.check = settings.public_http_addr[1], settings.internal_http_addr[1]
        self.fixed = _free_port()
        words = [str(0 if pinned() else -1), str(self.fixed), str(cache_size)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.serve", *words],
            env=environ(settings),
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._process.stdout is None or self._process.stdout.readline() != "ready\n":
            raise RuntimeError("the measured server did not start")

    def cost(self, load: Load, count: int) -> Callable[[], float]:
        """Return a candidate: microseconds of the server's CPU per request of `load`."""
        pid = self._process.pid

        def measured() -> float:
            load.connect()
            begin = cpu_of(pid)
            load.send(count)
            return (cpu_of(pid) - begin) / count / 1000

        return measured

    def stop(self) -> None:
        """End it and wait."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        if self._process.stdout is not None:
            self._process.stdout.close()


@contextmanager
def temporary() -> Iterator[Path]:
    """Give a folder for the block, on the disk where temporary files lie."""
    with TemporaryDirectory(prefix="ostiary-bench-") as folder:
        yield Path(folder)


def new_house(folder: Path, trusted_proxies: tuple[Network, ...] = ()) -> House:
    """Make a data folder with keys and a tenant, and open it."""
    settings = Settings(
        data_dir=folder / "data",
        public_http_addr=("127.0.0.1", _free_port()),
        internal_http_addr=("127.0.0.1", _free_port()),
        origin="http://localhost:8080",
        trusted_proxies=trusted_proxies,
    )
    make_kek(settings.kek, system_secrets)
    prepare(settings)
    return open_house(settings)


def file_of(house: House) -> Path:
    """Return the SQLite file of a house; what is measured here is on SQLite."""
    path = database_path(house.settings)
    if path is None:
        raise RuntimeError("the benchmarks run on SQLite")
    return path


@contextmanager
def serving(make: Callable[[House, Path], T], cache_size: int) -> Iterator[tuple[Server, T]]:
    """Serve a fresh data folder for the block, after `make(house, database)` has put something into it."""
    with temporary() as folder, _on_core_1():
        house = new_house(folder)
        made = make(house, file_of(house))
        house.close()
        server = Server(house.settings, cache_size)
        try:
            yield server, made
        finally:
            server.stop()


@contextmanager
def _on_core_1() -> Iterator[None]:
    """Leave core 0 to the server for the block, and have all cores again afterwards."""
    before = os.sched_getaffinity(0)
    if pinned():
        os.sched_setaffinity(0, {1})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def environ(settings: Settings) -> dict[str, str]:
    """Return the environment of a server on these settings, and on no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")}
    return kept | {
        "OSTIARY_DATA_DIR": str(settings.data_dir),
        "OSTIARY_PUBLIC_HTTP_ADDR": f"127.0.0.1:{settings.public_http_addr[1]}",
        "OSTIARY_INTERNAL_HTTP_ADDR": f"127.0.0.1:{settings.internal_http_addr[1]}",
        "OSTIARY_ORIGIN": settings.origin,
    }


def _free_port() -> int:
    for _ in range(1000):
        port = 20_000 + int.from_bytes(os.urandom(2), "big") % 12_000
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise RuntimeError("no free port")
