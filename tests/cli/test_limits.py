"""`ostiary limits`: what an operator sets is what counts, and `default` is always there."""

import pytest

from tests.cli.shell import kinds

FIELDS = {
    "name": "str",
    "window_seconds": "int",
    "soft": "int",
    "lockout": "int",
    "pause_seconds": "int",
    "built_in": "bool",
}


def test_default_is_listed_with_its_built_in_numbers(settled):
    rows = settled.rows("limits", "list")
    assert kinds(rows[0]) == FIELDS
    assert [list(row.values()) for row in rows] == [["default", 300, 5, 10, 900, True]]
    assert "built in" in settled.done("limits", "list")


def test_a_policy_is_set_listed_and_removed(settled):
    made = settled.rows(
        *("limits", "set", "strict", "--window", "90s", "--soft", "2"), *("--lockout", "3", "--pause", "2h")
    )[0]
    assert kinds(made) == FIELDS
    assert list(made.values()) == ["strict", 90, 2, 3, 7200, False]
    assert settled.rows("limits", "list")[-1] == made
    assert "by operator" in settled.done("limits", "list")
    assert settled.rows("limits", "remove", "strict") == [{"name": "strict"}]
    code, out, err = settled("limits", "remove", "strict")
    assert (code, out) == (1, "")
    assert "no such policy" in err
    told = [(row["operation"], row["outcome"]) for row in settled.rows("receipts", "list", "--most", "3")]
    assert told == [("limit.remove", "refused"), ("limit.remove", "admitted"), ("limit.set", "admitted")]


def test_default_takes_other_numbers_and_has_its_own_again_when_these_are_removed(settled):
    assert settled.done("limits", "set", "--soft", "3") == "set default: 3 in 5m pass, the 10. closes for 15m\n"
    assert [list(row.values()) for row in settled.rows("limits", "list")] == [["default", 300, 3, 10, 900, False]]
    assert settled.done("limits", "remove", "default") == "removed default\n"
    assert settled.rows("limits", "list")[0]["built_in"] is True


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["a b"], "name"),
        (["strict", "--window", "25h"], "window"),
        (["strict", "--window", "5"], "window"),
        (["strict", "--window", "0s"], "window"),
        (["strict", "--soft", "0"], "soft"),
        (["strict", "--lockout", "4"], "lockout"),
        (["strict", "--lockout", "1000001"], "lockout"),
        (["strict", "--pause", "8d"], "pause"),
    ],
)
def test_what_is_no_policy_is_refused_by_the_part_that_is_wrong(settled, words, part):
    code, out, err = settled("limits", "set", *words)
    assert (code, out) == (1, "")
    assert err.startswith(f"ostiary: {part} ")
    assert words[-1] in err
    assert err.endswith("(limit_policy_invalid)\n")
    assert len(settled.rows("limits", "list")) == 1
