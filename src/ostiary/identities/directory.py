"""What a directory knows of people by their address: our own tables, or a service over HTTP (the mode `rest`).

The local directory answers inside the transaction that asks (`identities.people`); a remote one is asked between two.
"""

from enum import StrEnum
from typing import Protocol

import msgspec

from ostiary.kernel.values import Scope

__all__ = ["Context", "Directory", "Kind", "Resolved"]


class Kind(StrEnum):
    """What an address is: somebody's, nobody's yet, or one that may not sign in. NOTE: wire format."""

    EXISTING = "existing"
    CREATABLE = "creatable"
    CREATED = "created"
    BLOCKED = "blocked"


class Resolved(msgspec.Struct, frozen=True):
    """What a directory says of an address; `person` is "" for nobody, `reason` why it is blocked."""

    kind: Kind
    person: str = ""
    reason: str = ""


class Context(msgspec.Struct, frozen=True):
    """What is told of somebody who is made now; of one who is there nothing changes (create-only)."""

    preferred_language: str = "en"
    time_zone: str = ""


class Directory(Protocol):
    """A directory elsewhere. Every method raises StoreUnavailable where it cannot answer, or makes no sense."""

    async def resolve(self, scope: Scope, address: str) -> Resolved:
        """Tell what an address is: existing, creatable or blocked. The address is exact, after trimming."""

    async def ensure(self, scope: Scope, address: str, context: Context) -> Resolved:
        """Return who has an address, made where nobody had it: existing, created or blocked."""

    async def exists(self, scope: Scope, person: str) -> bool:
        """Tell whether there is a person of that id."""

    async def block_person(self, scope: Scope, person: str, reason: str) -> bool:
        """Block a person; False where there is none of that id. A repeat succeeds."""

    async def block_address(self, scope: Scope, address: str, reason: str) -> str:
        """Block an address and return whose it is, "" for nobody's. A repeat succeeds."""

    async def reachable(self) -> bool:
        """Tell whether it answers now, for a request that asks it nothing (throttled) and must fail like those that do.

        Asks it something small; changes nothing.
        """
