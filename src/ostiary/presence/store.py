"""The tables `challenges` (written when first answered), `presence` and `purposes`."""

from sqlalchemy import BigInteger, Column, Integer, String, Table, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql

from ostiary.presence.model import CHALLENGE_LIFE, Challenge, Held, Minimum, Presence, PurposeRule, State
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Row, Tx

__all__ = [
    "add_presence",
    "add_purpose",
    "challenges",
    "collect",
    "consume_presence",
    "find_purpose",
    "hold_purpose",
    "holder",
    "list_purposes",
    "load",
    "look",
    "move",
    "presence",
    "purposes",
    "record",
    "remove_purpose",
    "void_of",
    "void_presence",
]

challenges = Table(
    "challenges",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("state", String, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
presence = Table(
    "presence",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("session_id", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("operation", String, nullable=False),
    Column("factor", String, nullable=False),
    Column("user_verified", Integer, nullable=False),
    Column("proved_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("consumed_at", BigInteger, nullable=False),
)
purposes = Table(
    "purposes",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("title", String, nullable=False),
    Column("minimum", String, nullable=False),
    Column("commits_operation", Integer, nullable=False),
    Column("life", BigInteger, nullable=False),
    Column("added_at", BigInteger, nullable=False),
)

_RECORD = Statement(postgresql.insert(challenges).on_conflict_do_nothing())
_MINE = (challenges.c.id == bindparam("challenge"), challenges.c.tenant_id == bindparam("tenant"))
_LOAD = Statement(select(challenges.c.state, challenges.c.failures).where(*_MINE).with_for_update())
_MOVE = Statement(
    update(challenges)
    .where(*_MINE, challenges.c.state == bindparam("was"), challenges.c.failures == bindparam("seen"))
    .values(state=bindparam("becomes"), failures=bindparam("count"))
)
_ADD = Statement(postgresql.insert(presence))
_CONSUME = Statement(
    update(presence)
    .where(
        presence.c.id == bindparam("receipt"),
        presence.c.tenant_id == bindparam("tenant"),
        presence.c.person_id == bindparam("person"),
        presence.c.session_id == bindparam("session"),
        presence.c.purpose == bindparam("wanted"),
        presence.c.subject == bindparam("about"),
        presence.c.operation == bindparam("commitment"),
        presence.c.consumed_at == 0,
        presence.c.expires_at > bindparam("now"),
    )
    .values(consumed_at=bindparam("now"))
    .returning(presence.c.factor, presence.c.user_verified, presence.c.proved_at)
)
_HOLDER = Statement(
    select(presence.c.person_id, presence.c.session_id).where(
        presence.c.id == bindparam("receipt"), presence.c.tenant_id == bindparam("tenant")
    )
)
_LOOK = Statement(
    select(
        presence.c.id,
        presence.c.person_id,
        presence.c.session_id,
        presence.c.purpose,
        presence.c.subject,
        presence.c.factor,
        presence.c.user_verified,
        presence.c.expires_at,
        presence.c.consumed_at,
    )  # fmt: skip - the order of Held's fields
    .where(presence.c.id == bindparam("receipt"), presence.c.tenant_id == bindparam("tenant"))
    .with_for_update()
)
_VOID = Statement(
    delete(presence).where(
        presence.c.tenant_id == bindparam("tenant"),
        presence.c.purpose == bindparam("wanted"),
        presence.c.consumed_at == 0,
    )
)
_VOID_OF = Statement(
    delete(presence).where(
        presence.c.tenant_id == bindparam("tenant"),
        presence.c.person_id == bindparam("person"),
        presence.c.consumed_at == 0,
    )
)
_p = purposes.c
_RULES = select(_p.name, _p.title, _p.minimum, _p.commits_operation, _p.life).where(_p.tenant_id == bindparam("tenant"))
_FIND_PURPOSE = Statement(_RULES.where(_p.name == bindparam("wanted")))
_HOLD_PURPOSE = Statement(_RULES.where(_p.name == bindparam("wanted")).with_for_update(read=True))
_LIST_PURPOSES = Statement(_RULES.order_by(_p.name))
_ADD_PURPOSE = Statement(postgresql.insert(purposes).on_conflict_do_nothing())
_REMOVE_PURPOSE = Statement(delete(purposes).where(_p.tenant_id == bindparam("tenant"), _p.name == bindparam("wanted")))
_OLD_CHALLENGES = select(challenges.c.id).where(challenges.c.expires_at <= bindparam("before")).limit(bindparam("most"))
_COLLECT_CHALLENGES = Statement(delete(challenges).where(challenges.c.id.in_(_OLD_CHALLENGES)))
_OLD_PRESENCE = select(presence.c.id).where(presence.c.expires_at <= bindparam("before")).limit(bindparam("most"))
_COLLECT_PRESENCE = Statement(delete(presence).where(presence.c.id.in_(_OLD_PRESENCE)))


def record(tx: Tx, challenge: Challenge, state: State) -> bool:
    """Put a challenge on record; False when it is there already. For one of a single answer, this count decides."""
    binds = {"id": challenge.id, "tenant_id": tx.scope.tenant, "expires_at": challenge.expires_at}
    return bool(tx.do(_RECORD, **binds, state=state.value, failures=0))


def load(tx: Tx, challenge: Challenge) -> tuple[State, int] | None:
    """Return the recorded state and the number of wrong answers; hold the row, so that answers come one by one."""
    row = tx.one(_LOAD, challenge=challenge.id, tenant=tx.scope.tenant)
    return None if row is None else (State(row[0]), row[1])


def move(tx: Tx, challenge: Challenge, was: tuple[State, int], becomes: tuple[State, int]) -> bool:
    """Move a recorded challenge; False when somebody else moved it first. This count decides single use."""
    place = {"challenge": challenge.id, "tenant": tx.scope.tenant}
    return bool(tx.do(_MOVE, **place, was=was[0].value, seen=was[1], becomes=becomes[0].value, count=becomes[1]))


def add_presence(tx: Tx, **fields: object) -> None:
    """Store a fresh proof of presence; one without `operation` approves no operation."""
    tx.do(_ADD, **{"operation": ""} | fields, tenant_id=tx.scope.tenant, proved_at=tx.now, consumed_at=0)


def consume_presence(tx: Tx, receipt: str, commitment: str = "", **binds: str) -> Presence | None:
    """Consume a proof in one statement; None unless it is fresh, unused, and of exactly these bindings."""
    binds |= {"receipt": receipt, "tenant": tx.scope.tenant, "commitment": commitment}
    row = tx.one(_CONSUME, now=tx.now, **binds)
    return None if row is None else Presence(receipt, row[0], bool(row[1]), row[2])


def holder(tx: Tx, receipt: str) -> tuple[str, str] | None:
    """Return (person, session) of a proof, whether it still serves or not."""
    row = tx.one(_HOLDER, receipt=receipt, tenant=tx.scope.tenant)
    return None if row is None else (row[0], row[1])


def look(tx: Tx, receipt: str) -> Held | None:
    """Return a proof as it is kept and hold its row, so that uses come one by one."""
    row = tx.one(_LOOK, receipt=receipt, tenant=tx.scope.tenant)
    return None if row is None else Held(*row)


def void_presence(tx: Tx, purpose: str) -> int:
    """Delete the unused proofs for a purpose; return how many."""
    return tx.do(_VOID, tenant=tx.scope.tenant, wanted=purpose)


def void_of(tx: Tx, person: str) -> int:
    """Delete a person's unused proofs; return how many."""
    return tx.do(_VOID_OF, tenant=tx.scope.tenant, person=person)


def add_purpose(tx: Tx, rule: PurposeRule) -> bool:
    """Store a purpose; False when one of that name stands."""
    fields = {"name": rule.name, "title": rule.title, "minimum": rule.minimum.value, "life": rule.life}
    commits = int(rule.commits_operation)
    return bool(tx.do(_ADD_PURPOSE, tenant_id=tx.scope.tenant, **fields, commits_operation=commits, added_at=tx.now))


def find_purpose(tx: Tx, name: str) -> PurposeRule | None:
    """Return a declared purpose."""
    row = tx.one(_FIND_PURPOSE, tenant=tx.scope.tenant, wanted=name)
    return _rule(row) if row else None


def hold_purpose(tx: Tx, name: str) -> PurposeRule | None:
    """Return a declared purpose and keep it from being removed until this transaction ends."""
    row = tx.one(_HOLD_PURPOSE, tenant=tx.scope.tenant, wanted=name)
    return _rule(row) if row else None


def list_purposes(tx: Tx) -> list[PurposeRule]:
    """Return the declared purposes by name."""
    return [_rule(row) for row in tx.all(_LIST_PURPOSES, tenant=tx.scope.tenant)]


def remove_purpose(tx: Tx, name: str) -> bool:
    """Delete a declared purpose; False when there is none."""
    return bool(tx.do(_REMOVE_PURPOSE, tenant=tx.scope.tenant, wanted=name))


def _rule(row: Row) -> PurposeRule:
    return PurposeRule(row[0], row[1], Minimum(row[2]), bool(row[3]), row[4])


def collect(tx: Tx, before: int, most: int) -> int:
    """Delete proofs that expired by an instant, and challenges one life later, up to `most` of each; return how many.

    An absent proof is refused, but an absent challenge is a fresh one: a node whose clock is slow must find it.
    """
    challenges_gone = tx.do(_COLLECT_CHALLENGES, before=before - CHALLENGE_LIFE, most=most)
    return challenges_gone + tx.do(_COLLECT_PRESENCE, before=before, most=most)
