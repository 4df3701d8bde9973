"""The signed value that a cookie carries. NOTE: wire format `v1.<id>.<signing key id>.<base64url MAC>`.

The MAC is HMAC-SHA256 (RFC 2104) over `len(id):id:len(key id):key id`, lengths as ASCII decimal byte
counts, so that no two pairs share an input. The id's prefix says which gate it opens (`ses-` browser,
`tok-` bearer, `dev-` device, `svc-` service cookie, `pl-` before login): one kind never works at another.
"""

import hashlib
import hmac
import re

from ostiary.kernel.ids import b64url
from ostiary.kernel.mac import mac
from ostiary.keys.model import Key, Purpose

__all__ = ["BEARER", "LONGEST", "commitment", "committed", "parse", "seal", "verify"]

_VERSION = "v1"
_BODY, _LAST = "[A-Za-z0-9_-]{21}[AQgw]", "[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]"  # 16 and 32 bytes, no spare bit set
_FORM = re.compile(rf"{_VERSION}\.([a-z]+-{_BODY})\.(sk-{_BODY})\.({_LAST})")
LONGEST = 128
"""The longest value that is looked at; a well-formed one has 99 characters."""
BEARER = ";"
"""Stands before a bearer token where liveness is asked. No cookie's value can begin with it."""


def seal(subject: str, key: Key) -> str:
    """Sign an id under a key and return the cookie value."""
    return f"{_VERSION}.{subject}.{key.id}.{_mac(subject, key)}"


def commitment(value: str) -> str:
    """Return what is kept of a value that is shown once: `sha256:` and SHA-256 of it, in hex (ruling 4)."""
    return "sha256:" + hashlib.sha256(value.encode("ascii")).hexdigest()


def committed(kept: str, subject: str, key: Key) -> bool:
    """Tell, in constant time, whether `kept` commits to the value of an id under a key.

    A value that held at `verify` is that value to the last bit: its form leaves none to spare.
    """
    return hmac.compare_digest(kept, commitment(seal(subject, key)))


def parse(value: str, prefix: str) -> tuple[str, str, str] | None:
    """Split a value into (id, key id, MAC); None when its form or its kind is wrong. Proves nothing."""
    found = _FORM.fullmatch(value) if len(value) <= LONGEST else None
    if found is None:
        return None
    subject, key, given = found.groups()
    return (subject, key, given) if subject.startswith(prefix) and subject[len(prefix)] == "-" else None


def verify(parsed: tuple[str, str, str], key: Key, purpose: Purpose) -> bool:
    """Tell in constant time whether the MAC is that of `key`, and the key one of that purpose."""
    subject, key_id, given = parsed
    return key.id == key_id and key.purpose is purpose and hmac.compare_digest(given, _mac(subject, key))


def _mac(subject: str, key: Key) -> str:
    covered = f"{len(subject)}:{subject}:{len(key.id)}:{key.id}"
    return b64url(mac(key.secret, covered.encode("ascii")))
