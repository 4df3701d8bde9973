"""The session of a seeded fixture tenant, whose token is a word that everybody knows: the examples are run with it."""

from collections.abc import Iterable

from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.ids import timed_id
from ostiary.kernel.values import Caller, Event, EventName, Mode
from ostiary.keys.model import Purpose
from ostiary.sessions import store, wire
from ostiary.sessions.model import BEARER, Session
from ostiary.sessions.service import Rules, sealed_label
from ostiary.storage.tx import Tx

__all__ = ["seed"]

_LABEL = "Examples of the documentation"
_OPENED_BY = "fixture"


def seed(tx: Tx, rules: Rules, caller: Caller, person: str, token: str, scopes: Iterable[str]) -> str:
    """Open a bearer session of a person, of which only the commitment to `token` is kept; return its id.

    The token has no signature, so nothing finds the session by it: whoever takes such a word looks the session up by
    its ref and compares the commitment. Raises ContractBroken in a live tenant.
    """
    if tx.scope.mode is not Mode.FIXTURE:
        raise ContractBroken("only a fixture tenant may have a session with a known token")
    session_id, ends = timed_id("tok", tx.secrets, tx.now), tx.now + rules.settings.family
    made = Session(
        id=session_id,
        tenant=tx.scope.tenant,
        kind=BEARER,
        person=person,
        key=rules.keyring.active(tx.scope.tenant, Purpose.SESSION).id,
        factor=_OPENED_BY,
        binding=session_id,
        created_at=tx.now,
        absolute_expires_at=min(tx.now + rules.settings.bearer, ends),
        last_seen_at=tx.now,
        csrf_hash="",
        csrf_epoch=0,
        label_sealed=sealed_label(tx, rules, session_id, _LABEL),
        ended_at=0,
        end_reason="",
        commitment=wire.commitment(token),
        scopes=" ".join(sorted(set(scopes))),
        family_began_at=tx.now,
        family_ends_at=ends,
    )
    store.add(tx, made, session_id)
    told = (f"scope:{scope}" for scope in made.scopes.split())
    tx.emit(Event(EventName.SESSION_OPEN, caller, session_id, reasons=(BEARER, f"person:{person}", *told, "seeded")))
    return session_id
