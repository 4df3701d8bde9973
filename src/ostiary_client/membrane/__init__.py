"""The SDK of the membrane: a method for each operation, on a client that waits and on one that is awaited.

Owns: the requests and answers as types, the refusals as exceptions, which question may be asked twice, and what lies
between a browser's WebAuthn and the membrane's (`ceremonies`). Owns no rule: the server decides. Needs the extra
`ostiary[client]` (httpx2). Called by people who build on Ostiary; docs/sdk.md begins in five lines.
"""

from ostiary_client.membrane.client import AsyncMembrane, Membrane
from ostiary_client.membrane.crossing import Patience
from ostiary_client.membrane.refusals import (
    Conflict,
    Forbidden,
    Malformed,
    MembraneRefusal,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)

__all__ = [
    "AsyncMembrane",
    "Conflict",
    "Forbidden",
    "Malformed",
    "Membrane",
    "MembraneRefusal",
    "NotFound",
    "Patience",
    "Throttled",
    "Unauthenticated",
    "Unavailable",
]
