"""A PostgreSQL server of our own that tests may stop, pause and start again."""

import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.rigs.counterparts import await_server, free_port, programs, started, stop


class Cluster:
    """A server in a temporary folder. PostgreSQL refuses to run as root, so root hands it to the user postgres."""

    def __init__(self, folder):
        root = os.geteuid() == 0
        self._owner = {"user": "postgres", "group": "postgres", "extra_groups": []} if root else {}
        self._folder, self._programs, self._port = folder, programs(), free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}"
        if root:
            shutil.chown(folder, "postgres", "postgres")
        initdb = ["initdb", "-D", folder, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync"]
        self._call(subprocess.run, initdb, check=True, stdout=subprocess.DEVNULL)

    def start(self):
        options = [f"port={self._port}", f"unix_socket_directories={self._folder}", "listen_addresses=127.0.0.1"]
        options += ["max_connections=20", "deadlock_timeout=100ms", "shared_buffers=16MB"]
        command = ["postgres", "-D", self._folder, *(word for option in options for word in ("-c", option))]
        with (self._folder / "log").open("ab") as log:
            self._process = self._call(subprocess.Popen, command, stdout=log, stderr=log, start_new_session=True)
        await_server(self.url, self._process, self._folder / "log")

    def stop(self):
        """The fast shutdown: every connection is told and cut off."""
        stop(self._process)

    @contextmanager
    def stopped(self):
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def paused(self):
        """Let no process of the server run; the machine still takes connections and bytes for it."""
        pids = [self._process.pid, *children(self._process.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    def terminate(self, database):
        """Cut off every connection to a database, as an administrator does."""
        with psycopg.connect(f"{self.url}/postgres", autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [database]
            )

    def _call(self, run, command, **options):
        program, *arguments = command
        return run([self._programs / program, *arguments], cwd=self._folder, **options, **self._owner)


def children(parent):
    """The processes of that parent."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[1]) == parent:
            found.append(int(status.parent.name))
    return found


@contextmanager
def cluster():
    with started("ostiary-storage-", Cluster) as made:
        yield made
