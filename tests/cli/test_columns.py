"""Rows as text: aligned, folded where they do not fit, never cut."""

import pytest

from ostiary.cli.columns import columns, details

ROWS = [{"id": "ses-1", "state": "alive", "label": "Firefox on Linux"}, {"id": "s", "state": "ended", "label": "-"}]


def test_columns_stand_below_each_other_and_lines_have_no_tail():
    assert list(columns(ROWS)) == ["ID     STATE  LABEL", "ses-1  alive  Firefox on Linux", "s      ended  -"]


def test_what_does_not_fit_folds_and_is_indented():
    assert list(columns(ROWS, 20)) == [
        "ID     STATE",
        "  LABEL",
        "ses-1  alive",
        "  Firefox on Linux",
        "s      ended",
        "  -",
    ]


@pytest.mark.parametrize("width", range(1, 60))
def test_nothing_is_lost_at_any_width(width):
    words = " ".join(columns(ROWS, width)).split()
    assert [word for word in words if word in {"ses-1", "s", "alive", "ended", "Firefox", "on", "Linux", "-"}] == (
        ["ses-1", "alive", "Firefox", "on", "Linux", "s", "ended", "-"]
    )


@pytest.mark.parametrize("width", [18, 20, 29, 30])
def test_no_line_is_longer_than_the_terminal_where_each_column_fits(width):
    assert max(map(len, columns(ROWS, width))) <= width


def test_details_are_a_line_a_field():
    assert list(details({"id": "x", "ended_at": "-"})) == ["id        x", "ended at  -"]


def test_further_lines_of_a_text_are_no_further_fields():
    assert list(details({"id": "x", "text": "one\n\nstate  alive"})) == [
        "id    x",
        "text  one",
        "",
        "      state  alive",
    ]


@pytest.mark.parametrize(
    "evil", ["\x1b]0;owned\x07", "\x9b2J", "\r", "\u202e", "\u2066", "\u200f", "\u2028", "\x85", "\udcff"]
)
def test_nothing_that_others_wrote_commands_the_terminal(evil):
    printed = "\n".join([*columns([{"id": f"a{evil}b"}]), *details({"id": f"a{evil}b"})])
    assert printed.isascii()
    assert set(printed) - {"\n"} == set(filter(str.isprintable, printed))
    assert printed.count("\n") == 2


def test_nor_begins_a_row_of_its_own():
    assert list(columns([{"id": "x\nses-2  alive"}])) == ["ID", r"x\nses-2  alive"]


def test_what_is_spelling_stays():
    words = "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc Jörg\u00a0B."
    assert list(columns([{"name": words}]))[1] == words
