"""The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1): hashes, right edge, proofs and their checks.

Pure: whoever calls hands in what is stored. Every leaf is stored with the hashes of all subtrees that it
completes, lowest first, so the node (level, position) lies with leaf `(position + 1) * 2**level - 1`, at byte
`32 * level`. That is one row a leaf, 64 bytes of hashes on average, and any node is one look-up by key.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256

__all__ = [
    "EMPTY",
    "WIDTH",
    "Frontier",
    "Node",
    "consistency",
    "consistent",
    "included",
    "inclusion",
    "leaf_hash",
    "node_hash",
    "peaks",
    "root",
]

WIDTH = 32
"""Bytes of a hash."""

EMPTY = sha256(b"").digest()
"""The root of a tree without leaves."""

Node = Callable[[int, int], bytes]
"""Gives the hash of the complete subtree (level, position): of leaves position * 2**level and following."""


def leaf_hash(data: bytes) -> bytes:
    """Return a leaf's hash."""
    return sha256(b"\0" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return sha256(b"\1" + left + right).digest()


def peaks(size: int) -> list[tuple[int, int]]:
    """Return the complete subtrees (level, position) that make up a tree of that size, from left to right."""
    levels = [level for level in range(size.bit_length() - 1, -1, -1) if size >> level & 1]
    return [(level, (size >> level) - 1) for level in levels]


class Frontier:
    """The right edge of a tree: the roots of its `peaks`. All that an append, or the root, needs."""

    __slots__ = ("edge", "size")

    def __init__(self, size: int = 0, edge: Sequence[bytes] = ()) -> None:
        self.size, self.edge = size, list(edge)

    def append(self, leaf: bytes) -> bytes:
        """Add a leaf by its hash; return that hash and those of the subtrees it completes, lowest first."""
        made, left, edge = leaf, self.size, self.edge
        while left & 1:
            leaf = sha256(b"\1" + edge.pop() + leaf).digest()
            made += leaf
            left >>= 1
        edge.append(leaf)
        self.size += 1
        return made

    def root(self) -> bytes:
        """Return the tree's root."""
        if not self.edge:
            return EMPTY
        made = self.edge[-1]
        for left in self.edge[-2::-1]:
            made = node_hash(left, made)
        return made


def root(node: Node, size: int) -> bytes:
    """Return the root of the first `size` leaves."""
    return Frontier(size, [node(level, position) for level, position in peaks(size)]).root()


def inclusion(node: Node, leaf: int, size: int) -> list[bytes]:
    """Return the audit path of a leaf (RFC 6962 section 2.1.1), lowest first. Needs 0 <= leaf < size."""
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if leaf < middle:
            path.append(_range(node, middle, stop))
            stop = middle
        else:
            path.append(_range(node, start, middle))
            start = middle
    return path[::-1]


def consistency(node: Node, old: int, size: int) -> list[bytes]:
    """Return the proof that the first `old` leaves are a prefix (RFC 6962 section 2.1.2). Needs 0 < old <= size."""
    path: list[bytes] = []
    start, stop, whole = 0, size, True
    while old != stop:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(_range(node, middle, stop))
            stop = middle
        else:
            path.append(_range(node, start, middle))
            start, whole = middle, False
    return path[::-1] if whole else [_range(node, start, stop), *path[::-1]]


def included(leaf: bytes, place: int, size: int, path: Sequence[bytes], top: bytes) -> bool:
    """Check an audit path (RFC 9162 section 2.1.3.2): that the leaf with this hash is at that place under that root."""
    if not 0 <= place < size:
        return False
    here, last, made = place, size - 1, leaf
    for step in path:
        if last == 0:
            return False
        if here & 1 or here == last:
            made = node_hash(step, made)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            made = node_hash(made, step)
        here, last = here >> 1, last >> 1
    return last == 0 and made == top


def consistent(old: int, size: int, before: bytes, after: bytes, path: Sequence[bytes]) -> bool:
    """Check a consistency proof (RFC 9162 section 2.1.4.2) between two roots."""
    if not 0 < old < size:
        return old == size and not path and before == after
    steps = list(path) if old & (old - 1) else [before, *path]
    if not steps:
        return False
    here, last = old - 1, size - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    older = newer = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if here & 1 or here == last:
            older, newer = node_hash(step, older), node_hash(step, newer)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            newer = node_hash(newer, step)
        here, last = here >> 1, last >> 1
    return last == 0 and older == before and newer == after


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _range(node: Node, start: int, stop: int) -> bytes:
    """Return the hash of the leaves from `start` to `stop`, where `start` is where RFC 6962 would split."""
    edge = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        edge.append(node(level, start >> level))
        start += 1 << level
    return Frontier(0, edge).root()
