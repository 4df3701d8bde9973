"""The table `service_sessions`: a browser's pass at one service on one host, under the session that it came from.

A row never changes. It is made by the landing code that its `code_id` names, so a code opens one at most; what
ends it is the end of its parent, at the very next check.
"""

from sqlalchemy import BigInteger, Column, String, Table, bindparam, delete, exists, select
from sqlalchemy.dialects import postgresql

from ostiary.gateway.model import ServiceSession
from ostiary.storage.revoked import revoked_keys
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = ["FIND", "add", "collect", "service_session", "service_sessions"]

service_sessions = Table(
    "service_sessions",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("code_id", String, nullable=False, unique=True),
    Column("scope_id", BigInteger, nullable=False),
    Column("host", String, nullable=False),
    Column("session_id", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)

_t = service_sessions.c
_ADD = Statement(postgresql.insert(service_sessions).on_conflict_do_nothing())
FIND = Statement(
    select(_t.id, _t.scope_id, _t.host, _t.session_id, _t.key_id, _t.expires_at).where(
        _t.id == bindparam("wanted"),
        _t.tenant_id == bindparam("tenant"),
        ~exists().where(revoked_keys.c.key_id == bindparam("signer")),
    )
)
"""One pass, unless the key that signed its cookie was revoked: by the truth, for a keyring may be a moment behind."""

_OLD = select(_t.id).where(_t.expires_at <= bindparam("before")).order_by(_t.expires_at).limit(bindparam("most"))
_COLLECT = Statement(delete(service_sessions).where(_t.id.in_(_OLD)))


def service_session(row: Row) -> ServiceSession:
    """Turn a row of FIND into a ServiceSession."""
    return ServiceSession(*row)


def add(tx: Tx, made: ServiceSession, code: str) -> bool:
    """Store a service session; False when its landing code has opened one already. This count is the single use."""
    return bool(
        tx.do(
            _ADD,
            id=made.id,
            tenant_id=tx.scope.tenant,
            code_id=code,
            scope_id=made.scope_id,
            host=made.host,
            session_id=made.parent,
            key_id=made.parent_key,
            expires_at=made.expires_at,
        )
    )


def collect(tx: Tx, before: int, most: int) -> int:
    """Delete up to `most` service sessions whose parents' time came before an instant; return how many."""
    return tx.do(_COLLECT, before=before, most=most)
