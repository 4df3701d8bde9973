"""The truth as the projection needs it: the sessions that gateways may accept, and what waits to be told to them."""

from collections.abc import Sequence
from functools import partial

import msgspec

from ostiary.identities import service as identities
from ostiary.kernel.clock import Clock
from ostiary.kernel.values import Mode, Scope
from ostiary.sessions.device import service as devices
from ostiary.sessions.device.model import DeviceSession
from ostiary.storage.snapshots import Mark
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault

__all__ = ["Page", "Truth", "Waiting"]

_AT_ONCE = 500

Waiting = list[tuple[Mark, DeviceSession | None]]
"""Marks, each with its session as it is by now; None where none is to stand there."""


class Page(msgspec.Struct, frozen=True):
    """Some sessions in order of their ids; `last` is where to go on, "" after all."""

    last: str
    sessions: list[DeviceSession]


class Truth:
    """Reads the sessions of all tenants of the served mode, a batch at a time, however many there are.

    A gateway knows no tenants. A live one must accept no session of a fixture, whose codes a program may read; so
    what it reads has none.
    """

    def __init__(self, vault: Vault, scope: Scope, clock: Clock) -> None:
        self.vault, self.scope, self.clock = vault, scope, clock
        self._modes: dict[str, Mode] = {}

    async def after(self, last: str) -> Page:
        """Return the next sessions in order of their ids, from the one after `last` on ("" for all)."""
        return await self.vault.read(self.scope, partial(self._after, last=last))

    async def states(self, sessions: Sequence[str]) -> dict[str, DeviceSession]:
        """Return those of these sessions that are to stand there, by id."""
        names = _plausible(sessions)
        return await self.vault.read(self.scope, partial(self._states, sessions=names)) if names else {}

    async def waiting(self) -> Waiting:
        """Return some that wait to be published, those that have waited longest first."""
        return await self.vault.read(self.scope, self._waiting)

    async def waiting_of(self, sessions: Sequence[str]) -> Waiting:
        """Return those of these sessions that wait to be published."""
        return await self.vault.read(self.scope, partial(self._waiting_of, sessions=_plausible(sessions)))

    def _after(self, tx: Tx, last: str) -> Page:
        found = devices.after(tx, last, _AT_ONCE)
        return Page(found[-1].id if found else "", [session for session in found if self._shown(tx, session)])

    def _states(self, tx: Tx, sessions: Sequence[str]) -> dict[str, DeviceSession]:
        found = devices.states(tx, sessions)
        return {name: session for name, session in found.items() if self._shown(tx, session)}

    def _waiting(self, tx: Tx) -> Waiting:
        return self._of(tx, devices.waiting(tx, _AT_ONCE))

    def _waiting_of(self, tx: Tx, sessions: Sequence[str]) -> Waiting:
        return self._of(tx, devices.unpublished_of(tx, sessions))

    def _of(self, tx: Tx, found: Waiting) -> Waiting:
        return [(mark, session if session and self._shown(tx, session) else None) for mark, session in found]

    def _shown(self, tx: Tx, session: DeviceSession) -> bool:
        """Tell whether its tenant is of the served mode; a tenant keeps the mode that it was made with."""
        if session.tenant not in self._modes:
            self._modes = {scope.tenant: scope.mode for scope in identities.tenant_scopes(tx)}
        return self._modes.get(session.tenant) is self.scope.mode


def _plausible(sessions: Sequence[str]) -> list[str]:
    """Return those that may be ids: Redis may hold names of any bytes, which SQL need not take."""
    return [name for name in sessions if name.isascii() and name.isprintable()]
