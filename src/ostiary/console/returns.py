"""Where a page may send a person afterwards: a place of this host, or of a host that somebody vouches for."""

import re
from collections.abc import Awaitable, Callable

import msgspec

__all__ = ["Returns", "nobody"]

# NOTE: browsers drop tabs and newlines from an address and read `\` as `/`, so `/<tab>/evil` and `/\evil` are hosts.
_PATH = re.compile(r"/(?![/\\])[!\"$-\[\]-~]*\Z|/\Z")
_PLACE = re.compile(r"(https?://[a-z0-9.-]{1,253}(?::[0-9]{1,5})?)(/.*|\Z)", re.DOTALL)
_LONGEST = 2048


async def nobody(address: str) -> bool:
    """Vouch for no other host."""
    return False


class Returns(msgspec.Struct, frozen=True):
    """`origin` is this host's own; `allows` says of a whole address elsewhere whether it is a page of one of ours."""

    origin: str
    allows: Callable[[str], Awaitable[bool]] = nobody

    async def place(self, asked: str) -> str | None:
        """Return the whole address of a place that was asked for, None where nobody may be sent there.

        Neither user names, nor a fragment of its own: the proof is handed back in that.
        """
        if len(asked) > _LONGEST:
            return None
        if asked.startswith("/"):
            return self.origin + asked if _PATH.match(asked) else None
        found = _PLACE.match(asked)
        if found is None or not _PATH.match(found[2] or "/"):
            return None
        whole = found[1] + (found[2] or "/")
        return whole if found[1] == self.origin or await self.allows(whole) else None
