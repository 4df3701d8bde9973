"""The floors of branch coverage: `python tests/rigs/floors.py .coverage.json` prints the table and fails below a floor."""

import json
import sys
from collections import defaultdict
from pathlib import Path

FLOORS = {"sessions": 90, "keys": 90, "presence": 90, "receipts": 90, "login": 90}
FLOOR = 80


def main(file):
    """Print every feature's coverage; the exit status says whether one is below its floor."""
    measured = shares(json.loads(Path(file).read_text()))
    for feature, share in sorted(measured.items()):
        print(f"{feature:20} {share:6.1f} %  floor {floor(feature)} %{'' if share >= floor(feature) else '  BELOW'}")
    return int(any(share < floor(feature) for feature, share in measured.items()))


def floor(feature):
    """The least share that this feature must have covered."""
    return FLOORS.get(feature, FLOOR)


def shares(report):
    """Percent of lines and branches covered, by feature, from coverage.py's JSON report."""
    there, covered = defaultdict(int), defaultdict(int)
    for name, one in report["files"].items():
        summary, feature = one["summary"], owner(Path(name).parts)
        there[feature] += summary["num_statements"] + summary["num_branches"]
        covered[feature] += summary["covered_lines"] + summary["covered_branches"]
    return {feature: 100 * covered[feature] / number for feature, number in there.items() if number}


def owner(parts):
    """The feature that a file belongs to: its folder in the server, or the name of the tree."""
    inside = parts[parts.index("src") + 1 :]
    return inside[1].removesuffix(".py") if inside[0] == "ostiary" and len(inside) > 1 else inside[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
