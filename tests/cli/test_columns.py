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
