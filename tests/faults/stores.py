"""Faults of what stands behind the server: PostgreSQL, its pooler, the disk, the clock."""

import os
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path

import psycopg

from tests.faults.scene import Row, scene
from tests.flows.browser import Browser
from tests.flows.test_disk_full import fill, freed, limited, small_disk
from tests.rigs.counterparts import programs
from tests.rigs.faulty_wire import faulty
from tests.rigs.pooler import pooler, program
from tests.storage.cluster import cluster
from tests.storage.ground import postgres_database

__all__ = ["clock", "disk", "pgbouncer", "postgres"]

_FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
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
    """The wall clock of a running server steps by hours, and back."""
    steps = {"clock set back 6 h": -6, "clock set forward 6 h": 6}
    names = [name for name in steps if wanted(name)]
    if not names or not _FAKETIME.exists():
        yield from _skipped(names, "no libfaketime: apt-get install faketime (as root)")
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "time"
        file.write_text("+0s")
        environ = {
            "LD_PRELOAD": str(_FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with scene(Path(folder) / "served", **environ) as played:
            for name in names:
                yield played.endured(name, lambda name=name: _stepped(played.served, file, steps[name]), hurts=False)


@contextmanager
def _stepped(served, file, hours):
    """Step the clock under the running server, and make sure that the step is felt."""
    wrong = []
    file.write_text(f"{hours:+d}h")
    try:
        yield wrong
        off = _told(served, hours) - time.time()
        if abs(off - hours * 3600) > 120:
            wrong.append(f"the step was not felt: time is {off:.0f} s off")
    finally:
        file.write_text("+0s")


def _told(served, hours):
    """The time by the server's own `Date`; a Date never goes back, so then by a process of the same environment."""
    if hours > 0:
        return parsedate_to_datetime(Browser(served).send("GET", "/sign-in").header("date")).timestamp()
    return int(subprocess.check_output(["date", "+%s"], env=served.environ))
