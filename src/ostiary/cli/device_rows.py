"""What `ostiary sessions` says of a device's session, in the words and columns of all the others."""

from ostiary.kernel.clock import instant
from ostiary.sessions.device.model import LABEL, OPENED_BY, DeviceSession, Reason

__all__ = ["device_row"]


def device_row(session: DeviceSession, now: int) -> dict[str, object]:
    """Return every field of a device's session at `now`; what does not apply to one is None.

    One whose time has come has ended, whether or not somebody has noted that yet.
    """
    lives = session.lives(now)
    expires = instant(session.expires_at) if session.expires_at else None
    ended_at = 0 if lives else session.revoked_at or session.expires_at
    return {
        "id": session.id,
        "kind": "device",
        "person": session.person,
        "state": "alive" if lives else "ended",
        "because": OPENED_BY if lives else session.reason or Reason.EXPIRED.value,
        "will_end_by": Reason.EXPIRED.value if lives and expires else None,
        "label": LABEL,
        "opened_by": OPENED_BY,
        "created_at": instant(session.created_at),
        "last_seen_at": None,
        "idle_expires_at": None,
        "absolute_expires_at": expires,
        "scopes": None,
        "refreshable_until": None,
        "ended_at": instant(ended_at) if ended_at else None,
    }
