"""A served Ostiary with people and sessions, what befalls it, and the invariants that are looked at afterwards."""

import time
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from tests.faults.traffic import Traffic
from tests.flows.browser import SESSION, Browser
from tests.flows.seed import opened_for
from tests.flows.server import Served

__all__ = ["Row", "Scene", "scene"]

_LIVING, _DEAD = 6, 6
_PATIENCE_S = 30
_MEBIBYTE = 1 << 20


class Row(NamedTuple):
    """One line of the table. `wrong` is empty where every invariant held; `skipped` says what was missing."""

    name: str
    meanwhile: str
    healed: str
    wrong: list
    skipped: str = ""

    @property
    def verdict(self):
        if self.skipped:
            return f"not run: {self.skipped}"
        return "; ".join(self.wrong) or "hold, nothing lost"


class Scene:
    """`living` and `dead` are the cookies of sessions whose issue, or end, was acknowledged."""

    def __init__(self, served):
        self.served = served
        first = Browser(served)
        assert first.enrol(served.token).status == 200
        self.passkey, self.living, self.dead = first.passkey, [first.cookies[SESSION]], []
        other = Browser(served)  # of two sign-ins at once by one authenticator, the lower count is refused as a copy's
        assert other.enrol(served.invite("other@example.test")).status == 200
        self.other = other.passkey
        seeded = opened_for(served, [f"user-{number}" for number in range(_LIVING + _DEAD)])
        served.cli("sessions", "revoke", *list(seeded)[:_DEAD])
        self.dead += list(seeded.values())[:_DEAD]
        self.living += list(seeded.values())[_DEAD:]

    def endured(self, name, fault, lasting=2.0, *, silent=False, hurts=True):
        """Let it happen under traffic: `fault` is a context manager. Returns the row; `silent`: no answer is no fault."""
        traffic = Traffic(self.served, self.passkey, list(self.living), list(self.dead))
        with traffic:
            with fault() as more:
                self._last(traffic, lasting)
                during = traffic.words
                missed = not any(status == 200 for act, status in traffic.seen)
            began = time.monotonic()
            healed = self._well(began)
        self.living += traffic.opened
        self.dead += traffic.ended
        wrong = [*traffic.wrong, *(more or ())]
        if not silent and any(not status for _, status in traffic.seen):
            wrong.append("somebody got no answer")
        if not hurts and missed:
            wrong.append("nobody was served meanwhile")
        wrong += ["it did not heal"] if healed is None else []
        return Row(name, during, "-" if healed is None else f"{healed:.1f} s", wrong + self.broken())

    def _last(self, traffic, seconds):
        """Let the fault last; on a busy machine until somebody was answered at all, within bounds."""
        began = time.monotonic()
        while time.monotonic() - began < seconds or (not traffic.seen and time.monotonic() - began < 4 * seconds):
            time.sleep(0.05)

    def _well(self, began):
        """Seconds until the store answers and somebody signs in; None when that takes too long."""
        while time.monotonic() - began < _PATIENCE_S:
            try:
                ready = Browser(self.served).send("GET", "/readyz", internal=True).status
                if ready == 200 and Browser(self.served, self.other).sign_in().status == 200:
                    return time.monotonic() - began
            except (OSError, HTTPException, KeyError):
                pass
            time.sleep(0.05)
        return None

    def broken(self):
        """The invariants that do not hold: what was acknowledged is there, each with its receipt, in a log that is whole."""
        wrong = []
        probe = Browser(self.served, self.passkey)
        for cookies, status, what in ((self.living, 200, "living"), (self.dead, 401, "ended")):
            for cookie in cookies:
                probe.cookies = {SESSION: cookie}
                found = probe.check().status
                if found != status:
                    wrong.append(f"a {what} session is answered {found}")
        wrong += self._unrecorded()
        verified = self.served.cli("receipts", "verify", "--signatures", check=False)
        if verified.returncode:
            wrong.append(f"the log is not whole: {verified.stdout[-200:]}{verified.stderr[-200:]}")
        faults = [line for line in self.served.stderr().splitlines() if '"level": "error"' in line]
        wrong += [f"the server logged an internal fault: {faults[0][-300:]}"] if faults else []
        return wrong

    def _unrecorded(self):
        rows = self.served.json("receipts", "list", "--most", "100000")
        signed = {(row["operation"], row["subject"]) for row in rows if row["outcome"] == "admitted"}
        names = [cookie.split(".")[1] for cookie in (*self.living, *self.dead)]
        missing = [name for name in names if ("session.open", name) not in signed]
        missing += [c for c in self.dead if ("session.end", c.split(".")[1]) not in signed]
        return [f"{len(missing)} acts have no receipt"] if missing else []

    def size(self):
        """The server's resident memory (MiB) and open files."""
        process = Path(f"/proc/{self.served.process.pid}")
        pages = int((process / "statm").read_text().split()[1])
        return pages * 4096 / _MEBIBYTE, len(list((process / "fd").iterdir()))


@contextmanager
def scene(folder, url="", **environ):
    """A scene for the block, on SQLite in the folder or on a PostgreSQL database."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    served = Served(folder, environ | ({"OSTIARY_DATABASE_URL": url} if url else {}))
    served.cli("init")
    if url:
        served.cli("migrate")
    served.start()
    try:
        yield Scene(served)
    finally:
        served.stop()
