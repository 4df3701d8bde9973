"""A receipt's signed bytes straight from its row: `model.canonical` for those who walk through all of them."""

import json
from collections.abc import Callable

import msgspec

from ostiary.receipts.model import Receipt, canonical
from ostiary.storage.tx import Row

__all__ = ["receipt_of", "signed_text", "speller"]

_STRINGS = msgspec.json.Decoder(list[str])
_KEPT = 4_096


class _Kept(dict[str, str]):
    """A netstring for each of the few texts that stand in row after row."""

    def __init__(self, spelled: Callable[[str], str]) -> None:
        self._spelled = spelled

    def __missing__(self, given: str) -> str:
        if len(self) >= _KEPT:
            self.clear()
        made = self[given] = self._spelled(given)
        return made


class _Lengths(dict[int, str]):
    """The beginning of a netstring by its length: quicker to look up than to spell."""

    def __missing__(self, length: int) -> str:
        made = f"{length}:"
        if length < _KEPT:
            self[length] = made
        return made


def speller() -> Callable[[Row], bytes]:
    """Return a function that gives the canonical bytes of a row of `store.walk` (tested against `canonical`).

    It raises TypeError or ValueError where the row is not spelled as a receipt's is: one that means the same and is
    written otherwise was written by somebody else. What repeats from row to row is spelled once: a function for
    each walk, as that memory is its own.
    """
    same, inner, long = _Kept(_netstring), _Kept(_inner), _Lengths()

    def spelled(row: Row) -> bytes:
        (id_, tenant, mode, operation, outcome, actor, session, subject, reasons, at, digest, link, key) = row[4:17]
        when = str(at)
        text = (
            f"18:ostiary.receipt.v1,{long[len(id_)]}{id_},{same[tenant]}{same[mode]}{same[operation]}{same[outcome]}"
            f"{long[len(actor)]}{actor},{long[len(session)]}{session},{long[len(subject)]}{subject},{inner[reasons]}"
            f"{long[len(when)]}{when},{long[len(digest)]}{digest},{long[len(link)]}{link},{same[key]}"
        )
        return text.encode("ascii") if text.isascii() else canonical(receipt_of(row))

    return spelled


def signed_text(row: Row) -> bytes:
    """Return the canonical bytes of one row; see `speller`."""
    return speller()(row)


def receipt_of(row: Row) -> Receipt:
    """Return the receipt of a row of `store.walk`. Raises ValueError where its reasons cannot be read."""
    fields = list(row[4:])
    fields[8] = tuple(_STRINGS.decode(fields[8]))
    return msgspec.structs.replace(Receipt(*fields), seq=row[3])


def _inner(given: str) -> str:
    """Return reasons as canonical bytes have them, given as JSON in the one spelling of `store.add`."""
    reasons = _STRINGS.decode(given)
    if json.dumps(reasons) != given:
        raise ValueError("reasons are spelled otherwise")
    return _netstring("".join(map(_netstring, reasons)))


def _netstring(text: str) -> str:
    return f"{len(text)}:{text},"
