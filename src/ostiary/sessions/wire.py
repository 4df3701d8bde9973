"""The signed value that a cookie carries. NOTE: wire format `v1.<id>.<signing key id>.<base64url MAC>`.

The MAC is HMAC-SHA256 (RFC 2104) over `len(id):id:len(key id):key id`, lengths as ASCII decimal byte
counts, so that no two pairs share an input. The id's prefix says which gate it opens (`ses-` browser,
`tok-` bearer, `dev-` device, `svc-` service cookie, `pl-` before login): one kind never works at another.
"""

import hmac

from ostiary.kernel.ids import b64url, is_id, unb64url
from ostiary.kernel.mac import mac
from ostiary.keys.model import Key, Purpose

__all__ = ["LONGEST", "parse", "seal", "verify"]

_VERSION = "v1"
_SEGMENTS = 4
_MAC = 32
LONGEST = 128
"""The longest value that is looked at; a well-formed one has 99 characters."""


def seal(subject: str, key: Key) -> str:
    """Sign an id under a key and return the cookie value."""
    return f"{_VERSION}.{subject}.{key.id}.{b64url(_mac(subject, key))}"


def parse(value: str, prefix: str) -> tuple[str, str, bytes] | None:
    """Split a value into (id, key id, MAC); None when its form or its kind is wrong. Proves nothing."""
    parts = value.split(".") if len(value) <= LONGEST and value.isascii() else []
    if len(parts) != _SEGMENTS or parts[0] != _VERSION:
        return None
    _, subject, key_id, mac = parts
    if not is_id(prefix, subject) or not is_id("sk", key_id):
        return None
    try:
        raw = unb64url(mac)
    except ValueError:
        return None
    return (subject, key_id, raw) if len(raw) == _MAC else None


def verify(parsed: tuple[str, str, bytes], key: Key, purpose: Purpose) -> bool:
    """Tell in constant time whether the MAC is that of `key`, and the key one of that purpose."""
    subject, key_id, mac = parsed
    return key.id == key_id and key.purpose is purpose and hmac.compare_digest(mac, _mac(subject, key))


def _mac(subject: str, key: Key) -> bytes:
    covered = f"{len(subject)}:{subject}:{len(key.id)}:{key.id}"
    return mac(key.secret, covered.encode("ascii"))
