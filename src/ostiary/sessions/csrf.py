"""The CSRF token of a session: HMAC(csrf key, session id, epoch); its SHA-256 stands on the row (ruling 5)."""

import hashlib
import hmac

from ostiary.kernel.ids import b64url
from ostiary.kernel.mac import mac
from ostiary.keys.model import Key

__all__ = ["digest", "matches", "token"]


def token(key: Key, session: str, epoch: int) -> str:
    """Return the token; whoever holds the session's cookie may have it again at any time."""
    covered = f"{len(session)}:{session}:{epoch}".encode("ascii")
    return b64url(mac(key.secret, covered))


def digest(value: str) -> str:
    """Return what the row keeps: SHA-256 in hex."""
    return hashlib.sha256(value.encode()).hexdigest()


def matches(presented: str, kept: str) -> bool:
    """Compare a presented token with a row's digest in constant time."""
    return hmac.compare_digest(digest(presented), kept)
