"""The tables `device_sessions`, `device_limits` and `device_requests`."""

from collections.abc import Iterable, Sequence

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql

from ostiary.sessions.device.model import Act, Actor, DeviceSession
from ostiary.storage.snapshots import Mark, unpublished
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "FIND",
    "active_of",
    "add",
    "after",
    "collect",
    "count_active",
    "device_limits",
    "device_requests",
    "device_session",
    "device_sessions",
    "expired",
    "find",
    "forget_limit",
    "forget_requests",
    "limit",
    "list_of",
    "newest",
    "reserve",
    "revoke",
    "set_limit",
    "states",
    "unpublished_of",
    "waiting",
]

device_sessions = Table(
    "device_sessions",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("client_public_key", String, nullable=False),
    Column("challenge_id", String, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger, nullable=False),
    Column("revoke_reason", String, nullable=False),
    Column("revoke_actor_type", String, nullable=False),
    Column("revoke_actor_id", String, nullable=False),
    Column("revoked_by", String, nullable=False),
    Index("device_sessions_of_person", "tenant_id", "person_id", "created_at"),
    Index("device_sessions_by_expiry", "revoked_at", "expires_at"),
)
device_limits = Table(
    "device_limits",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("most", Integer, nullable=False),
)
device_requests = Table(
    "device_requests",
    METADATA,
    Column("session_id", String, primary_key=True),
    Column("request_id", String, primary_key=True),
    Column("until", BigInteger, nullable=False, index=True),
)

_s, _l, _r = device_sessions.c, device_limits.c, device_requests.c
_FIELDS = select(*_s)
_ACTIVE = (_s.revoked_at == 0, (_s.expires_at == 0) | (_s.expires_at > bindparam("now")))
_OF = (_s.tenant_id == bindparam("tenant"), _s.person_id == bindparam("person"))
_ADD = Statement(postgresql.insert(device_sessions).on_conflict_do_nothing())
FIND = Statement(_FIELDS.where(_s.id == bindparam("session")))
"""One device session of whichever tenant; binds: session."""

_TOGETHER = 100
_STATES = Statement(_FIELDS.where(_s.id.in_([bindparam(f"session_{place}") for place in range(_TOGETHER)])))
_LIST_OF = Statement(_FIELDS.where(*_OF).order_by(_s.created_at.desc(), _s.id.desc()))
_NEWEST = Statement(
    _FIELDS.where(_s.tenant_id == bindparam("tenant"))
    .order_by(_s.created_at.desc(), _s.id.desc())
    .limit(bindparam("most"))
)
_ACTIVE_OF = Statement(_FIELDS.where(*_OF, *_ACTIVE).order_by(_s.created_at.desc(), _s.id.desc()))
_COUNT_ACTIVE = Statement(select(func.count()).select_from(device_sessions).where(*_OF, *_ACTIVE))
_REVOKE = Statement(
    update(device_sessions)
    .where(_s.id == bindparam("session"), _s.tenant_id == bindparam("tenant"), _s.revoked_at == 0)
    .values(
        revoked_at=bindparam("now"),
        revoke_reason=bindparam("reason"),
        revoke_actor_type=bindparam("actor_type"),
        revoke_actor_id=bindparam("actor_id"),
        revoked_by=bindparam("by"),
    )
)
_EXPIRED = Statement(
    _FIELDS.where(
        _s.tenant_id == bindparam("tenant"), _s.revoked_at == 0, _s.expires_at > 0, _s.expires_at <= bindparam("now")
    )
    .order_by(_s.expires_at)
    .limit(bindparam("most"))
)
_AFTER = Statement(_FIELDS.where(_s.id > bindparam("last")).order_by(_s.id).limit(bindparam("most")))
_u = unpublished.c
_MARKED = select(_u.session_id, _u.mark, _u.tenant_id, *_s).select_from(
    unpublished.outerjoin(device_sessions, _u.session_id == _s.id)
)
_WAITING = Statement(_MARKED.order_by(_u.marked_at, _u.session_id).limit(bindparam("most")))
_UNPUBLISHED = Statement(_MARKED.where(_u.session_id == bindparam("session")))
_OLD = select(_s.id).where(_s.revoked_at > 0, _s.revoked_at <= bindparam("before")).limit(bindparam("most"))
_COLLECT = Statement(delete(device_sessions).where(_s.id.in_(_OLD)))
_LIMIT = Statement(select(_l.most).where(_l.tenant_id == bindparam("tenant")))
_NEW_LIMIT = postgresql.insert(device_limits).values(tenant_id=bindparam("tenant"), most=bindparam("most"))
_SET_LIMIT = Statement(
    _NEW_LIMIT.on_conflict_do_update(index_elements=["tenant_id"], set_={"most": _NEW_LIMIT.excluded.most})
)
_FORGET_LIMIT = Statement(delete(device_limits).where(_l.tenant_id == bindparam("tenant")))
_RESERVE = Statement(postgresql.insert(device_requests).on_conflict_do_nothing())
_LAPSED = select(_r.session_id, _r.request_id).where(_r.until <= bindparam("before")).limit(bindparam("most"))
_FORGET_REQUESTS = Statement(delete(device_requests).where(tuple_(_r.session_id, _r.request_id).in_(_LAPSED)))


def _marked(row: Row) -> tuple[Mark, DeviceSession | None]:
    return Mark(*row[:3]), None if row[3] is None else device_session(row[3:])


