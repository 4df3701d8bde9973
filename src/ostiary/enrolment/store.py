"""The `invitations` table: hashes of one-time tokens."""

from sqlalchemy import BigInteger, Column, String, Table, bindparam, delete, insert, select, update

from ostiary.enrolment.model import Invitation
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Tx

__all__ = ["accept", "add", "collect", "find", "invitations", "release", "withdraw", "withdraw_of"]

invitations = Table(
    "invitations",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("token_hash", String, nullable=False, unique=True),
    Column("person_id", String, nullable=False),
    Column("role", String, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("accepted_at", BigInteger, nullable=False),
)

_i = invitations.c
_ADD = Statement(insert(invitations))
_PENDING = (
    _i.tenant_id == bindparam("tenant"),
    _i.token_hash == bindparam("token"),
    _i.accepted_at == 0,
    _i.expires_at > bindparam("now"),
)
_FIND = Statement(select(_i.id, _i.person_id, _i.role, _i.expires_at).where(*_PENDING))
_ACCEPT = Statement(update(invitations).where(*_PENDING).values(accepted_at=bindparam("now")))
_RELEASE = Statement(update(invitations).where(_i.id == bindparam("invitation")).values(accepted_at=0))
_WITHDRAW = Statement(
    delete(invitations).where(_i.tenant_id == bindparam("tenant"), _i.role == bindparam("wanted"), _i.accepted_at == 0)
)
_WITHDRAW_OF = Statement(
    delete(invitations).where(
        _i.tenant_id == bindparam("tenant"), _i.person_id == bindparam("person"), _i.accepted_at == 0
    )
)
_OLD = select(_i.id).where(_i.expires_at <= bindparam("before")).limit(bindparam("most"))
_COLLECT = Statement(delete(invitations).where(_i.id.in_(_OLD)))


def add(tx: Tx, invitation: Invitation, token: str) -> None:
    """Store an invitation under the hash of its token."""
    tx.do(
        _ADD,
        id=invitation.id,
        tenant_id=tx.scope.tenant,
        token_hash=token,
        person_id=invitation.person,
        role=invitation.role,
        expires_at=invitation.expires_at,
        accepted_at=0,
    )


def find(tx: Tx, token: str) -> Invitation | None:
    """Return the pending invitation of a token hash; None when it is unknown, used or expired."""
    row = tx.one(_FIND, tenant=tx.scope.tenant, token=token, now=tx.now)
    return None if row is None else Invitation(*row)


def accept(tx: Tx, token: str) -> bool:
    """Use an invitation up; False when somebody else was first or its time has come."""
    return bool(tx.do(_ACCEPT, tenant=tx.scope.tenant, token=token, now=tx.now))


def release(tx: Tx, invitation: str) -> None:
    """Undo `accept` within its own transaction: the link stays good."""
    tx.do(_RELEASE, invitation=invitation)


def withdraw(tx: Tx, role: str) -> int:
    """Delete the tenant's pending invitations of a role; return how many."""
    return tx.do(_WITHDRAW, tenant=tx.scope.tenant, wanted=role)


def withdraw_of(tx: Tx, person: str) -> int:
    """Delete a person's pending invitations; return how many."""
    return tx.do(_WITHDRAW_OF, tenant=tx.scope.tenant, person=person)


def collect(tx: Tx, before: int, most: int) -> int:
    """Delete up to `most` invitations that expired by an instant; return how many."""
    return tx.do(_COLLECT, before=before, most=most)
