"""Receipts as evidence: verify the signature of a printed line with nothing but the printed public key."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ostiary.receipts.ledger import signature_holds
from ostiary.receipts.model import Receipt

__all__ = ["holds"]

_START = datetime(1970, 1, 1, tzinfo=UTC)


def holds(printed: Mapping[str, Any], public: Mapping[str, str | None]) -> bool:
    """Tell whether a line of `receipts list --json` was signed by the key that `keys list --json` shows for it."""
    fields = {name: printed[name] for name in Receipt.__struct_fields__}
    fields["at"] = (datetime.fromisoformat(printed["at"]) - _START) // timedelta(microseconds=1)
    fields |= {"reasons": tuple(printed["reasons"]), "signature": bytes.fromhex(printed["signature"])}
    return signature_holds(Receipt(**fields), bytes.fromhex(public.get(printed["key"]) or ""))
