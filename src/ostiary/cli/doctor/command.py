"""`ostiary doctor`: the command."""

import json
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator

from ostiary.cli.doctor.database import database
from ostiary.cli.doctor.directory import directory
from ostiary.cli.doctor.finding import Finding, Level, problem
from ostiary.cli.doctor.letters import letters
from ostiary.cli.doctor.places import data_folder, disk, key_file, lifetimes, setup
from ostiary.cli.doctor.projection import projection
from ostiary.cli.doctor.server import server
from ostiary.cli.paint import Paint, paint_for
from ostiary.cli.terminal import say
from ostiary.kernel.clock import Clock, system_clock
from ostiary.kernel.errors import OstiaryError
from ostiary.settings import Settings, read_settings

__all__ = ["doctor", "examine"]

_WIDEST = 110
_LEFT = 23
_STYLES = {Level.OK: ("green",), Level.WARNING: ("yellow", "bold"), Level.PROBLEM: ("red", "bold")}


def doctor(*, json_: bool = False) -> int:
    """Say what is right and what is wrong, and what to do; change nothing.

    Works without a database, without a key, and beside a running server. Exit code 0 without a problem (warnings are
    none), 1 with one.

    Parameters
    ----------
    json_
        Print one JSON object a line.
    """
    counts: Counter[Level] = Counter()
    paint = paint_for(sys.stdout)
    for finding in examine(system_clock()):
        counts[finding.level] += 1
        say(json.dumps(_fields(finding)) if json_ else _text(finding, paint))
        sys.stdout.flush()
    if not json_:
        say(f"\n{_count(counts[Level.PROBLEM], 'problem')}, {_count(counts[Level.WARNING], 'warning')}.")
    return 1 if counts[Level.PROBLEM] else 0


def examine(clock: Clock) -> Iterator[Finding]:
    """Look at everything, in the order in which one thing stands on another."""
    try:
        settings = read_settings()
    except OstiaryError as fault:
        yield problem("settings", str(fault), "Nothing else was looked at.")
        return
    yield from _all(settings, clock)


def _all(settings: Settings, clock: Clock) -> Iterator[Finding]:
    yield from setup(settings)
    yield from lifetimes(settings)
    yield from key_file(settings)
    yield from data_folder(settings)
    yield from disk(settings)
    yield from database(settings, clock)
    yield from directory(settings)
    yield from letters(settings)
    yield from projection(settings)
    yield from server(settings)


def _fields(finding: Finding) -> dict[str, str]:
    return {
        "level": finding.level.value,
        "about": finding.about,
        "says": finding.says,
        "advice": finding.advice,
    }


def _text(finding: Finding, paint: Paint) -> str:
    width = min(shutil.get_terminal_size((_WIDEST, 0)).columns, _WIDEST)
    level = paint(f"{finding.level.value:9}", *_STYLES[finding.level])
    lines = textwrap.wrap(finding.says, width - _LEFT, break_on_hyphens=False)
    lines += textwrap.wrap(finding.advice, width - _LEFT, break_on_hyphens=False)
    return f"{level}{finding.about:{_LEFT - 9}}" + f"\n{'':{_LEFT}}".join(lines)


def _count(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'s' * (number > 1)}"
