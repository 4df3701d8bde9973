"""Faults of what stands behind the server: PostgreSQL, its pooler, the disk, the clock."""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import psycopg

from tests.faults.scene import Row, scene
from tests.flows.test_disk_full import fill, freed, limited, small_disk
from tests.rigs.counterparts import programs
from tests.rigs.faulty_wire import faulty
from tests.rigs.pooler import pooler, program
from tests.storage.cluster import cluster
from tests.storage.ground import postgres_database

__all__ = ["clock", "disk", "pgbouncer", "postgres"]

_BACK = "clock set back 6 h, restart"
_SITE = """
import pathlib, time
_hours, _ns = pathlib.Path(__file__).with_name("hours"), time.time_ns
time.time_ns = lambda: _ns() + int(float(_hours.read_text()) * 3600) * 1_000_000_000
time.time = lambda: time.time_ns() / 1e9
"""
_LASTING_S = 4.0


def _skipped(names, why):
    return [Row(name, "", "-", [], why) for name in names]


def postgres(wanted):
    """A server of our own that stops, is paused, gets slow, and has no connection left."""
    names = [name for name in _POSTGRES if wanted(name)]
    if not names or programs() is None:
        yield from _skipped(names, "no initdb here: apt-get install postgresql (as root)")
        return
    with (
        cluster() as server,
        postgres_database(f"{server.url}/postgres") as direct,
        faulty(direct) as (wire, url),
        tempfile.TemporaryDirectory() as folder,
        scene(folder, url) as played,
    ):
        for name in names:
            yield played.endured(name, lambda name=name: _POSTGRES[name](server, wire), _LASTING_S)


@contextmanager
def _stopped(server, wire):
    with server.stopped():
        yield


@contextmanager
def _paused(server, wire):
    with server.paused():
        yield


@contextmanager
def _slow(server, wire):
    wire.slow(0.2)
    try:
        yield
    finally:
        wire.mend()


@contextmanager
def _unplugged(server, wire):
    wire.cut()
    try:
        yield
    finally:
        wire.mend()


@contextmanager
def _crowded(server, wire):
    """Cut the server's own connections off and take every place, theirs too."""
    with ExitStack() as stack:
        wire.cut()
        with suppress(psycopg.OperationalError):
            for _ in range(200):
                stack.enter_context(psycopg.connect(f"{server.url}/postgres"))
        wire.mend()
        yield


_POSTGRES = {
    "PostgreSQL stopped": _stopped,
    "PostgreSQL paused (SIGSTOP)": _paused,
    "PostgreSQL slow (0.4 s a word)": _slow,
    "PostgreSQL unplugged": _unplugged,
    "PostgreSQL out of connections": _crowded,
}


def pgbouncer(wanted):
    """The whole of it behind PgBouncer, in both modes, and the pooler killed under it."""
    modes = [mode for mode in ("session", "transaction") if wanted(f"behind PgBouncer, {mode} mode")]
    killed = wanted("PgBouncer killed")
    names = [f"behind PgBouncer, {mode} mode" for mode in modes] + ["PgBouncer killed"] * killed
    if not names or program() is None or "OSTIARY_TEST_POSTGRES_URL" not in os.environ:
        yield from _skipped(names, "no PgBouncer beside a PostgreSQL: apt-get install pgbouncer (as root)")
        return
    for mode in modes or ["transaction"]:
        size = 20 if mode == "session" else 3
        with (
            postgres_database(os.environ["OSTIARY_TEST_POSTGRES_URL"]) as direct,
            pooler(direct, mode, size) as between,
            tempfile.TemporaryDirectory() as folder,
            scene(folder, between.url, OSTIARY_DATABASE_DIRECT_URL=direct) as played,
        ):
            if mode in modes:
                yield played.endured(f"behind PgBouncer, {mode} mode", _nothing, hurts=False)
            if killed and mode == "transaction":
                yield played.endured("PgBouncer killed", lambda between=between: _gone(between))


@contextmanager
def _nothing():
    yield


@contextmanager
def _gone(between):
    between.stop()
    try:
        yield
    finally:
        between.start()


def disk(wanted):
    """A file system that fills up under the server."""
    if not wanted("disk full"):
        return
    with (
        tempfile.TemporaryDirectory() as above,
        small_disk(Path(above) / "disk") as (folder, mounted),
        scene(folder) as played,
    ):

        @contextmanager
        def full():
            ballast = fill(folder, mounted)
            limited(played.served, mounted)
            try:
                yield
            finally:
                freed(played.served, ballast, mounted)

        yield played.endured("disk full", full, _LASTING_S)


def clock(wanted):
    """The wall clock steps by hours under a running server, and it is started again while the clock is behind.

    Python's clock is stepped, the only one that Ostiary asks. libfaketime was tried: it makes time.sleep fail with EINVAL.
    """
    steps = {_BACK: -6, "clock set forward 6 h": 6}
    names = [name for name in steps if wanted(name)]
    if not names:
        return
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        site.mkdir()
        _set(site / "hours", 0)
        (site / "sitecustomize.py").write_text(_SITE)
        with scene(Path(folder) / "served", PYTHONPATH=str(site)) as played:
            for name in names:
                back = name == _BACK
                fault = partial(_stepped, played.served, site / "hours", steps[name], again=back)
                yield played.endured(name, fault, silent=back, hurts=False)


@contextmanager
def _stepped(served, file, hours, *, again):
    """Step the clock, and make sure that a process of the server's environment feels it."""
    _set(file, hours)
    wrong = []
    try:
        if again:
            served.stop()
            served.start()
        look = [sys.executable, "-c", "import time; print(time.time_ns() // 10**9)"]
        off = int(subprocess.check_output(look, env=served.environ)) - time.time()
        yield wrong if abs(off - hours * 3600) < 60 else [*wrong, f"the step was not felt: {off:.0f} s"]
    finally:
        _set(file, 0)


def _set(file, hours):
    """Replace the file at once: whoever read it half written would see another step."""
    new = file.with_name("new")
    new.write_text(str(hours))
    new.replace(file)
