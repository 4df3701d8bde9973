"""Values of blocks; no I/O."""

import re
from enum import StrEnum

import msgspec

__all__ = ["Block", "Done", "Kind", "Over", "Word", "is_reason"]

_REASON = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Kind(StrEnum):
    """What a block stands over: one person, or an address with all who have it or will have it."""

    PERSON = "person"
    ADDRESS = "address"


class Word(msgspec.Struct, frozen=True):
    """On whose word somebody is blocked, and why. The actor is as the caller claims it (ruling 14)."""

    reason: str
    actor_type: str
    actor_id: str = ""


class Block(msgspec.Struct, frozen=True):
    """A block that stands. `at` is in microseconds since 1970; `by` is the authenticated peer who set it."""

    kind: Kind
    word: Word
    by: str
    at: int


class Over(msgspec.Struct, frozen=True):
    """A block and what it stands over, as receipts name that: a person's id, or the keyed hash of an address."""

    subject: str
    block: Block


class Done(msgspec.Struct, frozen=True):
    """What a block or its lifting did: whether anything `changed`, and who is concerned, all of them held."""

    changed: bool
    people: tuple[str, ...]


def is_reason(text: str) -> bool:
    """Tell whether a text can be the code of a reason: 1 to 64 of A-Z, a-z, 0-9, `_`, `.` and `-`."""
    return _REASON.fullmatch(text) is not None
