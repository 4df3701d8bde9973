"""The tables `limit_policies`, `limit_counters` and `evaluations`."""

from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Integer, String, Table, bindparam, case, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql

from ostiary.limits.model import Counted, Counter, Decision, Evaluation, Policy
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "add_evaluation",
    "closed_until",
    "collect",
    "count",
    "evaluations",
    "find_evaluation",
    "find_policy",
    "forget",
    "give_back",
    "limit_counters",
    "limit_policies",
    "list_policies",
    "queue",
    "remove_policy",
    "set_policy",
    "use",
]

_N = BigInteger
limit_policies = Table(
    "limit_policies",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("span", _N, nullable=False),
    Column("soft", Integer, nullable=False),
    Column("lockout", Integer, nullable=False),
    Column("pause", _N, nullable=False),
    Column("set_at", _N, nullable=False),
)
limit_counters = Table(
    "limit_counters",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("count", _N, nullable=False),
    Column("began_at", _N, nullable=False),
    Column("ends_at", _N, nullable=False, index=True),
    Column("locked_until", _N, nullable=False),
)
evaluations = Table(
    "evaluations",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("policy", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("route", String, nullable=False),
    Column("action", String, nullable=False),
    Column("decision", String, nullable=False),
    Column("retry_after", _N, nullable=False),
    Column("source", String, nullable=False),
    Column("device", String, nullable=False),
    Column("attempt", String, nullable=False),
    Column("at", _N, nullable=False),
    Column("expires_at", _N, nullable=False, index=True),
    Column("used_at", _N, nullable=False),
    Column("counters", String, nullable=False),
    Column("receipt", String, nullable=False),
)

_p, _c, _e = limit_policies.c, limit_counters.c, evaluations.c
_NOW = bindparam("now", type_=_N)
_RULES = select(_p.name, _p.span, _p.soft, _p.lockout, _p.pause).where(_p.tenant_id == bindparam("tenant"))
_FIND_POLICY = Statement(_RULES.where(_p.name == bindparam("wanted")))
_LIST_POLICIES = Statement(_RULES.order_by(_p.name))
_NEW_POLICY = postgresql.insert(limit_policies)
_SET_POLICY = Statement(
    _NEW_POLICY.on_conflict_do_update(
        index_elements=[_p.tenant_id, _p.name],
        set_={name: _NEW_POLICY.excluded[name] for name in ("span", "soft", "lockout", "pause", "set_at")},
    )
)
_REMOVE_POLICY = Statement(
    delete(limit_policies).where(_p.tenant_id == bindparam("tenant"), _p.name == bindparam("wanted"))
)

_LOCK = Statement(select(func.pg_advisory_xact_lock(bindparam("lock", type_=_N))))
_QUEUE = 0x6F73745F6C696D  # "ost_lim": whoever counts holds it
_THESE = tuple(_c.id == bindparam(f"counter_{place}") for place in range(3))
_CLOSED = Statement(select(func.coalesce(func.max(_c.locked_until), 0)).where(or_(*_THESE)))
_OVER = or_(_c.ends_at <= _NOW, _c.locked_until > 0)
_NEXT = case((_OVER, 1), else_=_c.count + 1)
_COUNT = Statement(
    postgresql.insert(limit_counters)
    .values(
        id=bindparam("counter"),
        tenant_id=bindparam("tenant"),
        kind=bindparam("kind"),
        count=1,
        began_at=_NOW,
        ends_at=bindparam("ends", type_=_N),
        locked_until=bindparam("first_closes", type_=_N),
    )
    .on_conflict_do_update(
        index_elements=[_c.id],
        set_={
            "count": _NEXT,
            "began_at": case((_OVER, _NOW), else_=_c.began_at),
            "ends_at": case((_OVER, bindparam("ends", type_=_N)), else_=_c.ends_at),
            "locked_until": case(
                (bindparam("lockout", type_=_N) <= _NEXT, bindparam("until", type_=_N)),
                else_=0,
            ),
        },
    )
    .returning(_c.count, _c.ends_at, _c.locked_until)
)
_ITS = (_c.id == bindparam("counter"), _c.tenant_id == bindparam("tenant"))
_FORGET = Statement(delete(limit_counters).where(*_ITS))
_GIVE_BACK = Statement(
    update(limit_counters)
    .where(*_ITS, _c.began_at <= bindparam("counted_at", type_=_N), _c.ends_at > _NOW, _c.count > 0)
    .values(count=_c.count - 1)
)

_ADD = Statement(postgresql.insert(evaluations))
_MINE = (_e.id == bindparam("evaluation"), _e.tenant_id == bindparam("tenant"))
_FIELDS = tuple(name for name in _e.keys() if name != "tenant_id")  # noqa: SIM118 - a collection of columns
_FIND = Statement(select(*(_e[name] for name in _FIELDS)).where(*_MINE))
_USE = Statement(
    update(evaluations)
    .where(*_MINE, _e.attempt == bindparam("wanted"), _e.decision == Decision.ALLOW.value)
    .where(_e.used_at == 0, _e.expires_at > _NOW)
    .values(used_at=_NOW)
)
_DONE = (_c.ends_at <= bindparam("before"), _c.locked_until <= bindparam("before"))
_OLD_COUNTERS = select(_c.id).where(*_DONE).limit(bindparam("most")).with_for_update(skip_locked=True)
_COLLECT_COUNTERS = Statement(delete(limit_counters).where(_c.id.in_(_OLD_COUNTERS), *_DONE))
_OLD = select(_e.id).where(_e.expires_at <= bindparam("before")).limit(bindparam("most"))
_COLLECT = Statement(delete(evaluations).where(_e.id.in_(_OLD)))


def find_policy(tx: Tx, name: str) -> Policy | None:
    """Return a policy that was set."""
    row = tx.one(_FIND_POLICY, tenant=tx.scope.tenant, wanted=name)
    return Policy(*row) if row else None


def list_policies(tx: Tx) -> list[Policy]:
    """Return the policies that were set, by name."""
    return [Policy(*row) for row in tx.all(_LIST_POLICIES, tenant=tx.scope.tenant)]


def set_policy(tx: Tx, policy: Policy) -> None:
    """Store a policy, in the place of one of its name."""
    numbers = {"soft": policy.soft, "lockout": policy.lockout, "pause": policy.pause}
    tx.do(_SET_POLICY, tenant_id=tx.scope.tenant, name=policy.name, span=policy.window, **numbers, set_at=tx.now)


def remove_policy(tx: Tx, name: str) -> bool:
    """Delete a policy; False when none of that name was set."""
    return bool(tx.do(_REMOVE_POLICY, tenant=tx.scope.tenant, wanted=name))


def queue(tx: Tx) -> None:
    """Let those who count come one after the other, until their transactions end.

    SQLite does so anyway. On PostgreSQL one transaction carries a group of use cases, which together would take
    their counters' locks in any order, and two nodes would wait for each other.
    """
    if tx.dialect == "postgresql":
        tx.one(_LOCK, lock=_QUEUE)


def closed_until(tx: Tx, counters: list[Counter]) -> int:
    """Return until when the longest lockout of these (three at most) lasts or lasted, 0 where there is none."""
    ids = {f"counter_{place}": "" for place in range(3)}
    row = tx.one(_CLOSED, **ids | {f"counter_{place}": one.id for place, one in enumerate(counters)})
    return row[0] if row else 0


def count(tx: Tx, counter: Counter, window: int, pause: int, lockout: int) -> Counted:
    """Count one attempt in one statement and return what it made; at `lockout` the counter closes for `pause`.

    A counter whose window or lockout is over starts anew.
    """
    place = {"counter": counter.id, "tenant": tx.scope.tenant, "kind": counter.kind.value}
    until = tx.now + pause
    times = {"now": tx.now, "ends": tx.now + window, "until": until, "first_closes": until if lockout <= 1 else 0}
    row = tx.one(_COUNT, **place, **times, lockout=lockout)
    return Counted(counter, *row) if row else Counted(counter, 0, 0, 0)


def forget(tx: Tx, counter: str) -> None:
    """Let a counter start anew."""
    tx.do(_FORGET, counter=counter, tenant=tx.scope.tenant)


def give_back(tx: Tx, counter: str, counted_at: int) -> None:
    """Take one attempt of that instant off a counter, if its window has not changed since."""
    tx.do(_GIVE_BACK, counter=counter, tenant=tx.scope.tenant, counted_at=counted_at, now=tx.now)


def add_evaluation(tx: Tx, made: Evaluation) -> None:
    """Store an evaluation."""
    fields = msgspec.structs.asdict(made) | {"decision": made.decision.value, "counters": " ".join(made.counters)}
    tx.do(_ADD, **fields, tenant_id=tx.scope.tenant)


def find_evaluation(tx: Tx, id: str) -> Evaluation | None:  # noqa: A002 - the name that every caller writes
    """Return an evaluation of this tenant."""
    row = tx.one(_FIND, evaluation=id, tenant=tx.scope.tenant)
    return _evaluation(row) if row else None


def _evaluation(row: Row) -> Evaluation:
    fields: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
    fields |= {"decision": Decision(fields["decision"]), "counters": tuple(fields["counters"].split())}
    return Evaluation(**fields)


def use(tx: Tx, id: str, attempt: str) -> bool:  # noqa: A002 - the name that every caller writes
    """Use an evaluation up in one statement, whose row count decides."""
    return bool(tx.do(_USE, evaluation=id, tenant=tx.scope.tenant, wanted=attempt, now=tx.now))


def collect(tx: Tx, before: int, kept: int, most: int) -> tuple[int, int]:
    """Delete what is over, up to `most` of each: counters by `before`, evaluations `kept` later.

    Return how many counters and evaluations.
    """
    counters_gone = tx.do(_COLLECT_COUNTERS, before=before, most=most)
    return counters_gone, tx.do(_COLLECT, before=before - kept, most=most)
