"""The tables `sessions` and `session_seen` (last-seen times, written behind in batches)."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql

from ostiary.sessions.model import BEARER, EndReason, Living, Session
from ostiary.storage.outbox import Transacting, outbox
from ostiary.storage.revoked import revoked_keys
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "FIND",
    "FIND_COOKIE",
    "FIND_LIVING",
    "FIND_MANY",
    "add",
    "beat",
    "beyond",
    "collect",
    "end",
    "end_signed_by",
    "find",
    "heartbeats",
    "hold",
    "key_revoked",
    "live_of",
    "living",
    "newest",
    "newest_seen",
    "session",
    "session_seen",
    "sessions",
    "write_seen",
]

sessions = Table(
    "sessions",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("factor", String, nullable=False),
    Column("binding", String, nullable=False),
    Column("attempt_id", String, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("absolute_expires_at", BigInteger, nullable=False, index=True),
    Column("csrf_hash", String, nullable=False),
    Column("csrf_epoch", Integer, nullable=False),
    Column("address_hash", String, nullable=False),
    Column("agent_hash", String, nullable=False),
    Column("label_sealed", LargeBinary, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("end_reason", String, nullable=False),
    Column("ended_by", String, nullable=False),
    Column("commitment", String, nullable=False, server_default=text("''")),
    Column("scopes", String, nullable=False, server_default=text("''")),
    Column("family_began_at", BigInteger, nullable=False, server_default="0"),
    Column("family_ends_at", BigInteger, nullable=False, server_default="0"),
    Index("sessions_of_person", "tenant_id", "person_id"),
)
session_seen = Table(
    "session_seen",
    METADATA,
    Column("session_id", String, primary_key=True),
    Column("last_seen_at", BigInteger, nullable=False),
)
heartbeats = Table(
    "heartbeats",
    METADATA,
    Column("id", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

_s, _seen, _revoked = sessions.c, session_seen.c, revoked_keys.c
_DISOWNED = and_(_s.ended_at == literal_column("0"), _revoked.revoked_at.is_not(None))
"""A process that has not heard of a key's revocation may still sign with it: what it signs is dead all the same."""

_COOKIE = (
    _s.id,
    _s.tenant_id,
    _s.kind,
    _s.person_id,
    _s.key_id,
    _s.factor,
    _s.created_at,
    _s.absolute_expires_at,
    func.coalesce(_seen.last_seen_at, _s.created_at),
    _s.csrf_hash,
    _s.csrf_epoch,
    case((_DISOWNED, _revoked.revoked_at), else_=_s.ended_at),
    case((_DISOWNED, literal_column(f"'{EndReason.KEY_REVOKED}'")), else_=_s.end_reason),
)  # fmt: skip - the order of Living's fields
_TOKEN = (_s.commitment, _s.scopes, _s.family_began_at, _s.family_ends_at)
_LIVING = (*_COOKIE, *_TOKEN, _s.address_hash, _s.agent_hash)
_JOINED = sessions.outerjoin(session_seen, _seen.session_id == _s.id).outerjoin(
    revoked_keys, _revoked.key_id == _s.key_id
)
_FIELDS = select(*_LIVING, _s.binding, _s.label_sealed).select_from(_JOINED)

_ADD = Statement(postgresql.insert(sessions).on_conflict_do_nothing())
FIND = Statement(_FIELDS.where(_s.id == bindparam("session")))
FIND_LIVING = Statement(select(*_LIVING).select_from(_JOINED).where(_s.id == bindparam("session")))
FIND_COOKIE = Statement(select(*_COOKIE).select_from(_JOINED).where(_s.id == bindparam("session")))
"""What a cookie's session is asked for on every request where it is bound to nothing: each column costs."""

FIND_MANY = Statement(select(*_LIVING).select_from(_JOINED).where(_s.id == func.any(bindparam("sessions"))))
"""The sessions of an array of ids (PostgreSQL)."""

