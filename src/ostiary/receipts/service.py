"""Use cases of receipts: read them. Nobody but the ledger writes one."""

from collections.abc import Iterable

from ostiary.kernel.refusals import Code, Refusal
from ostiary.receipts import store
from ostiary.receipts.model import Receipt
from ostiary.storage.tx import Tx

__all__ = ["END", "find", "newest", "newest_time", "signed_by"]

END = (1 << 63) - 1
"""Above every sequence number."""


def newest(tx: Tx, most: int, before: int = END) -> list[Receipt]:
    """Return up to `most` receipts of the tenant whose sequence number is below `before`, newest first."""
    return store.newest(tx, most, before)


def find(tx: Tx, receipt_id: str) -> Receipt | Refusal:
    """Return one receipt of the tenant."""
    return store.find(tx, receipt_id) or Refusal(Code.RECEIPT_UNKNOWN)


def newest_time(tx: Tx) -> int:
    """Return the time of the newest receipt, 0 where there is none: no clock of ours may read earlier (ruling 7)."""
    return store.newest_time(tx)


def signed_by(tx: Tx, keys: Iterable[str]) -> int:
    """Return how many receipts these keys signed."""
    return store.signed_by(tx, keys)
