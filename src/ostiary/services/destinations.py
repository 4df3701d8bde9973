"""Where a browser may be sent: an address as text becomes a scheme, a host and a path, or nothing at all.

A list of what may stand there, never of what may not: whatever two readers could take for different hosts is no
address here. Whether the host is registered is asked afterwards.
"""

import re

import msgspec

__all__ = ["Destination", "destination", "is_loopback", "is_path", "scheme_of"]

_PATH = r"/[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*"
_LOCAL = re.compile(_PATH)
_WHOLE = re.compile(rf"(https?)://([a-z0-9][a-z0-9.-]*(?::[1-9][0-9]{{0,4}})?)({_PATH})?")
_LOOPBACK = re.compile(r"(?:[a-z0-9.-]+\.)?localhost|127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}")
_LONGEST = 2048


class Destination(msgspec.Struct, frozen=True):
    """A page on a host. `host` has its port where one stands in the address."""

    scheme: str
    host: str
    path: str

    @property
    def url(self) -> str:
        """The whole address."""
        return f"{self.scheme}://{self.host}{self.path}"


def destination(text: str) -> Destination | None:
    """Read an address: https, or http on a loopback name; no user, no backslash, nothing relative."""
    found = _WHOLE.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return None
    made = Destination(found[1], found[2], found[3] or "/")
    safe = made.scheme == "https" or is_loopback(made.host)
    return made if safe and is_path(made.path) else None


def is_path(path: str) -> bool:
    """Tell whether a text is a path on the host where it stands; two slashes would name another host."""
    return len(path) <= _LONGEST and _LOCAL.fullmatch(path) is not None and not path.startswith(("//", "/.ostiary"))


def is_loopback(host: str) -> bool:
    """Tell whether a host, with or without a port, is this machine by name."""
    return _LOOPBACK.fullmatch(host.partition(":")[0]) is not None


def scheme_of(host: str, origin: str) -> str:
    """Return the scheme of a registered host: https, but http on a loopback name where the origin is http too."""
    return "http" if origin.startswith("http:") and is_loopback(host) else "https"
