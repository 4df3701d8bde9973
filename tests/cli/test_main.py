"""The tree of commands, its help, its exit codes, and how it behaves when streams close or lie."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from ostiary import __version__
from ostiary.cli import main
from ostiary.kernel.errors import BootRefused, StoreUnavailable
from tests.cli.shell import OSTIARY

COMMANDS = [[name] for name in main._ALONE] + [
    [group, name] for group, (_, commands) in main._GROUPS.items() for name in commands
]
WITHOUT_JSON = [["serve"], ["receipts", "export"]]


def process(shell, *words):
    return subprocess.run([*OSTIARY, *words], env=shell.environ, capture_output=True, timeout=60, check=False)


def test_help_names_every_command_in_the_order_of_their_use(shell):
    out = shell.done("--help")
    named = re.findall(r"^  ([a-z]+) ", out, re.MULTILINE)
    assert named == [*main._ALONE, *main._GROUPS]
    assert "Exit codes: 0 done" in out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_a_command_is_plain_narrow_and_says_what_the_tree_says(shell, command):
    out = shell.done(*command, "--help")
    assert out.startswith(f"Usage: ostiary {' '.join(command)}")
    assert out.isascii()
    assert max(map(len, out.splitlines())) <= 100
    of_tree = (main._ALONE if len(command) == 1 else main._GROUPS[command[0]][1])[command[-1]][1]
    assert " ".join(out.split("\n\n")[1].split()).startswith(of_tree)
    assert "[default" not in out
    assert "--no-" not in out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_json_is_spelled_so(shell, command):
    assert ("  --json" in shell.done(*command, "--help")) is (command not in WITHOUT_JSON)


@pytest.mark.parametrize("words", [[], ["sessions"]])
def test_without_a_command_it_helps(shell, words):
    assert shell.done(*words).startswith("Usage: ostiary")


def test_the_version(shell):
    assert shell.done("--version") == f"{__version__}\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["bogus"], "Unknown command"),
        (["sessions", "bogus"], "bogus"),
        (["sessions", "list", "--bogus"], "Unknown option"),
        (["sessions", "list", "--most", "x"], "--most"),
        (["sessions", "list", "--most", "0"], '"0" for --most. A number between 1 and a million is expected. Try'),
        (["serve", "--workers", "0"], 'Invalid value "0" for --workers. A number between 1 and 64 is expected. Try'),
        (["serve", "--workers", "65"], "A number between 1 and 64 is expected."),
        (
            ["services", "rotate", "x", "--grace", "0"],
            "A number of seconds between 1 and 2592000 (30 days) is expected.",
        ),
        (["receipts", "export", "--since", "-5"], '"-5" for --since. The number of a receipt is expected'),
        (["receipts", "export", "--since", str(1 << 63)], "The number of a receipt is expected"),
        (["receipts", "list", "--before", "-1"], "The number of a receipt is expected"),
        (["sessions", "show"], 'Command "sessions show" parameter SESSION is needed. Try'),
        (["people", "add"], 'Command "people add" parameter --email is needed. Try'),
        (["people", "add", "--email"], "parameter --email requires an argument. Try"),
        (["keys", "rotate", "--purpose", "data"], "session"),
        (["sessions", "revoke"], "--stdin"),
        (["sessions", "revoke", "--stdin", "ses-x"], "one of the two"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(shell, words, says):
    code, out, err = shell(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("ostiary: ")
    assert says in err


def raising(fault):
    def command():
        raise fault

    return command


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (StoreUnavailable("database is locked"), 75, "ostiary: the store cannot answer: database is locked. Try again"),
        (StoreUnavailable("the user service is ill", service="directory"), 75, "ostiary: the user service is ill. Try"),
        (BootRefused("no key: run `ostiary init`"), 2, "ostiary: no key: run `ostiary init`\n"),
        (PermissionError(13, "Permission denied", "/key"), 2, "ostiary: Permission denied: /key\n"),
        (OSError(28, "No space left on device"), 2, "ostiary: No space left on device\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_is_raised_becomes_a_sentence_and_a_code(capsys, fault, code, says):
    assert main.run(raising(fault)) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(says)
    assert bool(err) is bool(says)


@pytest.mark.parametrize("fault", [ZeroDivisionError(), SystemExit(143)])
def test_what_nobody_expected_is_not_hidden(fault):
    with pytest.raises(type(fault)):
        main.run(raising(fault))


def test_any_other_outcome_than_a_number_is_done():
    assert main.run(lambda: None) == 0


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["keys", "list"], ["receipts", "list", "--json"]])
def test_a_reader_that_goes_away_is_no_error(settled, words):
    settled.done("keys", "rotate")
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            [*OSTIARY, *words], env=settled.environ, stdout=closed, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_closed_streams_are_no_error(settled):
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" keys list >&- 2>&-', *OSTIARY], env=settled.environ, timeout=60, check=False
    )
    assert done.returncode == 0


def test_a_full_disk_behind_the_output_is_told(settled):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*OSTIARY, "keys", "list"],
            env=settled.environ,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (2, b"ostiary: No space left on device\n")


@pytest.mark.parametrize("argument", [b"\xff", b"a\nb", b"\x1b[31m"])
def test_an_argument_that_is_no_text_is_refused(settled, argument):
    done = process(settled, "sessions", "show", argument)
    assert done.returncode == 2
    assert b"no readable UTF-8" in done.stderr


def test_a_terminal_that_knows_no_unicode_gets_numbers(settled):
    settled.done("people", "add", "--email", "z@example.test", "--name", "Zoë")
    environ = {**settled.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*OSTIARY, "people", "list"], env=environ, capture_output=True, timeout=60, check=True)
    assert rb"Zo\xeb" in done.stdout


def seen_on_a_terminal(environ, *words):
    child, terminal = pty.fork()
    if not child:
        os.execve(OSTIARY[0], [*OSTIARY, *words], environ)
    shown = b""
    while True:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.waitpid(child, 0)
    os.close(terminal)
    return shown.decode()


def test_python_dash_m_is_the_same_program(shell):
    python = OSTIARY[0].replace("ostiary", "python")
    done = subprocess.run([python, "-m", "ostiary", "--version"], capture_output=True, timeout=60, check=True)
    assert done.stdout.decode() == shell.done("--version")


def test_a_narrow_terminal_gets_folded_lines_and_colours_unless_it_wants_none(peopled):
    environ = {**peopled.environ, "COLUMNS": "80", "TERM": "xterm"}
    environ.pop("NO_COLOR", None)
    shown = seen_on_a_terminal(environ, "sessions", "list")
    assert max(map(len, shown.splitlines())) <= 80
    assert peopled.sessions[0] in shown
    assert "user-AAAAAAAAAAAAAAAAAAAAAA" in shown
    assert "\x1b[" in seen_on_a_terminal(environ, "doctor")
    assert "\x1b[" not in seen_on_a_terminal({**environ, "NO_COLOR": "1"}, "doctor")


def test_no_command_but_the_server_imports_the_server(settled):
    code = (
        "import sys; from ostiary.cli.main import app; app()(['receipts', 'list'], exit_on_error=False);"
        "print([m for m in ('starlette', 'granian', 'psycopg', 'alembic', 'structlog', 'jinja2', 'rich') if m in sys.modules])"
    )
    python = OSTIARY[0].replace("ostiary", "python")
    done = subprocess.run(
        [python, "-c", code], env=settled.environ, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
