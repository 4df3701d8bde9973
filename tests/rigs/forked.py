"""`ostiary` without the second of its start: a process that has imported everything already forks one for each call.

What runs is the program's own `main`, in a process of its own, with the arguments, environment, folder and streams
that it is given. What is asked of a start itself, or of another Python, runs the program.
"""

import os
import pkgutil
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing import current_process, get_context
from multiprocessing.reduction import DupFd
from pathlib import Path
from tempfile import TemporaryFile

from ostiary import cli
from ostiary.cli.main import main
from ostiary.settings import bare_environment

__all__ = ["Forked", "fits", "run", "serve"]

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload([found.name for found in pkgutil.walk_packages(cli.__path__, "ostiary.cli.")])


class Forked:
    """A running command: of subprocess.Popen what tests need. Its streams are open files with numbers."""

    def __init__(self, words, env, cwd, stdin, stdout, stderr):
        streams = [_Handed(stream.fileno()) for stream in (stdin, stdout, stderr)]
        self._process = _CONTEXT.Process(target=_become, args=(words, env, str(cwd), streams), daemon=True)
        self._process.start()
        self.args, self.pid, self.stdout = words, self._process.pid, None

    def poll(self):
        """Return its exit code, None while it runs; that of a signal is negative."""
        return self._process.exitcode

    def wait(self, timeout=None):
        """Return its exit code once it has one."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def send_signal(self, number):
        """Send a signal to this process only, unless it has ended."""
        with suppress(ProcessLookupError):
            if self.poll() is None:
                os.kill(self.pid, number)


def fits(env):
    """Tell whether a process with this environment can be forked: it has our own, but for settings."""
    return bare_environment(env) == bare_environment()


def serve(words, env, cwd, stderr):
    """Start a command whose `stdout` is read as a text while it runs."""
    here, there = os.pipe()
    with os.fdopen(there, "wb") as stdout, Path(os.devnull).open("rb") as stdin:
        started = Forked(words, env, cwd, stdin, stdout, stderr)
    started.stdout = os.fdopen(here, encoding="utf-8")
    return started


def run(words, env, cwd, given=None, timeout=60):
    """Run a command to its end; return what subprocess.run with texts does."""
    with TemporaryFile() as stdin, TemporaryFile() as stdout, TemporaryFile() as stderr:
        stdin.write((given or "").encode())
        stdin.seek(0)
        started = Forked(words, env, cwd, stdin, stdout, stderr)
        try:
            code = started.wait(timeout)
        except subprocess.TimeoutExpired:
            started.send_signal(signal.SIGKILL)
            started.wait()
            raise
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(words, code, stdout.read().decode(), stderr.read().decode())


class _Handed:
    """An open file that is handed to the new process, under whatever number it has there."""

    def __init__(self, number):
        self.number = number

    def __getstate__(self):
        return DupFd(self.number)

    def __setstate__(self, handed):
        self.number = handed.detach()


def _become(words, env, cwd, streams):
    for place, stream in enumerate(streams):
        os.dup2(stream.number, place)
        os.close(stream.number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace", buffering=1)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["ostiary", *words]
    current_process()._config["daemon"] = False  # it may have processes of its own
    main()
