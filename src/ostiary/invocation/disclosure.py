"""Disclosure: facts delivered are those that the caller asked for AND the service's scope allows.

Source: the invocation contract, section 4.3. A word that names no fact is an error, never ignored.
"""

from collections.abc import Collection

__all__ = ["FACTS", "asked_for", "overlap"]

FACTS = ("person", "factor", "signed_in_at", "name", "email")
"""Every fact that there is, in the order in which it is delivered. NOTE: wire format."""

_LONGEST = 256


def asked_for(header: bytes) -> frozenset[str] | None:
    """Read `Caller-Disclose`: fact names with commas or blanks between them; None where a word names no fact."""
    if len(header) > _LONGEST:
        return None
    words = frozenset(header.decode("latin-1").replace(",", " ").split())
    return words if words.issubset(FACTS) else None


def overlap(asked: Collection[str], allowed: Collection[str]) -> tuple[str, ...]:
    """Return the facts that are both asked for and allowed, in the order of FACTS."""
    return tuple(fact for fact in FACTS if fact in asked and fact in allowed)
