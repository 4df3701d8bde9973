"""Values of blocks; no I/O."""

from enum import StrEnum

import msgspec

from ostiary.kernel.legible import visible

__all__ = ["Block", "Done", "Kind", "Over", "Word", "is_reason"]

_REASON_LONGEST = 128


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
    """Tell whether a text can be the code of a reason: 1 to 128 letters that people can read, on one line."""
    return len(text) <= _REASON_LONGEST and visible(text)
