"""What every command shares: opening the house, printing a table or JSON lines, answering a refusal."""

import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from getpass import getuser
from typing import Annotated

import msgspec
from cyclopts import Parameter

from ostiary.cli.columns import columns, details
from ostiary.house import House, migrate, open_house, own_kek, require
from ostiary.identities import service as identities
from ostiary.kernel.errors import BootRefused
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Caller, Scope
from ostiary.settings import Settings, read_settings
from ostiary.web.catalogue import CATALOGUE

__all__ = [
    "DEFAULT_TENANT",
    "Count",
    "Number",
    "answer",
    "between",
    "house",
    "one",
    "operator",
    "plain",
    "say",
    "shown",
    "table",
    "to_the_second",
]

REFUSED = 1
DEFAULT_TENANT = Scope().tenant
_MOST, _LAST = 1_000_000, (1 << 63) - 1


@contextmanager
def house(settings: Settings | None = None, *, fresh: bool = False, tenant: str = DEFAULT_TENANT) -> Iterator[House]:
    """Open the house of the current settings for the block, with the scope of a tenant.

    Only with `fresh` a database that is missing is made. Raises BootRefused where there is no such tenant.
    """
    chosen = settings or read_settings()
    if fresh and not chosen.database_url:
        own_kek(chosen)
        migrate(chosen)
    require(chosen)
    opened = open_house(chosen)
    try:
        yield opened if tenant == DEFAULT_TENANT else _within(opened, tenant)
    finally:
        opened.close()


def _within(opened: House, tenant: str) -> House:
    found = opened.vault.read_now(opened.scope, lambda tx: identities.tenant_named(tx, tenant))
    if found is None:
        raise BootRefused(f"there is no tenant {tenant!r}: `ostiary tenants list` shows those that there are")
    return msgspec.structs.replace(opened, scope=Scope(found.id, found.mode))


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


def answer(outcome: object, about: str = "", words: str = "") -> int:
    """Return the exit code of an outcome; a refusal is printed with what to do next, in `words` where there are any."""
    if not isinstance(outcome, Refusal):
        return 0
    entry = CATALOGUE[outcome.code]
    said = words or f"{entry.message} {entry.remedy}"
    sys.stderr.write(f"ostiary: {about and about + ': '}{said} ({outcome.code})\n")
    return REFUSED


def table(rows: Sequence[Mapping[str, object]], *, as_json: bool, empty: str) -> None:
    """Print rows as an aligned table, or as one JSON object a line."""
    if as_json:
        for row in rows:
            say(json.dumps(row))
    elif rows:
        for line in columns(rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else 0):
            say(line)
    else:
        say(empty)


def one(row: Mapping[str, object], *, as_json: bool) -> None:
    """Print one thing: a line a field, or one JSON object."""
    for line in [json.dumps(row)] if as_json else details(row):
        say(line)


def plain(value: object) -> object:
    """Return a value as a person reads it: words side by side, yes or no, and a dash for what is not there."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (" ".join(value) if isinstance(value, list) else value) or "-"


def shown(row: Mapping[str, object], *, as_json: bool) -> None:
    """Print one row as `one` does, with its values as a person reads them."""
    one(row if as_json else {name: plain(value) for name, value in row.items()}, as_json=as_json)


def to_the_second(moment: str) -> str:
    """Shorten a moment (RFC 3339, UTC) for a table; JSON and `show` tell it to the microsecond."""
    return moment[:19].replace("T", " ")


def between(least: int, most: int, expected: str) -> Parameter:
    """Return what refuses other numbers with that sentence."""

    def sensible(kind: object, number: int) -> None:
        if not least <= number <= most:
            raise ValueError(expected)

    return Parameter(validator=sensible)


Count = Annotated[int, between(1, _MOST, "A number between 1 and a million is expected.")]
"""How many at most."""

Number = Annotated[int, between(0, _LAST, "The number of a receipt is expected, as `receipts list` shows it, or 0.")]
"""A sequence number of the log."""
