"""The stage: tells the story as it happens, in words on a terminal or as one JSON object a line."""

import json
import shutil
import textwrap
from typing import TextIO

from ostiary.cli.paint import Paint
from ostiary.kernel.clock import SECOND, Clock

__all__ = ["Stage"]

_WIDEST = 100
_FACT = 45


class Stage:
    """Counts what was claimed and what held. Times are taken from `clock`."""

    def __init__(self, out: TextIO, paint: Paint, clock: Clock, *, as_json: bool) -> None:
        self._out, self._paint, self._clock, self._json = out, paint, clock, as_json
        self._began, self._act = clock(), 0
        self._width = min(shutil.get_terminal_size((_WIDEST, 0)).columns, _WIDEST)
        self.claims, self.broken = 0, 0

    def open(self, title: str) -> None:
        """Say what is about to be shown."""
        self._event({"event": "begin", "says": title})
        self._lines("", self._paint(title, "bold"))

    def act(self, title: str, proves: str) -> None:
        """Begin an act: its title, and in plain words what it proves."""
        self._act += 1
        self._event({"event": "act", "number": self._act, "title": title, "proves": proves})
        self._lines("", self._paint(f"{self._act:2}  {title}", "bold", "cyan"))
        for line in textwrap.wrap(proves, self._width - 4, break_on_hyphens=False):
            self._lines(f"    {self._paint(line, 'dim')}")

    def claim(self, says: str, seen: object, *, holds: bool) -> None:
        """Show one claim, what was really seen, and whether the claim holds."""
        self.claims += 1
        self.broken += not holds
        self._event({"event": "claim", "act": self._act, "says": says, "seen": str(seen), "holds": holds})
        good, bad = ("✓", "✗") if self._paint.fancy else ("ok", "NOT")
        mark = self._paint(good, "green") if holds else self._paint(bad, "red", "bold")
        self._lines(f"    {mark} {says:{_FACT}}  {self._paint(str(seen), *(('dim',) if holds else ('red', 'bold')))}")

    def note(self, says: str) -> None:
        """Say something that is no claim."""
        self._event({"event": "note", "act": self._act, "says": says})
        self._lines(f"      {says}")

    def close(self, left: str) -> int:
        """Say how it went; return the exit code."""
        seconds = (self._clock() - self._began) / SECOND
        self._event({"event": "end", "claims": self.claims, "broken": self.broken, "seconds": round(seconds, 3)})
        if self.broken:
            verdict = self._paint(f"{self.broken} of {self.claims} claims did NOT hold", "red", "bold")
        else:
            verdict = self._paint(f"All {self.claims} claims held", "green", "bold")
        self._lines("", f"{verdict}, in {seconds:.1f} s. {left}")
        return 1 if self.broken else 0

    def _lines(self, *lines: str) -> None:
        if not self._json:
            self._out.write("".join(f"{line.rstrip()}\n" for line in lines))
            self._out.flush()

    def _event(self, event: dict[str, object]) -> None:
        if self._json:
            self._out.write(json.dumps(event | {"ms": (self._clock() - self._began) // 1000}) + "\n")
            self._out.flush()
