"""A receipt's signed bytes straight from its row: `model.canonical` for those who walk through all of them."""

import json

import msgspec

from ostiary.receipts.model import Receipt, canonical
from ostiary.storage.tx import Row

__all__ = ["receipt_of", "signed_text"]

_STRINGS = msgspec.json.Decoder(list[str])


def signed_text(row: Row) -> bytes:
    """Return the canonical bytes of a row of `store.walk` (tested against `canonical`).

    Raises TypeError or ValueError where the row is not spelled as a receipt's is: one that means the same and is
    written otherwise was written by somebody else.
    """
    (_, _, _, _, id_, tenant, mode, operation, outcome, actor, session, subject, given, at, digest, link, key, _) = row
    reasons = _STRINGS.decode(given)
    plain = '["' + '", "'.join(reasons) + '"]' if reasons else "[]"
    if plain != given and json.dumps(reasons) != given:
        raise ValueError("reasons are spelled otherwise")
    inner = "".join([f"{len(reason)}:{reason}," for reason in reasons])
    when = str(at)
    text = (
        f"18:ostiary.receipt.v1,{len(id_)}:{id_},{len(tenant)}:{tenant},{len(mode)}:{mode},"
        f"{len(operation)}:{operation},{len(outcome)}:{outcome},{len(actor)}:{actor},{len(session)}:{session},"
        f"{len(subject)}:{subject},{len(inner)}:{inner},{len(when)}:{when},{len(digest)}:{digest},{len(link)}:{link},"
        f"{len(key)}:{key},"
    )
    return text.encode("ascii") if text.isascii() else canonical(receipt_of(row))


def receipt_of(row: Row) -> Receipt:
    """Return the receipt of a row of `store.walk`. Raises ValueError where its reasons cannot be read."""
    fields = list(row[4:])
    fields[8] = tuple(_STRINGS.decode(fields[8]))
    return msgspec.structs.replace(Receipt(*fields), seq=row[3])
