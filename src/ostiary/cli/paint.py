"""Colour, only on a terminal that wants it; and letters that the terminal can show."""

from typing import TextIO

from ostiary.settings import wants_colour

__all__ = ["Paint", "paint_for"]

_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36}


class Paint:
    """Paints text, or leaves it as it is. `fancy` tells whether letters outside ASCII can be shown."""

    def __init__(self, *, coloured: bool, fancy: bool) -> None:
        self._coloured, self.fancy = coloured, fancy

    def __call__(self, text: str, *styles: str) -> str:
        """Return the text in these styles: bold, dim, red, green, yellow, cyan."""
        if not self._coloured or not styles:
            return text
        return f"\x1b[{';'.join(str(_CODES[style]) for style in styles)}m{text}\x1b[0m"


def paint_for(stream: TextIO) -> Paint:
    """Return what suits a stream: no colour in a file or pipe, nor where NO_COLOR or TERM=dumb says so."""
    encoding = (stream.encoding or "").lower().replace("-", "")
    return Paint(coloured=stream.isatty() and wants_colour(), fancy=encoding == "utf8")