def device_session(row: Row) -> DeviceSession:
    """Turn a row of FIND into a DeviceSession."""
    id_, tenant, person, key, challenge, created, expires, revoked, reason, actor_type, actor_id, by = row
    actor = Actor(actor_type, actor_id)
    return DeviceSession(id_, tenant, person, key, challenge, created, expires, revoked, reason, actor, by)


def add(tx: Tx, made: DeviceSession) -> bool:
    """Store a new session; False when its challenge has opened one already (ruling 60)."""
    given = {"id": made.id, "tenant_id": made.tenant, "person_id": made.person, "challenge_id": made.challenge}
    key = {"client_public_key": made.client_public_key}
    times = {"created_at": made.created_at, "expires_at": made.expires_at, "revoked_at": 0}
    end = {"revoke_reason": "", "revoke_actor_type": "", "revoke_actor_id": "", "revoked_by": ""}
    return bool(tx.do(_ADD, **given, **key, **times, **end))


def find(tx: Tx, session: str) -> DeviceSession | None:
    """Return one session of the tenant, whatever its state."""
    row = tx.one(FIND, session=session)
    return device_session(row) if row is not None and row[1] == tx.scope.tenant else None


def list_of(tx: Tx, person: str) -> list[DeviceSession]:
    """Return a person's sessions, active and revoked, newest first."""
    return [device_session(row) for row in tx.all(_LIST_OF, tenant=tx.scope.tenant, person=person)]


def newest(tx: Tx, most: int) -> list[DeviceSession]:
    """Return up to `most` sessions of the tenant, active and revoked, newest first."""
    return [device_session(row) for row in tx.all(_NEWEST, tenant=tx.scope.tenant, most=most)]


def active_of(tx: Tx, person: str) -> list[DeviceSession]:
    """Return a person's living sessions, newest first."""
    return [device_session(row) for row in tx.all(_ACTIVE_OF, tenant=tx.scope.tenant, person=person, now=tx.now)]


def count_active(tx: Tx, person: str) -> int:
    """Return how many sessions of a person live."""
    row = tx.one(_COUNT_ACTIVE, tenant=tx.scope.tenant, person=person, now=tx.now)
    return int(row[0]) if row else 0


def revoke(tx: Tx, session: str, act: Act) -> bool:
    """Revoke a session; False when it was revoked before. This count decides who did it."""
    who = {"actor_type": act.actor.type, "actor_id": act.actor.id, "by": act.caller.actor}
    return bool(tx.do(_REVOKE, session=session, tenant=tx.scope.tenant, now=tx.now, reason=act.reason, **who))


def expired(tx: Tx, most: int) -> list[DeviceSession]:
    """Return up to `most` sessions of the tenant whose time has come and that nobody has revoked."""
    return [device_session(row) for row in tx.all(_EXPIRED, tenant=tx.scope.tenant, now=tx.now, most=most)]


def after(tx: Tx, last: str, most: int) -> list[DeviceSession]:
    """Return up to `most` sessions of all tenants, in order of their ids, from the one after `last` on."""
    return [device_session(row) for row in tx.all(_AFTER, last=last, most=most)]


def waiting(tx: Tx, most: int) -> list[tuple[Mark, DeviceSession | None]]:
    """Return up to `most` marks of all tenants, oldest first, each with its session, None where that is gone."""
    return [_marked(row) for row in tx.all(_WAITING, most=most)]


def unpublished_of(tx: Tx, sessions: Iterable[str]) -> list[tuple[Mark, DeviceSession | None]]:
    """Return the same for these sessions, those that bear a mark."""
    return [_marked(row) for session in sessions for row in tx.all(_UNPUBLISHED, session=session)]


def states(tx: Tx, sessions: Sequence[str]) -> dict[str, DeviceSession]:
    """Return those of these sessions, of all tenants, that there are."""
    found: dict[str, DeviceSession] = {}
    for start in range(0, len(sessions), _TOGETHER):
        part = [*sessions[start : start + _TOGETHER], *[""] * _TOGETHER][:_TOGETHER]
        rows = tx.all(_STATES, **{f"session_{place}": session for place, session in enumerate(part)})
        found |= {row[0]: device_session(row) for row in rows}
    return found


def collect(tx: Tx, before: int, most: int) -> int:
    """Delete up to `most` sessions that were revoked by then; return how many."""
    return tx.do(_COLLECT, before=before, most=most)


def limit(tx: Tx) -> int | None:
    """Return how many living sessions one person of the tenant may have, None for as many as they like."""
    row = tx.one(_LIMIT, tenant=tx.scope.tenant)
    return None if row is None else int(row[0])


def set_limit(tx: Tx, most: int) -> None:
    """Set that number."""
    tx.do(_SET_LIMIT, tenant=tx.scope.tenant, most=most)


def forget_limit(tx: Tx) -> bool:
    """Set no number; False when there was none."""
    return bool(tx.do(_FORGET_LIMIT, tenant=tx.scope.tenant))


def reserve(tx: Tx, session: str, request: str, until: int) -> bool:
    """Take the id of a session's request until then; False when it is taken. This count is the single use."""
    return bool(tx.do(_RESERVE, session_id=session, request_id=request, until=until))


def forget_requests(tx: Tx, before: int, most: int) -> int:
    """Delete up to `most` ids of requests that were to be kept until then or less; return how many."""
    return tx.do(_FORGET_REQUESTS, before=before, most=most)
