"""Verification: walk the whole log, hash every row as it stands, and hold it against the tree. Names the first fault.

Stretches of 65,536 leaves are complete subtrees, so they are walked apart, by several processes where there is enough
to do, and put together by their roots. The hot loop makes no object per receipt.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from hashlib import sha256

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.values import Scope
from ostiary.receipts import store
from ostiary.receipts.rows import signed_text, speller
from ostiary.receipts.tree import WIDTH, Frontier
from ostiary.storage.faults import classify
from ostiary.storage.inspection import reading
from ostiary.storage.tx import Row, Tx

__all__ = ["STRETCH", "Finding", "Keys", "Report", "Workers", "stray", "verify"]

STRETCH = 65_536
"""Leaves of a stretch: a power of two, so that a full one is a complete subtree."""

_BATCH = 4_096
_WORTH_HELP = 4 * STRETCH

Keys = dict[str, tuple[str, bytes]]
"""Receipt keys by id: tenant and public bytes."""

_Fault = tuple[str, str]
"""A kind and what is said."""

_Told = tuple[int, bytes]
"""The first leaf that differs, and with it what the leaf says beyond what was computed, where all that could be
computed was right (which is no fault at the end of a stretch)."""

_Spelled = Callable[[Row], bytes]


class Finding(msgspec.Struct, frozen=True):
    """The first fault. `leaf` and `seq` are -1, `receipt` is "" where there is none to name."""

    kind: str
    words: str
    leaf: int = -1
    seq: int = -1
    receipt: str = ""


class Stretch(msgspec.Struct, frozen=True):
    """A stretch that was walked: its right edge, and what its last leaf says of nodes above the stretch."""

    leaves: int
    edge: list[bytes]
    above: bytes
    finding: Finding | None


class Report(msgspec.Struct, frozen=True):
    """What a walk over the first `size` leaves found. `root` is that of the rows, hex, "" where there was a fault."""

    size: int
    root: str
    finding: Finding | None


class Workers(msgspec.Struct, frozen=True):
    """How many processes walk, from how many leaves on more than this one, and how long a stretch is."""

    processes: int = 1
    worth: int = _WORTH_HELP
    stretch: int = STRETCH


def verify(
    url: str, scope: Scope, keys: Keys, *, signatures: bool, workers: Workers, progress: Callable[[int, int], None]
) -> Report:
    """Walk the log of a database; `progress` hears leaves walked and leaves in all. Raises StoreUnavailable."""
    with reading(url, scope) as tx:
        size = store.height(tx)
    whole, edge = Frontier(), list[bytes]()
    walked = 0
    for part in _stretches(_Walk(url, scope, keys, signatures), size, workers):
        finding, edge = part.finding, part.edge
        if finding is None and part.leaves == workers.stretch:
            finding = _joined(whole, part, walked + part.leaves - 1)
            edge = []
        elif finding is None and part.above:
            finding = Finding("tree_edited", "a node of the tree was edited", size - 1)
        if finding is not None:
            return Report(size, "", finding)
        walked += part.leaves
        progress(walked, size)
    return Report(size, Frontier(size, [*whole.edge, *edge]).root().hex(), None)


def stray(tx: Tx) -> Finding | None:
    """Find a receipt that is in no leaf. Call it when every leaf was found to have its receipt."""
    if store.count(tx) == store.height(tx):
        return None
    found = store.outside(tx)
    if found is None:
        return None
    return Finding("inserted", "a receipt that was never put into the tree", seq=found.seq, receipt=found.id)


class _Walk(msgspec.Struct, frozen=True):
    """What a process needs to walk a stretch."""

    url: str
    scope: Scope
    keys: Keys
    signatures: bool

    def __call__(self, start: int, stop: int) -> Stretch:
        """Walk the leaves from `start` to before `stop`."""
        with reading(self.url, self.scope) as tx:
            return _walked(tx, start, stop, self.keys, signatures=self.signatures)


def _stretches(walk: _Walk, size: int, workers: Workers) -> Iterator[Stretch]:
    starts = range(0, size, workers.stretch)
    stops = [min(start + workers.stretch, size) for start in starts]
    if workers.processes < 2 or size < workers.worth:  # noqa: PLR2004 - one process is this one
        yield from map(walk, starts, stops)
        return
    fresh = multiprocessing.get_context("spawn")  # a fork would copy the locks of the threads of this process
    with ProcessPoolExecutor(workers.processes - 1, fresh) as pool:
        try:
            yield from _shared(walk, [*zip(starts, stops, strict=True)], pool)
        finally:
            pool.shutdown(cancel_futures=True)


def _shared(walk: _Walk, ends: list[tuple[int, int]], pool: Executor) -> Iterator[Stretch]:
    """Yield stretches in their order: the pool walks from the front, this process from the back what nobody began."""
    parts = [pool.submit(walk, *one) for one in ends]
    mine, rest = dict[int, Stretch](), len(parts)
    for number, part in enumerate(parts):
        while number < rest and not part.done():
            rest -= 1
            if parts[rest].cancel():
                mine[rest] = walk(*ends[rest])
        yield mine.pop(number) if number in mine else part.result()


def _joined(whole: Frontier, part: Stretch, leaf: int) -> Finding | None:
    """Put a full stretch to the ones before; its last leaf must name the nodes that this completes."""
    made = whole.append(part.edge[0])
    return None if made[WIDTH:] == part.above else Finding("tree_edited", "a node of the tree was edited", leaf)


def _walked(tx: Tx, start: int, stop: int, keys: Keys, *, signatures: bool) -> Stretch:
    edge, above, spelled = Frontier(), b"", speller()
    check = _Signatures(keys) if signatures else None
    for begin in range(start, stop, _BATCH):
        end = min(begin + _BATCH, stop)
        before = Frontier(edge.size, edge.edge)
        told = _passed(tx, begin, end, edge, spelled, check)
        if told is not None and not (told[0] == stop - 1 and told[1]):
            rows = _rows(tx, begin, end)  # once more, to see how far they can be read at all
            told = _compared(rows, begin, before, spelled, check) or (begin + len(rows), b"")
            place = told[0]
            row = rows[place - begin] if place - begin < len(rows) else None
            return Stretch(place - start, [], b"", _named(tx, row, place, keys, check))
        above = told[1] if told else b""
    return Stretch(stop - start, edge.edge, above, None)


def _passed(
    tx: Tx, begin: int, end: int, edge: Frontier, spelled: _Spelled, check: "_Signatures | None"
) -> _Told | None:
    """Compare a batch while it is read. What went wrong reading it is a fault somewhere in it."""
    size = edge.size
    try:
        told = _compared(store.pass_by(tx, begin, end), begin, edge, spelled, check)
    except Exception:  # noqa: BLE001 - the rows are read again, and that says what it was
        return begin, b""
    return (begin, b"") if told is None and edge.size - size < end - begin else told


def _rows(tx: Tx, begin: int, end: int) -> Sequence[Row]:
    """Read a batch; where one row cannot be read, return those before it."""
    try:
        return store.walk(tx, begin, end)
    except Exception as fault:
        if isinstance(classify(fault), StoreUnavailable) and tx.dialect != "sqlite":
            raise
        if end - begin == 1:
            return ()
        middle = (begin + end) // 2
        first = _rows(tx, begin, middle)
        return first if len(first) < middle - begin else [*first, *_rows(tx, middle, end)]


def _compared(
    rows: Iterable[Row], place: int, edge: Frontier, spelled: _Spelled, check: "_Signatures | None"
) -> _Told | None:
    """Compare rows with their leaves, in a loop that has to be fast; `edge` is grown only where all is right."""
    subtrees, size = edge.edge, edge.size
    for row in rows:
        try:
            signature = row[17]
            text = spelled(row)
            leaf = made = sha256(b"\0%b%d:%b," % (text, len(signature), signature)).digest()
        except (TypeError, ValueError):
            return place, b""
        if row[0] != place or (check and not check(row, text)):
            return place, b""
        left = size
        while left & 1:
            leaf = sha256(b"\1" + subtrees.pop() + leaf).digest()
            made += leaf
            left >>= 1
        subtrees.append(leaf)
        size += 1
        if made != row[2]:
            return place, row[2][len(made) :] if row[2].startswith(made) else b""
        place += 1
    edge.size = size
    return None


class _Signatures:
    """Checks signatures by the keys of the house, each key opened once."""

    def __init__(self, keys: Keys) -> None:
        self._keys = {id_: (tenant, Ed25519PublicKey.from_public_bytes(raw)) for id_, (tenant, raw) in keys.items()}

    def __call__(self, row: Row, text: bytes) -> bool:
        """Tell whether a row is signed by a receipt key of its tenant."""
        tenant, key = self._keys.get(row[16], ("", None))
        if key is None or tenant != row[5]:
            return False
        try:
            key.verify(row[17], text)
        except InvalidSignature:
            return False
        return True


def _named(tx: Tx, row: Row | None, place: int, keys: Keys, check: "_Signatures | None") -> Finding:
    """Say what is wrong with a leaf that is known to be wrong."""
    if row is None:
        if store.hashes_of(tx, place):
            return Finding("altered", "it cannot be read any more", place)
        return Finding("missing", "leaf and receipt are gone", place)
    if row[0] != place:
        return Finding("missing", "leaf and receipt are gone", place)
    if row[3] is None:
        return Finding("missing", "the receipt is gone, its leaf is there", place, row[1])
    kind, words = _difference(tx, row, place, keys, check)
    return Finding(kind, words, place, row[1], str(row[4]))


def _difference(tx: Tx, row: Row, place: int, keys: Keys, check: "_Signatures | None") -> _Fault:
    try:
        text = signed_text(row)
        made = sha256(b"\0%b%d:%b," % (text, len(row[17]), row[17])).digest()
        signed = (check or _Signatures(keys))(row, text)
    except (TypeError, ValueError):
        return "altered", "it is not spelled as receipts are"
    if made == row[2][:WIDTH]:
        if check and not signed:
            return "signature", "it is not signed by a receipt key of its tenant"
        return "tree_edited", "a node of the tree was edited"
    other = store.leaf_with(tx, made)
    if other is not None and other[0] != place:
        return "reordered", f"it was written as leaf {other[0]} and stands as leaf {place}"
    if signed:
        return "tree_edited", "the receipt is signed as it stands, its leaf was edited"
    return "altered", "it is not what was written"
