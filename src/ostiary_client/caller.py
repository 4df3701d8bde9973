"""Who calls, as a service is told: an opaque caller, never a person. Read off the answer headers of the check."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["OURS", "SESSION", "Caller", "Refused", "caller_from", "without_ours"]

SESSION = b"__Host-ostiary_session"
"""The cookie of the authority's own host."""

OURS = (SESSION, b"__Host-ostiary_csrf", b"__Host-ostiary_service", b"__Host-ostiary_prelogin")
"""The cookies that no application should see."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A living session, as this service sees it.

    `reference` are 32 hex digits that mean this session to this service only; compare `epoch` with it. `expires`
    is when the session ends at the latest, in seconds since 1970. `disclosed` holds what was asked for and allowed.
    """

    kind: str
    reference: str
    epoch: int
    expires: int
    scopes: frozenset[str] = frozenset()
    disclosed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody is let in.

    `status` is 401, 403 where the service may not have this caller, or 503 where the authority could not be asked;
    `challenge` is the value of WWW-Authenticate (RFC 6750 section 3) and may be empty.
    """

    status: int
    challenge: str = ""


def caller_from(headers: Mapping[str, str]) -> Caller:
    """Read a caller off the headers of an admitted check. Raises ValueError where one is missing or odd."""
    try:
        kind, reference = headers["ostiary-session"], headers["ostiary-caller"]
        scopes, disclosed = headers["ostiary-scopes"], headers["ostiary-disclosed"]
        epoch, expires = int(headers["ostiary-epoch"]), int(headers["ostiary-expires"])
    except KeyError as missing:
        raise ValueError(f"the check answered without {missing}") from missing
    facts = {} if disclosed == "-" else json.loads(base64.urlsafe_b64decode(disclosed + "=" * (-len(disclosed) % 4)))
    return Caller(kind, reference, epoch, expires, frozenset() if scopes == "-" else frozenset(scopes.split()), facts)


def without_ours(cookie: bytes) -> bytes:
    """Return a Cookie header without the session's own cookies; nothing may be left."""
    pairs = (pair.strip(b" \t") for pair in cookie.split(b";"))
    return b"; ".join(pair for pair in pairs if pair and pair.partition(b"=")[0] not in OURS)
