"""Decoding, strictly: one JSON value, no name twice, no NUL, no lone surrogate, nothing unknown (ruling 50)."""

import json
from typing import Any, NoReturn

import msgspec
from starlette.datastructures import QueryParams

from ostiary.kernel.refusals import Code, Refusal

__all__ = ["decode_body", "decode_query", "malformed", "parse_json"]

_DEEPEST = 32


def malformed(word: str) -> Refusal:
    """Return the refusal of a request that cannot be read; `word` says why, in the receipt only."""
    return Refusal(Code.REQUEST_MALFORMED, (word,))


def parse_json(raw: bytes, content_type: str) -> Any:  # noqa: ANN401 - JSON is any value
    """Parse a body that claims to be JSON, or return a Refusal."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return malformed("not_json")
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant)
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
    except (msgspec.ValidationError, RecursionError):
        return malformed("bad_fields")


def decode_query(query: QueryParams, wanted: Any) -> Any:  # noqa: ANN401 - the struct that the operation declares
    """Convert query parameters, each at most once, or return a Refusal."""
    pairs = query.multi_items()
    if len({name for name, _ in pairs}) != len(pairs):
        return malformed("query_twice")
    try:
        return msgspec.convert(dict(pairs), wanted, strict=False)
    except msgspec.ValidationError:
        return malformed("bad_query")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _inspect(value: Any, depth: int) -> None:  # noqa: ANN401 - JSON is any value
    if depth < 0:
        raise ValueError("too deep")
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("NUL")
        value.encode("utf-8")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _inspect(name, depth)
            _inspect(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _inspect(inner, depth - 1)
