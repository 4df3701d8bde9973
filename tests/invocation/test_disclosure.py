"""Disclosure: delivered is what was asked for AND is allowed; a word that names no fact is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.invocation.disclosure import FACTS, asked_for, overlap

some = st.sets(st.sampled_from(FACTS))


def test_disclosure_request_without_scope():
    assert overlap(FACTS, ()) == ()


def test_disclosure_scope_without_request():
    assert overlap((), FACTS) == ()


@given(some, some)
def test_disclosure_overlap_narrows(asked, allowed):
    told = overlap(asked, allowed)
    assert set(told) == asked & allowed
    assert list(told) == sorted(told, key=FACTS.index)


def test_the_header_is_words_with_commas_or_blanks():
    assert asked_for(b"") == frozenset()
    assert asked_for(b"name") == {"name"}
    assert asked_for(b" name,email  person,, name") == {"name", "email", "person"}


@pytest.mark.parametrize("header", [b"password", b"name,all", b"*", b"Name", b"name;email", b"\xff", b"name " * 60])
def test_unknown_or_endless_words_are_an_error(header):
    assert asked_for(header) is None
