"""Use cases of signed requests: judge one, reserve its id, forget ids that could not come again.

A request is judged on a snapshot and reserved in a transaction of its own, so that no forged one ever waits for the
writer. The reservation looks at the session once more: what was revoked meanwhile is refused.
"""

from ostiary.kernel.refusals import Code, Refusal
from ostiary.sessions.device import envelope as wire
from ostiary.sessions.device import service, store
from ostiary.sessions.device.envelope import Envelope
from ostiary.sessions.device.model import DeviceSession
from ostiary.storage.tx import Tx

__all__ = ["collect", "judge", "reserve"]

_BATCH = 1000


def judge(tx: Tx, envelope: Envelope) -> DeviceSession | Refusal:
    """Return the session whose device has signed an envelope just now; changes nothing, so it may have come before."""
    refused = wire.misshapen(envelope)
    if refused is not None:
        return refused
    session = service.find(tx, envelope.device_session_id)
    return wire.verify(envelope, session, tx.now) or session or Refusal(Code.DEVICE_SESSION_INACTIVE)


def reserve(tx: Tx, envelope: Envelope) -> Refusal | None:
    """Let a judged envelope in, the first time that it comes: of many at once, on whichever node, exactly one.

    Its id is remembered for as long as it could pass for fresh. It is bookkeeping and leaves no receipt, like a check.
    """
    session = service.find(tx, envelope.device_session_id)
    if session is None or not session.lives(tx.now):
        return Refusal(Code.DEVICE_SESSION_INACTIVE)
    until = (envelope.timestamp_ms + wire.REMEMBERED_MS) * 1000
    if not store.reserve(tx, session.id, envelope.request_id, until):
        return Refusal(Code.DEVICE_REQUEST_REPLAYED, subject=session.id)
    return None


def collect(tx: Tx) -> int:
    """Forget a batch of ids whose requests are stale by any clock; return how many."""
    return store.forget_requests(tx, tx.now, _BATCH)
