"""Use cases of access: granting a role or a scope and taking a scope back, on record.

A scope is a word with a dot, `noun.verb` (ruling 24); a role has none.
"""

import re

from ostiary.access import store
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.storage.tx import Tx

__all__ = [
    "ADMINISTRATOR",
    "grant",
    "grant_scope",
    "has_administrator",
    "holdings",
    "is_scope",
    "roles",
    "scopes",
    "withdraw_scope",
]

ADMINISTRATOR = "administrator"
_DOT = "."
_SCOPE = re.compile(r"[a-z][a-z0-9_]{0,30}(\.[a-z][a-z0-9_]{0,30})+")


def grant(tx: Tx, caller: Caller, person: str, role: str) -> None:
    """Give a person a role; every grant leaves a receipt, a repeated one changes nothing."""
    if store.add(tx, person, role, caller.actor):
        tx.emit(Event(EventName.ROLE_GRANT, caller, person, reasons=(role,)))


def grant_scope(tx: Tx, caller: Caller, person: str, scope: str) -> bool:
    """Give a person a scope; False when they hold it. Their next check already goes by it."""
    if not store.add(tx, person, scope, caller.actor):
        return False
    tx.emit(Event(EventName.SCOPE_GRANT, caller, person, reasons=(scope,)))
    return True


def withdraw_scope(tx: Tx, caller: Caller, person: str, scope: str) -> bool:
    """Take a scope back; False when they did not hold it. Whoever calls lets the caches of their sessions know."""
    if not store.remove(tx, person, scope):
        return False
    tx.emit(Event(EventName.SCOPE_WITHDRAW, caller, person, reasons=(scope,)))
    return True


def is_scope(word: str) -> bool:
    """Tell whether a word may name a scope."""
    return _SCOPE.fullmatch(word) is not None


def has_administrator(tx: Tx) -> bool:
    """Tell whether the tenant has an administrator."""
    return store.anybody(tx, ADMINISTRATOR)


def roles(tx: Tx, person: str) -> list[str]:
    """Return the roles that a person holds."""
    return _roles(store.roles(tx, person))


def scopes(tx: Tx, person: str) -> list[str]:
    """Return the scopes that a person holds."""
    return _scopes(store.roles(tx, person))


def holdings(tx: Tx) -> dict[str, tuple[list[str], list[str]]]:
    """Return the roles and scopes of everybody who holds any, by the person's id."""
    held: dict[str, list[str]] = {}
    for person, word in store.every(tx):
        held.setdefault(person, []).append(word)
    return {person: (_roles(words), _scopes(words)) for person, words in held.items()}


def _roles(words: list[str]) -> list[str]:
    return [word for word in words if _DOT not in word]


def _scopes(words: list[str]) -> list[str]:
    return [word for word in words if _DOT in word]
