"""Signed tree heads: how many receipts the log had at a moment, and the root over them. Frozen: `ostiary.head.v1`.

A head that was carried elsewhere is what a later log is held against: whoever rewrites the database, with every key
that lies there, cannot rewrite the head too.
"""

import json

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.receipts.sequencer import frontier
from ostiary.storage.tx import Tx

__all__ = [
    "FORMAT",
    "Head",
    "head_bytes",
    "head_holds",
    "public_keys",
    "read_head",
    "read_heads",
    "signed_head",
    "spell",
]

FORMAT = "ostiary.head.v1"


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`root` and `signature` (Ed25519) are hex, `at` microseconds since 1970, `key` the id of the signing key."""

    size: int
    root: str
    at: int
    key: str
    signature: str
    format: str = FORMAT


def head_bytes(head: Head) -> bytes:
    """Return what the signature covers: netstrings of format, size, root in hex, time, key id. NOTE: wire format."""
    texts = (FORMAT, str(head.size), head.root, str(head.at), head.key)
    return b"".join(b"%d:%b," % (len(text.encode()), text.encode()) for text in texts)


def signed_head(tx: Tx, keyring: Keyring) -> Head:
    """Sign the tree as it stands in this transaction, with the active receipt key of its tenant."""
    key, edge = keyring.active(tx.scope.tenant, Purpose.RECEIPT), frontier(tx)
    head = Head(edge.size, edge.root().hex(), tx.now, key.id, "")
    signature = Ed25519PrivateKey.from_private_bytes(key.secret).sign(head_bytes(head))
    return msgspec.structs.replace(head, signature=signature.hex())


def head_holds(head: Head, public: bytes | None) -> bool:
    """Tell whether a head is signed by the key with these 32 public bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public or b"").verify(bytes.fromhex(head.signature), head_bytes(head))
    except (InvalidSignature, ValueError):
        return False
    return head.format == FORMAT


def public_keys(keyring: Keyring) -> dict[str, tuple[str, bytes]]:
    """Return tenant and public bytes of every receipt key, by id.

    They are made from the secrets, which the key-encryption key vouches for; the column beside them could be edited.
    """
    return {
        key.id: (key.tenant, Ed25519PrivateKey.from_private_bytes(key.secret).public_key().public_bytes_raw())
        for key in keyring.all()
        if key.purpose is Purpose.RECEIPT
    }


def spell(head: Head) -> str:
    """Return a head as one line of JSON."""
    return json.dumps(msgspec.to_builtins(head))


def read_head(text: str | bytes) -> Head:
    """Read one head. Raises ValueError."""
    try:
        return msgspec.json.decode(text, type=Head)
    except msgspec.MsgspecError as fault:
        raise ValueError(f"not a signed head: {fault}") from fault


def read_heads(text: str) -> list[Head]:
    """Read heads, one a line. A line that a power cut or a full disk tore is left out. Raises ValueError."""
    return [read_head(line) for line in map(str.strip, text.splitlines()) if line.endswith("}")]
