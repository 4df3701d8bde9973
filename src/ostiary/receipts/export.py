"""The export: the log as NDJSON for somebody who has nothing but the public keys. Frozen: `ostiary.export.v1`.

The first line says what follows: keys, count, a signed head, and where the export does not begin at the first
leaf, the roots of the complete subtrees before it. Then comes a line a receipt, in order of the tree.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

import msgspec

from ostiary import __version__
from ostiary.kernel.clock import SECOND
from ostiary.kernel.values import Scope
from ostiary.keys.keyring import Keyring
from ostiary.receipts import store
from ostiary.receipts.heads import Head, public_keys, signed_head
from ostiary.receipts.model import Receipt
from ostiary.receipts.rows import receipt_of
from ostiary.receipts.sequencer import frontier
from ostiary.storage.tx import Row, Tx
from ostiary.storage.vault import Vault

__all__ = ["FORMAT", "lines", "read_receipt"]

FORMAT = "ostiary.export.v1"
_BATCH = 1_000
_FIELDS = tuple(name for name in Receipt.__struct_fields__ if name not in {"signature", "seq"})


def lines(vault: Vault, scope: Scope, keyring: Keyring, since: int) -> Iterator[dict[str, object]]:
    """Yield the first line's object, then one for each receipt after the one with sequence number `since`.

    The head is made first and bounds what follows, so a log that grows meanwhile exports as it was. Memory is
    that of one batch. A receipt that is gone is exported as missing, with the hash that its leaf keeps.
    """
    head, first, before = vault.read_now(scope, partial(_bounds, keyring=keyring, since=since))
    yield {
        "format": FORMAT,
        "version": __version__,
        "count": head.size - first,
        "first": first,
        "before": [node.hex() for node in before],
        "head": msgspec.to_builtins(head),
        "keys": [
            {"id": id_, "tenant": tenant, "public": raw.hex()} for id_, (tenant, raw) in public_keys(keyring).items()
        ],
    }
    for start in range(first, head.size, _BATCH):
        stop = min(start + _BATCH, head.size)
        for row in vault.read_now(scope, partial(store.walk, start=start, stop=stop)):
            yield _line(row)


def read_receipt(given: object) -> Receipt:
    """Read a receipt from a line of an export, or from `receipts show --json`. Raises ValueError."""
    if not isinstance(given, dict):
        raise ValueError("a JSON object with the fields of a receipt is expected")  # noqa: TRY004 - what was read is odd
    try:
        at = given["at"] if isinstance(given["at"], int) else _micros(str(given["at"]))
        fields = {name: given[name] for name in _FIELDS} | {"at": at, "signature": bytes.fromhex(given["signature"])}
        return msgspec.convert(fields, Receipt)
    except (KeyError, TypeError, msgspec.MsgspecError) as fault:
        raise ValueError(f"not a receipt: {fault}") from fault


def _bounds(tx: Tx, keyring: Keyring, since: int) -> tuple[Head, int, list[bytes]]:
    head, first = signed_head(tx, keyring), 0
    if since > 0:
        place = store.leaf_of(tx, since)
        first = head.size if place is None else place + 1
    return head, first, frontier(tx, first).edge


def _line(row: Row) -> dict[str, object]:
    if row[3] is None:
        return {"leaf": row[0], "seq": row[1], "missing": True, "hash": row[2][:32].hex()}
    receipt = receipt_of(row)
    fields: dict[str, object] = {name: getattr(receipt, name) for name in _FIELDS}
    return {"leaf": row[0], "seq": receipt.seq, **fields, "signature": receipt.signature.hex()}


def _micros(moment: str) -> int:
    when = datetime.fromisoformat(moment)
    return int(when.replace(microsecond=0).timestamp()) * SECOND + when.microsecond