_LIVE_OF = Statement(
    _FIELDS.where(
        _s.tenant_id == bindparam("tenant"),
        _s.person_id == bindparam("person"),
        _s.ended_at == 0,
        _s.absolute_expires_at > bindparam("now"),
    ).order_by(_s.created_at.desc(), _s.id)
)
_KEY_REVOKED = Statement(select(_revoked.key_id).where(_revoked.key_id == bindparam("key")))
_HOLD = Statement(
    select(_s.id)
    .where(_s.id == bindparam("session"), _s.tenant_id == bindparam("tenant"), _s.ended_at == 0)
    .with_for_update()
)
_BEYOND = Statement(
    select(_s.id)
    .where(
        _s.tenant_id == bindparam("tenant"),
        _s.person_id == bindparam("person"),
        _s.ended_at == 0,
        _s.absolute_expires_at > bindparam("now"),
    )
    .order_by(_s.created_at.desc(), _s.id)
    .limit(10)
    .offset(bindparam("most"))
)
_NEWEST = Statement(
    _FIELDS.where(_s.tenant_id == bindparam("tenant")).order_by(_s.created_at.desc(), _s.id).limit(bindparam("most"))
)
_END = Statement(
    update(sessions)
    .where(_s.id == bindparam("session"), _s.tenant_id == bindparam("tenant"), _s.ended_at == 0)
    .values(ended_at=bindparam("now"), end_reason=bindparam("reason"), ended_by=bindparam("by"))
)
_member = sessions.alias("member")
_FAMILY = select(_member.c.binding).where(_member.c.kind == BEARER, _member.c.key_id == bindparam("key"))
_SIGNED_BY = (
    or_(_s.key_id == bindparam("key"), and_(_s.kind == BEARER, _s.binding.in_(_FAMILY))),
    _s.tenant_id == bindparam("tenant"),
    _s.ended_at == 0,
)
"""What a key signed, and what took the place of a token that it signed: who has the key refreshes what it makes."""

_ANNOUNCED = select(_s.tenant_id, literal("session"), _s.id, bindparam("now", type_=BigInteger), Transacting()).where(
    *_SIGNED_BY, _s.absolute_expires_at > bindparam("now")
)  # fmt: skip - the order of the outbox's columns
_ANNOUNCE = Statement(insert(outbox).from_select(["tenant_id", "kind", "subject", "at", "xid"], _ANNOUNCED))
_END_SIGNED_BY = Statement(
    update(sessions)
    .where(*_SIGNED_BY, _s.absolute_expires_at > bindparam("now"))
    .values(ended_at=bindparam("now"), end_reason=bindparam("reason"), ended_by=bindparam("by"))
)
_USED = select(_s.id, bindparam("at", type_=BigInteger)).where(_s.id == bindparam("session"))
_SEEN = postgresql.insert(session_seen).from_select(["session_id", "last_seen_at"], _USED)
_WRITE_SEEN = Statement(
    _SEEN.on_conflict_do_update(
        index_elements=["session_id"],
        set_={"last_seen_at": _SEEN.excluded.last_seen_at},
        where=_SEEN.excluded.last_seen_at > _seen.last_seen_at,
    )
)
_ALIVE = postgresql.insert(heartbeats).values(id="server", at=bindparam("at"))
_BEAT = Statement(
    _ALIVE.on_conflict_do_update(
        index_elements=["id"], set_={"at": _ALIVE.excluded.at}, where=_ALIVE.excluded.at > heartbeats.c.at
    )
)
_NEWEST_SEEN = Statement(select(func.coalesce(func.max(_seen.last_seen_at), 0)))
_NEWEST_BEAT = Statement(select(func.coalesce(func.max(heartbeats.c.at), 0)))
_EXPIRED = (
    select(_s.id)
    .where(_s.absolute_expires_at <= bindparam("now"))
    .order_by(_s.absolute_expires_at, _s.id)
    .limit(bindparam("most"))
)
_COLLECT_SEEN = Statement(delete(session_seen).where(_seen.session_id.in_(_EXPIRED)))
_COLLECT = Statement(delete(sessions).where(_s.id.in_(_EXPIRED)))


def session(row: Row) -> Session:
    """Turn a row of FIND or a list into a Session."""
    return Session(*row)


