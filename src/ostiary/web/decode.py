"""Decoding, strictly: one JSON value, no name twice, no NUL, no lone surrogate, nothing unknown (ruling 50)."""

import json
import math
import re
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import msgspec

from ostiary.kernel.refusals import Code, Refusal

__all__ = ["clean", "decode_body", "decode_query", "malformed", "parse_json"]

_DEEPEST = 32
_FOUL = re.compile("[\0\ud800-\udfff]")
_AT = re.compile(r" - at `\$\.([a-z_.]+)`$")
_LACKING = re.compile(r"^Object missing required field `([a-z_]+)`")
_UNKNOWN = "Object contains unknown field"


def malformed(word: str, field: str = "") -> Refusal:
    """Return the refusal of a request that cannot be read; `word` says why, and `field` names what is declared."""
    return Refusal(Code.REQUEST_MALFORMED, (word, field) if field else (word,))


def clean(text: str) -> bool:
    """Tell whether a text can be stored and written anywhere: no NUL, no lone surrogate."""
    return _FOUL.search(text) is None


def parse_json(raw: bytes, content_type: str) -> Any:  # noqa: ANN401 - JSON is any value
    """Parse a body that claims to be JSON (RFC 8259, UTF-8 without a mark), or return a Refusal.

    Numbers are finite, values at most 32 levels deep. How large an integer may be is for its field to say.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return malformed("not_json")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_constant,
            parse_float=_finite,
        )
        _inspect(value, _DEEPEST)
    except (ValueError, RecursionError):
        return malformed("bad_json")
    return value


def decode_body(value: Any, wanted: Any) -> Any:  # noqa: ANN401 - the struct that the operation declares
    """Convert a parsed body to the declared struct, or return a Refusal. Types are not coerced."""
    if isinstance(value, Refusal):
        return value
    try:
        return msgspec.convert(value, wanted, strict=True)
    except msgspec.ValidationError as fault:
        return malformed("bad_fields", _field(str(fault)))


def decode_query(raw: bytes, wanted: Any) -> Any:  # noqa: ANN401 - the struct that the operation declares
    """Convert a raw query to the declared struct, each parameter at most once, or return a Refusal."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
        query = _object(pairs)
        _inspect(query, 1)
        return msgspec.convert(query, wanted, strict=False)
    except (ValueError, msgspec.ValidationError):
        return malformed("bad_query")


def _field(fault: str) -> str:
    """Return which declared field is meant, as `actor.type`; "" where it is none: names that others chose stay out."""
    if fault.startswith(_UNKNOWN):
        return ""
    return ".".join(found[1] for found in (_AT.search(fault), _LACKING.search(fault)) if found)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("too large for a double")
    return number


def _inspect(value: Any, depth: int) -> None:  # noqa: ANN401 - JSON is any value
    if isinstance(value, dict | list) and not depth:
        raise ValueError("too deep")
    if isinstance(value, str) and not clean(value):
        raise ValueError("NUL or a lone surrogate")
    if isinstance(value, dict):
        for name, inner in value.items():
            _inspect(name, depth)
            _inspect(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _inspect(inner, depth - 1)
