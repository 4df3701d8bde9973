"""Proofs for somebody who holds a receipt or an old head: that it is in the log, that the log only grew."""

from functools import partial

import msgspec

from ostiary.kernel.refusals import Code, Refusal
from ostiary.keys.keyring import Keyring
from ostiary.receipts import store, tree
from ostiary.receipts.heads import Head, head_holds, signed_head
from ostiary.receipts.model import Receipt, canonical, leaf_bytes
from ostiary.receipts.sequencer import node
from ostiary.receipts.verification import Finding
from ostiary.storage.tx import Tx

__all__ = [
    "Consistency",
    "Inclusion",
    "disagreement",
    "prove_consistency",
    "prove_inclusion",
    "prove_receipt",
    "root_at",
]


class Inclusion(msgspec.Struct, frozen=True):
    """Receipt `receipt` is leaf `leaf` of the tree of `head`. `hash` and `path` (lowest first) are hex."""

    receipt: str
    leaf: int
    seq: int
    hash: str
    path: list[str]
    head: Head


class Consistency(msgspec.Struct, frozen=True):
    """The first `old` leaves of the tree with `size` leaves are a tree of their own. Roots and `path` are hex."""

    old: int
    size: int
    old_root: str
    root: str
    path: list[str]


def prove_inclusion(tx: Tx, keyring: Keyring, receipt_id: str) -> Inclusion | Refusal:
    """Prove that a receipt of the tenant is in the log."""
    place = store.place_of(tx, receipt_id)
    if place is None:
        return Refusal(Code.RECEIPT_UNKNOWN)
    leaf, seq = place
    head = signed_head(tx, keyring)
    path = [step.hex() for step in tree.inclusion(partial(node, tx), leaf, head.size)]
    return Inclusion(receipt_id, leaf, seq, node(tx, 0, leaf).hex(), path, head)


def prove_receipt(tx: Tx, keyring: Keyring, receipt: Receipt) -> Inclusion | None:
    """Prove that this very receipt, as it stands in somebody's hand, is in the log; None where it is not."""
    made = prove_inclusion(tx, keyring, receipt.id)
    if isinstance(made, Refusal):
        return None
    leaf = tree.leaf_hash(leaf_bytes(canonical(receipt), receipt.signature))
    path, top = [bytes.fromhex(step) for step in made.path], bytes.fromhex(made.head.root)
    return made if tree.included(leaf, made.leaf, made.head.size, path, top) else None


def prove_consistency(tx: Tx, old: int, size: int) -> Consistency | Refusal:
    """Prove that the log with `size` receipts is the log with `old` receipts, and more."""
    if not 0 < old <= size <= store.height(tx):
        return Refusal(Code.REQUEST_MALFORMED)
    path = [step.hex() for step in tree.consistency(partial(node, tx), old, size)]
    return Consistency(old, size, root_at(tx, old).hex(), root_at(tx, size).hex(), path)


def root_at(tx: Tx, size: int) -> bytes:
    """Return the root over the first `size` leaves, by the stored nodes."""
    return tree.root(partial(node, tx), size)


def disagreement(tx: Tx, head: Head, public: bytes | None) -> Finding | None:
    """Hold the log, found whole, against a head that was signed earlier; None where it only grew since."""
    if not head_holds(head, public):
        return Finding("head", f"the head of {head.size} receipts is not signed by a receipt key of this database")
    size = store.height(tx)
    if size < head.size:
        return Finding("cut", f"a head was signed over {head.size} receipts, and there are {size}", size)
    if root_at(tx, head.size).hex() != head.root:
        return Finding("forked", f"the first {head.size} receipts are not those over which a head was signed")
    return None
