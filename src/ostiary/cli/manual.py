"""How `--help` looks: plain text, aligned, no wider than the terminal."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Manual"]

_WIDEST = 100
_GAP = 2
_DEEPEST = 26


class Manual:
    """Lays out a help page (`HelpFormatter` of cyclopts).

    `summaries` says what each lazily loaded command does, `ending` stands below them.
    """

    def __init__(self, summaries: Mapping[str, str], ending: str = "") -> None:
        self._summaries, self._ending = summaries, ending

    def __call__(self, console: Any, options: Any, panel: Any) -> None:  # noqa: ANN401 - rich's and cyclopts' types
        """Print one block: the commands, or the parameters."""
        if panel.entries:
            rows = [(", ".join(_labels(entry)), self._description(entry, console)) for entry in panel.entries]
            width = min(console.width, _WIDEST)
            _print(console, f"{panel.title}:", *_aligned(rows, width), "")
            for text in self._ending.splitlines():
                _print(console, *_wrapped(text, width))

    def render_usage(self, console: Any, options: Any, usage: Any) -> None:  # noqa: ANN401 - as above
        """Print how the command is called."""
        _print(console, f"Usage: {_plain(usage, console).strip()}", "")

    def render_description(self, console: Any, options: Any, description: Any) -> None:  # noqa: ANN401 - as above
        """Print what the command does."""
        paragraphs = _plain(description, console).strip().split("\n\n")
        width = min(console.width, _WIDEST)
        for text in paragraphs if paragraphs != [""] else []:
            _print(console, *_wrapped(" ".join(text.split()), width), "")

    def _description(self, entry: Any, console: Any) -> str:  # noqa: ANN401 - as above
        said = _plain(entry.description, console).strip() or self._summaries.get(_labels(entry)[0], "")
        parts = [" ".join(said.split())]
        parts += [f"One of: {', '.join(entry.choices)}."] if entry.choices else []
        parts += [f"Default: {entry.default}."] if entry.default else []
        return " ".join(part for part in parts if part)


def _labels(entry: Any) -> tuple[str, ...]:  # noqa: ANN401 - as above
    labels: tuple[str, ...] = entry.display_labels_with_metavar
    return labels


def _aligned(rows: list[tuple[str, str]], width: int) -> Iterator[str]:
    column = min(max(len(left) for left, _ in rows), _DEEPEST) + 2 * _GAP
    for left, right in rows:
        lines = _wrapped(right, width - column)
        head = f"{'':{_GAP}}{left}"
        if len(head) > column - _GAP:
            yield head
            head = ""
        yield f"{head:{column}}{lines[0]}".rstrip()
        yield from (f"{'':{column}}{line}" for line in lines[1:])


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False) or [""]


def _plain(thing: Any, console: Any) -> str:  # noqa: ANN401 - whatever cyclopts hands over
    if thing is None or isinstance(thing, str):
        return thing or ""
    with console.capture() as captured:
        console.print(thing, soft_wrap=True, highlight=False, no_wrap=True)
    text: str = captured.get()
    return text


def _print(console: Any, *lines: str) -> None:  # noqa: ANN401 - as above
    for line in lines:
        console.file.write(f"{line}\n")  # not by rich, which answers a closed pipe with exit code 1
