"""E-mail addresses: which are some, and which are the same."""

import sys
import unicodedata
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.identities.model import Person, normalise_email


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("ada@example.test", "ada@example.test"),
        (" Ada@Example.TEST\n", "ada@example.test"),
        ("ADA+keys@example.test", "ada+keys@example.test"),
        ("JO\u0308RG@example.test", "j\u00f6rg@example.test"),
        ("\u03aa\u0301@example.test", "\u0390@example.test"),
        ("\u0390@example.test", "\u0390@example.test"),
        ("J\u030c@example.test", "\u01f0@example.test"),
        ("a\u0345\u0301@example.test", "\u00e1\u03b9@example.test"),
        ("stra\u00dfe@example.test", "strasse@example.test"),
        ("ada@B\u00fccher.example", "ada@xn--bcher-kva.example"),
        ("ada@XN--BCHER-KVA.example", "ada@xn--bcher-kva.example"),
        ("ada@b\u3002example", "ada@b.example"),
        ("ada@localhost", "ada@localhost"),
    ],
)
def test_one_mailbox_has_one_form(text, same):
    assert normalise_email(text) == same


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "ada",
        "ada@",
        "@example.test",
        "ada@example",
        "ada@example.test.",
        "ada@example.test\u3002",
        "ada@.example.test",
        "ada@example..test",
        "ada@.",
        "ada@\u00a8.test",
        "ada@under_score.test",
        "ada@[127.0.0.1]",
        "a@b@example.test",
        "a da@example.test",
        "ada@exam ple.test",
        "ada\0@example.test",
        "ada\x7f@example.test",
        "ada@example.test\0",
        "\u202emoc.ada\u202c@example.test",
        "ada\u2066@example.test",
        "ada\u200f@example.test",
        "ada\u2028@example.test",
        "ada\u00ad@example.test",
        "\x1b[2Jada@example.test",
        "a\udcffda@example.test",
        "ada@ex\ud800ample.test",
        "a" * 65 + "@example.test",
        "ada@" + "a" * 64 + ".test",
        "ada@" + "a.b" * 86,
    ],
)
def test_what_mail_cannot_reach_is_no_address(text):
    assert normalise_email(text) is None


@given(st.text() | st.from_regex(r"[^@]{1,70}@[^@]{1,70}\.[^@]{1,5}", fullmatch=True) | st.emails())
def test_the_form_of_a_form_is_itself_and_can_be_stored(text):
    found = normalise_email(text)
    if found is not None:
        assert normalise_email(found) == found
        assert found.encode().count(b"@") == 1
        assert "\0" not in found


@given(st.emails())
def test_case_makes_no_other_person(address):
    assert normalise_email(address.upper()) == normalise_email(address.lower()) is not None


def test_no_letter_has_a_spelling_that_a_block_does_not_know():
    """Over all of Unicode: small and capital, composed and not. The dotless i is another letter, by Unicode's own table."""
    spellings = [str.upper, str.lower, str.casefold, str.title]
    forms = [partial(unicodedata.normalize, form) for form in ("NFC", "NFD")]
    found = set()
    for letter in map(chr, range(1, sys.maxunicode + 1)):
        folded = normalise_email(f"{letter}@example.test")
        for written in {form(spell(form(letter))) for form in forms for spell in spellings}:
            if folded is not None and normalise_email(f"{written}@example.test") != folded:
                found.add(letter)
    assert found == {"\u0131"}


@pytest.mark.parametrize(
    ("email", "name", "title"),
    [("a@b.test", "Ada", "Ada"), ("a@b.test", "", "a@b.test"), ("", "", "Administrator")],
)
def test_a_person_is_called_by_what_is_known(email, name, title):
    assert Person("user-a", email, name, 0).title == title
