"""The command line inside the test's own process, on a folder of its own; and as a real process."""

import json
import os
from functools import partial

from ostiary.cli.main import app, run
from tests.flows.server import OSTIARY
from tests.rigs.counterparts import free_port

__all__ = ["OSTIARY", "Shell"]


class Shell:
    """Runs commands; `place` is the folder in which everything lies."""

    def __init__(self, place, monkeypatch, capsys):
        self.place, self._capsys, self._monkeypatch = place, capsys, monkeypatch
        self.data, self.kek = place / "data", place / "key" / "ostiary.kek"
        self.ports = (free_port(), free_port())
        for name in [n for n in os.environ if n.startswith("OSTIARY_") and not n.startswith("OSTIARY_TEST_")]:
            monkeypatch.delenv(name)
        (place / "ostiary.toml").write_text("")
        self.set(
            CONFIG=place / "ostiary.toml",
            DATA_DIR=self.data,
            KEK_FILE=self.kek,
            ORIGIN=f"http://localhost:{self.ports[0]}",
            PUBLIC_HTTP_ADDR=f"127.0.0.1:{self.ports[0]}",
            INTERNAL_HTTP_ADDR=f"127.0.0.1:{self.ports[1]}",
        )

    @property
    def environ(self):
        """The environment for a real process on the same settings."""
        return {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}

    folder = property(lambda self: self.place)

    def set(self, **settings):
        """Set settings, without their prefix."""
        for name, value in settings.items():
            self._monkeypatch.setenv(f"OSTIARY_{name}", str(value))

    def __call__(self, *words):
        """Run a command; return exit code, standard output, standard error."""
        self._capsys.readouterr()
        code = run(partial(app(), list(words), print_error=False, exit_on_error=False))
        out, err = self._capsys.readouterr()
        return code, out, err

    def done(self, *words):
        """Run a command that must end well; return its standard output."""
        code, out, err = self(*words)
        assert (code, err) == (0, ""), (words, code, out, err)
        return out

    def rows(self, *words):
        """Run a command with --json; return its objects."""
        return [json.loads(line) for line in self.done(*words, "--json").splitlines()]


def kinds(row):
    """The shape of a JSON object: names and types of values."""
    return {name: type(value).__name__ for name, value in row.items()}
