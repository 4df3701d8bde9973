"""What every command shares: opening the house, printing a table or JSON lines, answering a refusal."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from getpass import getuser

from ostiary.app import House, open_house, prepare
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Caller
from ostiary.settings import Settings, read_settings
from ostiary.web.catalogue import CATALOGUE

__all__ = ["answer", "house", "operator", "say", "table"]

REFUSED = 1


@contextmanager
def house(settings: Settings | None = None) -> Iterator[House]:
    """Open the house of the current settings for the block."""
    chosen = settings or read_settings()
    prepare(chosen)
    opened = open_house(chosen)
    try:
        yield opened
    finally:
        opened.close()


def operator() -> Caller:
    """Return who acts at this command line, as receipts name them."""
    try:
        name = getuser()
    except (KeyError, OSError):
        name = "unknown"
    return Caller(actor=f"operator:{name}")


def say(text: str) -> None:
    """Print one line."""
    sys.stdout.write(text + "\n")


def answer(outcome: object) -> int:
    """Return the exit code of an outcome; a refusal is printed with what to do next."""
    if not isinstance(outcome, Refusal):
        return 0
    entry = CATALOGUE[outcome.code]
    sys.stderr.write(f"ostiary: {entry.message} {entry.remedy} ({outcome.code})\n")
    return REFUSED


def table(rows: Sequence[Mapping[str, object]], *, as_json: bool, empty: str) -> None:
    """Print rows as an aligned table, or as one JSON object a line."""
    if as_json:
        for row in rows:
            say(json.dumps(row))
        return
    if not rows:
        say(empty)
        return
    names = list(rows[0])
    texts = [[name.replace("_", " ").upper() for name in names], *([str(row[n]) for n in names] for row in rows)]
    widths = [max(len(line[i]) for line in texts) for i in range(len(names))]
    for line in texts:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
