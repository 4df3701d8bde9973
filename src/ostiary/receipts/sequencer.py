"""Sequencing: every receipt gets its leaf in the tree, in the transaction that writes it or soon after (ruling 59).

On SQLite at once: whoever writes holds the file's write lock, so there is one order. On PostgreSQL writers do not
wait for each other: a receipt is committed with its leaf's hash in `tree_pending`, and `drain` takes what has been
committed into the tree, one drainer at a time. A receipt that is deleted before is missed all the same.
"""

from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import StoreUnavailable
from ostiary.receipts import store
from ostiary.receipts.tree import WIDTH, Frontier, peaks
from ostiary.storage.tx import Tx

__all__ = ["DELAY", "Sequencer", "drain", "frontier", "node", "waits"]

DELAY = SECOND
"""Microseconds within which a served PostgreSQL has a committed receipt in the tree (ruling 21)."""

_TAKEN_AT_ONCE = 500


class Sequencer:
    """Gives receipts their place. Belongs to one vault, which lets one transaction at a time in on SQLite."""

    def __init__(self) -> None:
        self._edge, self._last = Frontier(), b""

    def add(self, tx: Tx, leaf: bytes) -> None:
        """Put the receipt that was just added in its place, or where it waits for it."""
        if tx.dialect == "sqlite":
            self._append(tx, leaf)
        else:
            store.add_pending(tx, leaf)

    def _append(self, tx: Tx, leaf: bytes) -> None:
        """Trust what is remembered only if the tree still ends with it: it may have been rolled back, or overtaken."""
        if self._added(tx, leaf):
            return
        self._edge = frontier(tx)
        self._last = store.hashes_of(tx, self._edge.size - 1)
        if not self._added(tx, leaf):
            raise StoreUnavailable("the tree of receipts is damaged: run `ostiary receipts verify`")

    def _added(self, tx: Tx, leaf: bytes) -> bool:
        place, last = self._edge.size, self._last
        self._last = self._edge.append(leaf)
        return store.add_next(tx, place, self._last, last)


def waits(tx: Tx) -> bool:
    """Tell whether a receipt waits for its place in the tree; on SQLite none ever does."""
    return tx.dialect != "sqlite" and store.is_pending(tx)


def drain(tx: Tx) -> int:
    """Take waiting receipts into the tree, as many as one transaction should; return how many those were."""
    waiting = store.take_pending(tx, _TAKEN_AT_ONCE)
    edge = frontier(tx) if waiting else Frontier()
    for seq, leaf in waiting:
        store.add_leaf(tx, edge.size, seq, edge.append(leaf))
    return len(waiting)


def frontier(tx: Tx, size: int | None = None) -> Frontier:
    """Return the right edge of the tree as it is, or as it was at that size. Raises StoreUnavailable."""
    leaves = store.height(tx) if size is None else size
    return Frontier(leaves, [node(tx, level, position) for level, position in peaks(leaves)])


def node(tx: Tx, level: int, position: int) -> bytes:
    """Return one stored node. Raises StoreUnavailable where it is not there."""
    found = store.hashes_of(tx, (position + 1 << level) - 1)[WIDTH * level : WIDTH * (level + 1)]
    if len(found) != WIDTH:
        raise StoreUnavailable("the tree of receipts is damaged: run `ostiary receipts verify`")
    return found
