"""The values that everybody speaks: names are wire format, values do not change, words are drawn alike everywhere."""

import re

import msgspec
import pytest

from ostiary.kernel import errors
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import ANONYMOUS, SYSTEM, Caller, Event, EventName, Factor, Mode, Outcome, Proof, Scope


def test_every_event_is_called_noun_verb():
    for event in EventName:
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", event.value)
        assert event.name == event.value.upper().replace(".", "_")


def test_every_code_is_called_as_it_is_written():
    for code in Code:
        assert re.fullmatch(r"[a-z0-9_]+", code.value)
        assert code.name == code.value.upper()


FROZEN = [
    Scope(),
    Caller(),
    Proof("user-1", Factor.PASSKEY, 1, "la-1"),
    Event(EventName.SESSION_END, SYSTEM, "ses-1"),
    Refusal(Code.SESSION_INVALID),
]


@pytest.mark.parametrize("value", FROZEN, ids=lambda one: type(one).__name__)
def test_values_do_not_change(value):
    with pytest.raises(AttributeError):
        setattr(value, value.__struct_fields__[0], "other")
    assert msgspec.structs.replace(value) == value
    assert hash(value) == hash(msgspec.structs.replace(value))


def test_what_is_left_unsaid():
    assert (Scope().tenant, Scope().mode) == ("default", Mode.LIVE)
    assert (ANONYMOUS.actor, SYSTEM.actor) == ("anonymous", "system")
    assert Event(EventName.SESSION_END, SYSTEM, "x").outcome is Outcome.ADMITTED


def test_every_error_of_ours_has_one_root_and_stands_in_the_drawn_tree():
    drawn = set(re.findall(r"(?:\|--|`--) (\w+)", errors.__doc__))
    ours = {name for name in errors.__all__ if name != "OstiaryError"}
    assert drawn == ours
    assert all(issubclass(getattr(errors, name), errors.OstiaryError) for name in ours)


def test_a_store_that_cannot_answer_says_when_to_come_back():
    assert (errors.StoreUnavailable("full").retry_after, errors.StoreUnavailable("full", 9).retry_after) == (1, 9)
