"""The entry point: the tree of commands, and how errors leave the program.

Exit codes: 0 done, 1 refused or something found wrong, 2 wrong usage, settings or preconditions, 75 the store
cannot answer now (EX_TEMPFAIL of sysexits.h), 130 interrupted.
"""

import gc
import io
import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TextIO

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter

from ostiary import __version__
from ostiary.cli.manual import Manual
from ostiary.kernel.errors import OstiaryError, StoreUnavailable
from ostiary.kernel.legible import readable

__all__ = ["app", "main"]

_USAGE = 2
_TEMPORARY = 75
_INTERRUPTED = 130

_ALONE = {
    "init": ("init:init", "Make what a server needs before it can start: data folder and key-encryption key."),
    "serve": ("serve:serve", "Serve until SIGINT or SIGTERM."),
    "demo": ("demo.command:demo", "Show the whole life of a session against a server of its own, then clean up."),
    "doctor": ("doctor.command:doctor", "Say what is right and what is wrong, and what to do; change nothing."),
    "migrate": ("migrate:migrate", "Bring the database to this release's schema."),
}
_GROUPS = {
    "tenants": (
        "Tenants: worlds of people, keys and policies apart from each other, and the keys of their programs.",
        {
            "add": ("tenants:add", "Add a tenant and print a client key and an operator key, this once."),
            "list": ("tenants:list_tenants", "List all tenants, oldest first."),
            "methods": ("tenants:methods", "Show or set the ways to sign in that a tenant offers."),
            "key": ("tenants:key", "Give a tenant another key and print it, this once."),
            "keys": (
                "tenants:list_keys",
                "List the keys of a tenant's programs, oldest first; none can be shown again.",
            ),
            "key-remove": ("tenants:key_remove", "Take a key out of service: the next request with it is nobody's."),
        },
    ),
    "people": (
        "People: add one, list them, show what each may, grant scopes, block and unblock.",
        {
            "add": ("people:add", "Add a person and print the one-time link for their first passkey."),
            "invite": ("people:invite", "Print a fresh one-time link for somebody who is known."),
            "list": ("people:list_people", "List all people, oldest first."),
            "show": ("people:show", "Show one person: who they are, what they may, and whether they are blocked."),
            "grant": ("people:grant", "Give a person a scope."),
            "withdraw": ("people:withdraw", "Take a scope from a person."),
            "block": ("blocks:block", "Let a person, or whoever has an address, do nothing from now on."),
            "unblock": ("blocks:unblock", "Lift a block; one of the other kind stays."),
            "blocks": (
                "blocks:list_blocks",
                "List the blocks that stand, oldest first, those of addresses that nobody has too.",
            ),
        },
    ),
    "standings": (
        "Standings: authorities that exist elsewhere, and who holds them.",
        {
            "add": (
                "holdings:add_standing",
                "Note that a person holds a standing: an authority that exists elsewhere, which a session may name.",
            ),
            "list": ("holdings:list_standings", "List what a person holds."),
        },
    ),
    "devices": (
        "Devices: what people act through.",
        {
            "add": ("holdings:add_device", "Note that a device is a person's."),
            "list": ("holdings:list_devices", "List what a person acts through."),
        },
    ),
    "services": (
        "Services: who may ask the check, and what each may learn.",
        {
            "add": ("services:add", "Register a service and print its key, this once."),
            "list": ("services:list_services", "List all services; `default` is always there."),
            "show": ("services:show", "Show one service."),
            "change": ("services:change", "State anew what a service requires and may learn."),
            "rotate": ("services:rotate", "Give a service a new key and print it, this once."),
            "remove": ("services:remove", "Remove a service."),
        },
    ),
    "sessions": (
        "Sessions: list, show, issue, end, limit.",
        {
            "list": ("sessions:list_sessions", "List sessions, newest first, those that ended too."),
            "show": ("sessions:show", "Show one session: why it lives, or why it ended."),
            "issue": ("sessions:issue", "Issue a bearer token to a person, for a program that acts for them."),
            "revoke": ("sessions:revoke", "End sessions."),
            "limit": ("allowance:limit", "Show or set how many device sessions one person may have."),
        },
    ),
    "purposes": (
        "Purposes: what a service may ask a person's presence for.",
        {
            "add": ("purposes:add", "Declare a purpose for the services behind Ostiary."),
            "list": ("purposes:list_purposes", "List all purposes, Ostiary's own first."),
            "remove": ("purposes:remove", "Remove a declared purpose; proofs for it that nobody has used are void."),
        },
    ),
    "limits": (
        "Limits: how often somebody may try, and what happens then.",
        {
            "list": ("limits:list_policies", "List all policies; `default` is always there."),
            "set": ("limits:set_policy", "Set the numbers of a policy."),
            "remove": ("limits:remove", "Remove a policy; `default` has its built-in numbers again."),
        },
    ),
    "receipts": (
        "Receipts: the signed log of every change and refusal.",
        {
            "list": ("receipts:list_receipts", "List receipts, newest first."),
            "show": ("receipts:show", "Show one receipt and whether its signature holds."),
            "verify": ("log:verify", "Prove that no receipt was altered, dropped, inserted or moved."),
            "export": ("log:export", "Write the log out, with what is needed to verify it elsewhere."),
        },
    ),
    "mail": (
        "Mail: letters that wait, and those that were captured.",
        {
            "list": ("letters:list_letters", "List letters, newest first; what waits stays sealed."),
            "show": ("letters:show", "Show one captured letter."),
        },
    ),
    "projection": (
        "Projection: the copy of device sessions in Redis that gateways read.",
        {
            "status": ("projection:status", "Say how the projection stands."),
            "rebuild": (
                "projection:rebuild",
                "Write all sessions of all tenants anew, and remove those that are not known.",
            ),
            "verify": ("projection:verify", "Hold the projection against the truth and name every difference."),
        },
    ),
    "keys": (
        "Keys: list, rotate, revoke and rewrap them.",
        {
            "list": ("keys:list_keys", "List the keys of a tenant; no secret is shown."),
            "rotate": ("keys:rotate", "Put a new key in service."),
            "revoke": ("keys:revoke", "Let a stolen key verify nothing from now on."),
            "rewrap": ("keys:rewrap", "Seal all stored keys under a new key-encryption key, all or none."),
        },
    ),
}
_ENDING = """Settings come from OSTIARY_* in the environment or from ostiary.toml; see docs/settings.md.
Exit codes: 0 done, 1 refused or something wrong, 2 usage or settings, 75 try again later, 130 interrupted."""


