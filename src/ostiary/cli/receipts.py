"""`ostiary receipts`: list, show."""

import json

from ostiary.cli.terminal import answer, house, say, table
from ostiary.kernel.clock import instant
from ostiary.kernel.refusals import Refusal
from ostiary.receipts import service
from ostiary.receipts.ledger import signature_holds
from ostiary.receipts.model import Receipt, canonical

__all__ = ["list_receipts", "show"]


def list_receipts(*, most: int = 50, json_: bool = False) -> int:
    """List receipts, newest first.

    Parameters
    ----------
    most
        How many at most.
    json_
        Print one JSON object a line, with every field.
    """
    with house() as opened:
        found = opened.vault.read_now(opened.scope, lambda tx: service.newest(tx, most))
    rows = [_fields(receipt) if json_ else _short(receipt) for receipt in found]
    table(rows, as_json=json_, empty="No receipt yet.")
    return 0


def show(receipt: str, /, *, json_: bool = False) -> int:
    """Show one receipt and whether its signature holds.

    Parameters
    ----------
    receipt
        The receipt's id.
    json_
        Print one JSON object.
    """
    with house() as opened:
        found = opened.vault.read_now(opened.scope, lambda tx: service.find(tx, receipt))
        if isinstance(found, Refusal):
            return answer(found)
        key = opened.keyring.find(found.key)
    holds = key is not None and signature_holds(found, key.public)
    fields = _fields(found) | {"signature_holds": holds, "canonical": canonical(found).decode("utf-8", "replace")}
    if json_:
        say(json.dumps(fields))
    else:
        for name, value in fields.items():
            say(f"{name:18}{value}")
    return 0 if holds else 1


def _short(receipt: Receipt) -> dict[str, object]:
    return {
        "receipt": receipt.id,
        "at": instant(receipt.at),
        "operation": receipt.operation,
        "outcome": receipt.outcome,
        "actor": receipt.actor,
        "subject": receipt.subject,
        "reasons": " ".join(receipt.reasons) or "-",
    }


def _fields(receipt: Receipt) -> dict[str, object]:
    return {
        "seq": receipt.seq,
        "id": receipt.id,
        "tenant": receipt.tenant,
        "mode": receipt.mode,
        "operation": receipt.operation,
        "outcome": receipt.outcome,
        "actor": receipt.actor,
        "session": receipt.session,
        "subject": receipt.subject,
        "reasons": list(receipt.reasons),
        "at": instant(receipt.at),
        "digest": receipt.digest,
        "link": receipt.link,
        "key": receipt.key,
        "signature": receipt.signature.hex(),
    }
