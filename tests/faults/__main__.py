"""`make faults`: every fault for real, the invariants after each, a line for each. Ends with 1 where one does not hold.

ARGS are parts of the names of faults; `--every` kills at every passing of a step, not at one; `--markdown FILE`
writes the table into a page.
"""

import argparse
import os
import re
import sys
import time
from pathlib import Path

from tests.faults.floods import floods
from tests.faults.killing import killing
from tests.faults.stores import clock, disk, pgbouncer, postgres

_WIDE = 38
_BEGIN, _END = "<!-- the table -->\n", "<!-- end of the table -->\n"


def line(row):
    """One aligned line."""
    return f"{row.name:{_WIDE}}{row.meanwhile:104}{row.healed:12}{row.verdict}"


def page(rows):
    """The rows as a table in Markdown."""
    cells = [(row.name, row.meanwhile, row.healed, row.verdict) for row in rows]
    head = [("fault", "at the door meanwhile", "healed in", "invariants"), ("---",) * 4]
    return "".join(f"| {' | '.join(row)} |\n" for row in [*head, *cells])


def main(arguments):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--markdown", type=Path)
    given = parser.parse_args(arguments)

    def wanted(name):
        return not given.names or any(part.lower() in name.lower() for part in given.names)

    began, rows = time.monotonic(), []
    print(f"{'fault':{_WIDE}}{'at the door meanwhile':104}{'healed in':12}invariants", flush=True)
    for fault in (postgres, pgbouncer, disk, clock, floods, lambda asked: killing(asked, every=given.every)):
        for row in fault(wanted):
            rows.append(row)
            print(line(row), flush=True)
    if given.markdown:
        text = given.markdown.read_text("utf-8")
        table = re.compile(f"{_BEGIN}.*?{_END}", re.DOTALL)
        given.markdown.write_text(table.sub(lambda _: f"{_BEGIN}{page(rows)}{_END}", text), "utf-8")
    wrong = [row for row in rows if row.wrong]
    missing = [row for row in rows if row.skipped]
    took = f"{len(rows)} faults in {time.monotonic() - began:.0f} s"
    print(
        f"{took}: {'nothing lost' if not wrong else f'{len(wrong)} wrong'}{f', {len(missing)} not run' * bool(missing)}"
    )
    return int(bool(wrong) or not rows or (bool(missing) and os.environ.get("CI") == "true"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
