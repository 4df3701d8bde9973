"""The tables of recovery. Contacts and secrets are hashes; an address is sealed, for the notices."""

from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    Index,
    Integer,
    LargeBinary,
    Select,
    String,
    Table,
    bindparam,
    case,
    delete,
    func,
    insert,
    select,
    text,
    update,
)

from ostiary.recovery.model import Attempt, Policy, Run, State, Tried
from ostiary.storage.statements import METADATA, Statement
from ostiary.storage.tx import Tx

__all__ = [
    "add_attempt",
    "add_contact",
    "add_policy",
    "add_run",
    "cancel",
    "collect",
    "consume",
    "contacts_of",
    "contest",
    "current",
    "execute",
    "fail_attempt",
    "find_policy",
    "find_run",
    "given_before",
    "hold_attempt",
    "hold_run",
    "holders",
    "open_runs",
    "place",
    "replace_policies",
    "run_of_cancel",
    "run_open",
    "spend_attempt",
    "tried",
]

_policies = Table(
    "recovery_policies",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("passkey_id", String, nullable=False),
    Column("policy_hash", String, nullable=False),
    Column("methods", String, nullable=False),
    Column("given", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("replaced_at", BigInteger, nullable=False),
    Column("consumed_at", BigInteger, nullable=False),
    Index("recovery_policies_of_person", "tenant_id", "person_id"),
)
_contacts = Table(
    "recovery_contacts",
    METADATA,
    Column("tenant_id", String, primary_key=True),
    Column("contact_hash", String, primary_key=True),
    Column("policy_id", String, primary_key=True),
)
_attempts = Table(
    "recovery_attempts",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("policy_id", String, nullable=False),
    Column("contact_hash", String, nullable=False),
    Column("code_hash", String, nullable=False),
    Column("address_sealed", LargeBinary, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("begun_at", BigInteger, nullable=False, index=True),
    Column("expires_at", BigInteger, nullable=False),
    Column("spent_at", BigInteger, nullable=False),
    Column("asker", String, nullable=False, server_default=text("''")),
    Column("requester", String, nullable=False, server_default=text("''")),
    Index("recovery_attempts_of_contact", "tenant_id", "contact_hash", "begun_at"),
)
_runs = Table(
    "recovery_runs",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant_id", String, nullable=False),
    Column("person_id", String, nullable=False),
    Column("policy_id", String, nullable=False),
    Column("contact_hash", String, nullable=False),
    Column("method", String, nullable=False),
    Column("secret_hash", String, nullable=False),
    Column("cancel_hash", String, nullable=False, unique=True),
    Column("address_sealed", LargeBinary, nullable=False),
    Column("state", String, nullable=False),
    Column("replacement_id", String, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("ready_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("executed_at", BigInteger, nullable=False),
    Column("contest_until", BigInteger, nullable=False),
    Index("recovery_runs_of_person", "tenant_id", "person_id", "state"),
)


def _fields(table: Table) -> Select[Any]:
    """Select what the value of a table has, in the order of its fields."""
    return select(*(column for column in table.columns if column.name != "tenant_id"))


_p, _c, _a, _r = _policies.c, _contacts.c, _attempts.c, _runs.c
_TENANT: BindParameter[str] = bindparam("tenant")
_POLICY = _fields(_policies)
_STANDS = (_p.tenant_id == _TENANT, _p.replaced_at == 0, _p.consumed_at == 0)
_ADD_POLICY = Statement(insert(_policies))
_ADD_CONTACT = Statement(insert(_contacts))
_CONTACTS = Statement(select(func.count()).where(_c.tenant_id == _TENANT, _c.policy_id == bindparam("policy")))
_FIND_POLICY = Statement(_POLICY.where(_p.tenant_id == _TENANT, _p.id == bindparam("policy")))
_CURRENT = Statement(_POLICY.where(*_STANDS, _p.person_id == bindparam("person")).limit(1))
_GIVEN = Statement(
    select(_p.id).where(_p.tenant_id == _TENANT, _p.person_id == bindparam("person"), _p.given == 1).limit(1)
)
_HOLDERS = Statement(
    _POLICY.join(_contacts, _c.policy_id == _p.id)
    .where(*_STANDS, _c.tenant_id == _TENANT, _c.contact_hash == bindparam("contact"))
    .order_by(_p.created_at, _p.id)
)
_REPLACE = Statement(
    update(_policies).where(*_STANDS, _p.person_id == bindparam("person")).values(replaced_at=bindparam("now"))
)
_CONSUME = Statement(
    update(_policies).where(*_STANDS, _p.id == bindparam("policy")).values(consumed_at=bindparam("now"))
)

_ADD_ATTEMPT = Statement(insert(_attempts))
_MINE = (_a.id == bindparam("attempt"), _a.tenant_id == _TENANT)
_HOLD_ATTEMPT = Statement(_fields(_attempts).where(*_MINE).with_for_update())
_FAIL_ATTEMPT = Statement(update(_attempts).where(*_MINE).values(failures=_a.failures + 1))
_SPEND_ATTEMPT = Statement(update(_attempts).where(*_MINE, _a.spent_at == 0).values(spent_at=bindparam("now")))
_HERE = case((_a.requester == bindparam("requester"), 1), else_=0)
_TRIED = Statement(
    select(func.count(), *(func.coalesce(func.sum(one), 0) for one in (_HERE, _a.failures, _a.failures * _HERE))).where(
        _a.tenant_id == _TENANT,
        _a.contact_hash == bindparam("contact"),
        _a.person_id != "",
        _a.begun_at > bindparam("since"),
    )
)

_RUN = _fields(_runs)
_IS = (_r.id == bindparam("run"), _r.tenant_id == _TENANT)
_OF = (_r.tenant_id == _TENANT, _r.person_id == bindparam("person"), _r.state == bindparam("wanted"))
_ADD_RUN = Statement(insert(_runs))
_FIND_RUN = Statement(_RUN.where(*_IS))
_HOLD_RUN = Statement(_RUN.where(*_IS).with_for_update())
_OF_CANCEL = Statement(_RUN.where(_r.tenant_id == _TENANT, _r.cancel_hash == bindparam("token")))
_OPEN = Statement(_RUN.where(*_OF).order_by(_r.begun_at.desc()).with_for_update())
_LOOK = Statement(_RUN.where(*_OF, _r.expires_at > bindparam("now")).order_by(_r.begun_at.desc()).limit(1))
_WAITS = (*_IS, _r.state == State.WAITING.value)
_PLACE = Statement(update(_runs).where(*_WAITS, _r.replacement_id == "").values(replacement_id=bindparam("passkey")))
_CANCEL = Statement(update(_runs).where(*_WAITS).values(state=State.CANCELLED.value))
_EXECUTE = Statement(
    update(_runs)
    .where(*_WAITS)
    .values(state=State.EXECUTED.value, executed_at=bindparam("now"), contest_until=bindparam("until"))
)
_CONTEST = Statement(
    update(_runs)
    .where(*_IS, _r.state == State.EXECUTED.value, _r.contest_until > bindparam("now"))
    .values(state=State.CONTESTED.value)
)

_OLD = select(_a.id).where(_a.begun_at <= bindparam("before")).limit(bindparam("most"))
_COLLECT = Statement(delete(_attempts).where(_a.id.in_(_OLD)))


def add_policy(tx: Tx, made: Policy) -> None:
    """Store a policy."""
    tx.do(
        _ADD_POLICY,
        id=made.id,
        tenant_id=tx.scope.tenant,
        person_id=made.person,
        passkey_id=made.passkey,
        policy_hash=made.hash,
        methods=made.methods,
        given=made.given,
        created_at=made.created_at,
        replaced_at=0,
        consumed_at=0,
    )


def add_contact(tx: Tx, policy: str, contact: str) -> None:
    """Store one contact of a policy, by its keyed hash."""
    tx.do(_ADD_CONTACT, tenant_id=tx.scope.tenant, contact_hash=contact, policy_id=policy)


def contacts_of(tx: Tx, policy: str) -> int:
    """Return how many contacts a policy has."""
    row = tx.one(_CONTACTS, tenant=tx.scope.tenant, policy=policy)
    return int(row[0]) if row else 0


def find_policy(tx: Tx, policy: str) -> Policy | None:
    """Return a policy of the tenant, whether it stands or not."""
    row = tx.one(_FIND_POLICY, tenant=tx.scope.tenant, policy=policy)
    return None if row is None else Policy(*row)


def current(tx: Tx, person: str) -> Policy | None:
    """Return the policy of a person that stands: neither replaced nor consumed."""
    row = tx.one(_CURRENT, tenant=tx.scope.tenant, person=person)
    return None if row is None else Policy(*row)


def given_before(tx: Tx, person: str) -> bool:
    """Tell whether a person has ever set a policy."""
    return tx.one(_GIVEN, tenant=tx.scope.tenant, person=person) is not None


def holders(tx: Tx, contact: str) -> list[Policy]:
    """Return the standing policies with a contact, oldest first."""
    return [Policy(*row) for row in tx.all(_HOLDERS, tenant=tx.scope.tenant, contact=contact)]


def replace_policies(tx: Tx, person: str) -> int:
    """Take every standing policy of a person out of force; return how many."""
    return tx.do(_REPLACE, tenant=tx.scope.tenant, person=person, now=tx.now)


def consume(tx: Tx, policy: str) -> bool:
    """Consume a policy; False when it does not stand any more. This count decides who executes."""
    return bool(tx.do(_CONSUME, tenant=tx.scope.tenant, policy=policy, now=tx.now))


def add_attempt(tx: Tx, made: Attempt) -> None:
    """Store an attempt to prove a contact."""
    tx.do(
        _ADD_ATTEMPT,
        id=made.id,
        tenant_id=tx.scope.tenant,
        person_id=made.person,
        policy_id=made.policy,
        contact_hash=made.contact,
        code_hash=made.code_hash,
        address_sealed=made.address_sealed,
        failures=0,
        begun_at=made.begun_at,
        expires_at=made.expires_at,
        spent_at=0,
        asker=made.asker,
        requester=made.requester,
    )


def hold_attempt(tx: Tx, attempt: str) -> Attempt | None:
    """Return an attempt of the tenant and hold its row, so that answers come one by one."""
    row = tx.one(_HOLD_ATTEMPT, tenant=tx.scope.tenant, attempt=attempt)
    return None if row is None else Attempt(*row)


def fail_attempt(tx: Tx, attempt: str) -> None:
    """Count a wrong code."""
    tx.do(_FAIL_ATTEMPT, tenant=tx.scope.tenant, attempt=attempt)


def spend_attempt(tx: Tx, attempt: str) -> bool:
    """Spend an attempt; False when it is spent. This count decides single use."""
    return bool(tx.do(_SPEND_ATTEMPT, tenant=tx.scope.tenant, attempt=attempt, now=tx.now))


def tried(tx: Tx, contact: str, requester: str, since: int) -> Tried:
    """Return what was tried at a contact since an instant; what brought no letter is nothing that could be guessed."""
    row = tx.one(_TRIED, tenant=tx.scope.tenant, contact=contact, requester=requester, since=since)
    return Tried(*map(int, row)) if row else Tried(0, 0, 0, 0)


def add_run(tx: Tx, made: Run) -> None:
    """Store a run."""
    tx.do(
        _ADD_RUN,
        id=made.id,
        tenant_id=tx.scope.tenant,
        person_id=made.person,
        policy_id=made.policy,
        contact_hash=made.contact,
        method=made.method,
        secret_hash=made.secret_hash,
        cancel_hash=made.cancel_hash,
        address_sealed=made.address_sealed,
        state=made.state.value,
        replacement_id="",
        begun_at=made.begun_at,
        ready_at=made.ready_at,
        expires_at=made.expires_at,
        executed_at=0,
        contest_until=0,
    )


def _run(row: tuple[object, ...]) -> Run:
    return msgspec.convert(dict(zip(Run.__struct_fields__, row, strict=True)), Run)


def find_run(tx: Tx, run: str) -> Run | None:
    """Return a run of the tenant; holds nothing."""
    row = tx.one(_FIND_RUN, tenant=tx.scope.tenant, run=run)
    return None if row is None else _run(row)


def hold_run(tx: Tx, run: str) -> Run | None:
    """Return a run of the tenant and hold its row."""
    row = tx.one(_HOLD_RUN, tenant=tx.scope.tenant, run=run)
    return None if row is None else _run(row)


def run_of_cancel(tx: Tx, token: str) -> Run | None:
    """Return the run that a cancel link is for, by the hash of its token; holds nothing."""
    row = tx.one(_OF_CANCEL, tenant=tx.scope.tenant, token=token)
    return None if row is None else _run(row)


def open_runs(tx: Tx, person: str, state: State) -> list[Run]:
    """Return a person's runs in a state, newest first, held."""
    return [_run(row) for row in tx.all(_OPEN, tenant=tx.scope.tenant, person=person, wanted=state.value)]


def run_open(tx: Tx, person: str) -> Run | None:
    """Return a person's newest run that waits or could be executed; holds nothing."""
    row = tx.one(_LOOK, tenant=tx.scope.tenant, person=person, wanted=State.WAITING.value, now=tx.now)
    return None if row is None else _run(row)


def place(tx: Tx, run: str, passkey: str) -> bool:
    """Note the replacement that was registered; False when there is one already, or the run does not wait."""
    return bool(tx.do(_PLACE, tenant=tx.scope.tenant, run=run, passkey=passkey))


def cancel(tx: Tx, run: str) -> bool:
    """Cancel a run; False when it does not wait any more."""
    return bool(tx.do(_CANCEL, tenant=tx.scope.tenant, run=run))


def execute(tx: Tx, run: str, until: int) -> bool:
    """Mark a run as executed; False when it does not wait any more."""
    return bool(tx.do(_EXECUTE, tenant=tx.scope.tenant, run=run, now=tx.now, until=until))


def contest(tx: Tx, run: str) -> bool:
    """Mark an executed run as contested; False when its time to be contested is over. This count decides."""
    return bool(tx.do(_CONTEST, tenant=tx.scope.tenant, run=run, now=tx.now))


def collect(tx: Tx, before: int, most: int) -> int:
    """Delete up to `most` attempts of all tenants that began by an instant; return how many."""
    return tx.do(_COLLECT, before=before, most=most)
