"""Client data: the browser's own account of a ceremony (Web Authentication Level 3 section 5.8.1)."""

import hmac
import json
from typing import Any, NoReturn

from ostiary.kernel.ids import b64url
from ostiary.passkeys.ceremony import Fault, RelyingParty

__all__ = ["CREATE", "GET", "client_data_fault"]

CREATE, GET = "webauthn.create", "webauthn.get"


def client_data_fault(rp: RelyingParty, kind: str, challenge: bytes, raw: bytes) -> Fault | None:
    """Return the first thing wrong with the client data `raw` for a ceremony of `kind`, or None.

    Refused besides what the standard names: a byte order mark, invalid UTF-8, a member named twice, NaN, and
    a challenge in any but its canonical spelling. `tokenBinding` and unknown members are ignored.
    """
    data = _parse(raw)
    if data is None:
        return Fault.CLIENT_DATA_MALFORMED
    if data["type"] != kind:
        return Fault.TYPE_MISMATCH
    if not hmac.compare_digest(data["challenge"].encode("utf-8", "surrogatepass"), b64url(challenge).encode()):
        return Fault.CHALLENGE_MISMATCH
    if data["origin"] not in rp.origins:
        return Fault.ORIGIN_MISMATCH
    return _frame_fault(rp, crossed=data["crossOrigin"], top=data["topOrigin"])


def _frame_fault(rp: RelyingParty, *, crossed: bool, top: str | None) -> Fault | None:
    if crossed and not rp.cross_origin:
        return Fault.CROSS_ORIGIN_REFUSED
    if top is not None and (not crossed or top not in rp.top_origins):
        return Fault.TOP_ORIGIN_REFUSED
    if crossed and top is None and rp.top_origins:
        return Fault.TOP_ORIGIN_REFUSED
    return None


def _parse(raw: bytes) -> dict[str, Any] | None:
    """Return the members with their types checked and absent ones filled in, or None."""
    try:
        text = raw.decode("utf-8")
        data = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    data = {"crossOrigin": False, "topOrigin": None} | data
    words = all(isinstance(data.get(name), str) for name in ("type", "challenge", "origin"))
    frame = isinstance(data["crossOrigin"], bool) and isinstance(data["topOrigin"], str | None)
    return data if words and frame else None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is named twice")
    return members


def _constant(_: str) -> NoReturn:
    raise ValueError("JSON knows no NaN and no infinity")
