"""A server of the demo's own: a process, a data folder, a key and two ports that nobody else has."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ostiary.kernel.errors import BootRefused
from ostiary.kernel.ids import system_secrets
from ostiary.settings import bare_environment

__all__ = ["Server", "temporary"]

_OSTIARY = (sys.executable, "-m", "ostiary")
_TOKEN = re.compile(r"/enrol#(\S+)")
_LOWEST, _RANGE = 20_000, 12_000
_PATIENCE_S = 30


class Server:
    """`ostiary serve --fixture` on a folder; killed and started again at will."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = (_free_port(), _free_port())
        self.token = ""
        self._process: subprocess.Popen[str] | None = None
        public, internal = self.ports
        (folder / "ostiary.toml").write_text(
            f'data_dir = "data"\nkek_file = "key/ostiary.kek"\norigin = "http://localhost:{public}"\n'
            f'public_http_addr = "127.0.0.1:{public}"\ninternal_http_addr = "127.0.0.1:{internal}"\n'
        )

    @property
    def pid(self) -> int:
        """The running server's process id, 0 when none runs."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start and wait for `ready`. Raises BootRefused with the server's own words when it does not come."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [*_OSTIARY, "serve", "--fixture"],
                cwd=self.folder,
                env=bare_environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        for line in self._process.stdout or ():
            found = _TOKEN.search(line)
            self.token = found[1] if found else self.token
            if line == "ready\n":
                return
        raise BootRefused(f"the demo's server did not start: {(self.folder / 'log').read_text()}")

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL, nothing is written any more."""
        self._end(kindly=False)

    def stop(self) -> None:
        """End it kindly."""
        self._end(kindly=True)

    def command(self, *words: str) -> list[Any]:
        """Run a command of the command line in a process of its own and return its JSON lines."""
        done = subprocess.run(  # noqa: S603 - our own program
            [*_OSTIARY, *words, "--json"],
            cwd=self.folder,
            env=bare_environment(),
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    def _end(self, *, kindly: bool) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate() if kindly else process.kill()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


@contextmanager
def temporary() -> Iterator[Server]:
    """Give a server that is not running yet; whatever happens, it is stopped and its folder removed afterwards."""
    with TemporaryDirectory(prefix="ostiary-demo-") as folder:
        server = Server(Path(folder))
        try:
            yield server
        finally:
            server.stop()


def _free_port() -> int:
    while True:
        port = _LOWEST + int.from_bytes(system_secrets(2), "big") % _RANGE
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
