"""Refusals at the door: one receipt each while they are few, counted exactly and written together in a flood.

Ruling 20. What a use case refuses is recorded by itself, one by one; only what never reached a use case
comes here.
"""

from collections import Counter
from functools import partial

from ostiary.kernel.clock import SECOND, Clock
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import ANONYMOUS, Caller, Event, EventName, Outcome, Scope
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault

__all__ = ["RefusalLog"]

_SINGLY_PER_SECOND = 20


class RefusalLog:
    """See `web.door.Recorder`. `flush` writes what was counted and must run once a second and at the end."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault, self._clock = vault, clock
        self._second, self._singly = 0, 0
        self._counted: Counter[tuple[Scope, EventName, str]] = Counter()

    async def refused(self, scope: Scope, event: EventName, caller: Caller, refusal: Refusal) -> Refusal:
        """Leave a receipt now and return the refusal with it, or count it when this second has seen too many."""
        second = self._clock() // SECOND
        if second != self._second:
            self._second, self._singly = second, 0
        self._singly += 1
        if self._singly > _SINGLY_PER_SECOND:
            self._counted[scope, event, refusal.code.value] += 1
            return refusal
        subject = refusal.subject or "-"
        return await self._vault.transact(scope, lambda tx: tx.refuse(event, caller, subject, refusal))

    async def flush(self) -> None:
        """Write one receipt for each kind of refusal that was counted; what cannot be written is kept."""
        for kind in list(self._counted):
            count = self._counted.pop(kind)
            scope, name, code = kind
            event = Event(name, ANONYMOUS, "-", Outcome.REFUSED, (code, f"count:{count}"))
            try:
                await self._vault.transact(scope, partial(Tx.emit, event=event))
            except BaseException:
                self._counted[kind] += count
                raise