def app() -> App:
    """Return the command tree; a command's file is imported when it is called."""
    top = _group("ostiary", "A session authority: it keeps the door.", _ALONE, ending=_ENDING)
    top.version = __version__
    for place, (name, (title, commands)) in enumerate(_GROUPS.items(), len(_ALONE)):
        top.command(_group(name, title, commands, place))
    return top


def main() -> None:
    """Run the command line and exit."""
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a letter shows its number
    if any(not readable(argument) for argument in sys.argv[1:]):
        sys.exit(_failed("an argument holds something that is no readable UTF-8 text, or a control character", _USAGE))
    sys.exit(run(_asked))


def run(command: Callable[[], object]) -> int:
    """Run a command and return its exit code; what it raises becomes one sentence."""
    try:
        code = command()
        sys.stdout.flush()
    except CycloptsError as fault:
        return _failed(f"{_misused(fault)} Try --help.", _USAGE)
    except StoreUnavailable as fault:
        said = str(fault) if fault.service else f"the store cannot answer: {fault}"
        remedy = fault.remedy or "Try again"
        return _failed(f"{said}. {remedy}; `ostiary doctor` looks closer.", _TEMPORARY)
    except OstiaryError as fault:
        return _failed(str(fault), _USAGE)
    except BrokenPipeError:
        _hush()
        return 0
    except OSError as fault:
        try:
            sys.stdout.flush()
        except OSError:
            _hush()
        return _failed(f"{fault.strerror or fault}" + (f": {fault.filename}" if fault.filename else ""), _USAGE)
    except SystemExit as left:
        if isinstance(left.__context__, BrokenPipeError):  # how rich ends a program whose reader went away
            return 0
        raise
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code if isinstance(code, int) else 0


def _asked() -> object:
    """Do what was asked for; what logs at all came with the command's file, and must not log among its answers."""
    gc.disable()  # what is imported stays: to look through it again and again is a sixth of a start
    command, bound, _ = app().parse_args(print_error=False, exit_on_error=False)
    gc.freeze()
    gc.enable()
    if "structlog" in sys.modules:
        journal = import_module("ostiary.cli.journal")
        journal.log_to_stderr(logging.WARNING)
    return command(*bound.args, **bound.kwargs)


def _misused(fault: CycloptsError) -> str:
    """Say what is wrong with a call; the library says the same of an option without its value and of one not given."""
    said = str(fault)
    given = fault.argument is not None and bool(fault.argument.tokens)
    if type(fault) is MissingArgumentError and not fault.keyword and not given:
        return said.replace("requires an argument", "is needed")
    return said


def _hush() -> None:
    """Send the rest of the output nowhere, else Python tries it once more at exit and complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _nowhere() -> TextIO:
    """Stand in for a stream that was closed before the start, so that no file takes its number."""
    return Path(os.devnull).open("w", encoding="utf-8")


def _group(name: str, title: str, commands: dict[str, tuple[str, str]], place: int = 0, ending: str = "") -> App:
    summaries = {command: summary for command, (_, summary) in commands.items()}
    made = App(
        name=name,
        help=title,
        help_format="plaintext",
        help_formatter=Manual(summaries, ending),
        default_parameter=Parameter(negative="", show_default=_worth_showing),
        suppress_keyboard_interrupt=False,
        result_action="return_value",
        sort_key=place,
    )
    for number, (command, (path, _)) in enumerate(commands.items()):
        made.command(f"ostiary.cli.{path}", name=command, sort_key=number)
    return made


def _worth_showing(default: object) -> str:
    return str(default or "")


def _failed(text: str, code: int) -> int:
    sys.stderr.write(f"ostiary: {text}\n")
    return code
