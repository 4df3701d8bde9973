"""Every test that the pages on security name exists, and every requirement of the chapter stands in the table once."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("docs/security.md", "docs/asvs.md")
_NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
CHAPTER = {"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2}


def missing(page, root=ROOT):
    """The tests that a page names and that are not there; a whole file shows nothing in particular, so it is none."""
    named = _NAMED.findall(page)
    return [(file, name) for file, name in named if not _there(root / file, name)]


def _there(path, name):
    pattern = rf"^\s*(?:async )?def {name}\("
    return bool(name) and path.is_file() and bool(re.search(pattern, path.read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert len(_NAMED.findall(text)) > 10
    assert missing(text) == []


def test_a_test_that_does_not_exist_is_found():
    page = (
        "`tests/sessions/test_wire.py::test_of_nothing` `tests/sessions/test_nothing.py::test_x` "
        "`tests/sessions/test_wire.py` `tests/sessions/test_wire.py::test_frozen` "
        "`tests/sessions/test_wire.py::test_frozen_vector`"
    )
    assert missing(page) == [
        ("tests/sessions/test_wire.py", "test_of_nothing"),
        ("tests/sessions/test_nothing.py", "test_x"),
        ("tests/sessions/test_wire.py", ""),
        ("tests/sessions/test_wire.py", "test_frozen"),
    ]


def test_every_requirement_of_the_chapter_is_answered_once():
    rows = re.findall(r"^\| (\d\.\d\.\d) \|", (ROOT / "docs/asvs.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [f"{section}.{number}" for section, most in CHAPTER.items() for number in range(1, most + 1)]
