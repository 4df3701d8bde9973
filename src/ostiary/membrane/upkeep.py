"""Collecting what the membrane need not keep any longer."""

from ostiary.kernel.values import SYSTEM, Event, EventName
from ostiary.membrane import store
from ostiary.storage.tx import Tx

__all__ = ["collect"]

_BATCH = 1000
_KEPT = 24 * 3600 * 1_000_000
"""For how long a question and what a session was issued for can be looked up after their time, in microseconds."""


def collect(tx: Tx) -> int:
    """Delete questions and bindings whose time was over a day ago, one batch with one event; return how many."""
    count = store.collect(tx, tx.now - _KEPT, _BATCH)
    if count:
        tx.emit(Event(EventName.MEMBRANE_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count
