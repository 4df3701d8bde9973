"""Verify an export of Ostiary's log, with nothing but this file and the package `cryptography`.

    python -m ostiary_client.verifier EXPORT [--head HEAD] [--keys FILE]

It recomputes the tree (RFC 6962) from the receipts as they are written, checks the signature of each and of the head,
and that what an older head was signed over is the beginning of what is here. Exit code 0: all of it holds; 1: something
does not, and the first fault is named; 2: a file cannot be read.

NOTE: whoever makes up a log makes up its keys: without --keys the verdict is only that the export agrees with itself.
FILE holds keys that reached you by another way: JSON lines {"id": …, "tenant": …, "public": 64 hex digits}, or the
first line of an export that you trust.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

__all__ = ["Wrong", "main", "verify"]

_BEFORE = ("id", "tenant", "mode", "operation", "outcome", "actor", "session", "subject")
_AFTER = ("at", "digest", "link", "key")
"""The fields that a receipt's signature covers, before its reasons and after them, each as a netstring."""

_Keys = dict[str, tuple[str, Ed25519PublicKey]]


class Wrong(Exception):
    """What does not hold, in words."""


class _Edge:
    """The roots of the complete subtrees of what was read so far, left to right: `size` in binary says which."""

    def __init__(self, size: int, roots: Iterable[bytes]) -> None:
        self.size, self.roots = size, list(roots)
        if len(self.roots) != size.bit_count():
            raise Wrong(f"a tree of {size} leaves does not have {len(self.roots)} complete subtrees")

    def append(self, data: bytes) -> None:
        node, left = sha256(b"\0" + data).digest(), self.size
        while left & 1:
            node, left = sha256(b"\1" + self.roots.pop() + node).digest(), left >> 1
        self.roots.append(node)
        self.size += 1

    def root(self) -> str:
        node = self.roots[-1] if self.roots else sha256(b"").digest()
        for left in self.roots[-2::-1]:
            node = sha256(b"\1" + left + node).digest()
        return node.hex()


def verify(lines: Iterable[bytes | str], older: list[dict[str, Any]], pinned: _Keys | None = None) -> dict[str, Any]:
    """Verify an export line by line, against older heads. Returns what was found; raises Wrong, ValueError."""
    rows = iter(lines)
    first = _first(rows)
    keys = read_keys(first["keys"]) if pinned is None else pinned
    head, start = first["head"], first["first"]
    _check_head(head, keys)
    if head["size"] - start != first["count"]:
        raise Wrong(f"the head speaks of {head['size'] - start} receipts, the first line of {first['count']}")
    wanted: dict[int, str] = {}
    for one in older:
        _check_head(one, keys)
        if not start <= one["size"] <= head["size"]:
            what = "the export is cut, or older" if one["size"] > head["size"] else "the export begins after it"
            raise Wrong(f"the older head speaks of {one['size']} receipts, not {start} to {head['size']}: {what}")
        if wanted.setdefault(one["size"], one["root"]) != one["root"]:
            raise Wrong(f"two heads of {one['size']} receipts differ: the log was shown in two ways")
    edge = _Edge(start, [bytes.fromhex(node) for node in first["before"]])
    _compare(edge, wanted)
    for text in rows:
        _take(edge, _line(text), keys)
        _compare(edge, wanted)
    if edge.size != head["size"]:
        raise Wrong(f"{edge.size - start} receipts are here, the head speaks of {first['count']}: the end is missing")
    if edge.root() != head["root"]:
        raise Wrong("the receipts are not those over which the head was signed: one is missing, altered or moved")
    return {"receipts": first["count"], "size": edge.size, "root": head["root"], "at": head["at"], "older": len(older)}


def read_keys(given: Iterable[dict[str, Any]]) -> _Keys:
    """Read keys. Raises ValueError, KeyError."""
    read = Ed25519PublicKey.from_public_bytes
    return {one["id"]: (one["tenant"], read(bytes.fromhex(one["public"]))) for one in given}


def _first(rows: Iterator[bytes | str]) -> dict[str, Any]:
    first = _line(next(rows, "null"))
    if not isinstance(first, dict) or first.get("format") != "ostiary.export.v1":
        raise ValueError("not an export: the first line does not say ostiary.export.v1")
    return first


