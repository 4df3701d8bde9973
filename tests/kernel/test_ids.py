"""Ids and base64url: one spelling per value, random to the last bit, strict on the way in."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kernel.ids import b64url, digits, is_id, new_id, system_secrets, timed_id, unb64url


@given(st.binary(max_size=100))
def test_what_is_encoded_decodes_and_is_what_the_standard_library_says(data):
    assert b64url(data) == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert unb64url(b64url(data)) == data


@given(st.text(max_size=60))
def test_whatever_decodes_is_the_only_spelling_of_its_value(text):
    try:
        data = unb64url(text)
    except ValueError:
        return
    assert b64url(data) == text


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AA=",
        "AA==",
        "A=",
        "=",
        "AB",
        "AAB",
        "A A",
        "AA\n",
        "\nAA",
        "AA\t",
        "A+",
        "A/",
        "AAAA+",
        "é",
        "A\0",
        "AAAAA",
        "A.A.",
        "AA AA",
    ],
)
def test_every_other_spelling_is_refused(text):
    with pytest.raises(ValueError, match="base64url"):
        unb64url(text)


@given(st.binary(min_size=16, max_size=16))
def test_an_id_is_its_kind_and_128_bits(data):
    made = new_id("ses", lambda count: data[:count])
    assert made == f"ses-{b64url(data)}"
    assert len(made) == 26
    assert is_id("ses", made)
    assert not is_id("pl", made)
    assert unb64url(made[4:]) == data


@given(st.binary(min_size=11, max_size=11), st.integers(min_value=0, max_value=1 << 62))
def test_a_timed_id_is_its_kind_the_time_and_88_bits(data, at):
    made = timed_id("ses", lambda count: data[:count], at)
    assert is_id("ses", made)
    assert unb64url(made[4:]) == (at >> 8 & 0xFFFFFFFFFF).to_bytes(5, "big") + data


def test_timed_ids_of_one_moment_stand_side_by_side_and_do_not_repeat():
    made = {timed_id("ses", system_secrets, 1_800_000_000_000_000) for _ in range(1000)}
    assert len(made) == 1000
    assert len({one[:10] for one in made}) == 1


def test_ids_do_not_repeat():
    assert len({new_id("ses", system_secrets) for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ses",
        "ses-",
        "ses" + "A" * 22,
        "SES-" + "A" * 22,
        "ses-" + "A" * 21,
        "ses-" + "A" * 23,
        "ses-" + "A" * 21 + "B",
        "ses-" + "A" * 22 + "\n",
        "ses-" + "é" * 22,
        " ses-" + "A" * 22,
        "ses-" + "A" * 21 + "=",
    ],
)
def test_nothing_else_is_an_id(text):
    assert not is_id("ses", text)


def test_randomness_has_the_length_that_was_asked_for():
    assert [len(system_secrets(count)) for count in (0, 1, 32)] == [0, 1, 32]


def test_digits_are_as_many_as_were_asked_for_and_begin_with_naughts_too():
    assert digits(6, bytes) == "000000"
    assert digits(6, lambda count: (1_000_042).to_bytes(count, "big")) == "000042"
    assert {len(digits(8, system_secrets)) for _ in range(100)} == {8}
