"""Refs: kind and name, and nothing that only looks like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kernel.refs import is_name, named, ref


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("human_person", "human_person:anna", "anna"),
        ("auth_session", "auth_session:fixture_tok-AAAAAAAAAAAAAAAAAAAAAA", "fixture_tok-AAAAAAAAAAAAAAAAAAAAAA"),
        ("vessel", "vessel:Anna.browser-1_x", "Anna.browser-1_x"),
        ("vessel", "vessel:" + "n" * 80, "n" * 80),
        ("k" * 40, "k" * 40 + ":n", "n"),
    ],
)
def test_the_name_of_a_ref_of_the_kind(kind, text, name):
    assert named(kind, text) == name
    assert ref(kind, name) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("vessel", ""),
        ("vessel", "vessel"),
        ("vessel", "vessel:"),
        ("vessel", ":n"),
        ("", ":n"),
        ("vessel", "standing:n"),
        ("vessel", "Vessel:n"),
        ("vessel", " vessel:n"),
        ("vessel", "vessel:n\n"),
        ("vessel", "vessel:n\0"),
        ("vessel", "vessel:\0"),
        ("vessel", "vessel:a:b"),
        ("vessel", "vessel:a b"),
        ("vessel", "vessel:a/b"),
        ("vessel", "vessel:ä"),
        ("vessel", "vessel:\ud800"),
        ("vessel", "vessel:" + "n" * 81),
        ("k" * 41, "k" * 41 + ":n"),
        ("k1", "k1:n"),
    ],
)
def test_what_is_malformed_or_of_another_kind_names_nothing(kind, text):
    assert named(kind, text) is None


@given(st.text(), st.text())
def test_whatever_is_named_can_be_written_again(kind, text):
    name = named(kind, text)
    assert name is None or (is_name(name) and ref(kind, name) == text)