def _take(edge: _Edge, row: dict[str, Any], keys: _Keys) -> None:
    what = f"leaf {edge.size}, receipt {row.get('id', '?')}"
    if row["leaf"] != edge.size:
        raise Wrong(f"{what}: leaf {row['leaf']} stands where {edge.size} is due: one is missing, inserted or moved")
    if row.get("missing"):
        raise Wrong(f"{what}: it was gone when the export was made")
    signed, signature = _signed(row), bytes.fromhex(row["signature"])
    tenant, key = keys.get(row["key"], ("", None))
    if key is None:
        raise Wrong(f"{what}: nobody vouches for its key {row['key']}")
    if tenant != row["tenant"] or not _holds(key, signature, signed):
        raise Wrong(f"{what}: its signature does not hold")
    edge.append(signed + _netstring(signature))


def _compare(edge: _Edge, wanted: dict[int, str]) -> None:
    if edge.size in wanted and edge.root() != wanted[edge.size]:
        raise Wrong(f"the first {edge.size} receipts are not those over which the older head was signed")


def _check_head(head: dict[str, Any], keys: _Keys) -> None:
    if head["format"] != "ostiary.head.v1":
        raise ValueError(f"not a head that is known here: {head['format']}")
    _, key = keys.get(head["key"], ("", None))
    covered = b"".join(_netstring(str(head[name]).encode()) for name in ("format", "size", "root", "at", "key"))
    if key is None or not _holds(key, bytes.fromhex(head["signature"]), covered):
        why = "that nobody vouches for: after a rotation, get it by another way" if key is None else "and does not hold"
        raise Wrong(f"the head of {head['size']} receipts is signed by {head['key']}, {why}")


def _holds(key: Ed25519PublicKey, signature: bytes, covered: bytes) -> bool:
    with suppress(InvalidSignature):
        key.verify(signature, covered)
        return True
    return False


def _signed(row: dict[str, Any]) -> bytes:
    reasons = b"".join(_netstring(reason.encode()) for reason in row["reasons"])
    before, after = (b"".join(_netstring(str(row[name]).encode()) for name in part) for part in (_BEFORE, _AFTER))
    return _netstring(b"ostiary.receipt.v1") + before + _netstring(reasons) + after


def _netstring(value: bytes) -> bytes:
    return b"%d:%b," % (len(value), value)


def _heads(path: Path) -> list[dict[str, Any]]:
    lines = map(str.strip, path.read_text("utf-8").splitlines())  # a full disk tears lines
    if not (found := [_line(line) for line in lines if line.endswith("}")]):
        raise ValueError(f"there is no head in {path}")
    return found


def _line(text: bytes | str) -> Any:  # noqa: ANN401 - any line
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(made := dict(pairs)) < len(pairs):  # one reader takes the first of two, another the last
        raise Wrong(f"a name stands twice in a line: {', '.join(name for name, _ in pairs)}")
    return made


def _pinned(path: Path) -> _Keys:
    lines = map(_line, path.read_text("utf-8").splitlines())
    if not (keys := read_keys(key for one in lines for key in one.get("keys", [one] if "public" in one else []))):
        raise ValueError(f"there is no public key in {path}")
    return keys


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code."""
    reader = argparse.ArgumentParser("ostiary_client.verifier", description="Verify an export of Ostiary's log.")
    reader.add_argument("export", type=Path, help="the export, NDJSON")
    reader.add_argument("--head", type=Path, help="an older signed head, or a file of them, a line each")
    reader.add_argument("--keys", type=Path, help="public keys that reached you by another way")
    given = reader.parse_args(arguments)
    try:
        older = _heads(given.head) if given.head else []
        pinned = _pinned(given.keys) if given.keys else None
        with given.export.open("rb") as lines:
            found = verify(lines, older, pinned)
    except Wrong as fault:
        sys.stdout.write(f"WRONG  {fault}\n")
        return 1
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as fault:
        sys.stderr.write(f"cannot be read: {type(fault).__name__}: {fault}\n")
        return 2
    vouched = "pinned" if pinned else "from the export itself: it agrees with itself, whoever made it"
    said = f"holds  {found['receipts']} receipts, {found['size']} in the log, root {found['root']}\n"
    sys.stdout.write(f"{said}heads  the export's own, and {found['older']} older\nkeys   {vouched}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
