"""The use case that answers a stolen signing key: the key, and every session that it signed, in one transaction."""

import msgspec

from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.keys import service as keys
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Key, Purpose
from ostiary.keys.sealing import Sealer
from ostiary.sessions import store
from ostiary.sessions.model import EndReason
from ostiary.storage.tx import Tx

__all__ = ["RevokedKey", "revoke_key"]


class RevokedKey(msgspec.Struct, frozen=True):
    """A key that verifies nothing any more, and how many living sessions ended with it."""

    key: Key
    sessions: int


def revoke_key(tx: Tx, sealer: Sealer, keyring: Keyring, caller: Caller, key_id: str) -> RevokedKey | Refusal:
    """Revoke a key; what it signed ends with the reason `signing_key_revoked`.

    No check that is sent after the acknowledgement accepts such a session (ruling 10): every one is announced, and
    one that a process signs later, before it hears of the revocation, is dead when its row is read.
    """
    found = keyring.find(key_id)
    signs = found is None or found.purpose is Purpose.SESSION
    ended = store.end_signed_by(tx, key_id, EndReason.KEY_REVOKED, caller.actor) if signs else 0
    revoked = keys.revoke(tx, sealer, keyring, caller, key_id, (f"sessions:{ended}",) if signs else ())
    if isinstance(revoked, Refusal):
        return revoked
    if ended and revoked.revoked_at != tx.now:  # signed since by a process that had not heard of the revocation
        reasons = (EndReason.KEY_REVOKED.value, f"sessions:{ended}")
        tx.emit(Event(EventName.SESSION_END, caller, key_id, reasons=reasons))
    return RevokedKey(revoked, ended)
