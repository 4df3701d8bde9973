"""The projection made anew from the truth, beside a server that goes on: what comes late never undoes a revocation."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from ostiary.kernel.clock import Clock
from ostiary.kernel.values import Scope
from ostiary.projection.model import Mirror, entry_of
from ostiary.sessions.device import service as devices
from ostiary.sessions.device.model import DeviceSession
from ostiary.storage.vault import Vault

__all__ = ["Told", "Truth", "fill", "sweep"]

_AT_ONCE = 500

Told = Callable[[int], Awaitable[None]]
"""Is told how many sessions have been looked at so far."""


class Truth(msgspec.Struct, frozen=True):
    """Where the sessions of all tenants are read, a batch at a time, however many there are."""

    vault: Vault
    scope: Scope
    clock: Clock

    async def after(self, last: str) -> list[DeviceSession]:
        """Return the next sessions in order of their ids, from the one after `last` on."""
        return await self.vault.read(self.scope, partial(devices.after, last=last, most=_AT_ONCE))

    async def states(self, sessions: Sequence[str]) -> dict[str, DeviceSession]:
        """Return those of these sessions that there are."""
        return await self.vault.read(self.scope, partial(devices.states, sessions=sessions)) if sessions else {}

    async def waiting_of(self, sessions: Sequence[str]) -> set[str]:
        """Return those of these sessions that wait to be published."""
        found = await self.vault.read(self.scope, partial(devices.unpublished_of, sessions=sessions))
        return {mark.session for mark, _ in found}


async def fill(truth: Truth, mirror: Mirror, told: Told) -> int:
    """Write every session; return how many stood otherwise. Raises MirrorUnavailable, StoreUnavailable."""
    last, looked, changed = "", 0, 0
    while found := await truth.after(last):
        last, looked, now = found[-1].id, looked + len(found), truth.clock()
        entries = [entry_of(session, now) for session in found]
        changed += await mirror.write([entry for entry in entries if not 0 < entry.until <= now // 1000])
        await told(looked)
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
