"""Cookies: finding one in a Cookie header, and writing `__Host-` ones (RFC 6265bis section 4.1.3.2)."""

__all__ = ["CSRF", "PRELOGIN", "SERVICE", "SESSION", "Twice", "clear_cookie", "find_cookie", "set_cookie"]

SESSION = "__Host-ostiary_session"
CSRF = "__Host-ostiary_csrf"
SERVICE = "__Host-ostiary_service"
PRELOGIN = "__Host-ostiary_prelogin"

_STOP = b";"
_BLANK = b" \t"


class Twice(Exception):
    """The cookie stands in the request more than once: nobody can tell which one was meant."""


def find_cookie(header: bytes, name: bytes) -> bytes | None:
    """Return a cookie's value from a Cookie header, None where it is absent. Raises Twice.

    `name` includes the equals sign. Only a name at the start of a pair counts, never one inside a value.
    The header is not copied, and is read once, whatever stands in it: this runs on every check.
    """
    found = None
    start = header.find(name)
    while start >= 0:
        if _begins(header, start):
            if found is not None:
                raise Twice
            end = header.find(_STOP, start)
            found = header[start + len(name) : end if end >= 0 else len(header)].strip(_BLANK)
        start = header.find(name, start + len(name))
    return found


def _begins(header: bytes, start: int) -> bool:
    before = start - 1
    while before >= 0 and header[before] in _BLANK:
        before -= 1
    return before < 0 or header[before] in _STOP


def set_cookie(name: str, value: str, max_age: int, *, samesite: str = "Lax", http_only: bool = True) -> str:
    """Return a Set-Cookie value for the whole host over HTTPS; `max_age` is in seconds."""
    hidden = "; HttpOnly" if http_only else ""
    return f"{name}={value}; Path=/; Max-Age={max_age}; Secure{hidden}; SameSite={samesite}"


def clear_cookie(name: str, *, samesite: str = "Lax", http_only: bool = True) -> str:
    """Return the Set-Cookie value that removes a cookie of `set_cookie`."""
    return set_cookie(name, "", 0, samesite=samesite, http_only=http_only)
