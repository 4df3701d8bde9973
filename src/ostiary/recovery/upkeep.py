"""Collecting what recovery need not keep any longer."""

from ostiary.kernel.values import SYSTEM, Event, EventName
from ostiary.recovery import store
from ostiary.recovery.model import DAY
from ostiary.storage.tx import Tx

__all__ = ["collect"]

_BATCH = 1000


def collect(tx: Tx) -> int:
    """Delete attempts that began two days ago, a batch of them; return how many. Runs and policies are evidence."""
    count = store.collect(tx, tx.now - 2 * DAY, _BATCH)
    if count:
        tx.emit(Event(EventName.RECOVERY_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count
