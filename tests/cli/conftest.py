"""`shell` runs commands on an empty folder; `settled` has key and database; `peopled` has sessions too."""

import pytest

from tests.cli.shell import Shell
from tests.flows.seed import opened_for


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
    settled.sessions = list(opened_for(settled, [f"user-{letter * 22}" for letter in "ABC"]))
    return settled
