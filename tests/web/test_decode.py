"""Bodies and queries: what is read, and everything that is not (ruling 50)."""

import json
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.kernel.refusals import Code, Refusal
from ostiary.web.decode import clean, decode_body, decode_query, malformed, parse_json

JSON = "application/json"
DEEPEST = 32


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str


class Label(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    label: Annotated[str, msgspec.Meta(max_length=5)]
    count: int = 0
    inner: Inner | None = None


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    keep: Literal["current"] = msgspec.field(name="except")
    page: int = 1
    note: str = ""


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, -2, 1.5, true, null, "x"]}\n', {"a": [1, -2, 1.5, True, None, "x"]}),
        ('{"a": "ß 😀"}'.encode(), {"a": "ß 😀"}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
        (b"9" * 4000, int("9" * 4000)),
        (b"1e308", 1e308),
        (b"[" * DEEPEST + b"1" + b"]" * DEEPEST, json.loads("[" * DEEPEST + "1" + "]" * DEEPEST)),
        (b"[" * DEEPEST + b"]" * DEEPEST, json.loads("[" * DEEPEST + "]" * DEEPEST)),
        (b'{"a": {"b": 1}, "c": {"b": 1}}', {"a": {"b": 1}, "c": {"b": 1}}),
    ],
)
def test_json_is_read(raw, value):
    assert parse_json(raw, JSON) == value


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b" ", id="blank"),
        pytest.param(b"{}{}", id="two values"),
        pytest.param(b"{} x", id="something behind"),
        pytest.param(b'{"a": 1,}', id="trailing comma"),
        pytest.param(b"{'a': 1}", id="single quotes"),
        pytest.param(b'{"a": 1, "a": 1}', id="a name twice"),
        pytest.param(b'{"a": 1, "\\u0061": 2}', id="a name twice, once escaped"),
        pytest.param(b'[{"b": {"a": 1, "a": 2}}]', id="a name twice, inside"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"[Infinity]", id="Infinity"),
        pytest.param(b"[-Infinity]", id="minus Infinity"),
        pytest.param(b"1e309", id="more than a double"),
        pytest.param(b"-1e999999999", id="much more than a double"),
        pytest.param(b"1" * 60_000, id="a number of 60,000 digits"),
        pytest.param(b'"\\ud800"', id="lone surrogate"),
        pytest.param(b'{"\\udfff": 1}', id="lone surrogate in a name"),
        pytest.param(b'"a\\u0000b"', id="NUL"),
        pytest.param(b'{"a\\u0000": 1}', id="NUL in a name"),
        pytest.param(b'"a\nb"', id="bare control character"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'"\xff"', id="not UTF-8"),
        pytest.param(b'"\xc0\xaf"', id="overlong UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', id="a surrogate in UTF-8"),
        pytest.param(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), id="one level too deep"),
        pytest.param(b"[" * 30_000 + b"]" * 30_000, id="depth bomb"),
        pytest.param(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, id="depth bomb of objects"),
        pytest.param(b"[" * 65_000, id="depth bomb without an end"),
    ],
)
def test_what_is_not_json_of_ours_is_refused(raw):
    assert parse_json(raw, JSON) == malformed("bad_json")


@pytest.mark.parametrize("value", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"])
def test_another_content_type_is_refused(value):
    assert parse_json(b"{}", value) == malformed("not_json")


@pytest.mark.parametrize("value", [JSON, "Application/JSON", "application/json; charset=utf-8", " application/json ;x"])
def test_parameters_and_case_of_the_content_type_do_not_matter(value):
    assert parse_json(b"{}", value) == {}


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_refusal(raw):
    value = parse_json(raw, JSON)
    if not isinstance(value, Refusal):
        assert parse_json(json.dumps(value).encode(), JSON) == value


FOUL = st.characters(codec="utf-8", exclude_characters="\0")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(FOUL) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(FOUL), inner, max_size=5),
    max_leaves=20,
)


@settings(deadline=None)
@given(VALUES)
def test_every_value_of_ours_comes_back(value):
    assert parse_json(json.dumps(value).encode(), JSON) == value


@pytest.mark.parametrize(("text", "is_clean"), [("", True), ("ß 😀\n", True), ("a\0", False), ("\ud800", False)])
def test_clean_text_has_no_nul_and_no_surrogate(text, is_clean):
    assert clean(text) is is_clean


def test_a_body_becomes_its_struct():
    assert decode_body({"label": "abc", "count": 3}, Label) == Label("abc", 3)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        pytest.param({"label": "abc", "more": 1}, "", id="unknown field"),
        pytest.param({}, "label", id="missing field"),
        pytest.param({"label": "abcdef"}, "label", id="too long"),
        pytest.param({"label": 1}, "label", id="wrong type"),
        pytest.param({"label": "abc", "count": "3"}, "count", id="number as text"),
        pytest.param({"label": "abc", "count": 3.5}, "count", id="fraction"),
        pytest.param({"label": "abc", "count": True}, "count", id="truth as number"),
        pytest.param({"label": None}, "label", id="null"),
        pytest.param({"label": "abc", "inner": {}}, "inner.text", id="missing deeper"),
        pytest.param({"label": "abc", "inner": {"text": 1}}, "inner.text", id="wrong type deeper"),
        pytest.param({"label": "abc", "inner": {"text": "a", "more": 1}}, "", id="unknown deeper"),
        pytest.param({"label": "abc", " - at `$.count": 1}, "", id="unknown and sly"),
        pytest.param({"label": "abc", "missing required field `x`": 1}, "", id="unknown and slyer"),
        pytest.param(["abc"], "", id="a list"),
        pytest.param(None, "", id="nothing"),
        pytest.param("abc", "", id="a text"),
    ],
)
def test_a_body_of_another_shape_is_refused_and_a_declared_field_named(value, field):
    assert decode_body(value, Label) == malformed("bad_fields", field)


def test_a_refused_body_stays_refused():
    refused = Refusal(Code.REQUEST_TOO_LARGE)
    assert decode_body(refused, Label) is refused


@pytest.mark.parametrize(
    ("raw", "query"),
    [
        (b"except=current", Kept("current")),
        (b"except=%63urrent&page=7", Kept("current", 7)),
        (b"page=7&except=current", Kept("current", 7)),
    ],
)
def test_a_query_becomes_its_struct(raw, query):
    assert decode_query(raw, Kept) == query


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="missing"),
        pytest.param(b"except=", id="empty"),
        pytest.param(b"except=others", id="another value"),
        pytest.param(b"except=current&except=current", id="twice"),
        pytest.param(b"except=current&%65xcept=current", id="twice, once escaped"),
        pytest.param(b"except=current&more=1", id="unknown"),
        pytest.param(b"except=current&page=x", id="wrong type"),
        pytest.param(b"except=current&note=%00", id="NUL"),
        pytest.param(b"except=current&note=%ff", id="not UTF-8"),
        pytest.param(b"except=current&note=%ed%a0%80", id="a surrogate"),
        pytest.param(b"except=current&\xff=1", id="bare bytes"),
    ],
)
def test_another_query_is_refused(raw):
    assert decode_query(raw, Kept) == malformed("bad_query")


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_any_query_is_a_struct_or_a_refusal(raw):
    assert isinstance(decode_query(raw, Kept), Kept | Refusal)
