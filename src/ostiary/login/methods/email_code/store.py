"""The tables `code_challenges` and `code_budgets`."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, bindparam, case, delete, select, update
from sqlalchemy.dialects import postgresql

from ostiary.login.methods.email_code.model import Challenge, Flow, State
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Tx

__all__ = [
    "add",
    "code_budgets",
    "code_challenges",
    "collect",
    "confirm",
    "count",
    "fail",
    "hold",
    "move",
    "refund",
]

code_challenges = Table(
    "code_challenges",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("flow", String, nullable=False),
    Column("address_hash", String, nullable=False),
    Column("requester", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("address_sealed", LargeBinary, nullable=False),
    Column("code_hash", String, nullable=False),
    Column("locale", String, nullable=False),
    Column("state", String, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("confirmed_at", BigInteger, nullable=False),
    Column("session_id", String, nullable=False),
    Column("client_public_key", String, nullable=False),
)
code_budgets = Table(
    "code_budgets",
    METADATA,
    Column("id", String, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("ends_at", BigInteger, nullable=False, index=True),
)

_c, _b = code_challenges.c, code_budgets.c
_BATCH = 500
_THIS = (_c.id == bindparam("challenge"), _c.tenant_id == bindparam("tenant"))
_ADD = Statement(postgresql.insert(code_challenges))
_HOLD = Statement(select(*_c).where(*_THIS).with_for_update())
_MOVE = Statement(
    update(code_challenges).where(*_THIS, _c.state == bindparam("was")).values(state=bindparam("becomes"))
)
_FAIL = Statement(
    update(code_challenges)
    .where(*_THIS, _c.failures == bindparam("before"))
    .values(failures=_c.failures + 1, state=bindparam("becomes"))
)
_CONFIRM = Statement(
    update(code_challenges)
    .where(*_THIS, _c.state == State.SENT.value)
    .values(
        state=State.CONFIRMED.value,
        confirmed_at=bindparam("now"),
        expires_at=bindparam("until"),
        session_id=bindparam("session"),
        client_public_key=bindparam("key"),
    )
)
_FRESH = postgresql.insert(code_budgets).values(id=bindparam("budget"), count=1, ends_at=bindparam("ends_at"))
_OVER = _b.ends_at <= bindparam("now", type_=BigInteger)
_COUNT = Statement(
    _FRESH.on_conflict_do_update(
        index_elements=["id"],
        set_={
            "count": case((_OVER, 1), else_=_b.count + 1),
            "ends_at": case((_OVER, _FRESH.excluded.ends_at), else_=_b.ends_at),
        },
    ).returning(_b.count, _b.ends_at)
)
_REFUND = Statement(update(code_budgets).where(_b.id == bindparam("budget"), _b.count > 0).values(count=_b.count - 1))
_OLD = select(_c.id).where(_c.expires_at <= bindparam("now")).order_by(_c.expires_at).limit(bindparam("most"))
_COLLECT = Statement(delete(code_challenges).where(_c.id.in_(_OLD)))
_SPENT = select(_b.id).where(_b.ends_at <= bindparam("now")).order_by(_b.ends_at).limit(bindparam("most"))
_COLLECT_BUDGETS = Statement(delete(code_budgets).where(_b.id.in_(_SPENT)))


def add(tx: Tx, made: Challenge) -> None:
    """Store a new challenge."""
    tx.do(
        _ADD,
        id=made.id,
        tenant_id=made.tenant,
        flow=made.flow.value,
        address_hash=made.address_hash,
        requester=made.requester,
        person_id=made.person,
        address_sealed=made.address_sealed,
        code_hash=made.code_hash,
        locale=made.locale,
        state=made.state.value,
        failures=made.failures,
        created_at=made.created_at,
        expires_at=made.expires_at,
        confirmed_at=made.confirmed_at,
        session_id=made.session,
        client_public_key=made.client_public_key,
    )


def hold(tx: Tx, challenge: str) -> Challenge | None:
    """Return a challenge of the tenant; others that hold it wait until this transaction ends."""
    row = tx.one(_HOLD, challenge=challenge, tenant=tx.scope.tenant)
    if row is None:
        return None
    id_, tenant, flow, address_hash, requester, person, sealed, code_hash, locale, state, *rest = row
    return Challenge(
        id_, tenant, Flow(flow), address_hash, requester, person, sealed, code_hash, locale, State(state), *rest
    )


def move(tx: Tx, challenge: str, was: State, becomes: State) -> bool:
    """Move a challenge; False when it was not where it was thought to be."""
    return bool(tx.do(_MOVE, challenge=challenge, tenant=tx.scope.tenant, was=was.value, becomes=becomes.value))


def fail(tx: Tx, found: Challenge, becomes: State) -> bool:
    """Count one wrong code; False when another was counted meanwhile. Two guesses never share one count."""
    return bool(tx.do(_FAIL, challenge=found.id, tenant=tx.scope.tenant, before=found.failures, becomes=becomes.value))


def confirm(tx: Tx, challenge: str, session: str, key: str, until: int) -> bool:
    """Note what a right code has opened; False when the challenge was not waiting for one. This count decides."""
    given = {"session": session, "key": key, "until": until, "now": tx.now}
    return bool(tx.do(_CONFIRM, challenge=challenge, tenant=tx.scope.tenant, **given))


def count(tx: Tx, budget: str, ends_at: int) -> tuple[int, int]:
    """Count once at a budget, which ends then if it begins now; return the how many-th time this was, and its end."""
    row = tx.one(_COUNT, budget=budget, ends_at=ends_at, now=tx.now)
    return (int(row[0]), int(row[1])) if row else (0, ends_at)


def refund(tx: Tx, budget: str) -> None:
    """Take back what was counted once."""
    tx.do(_REFUND, budget=budget)


def collect(tx: Tx) -> int:
    """Delete a batch of challenges and of budgets whose time has come; return how many."""
    return tx.do(_COLLECT, now=tx.now, most=_BATCH) + tx.do(_COLLECT_BUDGETS, now=tx.now, most=_BATCH)
