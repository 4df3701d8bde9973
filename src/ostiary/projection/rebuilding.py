"""The projection made anew from the truth, beside a server that goes on: what comes late never undoes a revocation."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from ostiary.projection.model import Entry, Mirror, entry_of
from ostiary.projection.truth import Truth
from ostiary.sessions.device.model import DeviceSession

__all__ = ["Filled", "Told", "fill", "sweep"]

Told = Callable[[int], Awaitable[None]]
"""Is told how many sessions have been looked at so far."""


class Filled(msgspec.Struct, frozen=True):
    """What a filling did: `changed` stood otherwise; the sessions `stuck` live, and stand as revoked for good."""

    changed: int
    stuck: tuple[str, ...]


async def fill(truth: Truth, mirror: Mirror, told: Told) -> Filled:
    """Write every session. Raises MirrorUnavailable, StoreUnavailable.

    What was revoked between the reading of a page and its writing is written again: its own publication may be lost
    with all that Redis held.
    """
    looked, changed, stuck, coming = 0, 0, list[str](), asyncio.ensure_future(truth.after(""))
    try:
        while (page := await coming).last:
            coming = asyncio.ensure_future(truth.after(page.last))  # is read while Redis writes
            looked += len(page.sessions)
            written = await mirror.write(_entries(truth, page.sessions))
            again = await mirror.write(_entries(truth, await _ended_meanwhile(truth, page.sessions)))
            changed += written.changed + again.changed
            stuck += await _living(truth, written.kept)
            await told(looked)
    finally:
        coming.cancel()
    return Filled(changed, tuple(stuck))


async def _living(truth: Truth, kept: Sequence[str]) -> list[str]:
    """Return those that still live: the others were revoked while their page was on its way, and stand rightly."""
    states, now = await truth.states(kept), truth.clock()
    return [session for session in kept if session in states and states[session].lives(now)]


async def _ended_meanwhile(truth: Truth, read: list[DeviceSession]) -> list[DeviceSession]:
    alive = [session.id for session in read if not session.revoked_at]
    return [session for session in (await truth.states(alive)).values() if session.revoked_at]


def _entries(truth: Truth, sessions: list[DeviceSession]) -> list[Entry]:
    now = truth.clock()
    entries = (entry_of(session, now) for session in sessions)
    return [entry for entry in entries if not 0 < entry.until <= now // 1000]


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
