"""What our HTTP clients have in common, whatever they speak: how one of ours is made, and Retry-After."""

import re
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

__all__ = ["own", "seconds"]

_TIMEOUT_S = 5.0
_SECONDS = re.compile(r"[0-9]{1,9}")


def own(base: str) -> dict[str, Any]:
    """Return what a client of ours is made with: nothing from the environment, no cookie kept. Raises ValueError."""
    parts = urlsplit(base)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise ValueError("the base is an address like https://id.example.test, without a name or password")
    cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    return {"base_url": base, "cookies": cookies, "timeout": _TIMEOUT_S, "trust_env": False}


def seconds(text: str) -> int:
    """Return the seconds that a Retry-After names (RFC 9110 section 10.2.3), 0 for a date and for what is none."""
    return int(text) if _SECONDS.fullmatch(text) else 0
