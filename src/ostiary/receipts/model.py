"""A receipt, and the canonical bytes that are signed. The byte format is frozen: `ostiary.receipt.v1`."""

from pathlib import Path

import msgspec

from ostiary.kernel.clock import MINUTE

__all__ = ["LogSettings", "Receipt", "canonical", "leaf_bytes"]

_DOMAIN = b"ostiary.receipt.v1"


class Receipt(msgspec.Struct, frozen=True):
    """The durable record of one operation and its outcome.

    `at` is in microseconds since 1970, `digest` the keyed digest of the request (hex, may be empty),
    `link` the id of the receipt that this one completes, `key` the id of the signing key.
    """

    id: str
    tenant: str
    mode: str
    operation: str
    outcome: str
    actor: str
    session: str
    subject: str
    reasons: tuple[str, ...]
    at: int
    digest: str
    link: str
    key: str
    signature: bytes = b""
    seq: int = 0


class LogSettings(msgspec.Struct, frozen=True):
    """Where signed heads go besides standard output, and how often, in microseconds, while the log grows."""

    head_file: Path | None = None
    head_webhook: str = ""
    head_every: int = MINUTE


def canonical(receipt: Receipt) -> bytes:
    """Return the bytes that the signature covers: netstrings (`length:bytes,`) in this order, no separator games.

    NOTE: wire format. Domain label, id, tenant, mode, operation, outcome, actor, session, subject, the
    reasons as one netstring of netstrings, time in decimal, digest, link, key id.
    """
    r = receipt
    reasons = _netstrings([reason.encode() for reason in r.reasons])
    texts = [r.id, r.tenant, r.mode, r.operation, r.outcome, r.actor, r.session, r.subject]
    tail = [str(r.at), r.digest, r.link, r.key]
    return _netstrings([_DOMAIN, *map(str.encode, texts), reasons, *map(str.encode, tail)])


def leaf_bytes(signed: bytes, signature: bytes) -> bytes:
    """Return what a receipt is in the tree: its canonical bytes, then its signature as one netstring more."""
    return b"%b%d:%b," % (signed, len(signature), signature)


def _netstrings(values: list[bytes]) -> bytes:
    return b"".join([b"%d:%b," % (len(value), value) for value in values])
