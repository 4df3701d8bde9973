"""Colour only where it is wanted; letters only where they can be shown."""

import io

import pytest

from ostiary.cli.paint import Paint, paint_for
from ostiary.settings import wants_colour


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


def test_styles_are_wrapped_around_the_text():
    assert Paint(coloured=True, fancy=True)("no", "red", "bold") == "\x1b[31;1mno\x1b[0m"
    assert Paint(coloured=True, fancy=True)("no") == "no"
    assert Paint(coloured=False, fancy=True)("no", "red") == "no"


@pytest.mark.parametrize(("encoding", "fancy"), [("utf-8", True), ("UTF8", True), ("ascii", False), ("latin-1", False)])
def test_fancy_letters_need_utf_8(encoding, fancy):
    assert paint_for(Terminal(io.BytesIO(), encoding)).fancy is fancy


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_who_wants_colour(environ, wanted):
    assert wants_colour(environ) is wanted


def test_a_file_gets_no_colour(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert paint_for(io.TextIOWrapper(io.BytesIO(), "utf-8"))("x", "red") == "x"
    assert paint_for(Terminal(io.BytesIO(), "utf-8"))("x", "red") == "\x1b[31mx\x1b[0m"
