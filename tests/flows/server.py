"""A real server in a process of its own, started and stopped by its pid, and its command line.

`Served` spares each process the start of Python (`rigs/forked`); `Program` does not, for what is asked of the start.
"""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from tests.rigs import forked
from tests.rigs.counterparts import free_port

OSTIARY = (str(Path(sys.executable).with_name("ostiary")),)
_LINK = re.compile(r"(http\S+/enrol#(\S+))")


class Served:
    """One running server. `link` is the first administrator's, as it was printed."""

    command: tuple[str, ...] = ()
    """What is started instead of `ostiary serve`."""

    def __init__(self, folder, environ):
        self.folder = Path(folder)
        self.public_port, self.internal_port = free_port(), free_port()
        self.origin = environ.get("OSTIARY_ORIGIN") or f"http://localhost:{self.public_port}"
        self.public = f"http://localhost:{self.public_port}"
        self.internal = f"http://127.0.0.1:{self.internal_port}"
        self.environ = {
            **{k: v for k, v in os.environ.items() if not k.startswith("OSTIARY_")},
            "OSTIARY_DATA_DIR": str(self.folder / "data"),
            "OSTIARY_PUBLIC_HTTP_ADDR": f"127.0.0.1:{self.public_port}",
            "OSTIARY_INTERNAL_HTTP_ADDR": f"127.0.0.1:{self.internal_port}",
            "OSTIARY_ORIGIN": self.origin,
            **environ,
        }
        self.process = None
        self.printed = ""

    def start(self, *words):
        """Start and wait for `ready`; raises with what was printed when it does not come."""
        with (self.folder / "stderr.log").open("ab") as log:
            if self._spared() and not self.command:
                self.process = forked.serve(["serve", *words], self.environ, self.folder, log)
            else:
                self.process = subprocess.Popen(
                    [*(self.command or (*OSTIARY, "serve")), *words],
                    env=self.environ,
                    cwd=self.folder,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
        self.printed = ""
        for line in self.process.stdout:
            self.printed += line
            if line == "ready\n":
                return self
        self.wait()
        raise RuntimeError(f"no ready: {self.printed}\n{self.stderr()}")

    def stderr(self):
        """What it has logged so far."""
        return (self.folder / "stderr.log").read_text()

    def stop(self):
        """End it kindly and wait."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """End it as a power cut would."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def signal(self, number):
        """Send a signal to this process only."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self):
        """Return its exit code."""
        code = self.process.wait(30)
        self.process.stdout.close()
        return code

    @property
    def token(self):
        """The first administrator's one-time token."""
        return _LINK.search(self.printed)[2]

    def cli(self, *words, stdin=None, check=True):
        """Run a command on the same settings; return its standard output."""
        if self._spared():
            done = forked.run(words, self.environ, self.folder, stdin)
        else:
            done = subprocess.run(  # noqa: PLW1510 - the caller says whether the code matters
                [*OSTIARY, *words],
                env=self.environ,
                cwd=self.folder,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=60,
            )
        if check and done.returncode:
            raise RuntimeError(f"{words} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout if check else done

    def _spared(self):
        return forked.fits(self.environ)

    def json(self, *words):
        """Run a command with --json and return its rows."""
        return [json.loads(line) for line in self.cli(*words, "--json").splitlines()]

    def invite(self, email):
        """Invite a person and return the token of their link."""
        return _LINK.search(self.json("people", "add", "--email", email)[0]["link"])[2]


class Program(Served):
    """The program as a shell starts it, for tests of the start itself."""

    def _spared(self):
        return False


@contextmanager
def serving(folder, kind=Served, **environ):
    """Serve on a fresh (or given) folder for the block."""
    served = kind(folder, environ)
    served.cli("init")
    served.start()
    try:
        yield served
    finally:
        served.stop()
