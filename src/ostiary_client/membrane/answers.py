"""What the membrane answers: the envelope, typed bodies, and how a JSON object becomes one of them.

A field without a default must be there in its type, else the answer is odd. Every other one may be missing: then it
is None or empty, never a guess. What has no field, or another type than its field, is kept in `more`, so a newer server
loses nothing on its way through an older client.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

__all__ = ["Answer", "Body", "Committed", "Odd", "Receipt", "decoded"]

BodyT = TypeVar("BodyT", bound="Body")
_Made = TypeVar("_Made", bound="Body")


class Odd(ValueError):
    """An answer that is not what the contract says. Names the place, never a value."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """What every body and every part of one has: `more`, all that this client has no field for."""

    more: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Committed(Body):
    """A body that tells how its act was kept, and whether it is production's."""

    signer: Mapping[str, Any] | None = None
    durable_commit: Mapping[str, Any] | None = None
    durable_state: Mapping[str, Any] | None = None
    production_admission: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Receipt(Body):
    """The receipt of one crossing, refusals too. `ref` is None where none is kept, as for floods of strangers."""

    ref: str | None = None
    outcome: str = ""
    reasons: tuple[str, ...] = ()
    fixture: bool | None = None
    signature: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answer(Generic[BodyT]):
    """One admitted crossing, whole: `outcome` is a word (`admitted`, `verified`), never `refused` or `failed`."""

    operation: str
    outcome: str
    body: BodyT
    receipt: Receipt
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)


def decoded(kind: type[_Made], told: object) -> _Made:
    """Read a JSON object as a body, or a part of one. Raises Odd.

    Where only a ref stands in an object's place (`"challenge": "human_auth_challenge:…"`), it is the object's id.
    """
    kinds = get_type_hints(kind)
    if isinstance(told, str) and "id" in kinds:
        told = {"id": told}
    if not isinstance(told, dict):
        raise Odd(f"{kind.__name__} is not an object")
    made: dict[str, Any] = {}
    more = {name: value for name, value in told.items() if name not in kinds or name == "more"}
    for one in fields(kind):
        value = told.get(one.name)
        if one.name == "more" or (value is None and not _needed(one)):
            continue
        try:
            made[one.name] = _fitted(kinds[one.name], value)
        except Odd as odd:
            if _needed(one):
                raise Odd(f"{kind.__name__}.{one.name}: {odd}") from None
            more[one.name] = value
    return kind(**made, more=more)


def _needed(one: Any) -> bool:  # noqa: ANN401 - dataclasses.Field is generic over what it holds
    return one.default is MISSING and one.default_factory is MISSING


def _fitted(kind: Any, value: object) -> object:  # noqa: ANN401 - a type hint is any object
    """Return a value as its field's type wants it. Raises Odd."""
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        return _fitted(next(one for one in get_args(kind) if one is not NoneType), value)
    if isinstance(kind, type) and issubclass(kind, Body):
        return decoded(kind, value)
    if origin is tuple and isinstance(value, list):
        return tuple(_fitted(get_args(kind)[0], item) for item in value)
    wanted = dict if origin is Mapping else kind
    if origin is tuple or not isinstance(value, wanted) or (isinstance(value, bool) and kind is not bool):
        raise Odd("missing" if value is None else f"is of type {type(value).__name__}")
    return value
