"""Two workers against one: CPU of all processes for one warm check, and how the work is shared between them.

Each worker has a core, which it shares with a client process: one worker and one client on core 0, two and two on both
cores, and as many checks a worker. With one client for both servers, two workers would share with it what one worker
has for itself.
"""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from bench import rows
from bench.conditions import pinned
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
    """A served folder under load, with a worker and a client for each of its cores."""

    def __init__(self, settings: Settings, cookies: list[str], cores: Sequence[int]) -> None:
        count = len(cores)
        port, forked = settings.internal_http_addr[1], multiprocessing.get_context("fork")
        requests = [request(port, one) for one in cookies]
        os.sched_setaffinity(0, cores)  # what is started from here on has these cores
        self._pipes, self._clients = [], []
        for _ in range(count):
            mine, theirs = forked.Pipe()
            self._clients.append(forked.Process(target=_client, args=(theirs, port, requests), daemon=True))
            self._clients[-1].start()
            self._pipes.append(mine)
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
        for place, core in enumerate(cores):
            _pin(self._pids[place], core)
            _pin(self._clients[place].pid or 0, core)

    def warm(self) -> None:
        """Let every worker meet every cookie several times."""
        self.begin(_WARM * _COOKIES)
        self.wait()

    def spent(self) -> list[int]:
        """Return how many nanoseconds of CPU each worker has used."""
        return [cpu_of(pid) for pid in self._pids]

    def begin(self, count: int) -> None:
        """Let each client send so many; none: only see to its connections."""
        for pipe in self._pipes:
            pipe.send(count)

    def wait(self) -> None:
        """Return when all is answered."""
        for pipe in self._pipes:
            pipe.recv()

    def stop(self) -> None:
        """End it and wait."""
        for pipe in self._pipes:
            pipe.send(None)
        for client in self._clients:
            client.join(10)
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)
        if self._process.stdout is not None:
            self._process.stdout.close()


def _pin(pid: int, core: int) -> None:
    """Leave a process, with all its threads, one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def _client(pipe: Connection, port: int, requests: list[bytes]) -> None:
    """Be one client process, told how many to send, until told None."""
    load = Load(port, requests)
    while (count := pipe.recv()) is not None:
        load.connect()
        if count:
            load.send(count)
        pipe.send(count)
    load.close()


def workers(rounds: int, count: int) -> list[Row]:
    """A thousand cookies in turn over 32 connections for each client, which the kernel spreads over the workers.

    Beside one worker, which has the machine to itself, stand two servers of one worker each, at once: they share
    nothing but the machine, so what two workers cost beside them is what sharing costs.
    """
    if not pinned():
        raise RuntimeError("two workers need two cores")
    shares: list[float] = []
    with (
        temporary() as folder,
        _serving(folder / "one", (0,)) as one,
        _serving(folder / "other", (1,)) as other,
        _serving(folder / "two", (0, 1)) as two,
    ):
        for crowd in (one, other, two):
            crowd.warm()
        candidates = {
            "two": partial(_cost, [two], count, shares),
            "one": partial(_cost, [one], count, []),
            "apart": partial(_cost, [one, other], count, []),
        }
        costs = interleaved("workers", candidates, rounds)
    what, name = "check, two workers", f"{_COOKIES:,} cookies in turn, 32 connections a client"
    shared = [100 * share for share in shares]
    return [
        compared(what, name, (costs["two"], costs["one"]), unit="µs CPU", base="one", target=1.1),
        compared(what, name, (costs["two"], costs["apart"]), unit="µs CPU", base="two servers at once"),
        compared(
            "two workers, work shared",
            "CPU of the less busy one",
            (shared, [100.0] * len(shared)),
            unit="%",
            base="of the other's",
            target=_FAIR,
            better="higher",
        ),
    ]


def _cost(crowds: Sequence[_Crowd], count: int, shares: list[float]) -> float:
    """Return microseconds of CPU of all workers for one check, `count` a worker; note how the work was shared."""
    for number in (0, count):
        before = [spent for crowd in crowds for spent in crowd.spent()]
        for crowd in crowds:
            crowd.begin(number)
        for crowd in crowds:
            crowd.wait()
    spent = [now - was for now, was in zip((one for crowd in crowds for one in crowd.spent()), before, strict=True)]
    shares.append(min(spent) / max(spent))
    return sum(spent) / count / len(spent) / 1000


@contextmanager
def _serving(folder: Path, cores: Sequence[int]) -> Iterator[_Crowd]:
    house = new_house(folder)
    cookies = rows.cookies(house, rows.fill(house, file_of(house), _COOKIES))
    house.close()
    crowd = _Crowd(house.settings, cookies, cores)
    try:
        yield crowd
    finally:
        crowd.stop()
