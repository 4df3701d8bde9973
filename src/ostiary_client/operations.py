"""The digest of an operation that a person approves: one spelling for one value, so that both sides count the same."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Operation", "canonical_json", "digest", "operation"]

_LARGEST = 2**53 - 1


@dataclass(frozen=True)
class Operation:
    """One operation: its digest (`sha256:` and 64 hex digits), and the sentence that tells a person what it is.

    A sentence is one line of at most 200 characters that people read as it stands.
    """

    digest: str
    says: str


def operation(value: Any, says: str) -> Operation:  # noqa: ANN401 - JSON is any value
    """Describe an operation by a JSON value that holds all that matters, and a sentence made from the same value."""
    return Operation(digest(canonical_json(value)), says)


def digest(covered: bytes) -> str:
    """Return `sha256:` and the SHA-256 of bytes, in lower-case hex."""
    return "sha256:" + hashlib.sha256(covered).hexdigest()


def canonical_json(value: Any) -> bytes:  # noqa: ANN401 - JSON is any value
    """Return the canonical bytes of a JSON value (RFC 8785), for values without fractions.

    Strings, whole numbers up to 2^53 - 1, true, false, null, lists, and objects with string keys; write an amount
    as a string or in its smallest unit. Raises ValueError for anything else, lone surrogates included.
    """
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _ordered(value: Any) -> Any:  # noqa: ANN401 - JSON is any value
    match value:
        case None | bool():
            return value
        case str():
            value.encode()
            return value
        case int() if abs(value) <= _LARGEST:
            return int(value)
        case list() | tuple():
            return [_ordered(item) for item in value]
        case Mapping() if all(isinstance(name, str) for name in value):
            return {name: _ordered(value[name]) for name in sorted(map(_ordered, value), key=_utf_16)}
    raise ValueError(f"{type(value).__name__} has no canonical form here")


def _utf_16(name: str) -> bytes:
    """RFC 8785 section 3.2.3 orders names by UTF-16 code units."""
    return name.encode("utf-16-be")
