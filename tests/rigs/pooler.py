"""A real PgBouncer between Ostiary and PostgreSQL, on a free port, ended by its own pid."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.rigs.counterparts import await_server, free_port, started

__all__ = ["Pooler", "pooler", "program"]

_SETTINGS = """[databases]
* = host={host} port={upstream} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
logfile = {folder}/log
"""


def program():
    """Where PgBouncer is, or None."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Pooler:
    """A pooler in front of the server of a database address; `url` is that database through it. It will not run as root."""

    def __init__(self, folder, url, mode, size):
        parts, port = urlsplit(url), free_port()
        self.url = urlunsplit(parts._replace(netloc=f"{parts.username or 'postgres'}@127.0.0.1:{port}"))
        self._base = urlunsplit(urlsplit(self.url)._replace(path=""))
        self._folder = Path(folder)
        owner = {"user": "postgres", "group": "postgres", "extra_groups": []}
        self._owner = owner if os.geteuid() == 0 else {}
        words = {"host": parts.hostname, "upstream": parts.port or 5432, "user": parts.username or "postgres"}
        settings = _SETTINGS.format(**words, port=port, mode=mode, size=size, folder=folder)
        (self._folder / "pgbouncer.ini").write_text(settings)
        if self._owner:
            shutil.chown(folder, "postgres", "postgres")

    def start(self):
        command = [program(), self._folder / "pgbouncer.ini"]
        with (self._folder / "out").open("ab") as out:
            self._process = subprocess.Popen(command, cwd=self._folder, stdout=out, stderr=out, **self._owner)
        await_server(self._base, self._process, self._folder / "out")

    def stop(self):
        self._process.kill()
        self._process.wait()


@contextmanager
def pooler(url, mode, size=4):
    """A pooler that runs for the block. `size` is how many connections it keeps to the server."""
    with started("ostiary-pooler-", lambda folder: Pooler(folder, url, mode, size)) as made:
        yield made
