"""`python -m bench [MEASURE …] [--quick] [--markdown | --json]`: measure, and print one table."""

import argparse
import sys
from collections.abc import Callable

import msgspec

from bench.checks import check, flat
from bench.codes import codes
from bench.conditions import conditions
from bench.log import log
from bench.method import QUICK, ROUNDS, Row
from bench.middleware import middleware
from bench.postgres import postgres
from bench.projection import projection
from bench.signins import signin
from bench.workers import workers

__all__ = ["main"]

_MEASURES: dict[str, tuple[Callable[[int, int], list[Row]], int]] = {
    "signin": (signin, 1600),
    "codes": (codes, 1024),
    "check": (check, 4000),
    "middleware": (middleware, 1000),
    "workers": (workers, 4000),
    "postgres": (postgres, 1600),
    "projection": (projection, 1_000_000),
    "flat": (flat, 4000),
    "log": (log, 1_000_000),
}
"""In the order in which they are run: the disk is busy for a while after those that write a million rows."""


def main() -> None:
    """Run the measures that were named (all, without names) and print the rows."""
    reader = argparse.ArgumentParser("bench", description="The measurements that the README quotes.")
    reader.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(_MEASURES))
    reader.add_argument("--quick", action="store_true", help="few rounds: shows that it runs, proves nothing")
    reader.add_argument("--markdown", action="store_true", help="a table for the README")
    reader.add_argument("--json", action="store_true", help="one JSON object a row")
    given = reader.parse_args()
    if unknown := set(given.measures) - set(_MEASURES):
        reader.error(f"unknown: {', '.join(sorted(unknown))}")
    stated = conditions()
    rows: list[Row] = []
    for name, (measure, count) in _MEASURES.items():
        if given.measures and name not in given.measures:
            continue
        rows += measure(QUICK if given.quick else ROUNDS, count)
    _show(rows, stated, as_json=given.json, bars=given.markdown)


def _show(rows: list[Row], stated: dict[str, str], *, as_json: bool, bars: bool) -> None:
    if as_json:
        for row in rows:
            sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
        return
    lines = [("measure", "what", "value", "against", "ratio [95 %]", "target", "verdict"), *map(_cells, rows)]
    if bars:
        lines.insert(1, ("---",) * 7)
        text = ["| " + " | ".join(line) + " |" for line in lines]
    else:
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
    text += ["", *(f"{name}: {words}" for name, words in stated.items())]
    sys.stdout.write("\n".join(text) + "\n")


def _cells(row: Row) -> tuple[str, ...]:
    sign = "≤" if row.better == "lower" else "≥"
    ratio = f"{row.ratio:.2f} [{row.low:.2f} to {row.high:.2f}]" if row.ratio else "-"
    target = f"{sign} {row.target:g}" if row.target else "-"
    return (row.measure, row.name, row.value, row.base or "-", ratio, target, row.verdict)


if __name__ == "__main__":
    main()
