"""`shell` runs commands on an empty folder; `settled` has key and database; `peopled` has sessions too."""

import pytest

from tests.cli.shell import Shell
from tests.flows.seed import seed


@pytest.fixture
def shell(tmp_path, monkeypatch, capsys):
    return Shell(tmp_path, monkeypatch, capsys)


@pytest.fixture
def settled(shell):
    shell.done("init")
    shell.done("migrate")
    return shell


@pytest.fixture
def peopled(settled):
    settled.sessions = list(seed(settled, 3))
    return settled
