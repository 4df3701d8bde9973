"""`make proxies`: every example in six situations, as a table. Ends with 1 where one failed open or did not run."""

import sys
import tempfile
from pathlib import Path

from tests.examples.proxies import PROXIES, missing
from tests.examples.situations import SITUATIONS, scene

_PASSES = {"signed_in"}


def main():
    """Print the table."""
    wrong = 0
    print(f"{'':10}" + "".join(f"{situation.replace('_', ' '):24}" for situation in SITUATIONS))
    for name in PROXIES:
        if name in missing():
            print(f"{name:10}not here: `make proxies` as root installs it")
            wrong += 1
            continue
        with tempfile.TemporaryDirectory(prefix="ostiary-proxy-") as folder, scene(name, Path(folder)) as played:
            outcomes = {situation: getattr(played, situation)() for situation in SITUATIONS}
        wrong += sum((outcome.told is not None) != (which in _PASSES) for which, outcome in outcomes.items())
        print(f"{name:10}" + "".join(f"{outcome!s:24}" for outcome in outcomes.values()), flush=True)
    print("none failed open" if not wrong else f"{wrong} wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
