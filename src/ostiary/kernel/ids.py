"""Opaque ids: a kind prefix and 16 bytes, and the base64url that carries them."""

import binascii
import os
import re
from collections.abc import Callable

__all__ = ["Secrets", "b64url", "digits", "is_id", "new_id", "system_secrets", "timed_id", "unb64url"]

Secrets = Callable[[int], bytes]
"""A source of randomness: number of bytes in, that many unpredictable bytes out."""


def system_secrets(count: int) -> bytes:
    """Return random bytes of the operating system: the `Secrets` of every real server."""
    return os.urandom(count)


_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_BODY = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]\Z")


def b64url(data: bytes) -> str:
    """Encode as base64url without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL).decode("ascii")


def unb64url(text: str) -> bytes:
    """Decode unpadded base64url strictly: one spelling per value.

    Raises ValueError on padding, foreign characters, impossible lengths and non-zero spare bits.
    """
    if not text.isascii() or "=" in text or "+" in text or "/" in text:
        raise ValueError("not base64url")
    try:
        padded = text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4)
        data = binascii.a2b_base64(padded, strict_mode=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if b64url(data) != text:
        raise ValueError("not canonical base64url")
    return data


def new_id(prefix: str, secrets: Secrets) -> str:
    """Return `prefix-` and 22 base64url characters of 16 random bytes."""
    return f"{prefix}-{b64url(secrets(16))}"


def timed_id(prefix: str, secrets: Secrets, at: int) -> str:
    """Return an id of the same form for the large tables: 5 bytes of the time `at` (microseconds), 11 random ones.

    What is made soon after one another (the unit is 256 µs) stands almost side by side in an index, and a group of
    rows touches a few pages of it instead of one each (decision 15). Such an id opens nothing: what a cookie
    carries is signed. The time comes round in nine years, which harms nothing.
    """
    return f"{prefix}-{b64url((at >> 8 & 0xFFFFFFFFFF).to_bytes(5, 'big') + secrets(11))}"


def digits(count: int, secrets: Secrets) -> str:
    """Return so many random decimal digits, all but equally likely: 16 bytes leave no bias that anybody could see."""
    return f"{int.from_bytes(secrets(16)) % 10**count:0{count}}"


def is_id(prefix: str, text: str) -> bool:
    """Tell whether `text` is an id of that kind, in its only spelling."""
    return text.startswith(prefix + "-") and _BODY.match(text, len(prefix) + 1) is not None
