"""A receipt, and the canonical bytes that are signed. The byte format is frozen: `ostiary.receipt.v1`."""

from collections.abc import Iterable

import msgspec

__all__ = ["Receipt", "canonical"]

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


def canonical(receipt: Receipt) -> bytes:
    """Return the bytes that the signature covers: netstrings (`length:bytes,`) in this order, no separator games.

    NOTE: wire format. Domain label, id, tenant, mode, operation, outcome, actor, session, subject, the
    reasons as one netstring of netstrings, time in decimal, digest, link, key id.
    """
    r = receipt
    reasons = _netstrings(reason.encode() for reason in r.reasons)
    texts = [r.id, r.tenant, r.mode, r.operation, r.outcome, r.actor, r.session, r.subject]
    tail = [str(r.at), r.digest, r.link, r.key]
    return _netstrings([_DOMAIN, *map(str.encode, texts), reasons, *map(str.encode, tail)])


def _netstrings(values: Iterable[bytes]) -> bytes:
    return b"".join(b"%d:%b," % (len(value), value) for value in values)
