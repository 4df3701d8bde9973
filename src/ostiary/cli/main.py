"""The entry point: the tree of commands, and how errors leave the program.

Exit codes: 0 done, 1 refused, 2 wrong usage, settings or preconditions, 75 the store cannot answer now
(EX_TEMPFAIL of sysexits.h), 130 interrupted.
"""

import sys

from cyclopts import App

from ostiary import __version__
from ostiary.kernel.errors import OstiaryError, StoreUnavailable

__all__ = ["app", "main"]

_USAGE = 2
_TEMPORARY = 75
_INTERRUPTED = 130


def app() -> App:
    """Return the command tree; a command's file is imported when it is called."""
    top = App(name="ostiary", help="A session authority: it keeps the door.", version=__version__)
    top.command("ostiary.cli.init:init", name="init")
    top.command("ostiary.cli.serve:serve", name="serve")
    top.command("ostiary.cli.migrate:migrate", name="migrate")
    top.command("ostiary.cli.doctor:doctor", name="doctor")
    top.command("ostiary.cli.demo:demo", name="demo")
    people = App(name="people", help="People: list, add.")
    people.command("ostiary.cli.people:add", name="add")
    people.command("ostiary.cli.people:list_people", name="list")
    sessions = App(name="sessions", help="Sessions: list, show, revoke.")
    sessions.command("ostiary.cli.sessions:list_sessions", name="list")
    sessions.command("ostiary.cli.sessions:show", name="show")
    sessions.command("ostiary.cli.sessions:revoke", name="revoke")
    receipts = App(name="receipts", help="Receipts: list, show.")
    receipts.command("ostiary.cli.receipts:list_receipts", name="list")
    receipts.command("ostiary.cli.receipts:show", name="show")
    keys = App(name="keys", help="Keys: list, rotate.")
    keys.command("ostiary.cli.keys:list_keys", name="list")
    keys.command("ostiary.cli.keys:rotate", name="rotate")
    for group in (people, sessions, receipts, keys):
        top.command(group)
    return top


def main() -> None:
    """Run the command line and exit."""
    try:
        code = app()()
    except StoreUnavailable as fault:
        _say(f"the store cannot answer: {fault}. Try again in a moment.")
        code = _TEMPORARY
    except OstiaryError as fault:
        _say(str(fault))
        code = _USAGE
    except BrokenPipeError:
        code = 0
    except KeyboardInterrupt:
        code = _INTERRUPTED
    sys.exit(code if isinstance(code, int) else 0)


def _say(text: str) -> None:
    sys.stderr.write(f"ostiary: {text}\n")
