"""The tables `human_challenges` and `session_bindings`."""

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.dialects import postgresql

from ostiary.membrane.model import Binding, Progress, Question
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Tx

__all__ = [
    "add_binding",
    "add_question",
    "answer",
    "binding_of",
    "collect",
    "fail",
    "find_binding",
    "hold",
    "human_challenges",
    "session_bindings",
    "spend",
]

human_challenges = Table(
    "human_challenges",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("asked", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("passkey_id", String, nullable=False),
    Column("rp_id", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("scopes", String, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("holder", String, nullable=False),
    Column("device", String, nullable=False),
    Column("evaluation_id", String, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("presence_id", String, nullable=False),
)
session_bindings = Table(
    "session_bindings",
    METADATA,
    Column("session_id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("ref", String, nullable=False),
    Column("vessel", String, nullable=False),
    Column("standing", String, nullable=False),
    Column("device", String, nullable=False),
    Column("client_id", String, nullable=False),
    Column("presence_id", String, nullable=False),
    Column("previous_id", String, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    UniqueConstraint("tenant_id", "ref", name="session_bindings_one_per_ref"),
)

_h, _b = human_challenges.c, session_bindings.c
_MINE = (_h.id == bindparam("challenge"), _h.tenant_id == bindparam("tenant"))
_ADD_QUESTION = Statement(postgresql.insert(human_challenges))
_HOLD = Statement(
    select(
        _h.id,
        _h.asked,
        _h.subject,
        _h.passkey_id,
        _h.rp_id,
        _h.origin,
        _h.scopes,
        _h.nonce,
        _h.holder,
        _h.device,
        _h.evaluation_id,
        _h.expires_at,
        _h.state,
        _h.failures,
        _h.presence_id,
    )  # fmt: skip - the order of Question's fields
    .where(*_MINE)
    .with_for_update()
)
_OPEN = (*_MINE, _h.state == Progress.OPEN.value)
_ANSWER = Statement(
    update(human_challenges)
    .where(*_OPEN)
    .values(state=Progress.ANSWERED.value, presence_id=bindparam("proof"), passkey_id=bindparam("by"))
)
_FAIL = Statement(
    update(human_challenges).where(*_OPEN).values(state=bindparam("becomes"), failures=bindparam("count"))
)
_SPEND = Statement(
    update(human_challenges).where(*_MINE, _h.state == bindparam("was")).values(state=Progress.SPENT.value)
)
_ADD_BINDING = Statement(postgresql.insert(session_bindings).on_conflict_do_nothing())
_FIELDS = select(
    _b.session_id,
    _b.ref,
    _b.vessel,
    _b.standing,
    _b.device,
    _b.client_id,
    _b.presence_id,
    _b.previous_id,
    _b.expires_at,
)  # fmt: skip - the order of Binding's fields
_FIND = Statement(_FIELDS.where(_b.session_id == bindparam("session"), _b.tenant_id == bindparam("tenant")))
_OF_REF = Statement(_FIELDS.where(_b.ref == bindparam("ref"), _b.tenant_id == bindparam("tenant")))
_OLD_QUESTIONS = select(_h.id).where(_h.expires_at <= bindparam("before")).limit(bindparam("most"))
_COLLECT_QUESTIONS = Statement(delete(human_challenges).where(_h.id.in_(_OLD_QUESTIONS)))
_OLD_BINDINGS = select(_b.session_id).where(_b.expires_at <= bindparam("before")).limit(bindparam("most"))
_COLLECT_BINDINGS = Statement(delete(session_bindings).where(_b.session_id.in_(_OLD_BINDINGS)))


def add_question(tx: Tx, question: Question) -> None:
    """Put a question on record."""
    q = question
    tx.do(
        _ADD_QUESTION,
        id=q.id,
        tenant_id=tx.scope.tenant,
        asked=q.asked.value,
        subject=q.subject,
        passkey_id=q.passkey,
        rp_id=q.rp_id,
        origin=q.origin,
        scopes=q.scopes,
        nonce=q.nonce,
        holder=q.holder,
        device=q.device,
        evaluation_id=q.evaluation,
        expires_at=q.expires_at,
        state=q.state.value,
        failures=0,
        presence_id="",
    )


def hold(tx: Tx, challenge: str) -> Question | None:
    """Return a question of the tenant and hold its row, so that answers come one by one."""
    row = tx.one(_HOLD, challenge=challenge, tenant=tx.scope.tenant)
    if row is None:
        return None
    return msgspec.convert(dict(zip(Question.__struct_fields__, row, strict=True)), Question)


def answer(tx: Tx, challenge: str, presence: str, passkey: str) -> bool:
    """Mark a question as answered by a passkey; False when it was not open. This count decides single use."""
    return bool(tx.do(_ANSWER, challenge=challenge, tenant=tx.scope.tenant, proof=presence, by=passkey))


def fail(tx: Tx, question: Question, most: int) -> None:
    """Count a wrong answer; the last that is allowed spends the question."""
    count = question.failures + 1
    becomes = Progress.SPENT if count >= most else Progress.OPEN
    tx.do(_FAIL, challenge=question.id, tenant=tx.scope.tenant, becomes=becomes.value, count=count)


def spend(tx: Tx, challenge: str, was: Progress) -> bool:
    """Spend a question; False when it was not where it should be. This count decides single use."""
    return bool(tx.do(_SPEND, challenge=challenge, tenant=tx.scope.tenant, was=was.value))


def add_binding(tx: Tx, made: Binding) -> bool:
    """Store what a session was issued for; False when its ref is another's."""
    b = made
    return bool(
        tx.do(
            _ADD_BINDING,
            session_id=b.session,
            tenant_id=tx.scope.tenant,
            ref=b.ref,
            vessel=b.vessel,
            standing=b.standing,
            device=b.device,
            client_id=b.client,
            presence_id=b.presence,
            previous_id=b.previous,
            expires_at=b.expires_at,
        )
    )


def find_binding(tx: Tx, session: str) -> Binding | None:
    """Return what a session of the tenant was issued for."""
    row = tx.one(_FIND, session=session, tenant=tx.scope.tenant)
    return None if row is None else Binding(*row)


def binding_of(tx: Tx, ref: str) -> Binding | None:
    """Return the same for the session of a ref."""
    row = tx.one(_OF_REF, ref=ref, tenant=tx.scope.tenant)
    return None if row is None else Binding(*row)


def collect(tx: Tx, before: int, most: int) -> int:
    """Delete up to `most` questions and as many bindings whose time had come by an instant; return how many."""
    return tx.do(_COLLECT_QUESTIONS, before=before, most=most) + tx.do(_COLLECT_BINDINGS, before=before, most=most)
