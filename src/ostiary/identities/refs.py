"""Use cases of refs: names that clients choose for things of a tenant, beside the canonical `kind:<internal id>`."""

import re

from ostiary.identities import store
from ostiary.kernel import refs
from ostiary.kernel.values import Mode
from ostiary.storage.tx import Tx

__all__ = ["is_free", "move", "place", "ref_of", "target"]

_FIXTURE = "fixture_"
_SESSION = "auth_session"
_INTERNAL = re.compile(r"(?:fixture_)?[a-z]+-[A-Za-z0-9_-]{21}[AQgw]")
"""Names that ids have: an alias of that form could stand before what it is not."""


def place(tx: Tx, ref: str, target: str) -> bool:
    """Let a ref of the tenant stand for something; whoever calls emits the act that it belongs to.

    False when it is taken (by the same thing too), malformed, or has the form of an internal id.
    """
    kind, name = _parts(ref)
    return bool(name) and store.place_ref(tx, kind, name, target)


def is_free(tx: Tx, kind: str, ref: str) -> bool:
    """Tell whether `place` would take a ref of that kind."""
    given, name = _parts(ref)
    return given == kind and store.target_of(tx, kind, name) is None


def move(tx: Tx, ref: str, target: str) -> bool:
    """Let a ref stand for something from now on, whatever it stood for before; False where `place` cannot take it."""
    kind, name = _parts(ref)
    return bool(name) and (store.place_ref(tx, kind, name, target) or store.move_ref(tx, kind, name, target))


def target(tx: Tx, kind: str, ref: str) -> str | None:
    """Return what a ref of that kind stands for: an alias of the tenant first, else the name itself.

    None when it is malformed or of another kind. That there is such a thing is not said. In a fixture tenant the
    canonical `auth_session:fixture_tok-…` stands for `tok-…`.
    """
    name = refs.named(kind, ref)
    if name is None:
        return None
    bare = name.removeprefix(_FIXTURE) if _marks(tx, kind) and _INTERNAL.fullmatch(name) else name
    return store.target_of(tx, kind, name) or bare


def ref_of(tx: Tx, kind: str, target: str) -> str:
    """Return the ref of something: the oldest alias if there is one, else the canonical one."""
    name = store.ref_of(tx, kind, target) or (_FIXTURE * _marks(tx, kind) + target)
    return refs.ref(kind, name)


def _marks(tx: Tx, kind: str) -> bool:
    """Tell whether canonical refs of that kind carry the prefix by which no live gate takes them."""
    return kind == _SESSION and tx.scope.mode is Mode.FIXTURE


def _parts(ref: str) -> tuple[str, str]:
    """Return kind and name of a ref that may be an alias, ("", "") of any other text."""
    kind = ref.partition(":")[0]
    name = refs.named(kind, ref) or ""
    return (kind, name) if name and not _INTERNAL.fullmatch(name) else ("", "")
