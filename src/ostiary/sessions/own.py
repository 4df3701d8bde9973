"""What a person does with their own sessions, of browsers, programs and devices alike (decision 10)."""

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName
from ostiary.sessions import service as sessions
from ostiary.sessions.device import service as devices
from ostiary.sessions.device.model import Act, Actor, DeviceSession, Reason
from ostiary.sessions.model import EndReason, Session
from ostiary.sessions.service import Rules
from ostiary.storage.tx import Tx

__all__ = ["end", "end_others", "living"]

_USER = "user"


def living(tx: Tx, rules: Rules, person: str) -> list[Session | DeviceSession]:
    """Return all living sessions of a person, newest first."""
    found: list[Session | DeviceSession] = [*sessions.list_live(tx, rules, person), *devices.living_of(tx, person)]
    return sorted(found, key=lambda one: one.created_at, reverse=True)


def end(tx: Tx, caller: Caller, session: str) -> Refusal | None:
    """End one of the caller's sessions; ending it again succeeds. Unknown and foreign ones are refused alike."""
    if not devices.is_device_session(session):
        wanted = session if sessions.is_session(session) else ""
        ended = sessions.end(tx, caller, wanted, EndReason.ENDED_BY_PERSON, person=caller.actor)
        return ended if isinstance(ended, Refusal) else None
    found = devices.find(tx, session)
    if found is None or found.person != caller.actor:
        return tx.refuse(EventName.SESSION_END, caller, session, Code.SESSION_UNKNOWN)
    devices.revoke(tx, _act(caller, Reason.DEVICE_LOGOUT), session)
    return None


def end_others(tx: Tx, rules: Rules, caller: Caller) -> int:
    """End all of the caller's sessions but the one that asks; return how many lived."""
    count = sessions.end_others(tx, rules, caller, caller.session)
    return count + len(devices.revoke_all(tx, _act(caller, Reason.LOGOUT_ALL), caller.actor).sessions)


def _act(caller: Caller, reason: Reason) -> Act:
    return Act(caller, Actor(_USER, caller.actor), reason.value)
