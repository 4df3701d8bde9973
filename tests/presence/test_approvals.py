"""What a proof commits to: frozen in tests/wire/approvals.json, and what can be declared as a purpose."""

import json
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.kernel.refusals import Code
from ostiary.presence.model import BUILT_IN, Approval, PurposeRule, plain

VECTORS = json.loads((Path(__file__).parents[1] / "wire" / "approvals.json").read_text(encoding="utf-8"))["approvals"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: one["why"])
def test_the_commitment_is_frozen(vector):
    approval = Approval(vector["purpose"], operation=vector["operation"], says=vector["says"])
    assert approval.commitment == vector["commitment"]


def test_no_two_of_them_are_alike():
    assert all(one["commitment"] != other["commitment"] for one, other in combinations(VECTORS, 2))


@given(st.tuples(*[st.text(min_size=1)] * 3), st.tuples(*[st.text(min_size=1)] * 3))
def test_two_approvals_share_a_commitment_only_when_they_are_one(one, other):
    def commitment(parts):
        return Approval(parts[0], operation=parts[1], says=parts[2]).commitment

    assert (commitment(one) == commitment(other)) is (one == other)


def test_ostiarys_own_purposes_are_sound():
    assert not any(rule.faults for rule in BUILT_IN)


@pytest.mark.parametrize("life", [0, SECOND - 1, 5 * MINUTE + 1, -SECOND])
def test_a_life_is_a_second_to_five_minutes(life):
    assert PurposeRule("a.b", "A", life=SECOND).faults == ()
    assert PurposeRule("a.b", "A", life=5 * MINUTE).faults == ()
    assert PurposeRule("a.b", "A", life=life).faults == ("life",)


@pytest.mark.parametrize(
    "name", ["a.b\n", "a.b.c", "a", "a.", ".b", "A.b", "a.é", "a b.c", "1.2", "a" * 63 + ".b", "a.b\0"]
)
def test_a_name_is_noun_and_verb(name):
    assert PurposeRule(name, "A").faults == ("name",)


@pytest.mark.parametrize(
    "text",
    ["", " ", " a", "a ", "a\tb", "a\nb", "\u202ea", "a\u2066b", "\u200b", "a\u00adb", "\ud800", "\u2028", "\ue000"],
)
def test_what_people_cannot_read_as_it_stands_is_not_plain(text):
    assert not plain(text, 64)
    assert PurposeRule("a.b", text).faults == ("title",)


def test_plain_has_a_length():
    assert plain("x" * 64, 64)
    assert not plain("x" * 65, 64)


PAY = PurposeRule("invoice.pay", "Pay", commits_operation=True)
DIGEST = "sha256:" + "0123456789abcdef" * 4


def test_a_digest_is_spelled_in_one_way():
    assert Approval("invoice.pay", operation=DIGEST, says="Pay").unfit(PAY) is None
    for digest in (
        DIGEST + "\n",
        DIGEST + "0",
        DIGEST[:-1],
        "x" + DIGEST,
        DIGEST.upper(),
        DIGEST[7:],
        "",
        "\u0660" * 71,
    ):
        assert Approval("invoice.pay", operation=digest, says="Pay").unfit(PAY).code is Code.REQUEST_MALFORMED
