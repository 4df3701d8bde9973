"""What the program logs stays out of the answers: standard output of a command is for programs to read."""

import json
import subprocess
import sys

from tests.cli.shell import OSTIARY


def test_a_command_whose_library_logs_answers_on_standard_output_alone(settled):
    settled.set(USER_SERVICE_MODE="rest", USER_SERVICE_BASE_URL="http://127.0.0.1:1")
    words = [*OSTIARY, "people", "block", "user-1", "--reason", "abuse", "--json"]
    done = subprocess.run(words, env=settled.environ, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (75, "")
    entry, said = done.stderr.splitlines()
    assert said.startswith("ostiary: the user service does not answer: ")
    assert json.loads(entry) | {"timestamp": ""} == {
        "event": "directory_failed",
        "level": "warning",
        "operation": "block",
        "timestamp": "",
        "why": "unreachable",
    }


def test_a_command_logs_nothing_less_than_a_warning():
    code = (
        "import logging, structlog; from ostiary.cli.journal import log_to_stderr; {};"
        "log = structlog.get_logger(); log.info('less'); log.warning('enough')"
    )
    for first, seen in (("log_to_stderr()", 2), ("log_to_stderr(logging.WARNING)", 1)):
        words = [sys.executable, "-c", code.format(first)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
        assert (done.stdout, len(done.stderr.splitlines())) == ("", seen)
