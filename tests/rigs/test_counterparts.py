"""The rule about real counterparts: skipped without them, failed without them when CI=true."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.plugin_counterparts import counterparts
from tests.rigs.counterparts import PACKAGES

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest

@pytest.mark.postgres
def test_beside_postgres(): pass

@pytest.mark.redis
def test_that_skips_itself(): pytest.skip("not today")

def test_of_another_kind(): pytest.skip("allowed")
"""


def run_suite(folder, **environ):
    (folder / "test_suite.py").write_text(SUITE)
    kept = {"PATH": str(folder)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.plugin_counterparts",
        "-p",
        "no:randomly",
        "-c",
        ROOT / "pyproject.toml",
    ]
    command += ["--rootdir", folder, "-o", "cache_dir=" + str(folder / "cache"), folder]
    return subprocess.run(command, env=kept | environ, cwd=ROOT, capture_output=True, text=True, check=False)


def test_people_are_told_what_was_not_run_and_how_to_get_it(tmp_path):
    outcome = run_suite(tmp_path)
    assert outcome.returncode == 0, outcome.stdout
    assert "not run without postgres: 1 tests. To run them: `make test`" in outcome.stdout
    assert "3 skipped" in outcome.stdout


def test_continuous_integration_fails_on_a_missing_counterpart(tmp_path):
    outcome = run_suite(tmp_path, CI="true")
    assert outcome.returncode == 1, outcome.stdout
    assert "1 skipped, 2 errors" in outcome.stdout
    assert "which CI=true does not allow" in outcome.stdout


def test_a_test_runs_beside_its_counterpart(tmp_path):
    outcome = run_suite(tmp_path, CI="true", OSTIARY_TEST_POSTGRES_URL="postgresql://unused")
    assert "1 passed, 1 skipped, 1 error" in outcome.stdout


def test_chromium_is_looked_for_where_debian_puts_it(tmp_path):
    assert not counterparts({}, tmp_path / "chromium")["chromium"].present
    assert counterparts({}, tmp_path)["chromium"].present


def test_node_is_there_when_it_and_its_package_manager_are_on_the_path(tmp_path):
    for program in ("node", "npm"):
        assert not counterparts({"PATH": str(tmp_path)})["node"].present
        (tmp_path / program).touch(mode=0o755)
    assert counterparts({"PATH": str(tmp_path)})["node"].present
    assert {"nodejs", "npm"} <= set(PACKAGES), "`make test` brings both"


@pytest.mark.postgres
def test_the_database_answers_and_speaks_utf8():
    with psycopg.connect(os.environ["OSTIARY_TEST_POSTGRES_URL"]) as connection:
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
