"""Two workers against one: CPU of all processes for one warm check, and how the work is shared between them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import rows
from bench.load import Load, request
from bench.method import Row, compared, cpu_of, interleaved
from bench.server import environ, file_of, new_house, temporary
from ostiary.settings import Settings

__all__ = ["workers"]

_COOKIES = 1_000
_WARM = 40
_FAIR = 0.5
"""What the less busy of two workers must have done, as a share of the other's work: then both cores are in use."""


class _Crowd:
    """A served folder of `count` workers under load; `shares` is the lesser worker's work by the greater's, a round."""

    def __init__(self, settings: Settings, cookies: list[str], count: int) -> None:
        port = settings.internal_http_addr[1]
        self._count, self.shares = count, list[float]()
        self._load = Load(port, [request(port, one) for one in cookies])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ostiary", "serve", "--workers", str(count)],
            env=environ(settings),
            stdout=subprocess.PIPE,
            text=True,
        )
        for line in self._process.stdout or ():
            if line == "ready\n":
                break
        else:
            raise RuntimeError("the measured server did not start")
        told = json.loads((settings.data_dir / "serve.lock").read_text("utf-8"))["workers"]
        self._pids: list[int] = told or [self._process.pid]

    def warm(self) -> None:
        """Let every worker meet every cookie several times."""
        self._load.connect()
        self._load.send(_WARM * _COOKIES)

    def cost(self, count: int) -> float:
        """Return microseconds of CPU of all workers for one check."""
        self._load.connect()
        begin = [cpu_of(pid) for pid in self._pids]
        self._load.send(count)
        spent = [cpu_of(pid) - was for pid, was in zip(self._pids, begin, strict=True)]
        self.shares.append(min(spent) / max(spent))
        return sum(spent) / count / 1000

    def stop(self) -> None:
        """End it and wait."""
        self._load.close()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        if self._process.stdout is not None:
            self._process.stdout.close()


def workers(rounds: int, count: int) -> list[Row]:
    """A thousand cookies in turn over 32 connections, which the kernel spreads; nobody is pinned to a core."""
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    with temporary() as folder, _serving(folder / "one", 1) as one, _serving(folder / "two", 2) as two:
        for crowd in (one, two):
            crowd.warm()
        costs = interleaved("workers", {"two": lambda: two.cost(count), "one": lambda: one.cost(count)}, rounds)
        shares = two.shares
    name = f"{_COOKIES:,} cookies in turn, 32 connections"
    made = compared("check, two workers", name, (costs["two"], costs["one"]), unit="µs CPU", base="one", target=1.1)
    shared = compared(
        "two workers, work shared",
        "CPU of the less busy one",
        ([100 * share for share in shares], [100.0] * len(shares)),
        unit="%",
        base="of the other's",
        target=_FAIR,
        better="higher",
    )
    return [made, shared]


@contextmanager
def _serving(folder: Path, count: int) -> Iterator[_Crowd]:
    house = new_house(folder)
    cookies = rows.cookies(house, rows.fill(house, file_of(house), _COOKIES))
    house.close()
    crowd = _Crowd(house.settings, cookies, count)
    try:
        yield crowd
    finally:
        crowd.stop()