def living(row: Row) -> Living:
    """Turn a row of FIND_LIVING, FIND_COOKIE or FIND_MANY into what is asked of a session on every request."""
    return Living(*row)


def add(tx: Tx, made: Session, attempt: str) -> bool:
    """Store a new session; False when its login attempt has opened one already."""
    return bool(
        tx.do(
            _ADD,
            id=made.id,
            tenant_id=made.tenant,
            kind=made.kind,
            person_id=made.person,
            key_id=made.key,
            factor=made.factor,
            binding=made.binding,
            attempt_id=attempt,
            created_at=made.created_at,
            absolute_expires_at=made.absolute_expires_at,
            csrf_hash=made.csrf_hash,
            csrf_epoch=made.csrf_epoch,
            address_hash=made.address_hash,
            agent_hash=made.agent_hash,
            label_sealed=made.label_sealed,
            ended_at=0,
            end_reason="",
            ended_by="",
            commitment=made.commitment,
            scopes=made.scopes,
            family_began_at=made.family_began_at,
            family_ends_at=made.family_ends_at,
        )
    )


def beyond(tx: Tx, person: str, most: int) -> list[Session]:
    """Return a person's sessions that nobody ended, but for the newest `most`."""
    ids = tx.all(_BEYOND, tenant=tx.scope.tenant, person=person, now=tx.now, most=most)
    return [found for (one,) in ids if (found := find(tx, one)) is not None]


def find(tx: Tx, session_id: str) -> Session | None:
    """Return one session of the scope's tenant, dead or alive."""
    row = tx.one(FIND, session=session_id)
    return session(row) if row is not None and row[1] == tx.scope.tenant else None


def live_of(tx: Tx, person: str) -> list[Session]:
    """Return a person's sessions that nobody ended and whose absolute time has not come, newest first."""
    return [session(row) for row in tx.all(_LIVE_OF, tenant=tx.scope.tenant, person=person, now=tx.now)]


def newest(tx: Tx, most: int) -> list[Session]:
    """Return up to `most` sessions of the tenant, dead or alive, newest first."""
    return [session(row) for row in tx.all(_NEWEST, tenant=tx.scope.tenant, most=most)]


def key_revoked(tx: Tx, key_id: str) -> bool:
    """Tell whether a key was revoked, by the truth: a keyring may be a moment behind."""
    return tx.one(_KEY_REVOKED, key=key_id) is not None


def hold(tx: Tx, session_id: str) -> bool:
    """Keep a living session from ending until this transaction is over; False when it has ended."""
    return tx.one(_HOLD, session=session_id, tenant=tx.scope.tenant) is not None


def end(tx: Tx, session_id: str, reason: EndReason, by: str) -> bool:
    """End a session; False when it was not alive."""
    return bool(tx.do(_END, session=session_id, tenant=tx.scope.tenant, now=tx.now, reason=reason.value, by=by))


def end_signed_by(tx: Tx, key_id: str, reason: EndReason, by: str) -> int:
    """End the sessions that a key signed and announce each, in two statements; return how many."""
    tx.do(_ANNOUNCE, key=key_id, tenant=tx.scope.tenant, now=tx.now)
    return tx.do(_END_SIGNED_BY, key=key_id, tenant=tx.scope.tenant, now=tx.now, reason=reason.value, by=by)


def write_seen(tx: Tx, session_id: str, at: int) -> None:
    """Move a session's last-seen time forward, never back; nothing is written for one that is collected."""
    tx.do(_WRITE_SEEN, session=session_id, at=at)


def beat(tx: Tx) -> None:
    """Note that a server is alive now, so that no later clock reads earlier."""
    tx.do(_BEAT, at=tx.now)


def newest_seen(tx: Tx) -> int:
    """Return the newest last-seen time of all sessions and servers, 0 where there is none."""
    return max(int(row[0]) for statement in (_NEWEST_SEEN, _NEWEST_BEAT) for row in tx.all(statement))


def collect(tx: Tx, most: int) -> int:
    """Delete up to `most` sessions whose absolute time has come, and when they were seen; return how many."""
    tx.do(_COLLECT_SEEN, now=tx.now, most=most)
    return tx.do(_COLLECT, now=tx.now, most=most)
