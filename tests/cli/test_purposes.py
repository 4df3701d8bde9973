"""`ostiary purposes`: what an operator declares is what is enforced, and Ostiary's own names stay its own."""

import pytest

from tests.cli.shell import kinds

FIELDS = {
    "name": "str",
    "title": "str",
    "minimum": "str",
    "commits_operation": "bool",
    "life_seconds": "int",
    "built_in": "bool",
}
OURS = ["passkey.add", "passkey.remove", "recovery.codes", "session.issue"]


def test_ostiarys_own_purposes_are_listed(settled):
    rows = settled.rows("purposes", "list")
    assert kinds(rows[0]) == FIELDS
    assert [row["name"] for row in rows] == OURS
    assert "built in" in settled.done("purposes", "list")


def test_a_purpose_is_declared_listed_and_removed(settled):
    made = settled.rows(
        *("purposes", "add", "invoice.pay", "--title", "Pay an invoice", "--minimum", "any"),
        *("--commits-operation", "--life", "90s"),
    )[0]
    assert kinds(made) == FIELDS
    assert list(made.values()) == ["invoice.pay", "Pay an invoice", "any", True, 90, False]
    assert settled.rows("purposes", "list")[-1] == made
    assert "one operation" in settled.done("purposes", "list")
    assert settled.rows("purposes", "remove", "invoice.pay") == [{"name": "invoice.pay", "voided": 0}]
    code, out, err = settled("purposes", "remove", "invoice.pay")
    assert (code, out) == (1, "")
    assert "No such purpose" in err
    told = [(row["operation"], row["outcome"]) for row in settled.rows("receipts", "list", "--most", "3")]
    assert told == [("purpose.remove", "refused"), ("purpose.remove", "admitted"), ("purpose.add", "admitted")]


def test_without_options_it_is_strict_and_named_by_its_words(settled):
    assert settled.done("purposes", "add", "safe_box.open") == "declared safe_box.open: Open safe box\n"
    made = settled.rows("purposes", "list")[-1]
    assert list(made.values()) == ["safe_box.open", "Open safe box", "passkey", False, 300, False]
    assert settled.done("purposes", "remove", "safe_box.open").startswith("removed safe_box.open")


RULES = {
    "name": "A name is noun.verb: lower-case letters, digits and _ on both sides of one dot, 64 at most in all.",
    "title": "A title is 1 to 64 letters on one line, nothing invisible among them.",
    "life": "A life is 1s to 5m, written with its unit.",
}


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["pay"], "name"),
        (["Invoice.pay"], "name"),
        (["invoice.pay.now"], "name"),
        (["invoice-pay.x"], "name"),
        ([".pay"], "name"),
        (["a." + "b" * 63], "name"),
        (["invoice.pay", "--life", "301s"], "life"),
        (["invoice.pay", "--life", "6m"], "life"),
        (["invoice.pay", "--life", "0s"], "life"),
        (["invoice.pay", "--life", "5"], "life"),
        (["invoice.pay", "--title", " "], "title"),
        (["invoice.pay", "--title", "x" * 65], "title"),
    ],
)
def test_what_is_no_purpose_is_refused_by_the_part_that_is_wrong(settled, words, part):
    code, out, err = settled("purposes", "add", *words)
    assert (code, out) == (1, "")
    assert err == f"ostiary: {part} {words[-1 if part != 'name' else 0]!r}: {RULES[part]} (purpose_invalid)\n"
    assert len(settled.rows("purposes", "list")) == len(OURS)


@pytest.mark.parametrize(
    "name", ["passkey.add", "passkey.remove", "passkey.registration", "session.issue", "invoice.pay"]
)
def test_a_name_is_declared_once_and_ostiarys_own_never(settled, name):
    settled.done("purposes", "add", "invoice.pay")
    before = settled.rows("purposes", "list")
    code, out, err = settled("purposes", "add", name, "--minimum", "any")
    assert (code, out) == (1, "")
    assert "declared already" in err
    assert settled.rows("purposes", "list") == before


def test_ostiarys_own_purpose_is_not_removed(settled):
    assert settled("purposes", "remove", "passkey.remove")[0] == 1
    assert len(settled.rows("purposes", "list")) == len(OURS)


def test_each_wrong_part_is_named(settled):
    code, _, err = settled("purposes", "add", "pay", "--title", " ", "--life", "10m")
    assert (code, err.count("\n")) == (1, 1)
    assert [err.index(part) for part in ("name 'pay'", "title ' '", "life '10m'")] == sorted(
        err.index(part) for part in ("name 'pay'", "title ' '", "life '10m'")
    )
