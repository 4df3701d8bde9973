"""`ostiary receipts`: list, show."""

from ostiary.cli.terminal import DEFAULT_TENANT, Count, Number, answer, house, one, table, to_the_second
from ostiary.kernel.clock import instant
from ostiary.kernel.refusals import Refusal
from ostiary.keys.keyring import Keyring
from ostiary.receipts import service
from ostiary.receipts.ledger import signature_holds
from ostiary.receipts.model import Receipt, canonical

__all__ = ["list_receipts", "show"]


def list_receipts(*, most: Count = 50, before: Number = 0, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """List receipts, newest first.

    Each signature is verified; exit code 1 when one does not hold.

    Parameters
    ----------
    most
        How many at most.
    before
        Only those whose sequence number is smaller: the way to the next page.
    tenant
        The tenant's name.
    json_
        Print one JSON object a line, with every field.
    """
    with house(tenant=tenant) as opened:
        found = opened.vault.read_now(opened.scope, lambda tx: service.newest(tx, most, before or service.END))
        holds = [_holds(opened.keyring, receipt) for receipt in found]
        revoked = [_revoked(opened.keyring, receipt) for receipt in found]
    shape = _fields if json_ else _short
    rows = [shape(*triple) for triple in zip(found, holds, revoked, strict=True)]
    table(rows, as_json=json_, empty="No receipt yet.")
    return 0 if all(holds) else 1


def show(receipt: str, /, *, tenant: str = DEFAULT_TENANT, json_: bool = False) -> int:
    """Show one receipt and whether its signature holds.

    Parameters
    ----------
    receipt
        The receipt's id.
    tenant
        The tenant's name.
    json_
        Print one JSON object.
    """
    with house(tenant=tenant) as opened:
        found = opened.vault.read_now(opened.scope, lambda tx: service.find(tx, receipt))
        if isinstance(found, Refusal):
            return answer(found, receipt)
        holds = _holds(opened.keyring, found)
        revoked = _revoked(opened.keyring, found)
    row = _fields(found, holds, revoked) | {"canonical": canonical(found).decode("utf-8", "replace")}
    one(row if json_ else _readable(row), as_json=json_)
    return 0 if holds else 1


def _holds(keyring: Keyring, receipt: Receipt) -> bool:
    key = keyring.find(receipt.key)
    return key is not None and signature_holds(receipt, key.public)


def _revoked(keyring: Keyring, receipt: Receipt) -> int:
    """Return when the key that signed a receipt was revoked, 0 where it was not."""
    key = keyring.find(receipt.key)
    return key.revoked_at if key is not None else 0


def _readable(row: dict[str, object]) -> dict[str, object]:
    reasons = row["reasons"]
    said = " ".join(reasons) if isinstance(reasons, list) else ""
    signed = "yes" if row["signature_holds"] else "NO: this receipt was altered, or its key is not known"
    if row["key_revoked_at"]:
        signed += ", by a key that was revoked: whoever stole it could have signed this"
    return {name: value or "-" for name, value in (row | {"reasons": said, "signature_holds": signed}).items()}


def _short(receipt: Receipt, holds: bool, revoked: int) -> dict[str, object]:  # noqa: FBT001 - a verdict beside its receipt
    return {
        "seq": receipt.seq,
        "receipt": receipt.id,
        "at": to_the_second(instant(receipt.at)),
        "operation": receipt.operation,
        "outcome": (receipt.outcome + " (key revoked)" * bool(revoked)) if holds else "SIGNATURE DOES NOT HOLD",
        "actor": receipt.actor,
        "subject": receipt.subject,
        "reasons": " ".join(receipt.reasons) or "-",
    }


def _fields(receipt: Receipt, holds: bool, revoked: int) -> dict[str, object]:  # noqa: FBT001 - as above
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
        "signature_holds": holds,
        "key_revoked_at": instant(revoked) if revoked else None,
    }
