"""The projection made anew from the truth, beside a server that goes on: what comes late never undoes a revocation."""

import asyncio
from collections.abc import Awaitable, Callable

from ostiary.projection.model import Mirror, entry_of
from ostiary.projection.truth import Truth

__all__ = ["Told", "fill", "sweep"]

Told = Callable[[int], Awaitable[None]]
"""Is told how many sessions have been looked at so far."""


async def fill(truth: Truth, mirror: Mirror, told: Told) -> int:
    """Write every session; return how many stood otherwise. Raises MirrorUnavailable, StoreUnavailable."""
    looked, changed, coming = 0, 0, asyncio.ensure_future(truth.after(""))
    try:
        while (page := await coming).last:
            coming = asyncio.ensure_future(truth.after(page.last))  # is read while Redis writes
            looked, now = looked + len(page.sessions), truth.clock()
            entries = [entry_of(session, now) for session in page.sessions]
            changed += await mirror.write([entry for entry in entries if not 0 < entry.until <= now // 1000])
            await told(looked)
    finally:
        coming.cancel()
    return changed


async def sweep(truth: Truth, mirror: Mirror) -> int:
    """Remove the sessions that the truth does not know; return how many. Raises like `fill`.

    A session is in the truth before it is in Redis, so none that opens meanwhile is taken for unknown.
    """
    cursor, gone = 0, 0
    while True:
        cursor, held = await mirror.scan(cursor)
        known = await truth.states(held)
        gone += await mirror.remove([session for session in held if session not in known], truth.clock())
        if not cursor:
            return gone
