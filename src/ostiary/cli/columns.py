"""Rows as text: aligned columns that fold under each other where the terminal is too narrow; nothing is cut off.

What others wrote is shown, and not obeyed by the terminal: neither does it colour, move or clear, nor begin a row.
"""

from collections.abc import Iterator, Mapping, Sequence

from ostiary.kernel.legible import escaped

__all__ = ["columns", "details"]

_GAP = 2


def columns(rows: Sequence[Mapping[str, object]], width: int = 0) -> Iterator[str]:
    """Yield a heading and one line a row; several, indented, where `width` letters do not suffice (0: endless)."""
    texts = [[_heading(name) for name in rows[0]], *([escaped(str(value)) for value in row.values()] for row in rows)]
    widths = [max(len(line[place]) for line in texts) for place in range(len(texts[0]))]
    folds = _folds(widths, width)
    for line in texts:
        for number, (start, stop) in enumerate(folds):
            cells = zip(line[start:stop], widths[start:stop], strict=True)
            indent = _GAP * bool(number)
            yield (" " * indent + (" " * _GAP).join(text.ljust(size) for text, size in cells)).rstrip()


def details(row: Mapping[str, object]) -> Iterator[str]:
    """Yield one line a field; the further lines of a text stand under its first one."""
    size = max(len(name) for name in row)
    for name, value in row.items():
        first, *others = map(escaped, str(value).split("\n"))
        yield f"{_heading(name).lower():{size}}{'':{_GAP}}{first}".rstrip()
        yield from (f"{'':{size + _GAP}}{line}".rstrip() for line in others)


def _folds(widths: Sequence[int], width: int) -> list[tuple[int, int]]:
    """Return the columns (from, to) of each line, as few lines as fit."""
    starts, used = [0], 0
    for place, size in enumerate(widths):
        if width and used and used + _GAP + size > width:
            starts.append(place)
            used = _GAP
        used += size + _GAP * bool(used)
    return list(zip(starts, [*starts[1:], len(widths)], strict=True))


def _heading(name: str) -> str:
    return name.replace("_", " ").upper()
