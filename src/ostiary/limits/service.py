"""Use cases of limits: count an attempt and decide, use an evaluation once, relieve whom a proof vouches for."""

import msgspec

from ostiary.kernel.clock import MINUTE
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.ids import is_id, timed_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName, Mode
from ostiary.limits import store
from ostiary.limits.model import (
    DEFAULT,
    EVALUATION_LIFE,
    Counted,
    Counter,
    Decision,
    Evaluation,
    Kind,
    Knock,
    Numbers,
    Policy,
    counters,
    decide,
    given,
    seconds,
)
from ostiary.storage.tx import Tx

__all__ = [
    "collect",
    "count",
    "evaluate",
    "find",
    "list_policies",
    "policy",
    "relieve",
    "remove_policy",
    "set_policy",
    "use",
]

_KEPT = 24 * 60 * MINUTE
_BATCH = 1000
_NEVER = 1 << 62


def evaluate(tx: Tx, caller: Caller, knock: Knock, attempt: str = "", *, lifted: bool = False) -> Evaluation:
    """Count one attempt and decide it; the evaluation serves the login attempt `attempt`, once.

    The worst of three counters decides: subject and address; claimed device and address; the address over all
    subjects, with 20 times the numbers. The subject alone is counted as evidence and stops nobody. An attempt during
    a lockout changes NOTHING: no counter, no row, no receipt; it is answered with id "", and whoever answers it records
    it in aggregate (ruling 20). So is a throttle that crosses no line, but for its counters. With `lifted`, after a
    fresh proof of presence, nothing is counted and nothing refused. `numbers` decide by themselves, in fixture tenants
    only. Raises ContractBroken for numbers elsewhere, and for a policy that is not there.
    """
    if knock.numbers and tx.scope.mode is not Mode.FIXTURE:
        raise ContractBroken("a request's own numbers outside a fixture tenant")
    rule = policy(tx, knock.policy)
    if rule is None:
        raise ContractBroken("an attempt under a policy that is not there")
    if knock.numbers:
        rule = _ruled(rule, knock.numbers)
    moved = counters(tx.scope.tenant, knock, rule)
    made = _draft(tx, knock, moved, attempt)
    if lifted:
        bare = msgspec.structs.replace(made, counters=_without_crowd(moved))
        return _recorded(tx, caller, bare, ("presence", f"policy:{rule.name}"))
    store.queue(tx)
    enforced = [one for one in moved if one.kind is not Kind.SUBJECT]
    closed = 0 if knock.numbers else store.closed_until(tx, enforced)
    if closed > tx.now:
        return _decided(made, (Decision.LOCKOUT, seconds(closed - tx.now)))
    counted = [_count(tx, one, rule, trips=not knock.numbers) for one in moved]
    decided = given(knock.numbers) if knock.numbers else decide(counted, tx.now)
    made = _decided(made, decided)
    crossed = any(one.crossed for one in counted if one.counter.kind is not Kind.SUBJECT)
    if made.decision is Decision.THROTTLE and not crossed and not knock.numbers:
        return made
    return _recorded(tx, caller, made, (*_counts(counted, knock.numbers), f"policy:{rule.name}"))


def count(tx: Tx, knock: Knock) -> Evaluation:
    """Count one attempt that the act's own receipt records, and decide it by the same counters.

    No evaluation is kept and nothing is emitted; whoever calls says in its receipt what was decided.
    """
    rule = policy(tx, knock.policy)
    if rule is None:
        raise ContractBroken("an attempt under a policy that is not there")
    moved = counters(tx.scope.tenant, knock, rule)
    store.queue(tx)
    closed = store.closed_until(tx, [one for one in moved if one.kind is not Kind.SUBJECT])
    made = _draft(tx, knock, moved, "")
    if closed > tx.now:
        return _decided(made, (Decision.LOCKOUT, seconds(closed - tx.now)))
    return _decided(made, decide([_count(tx, one, rule, trips=True) for one in moved], tx.now))


def find(tx: Tx, id: str) -> Evaluation | None:  # noqa: A002 - the name that every caller writes
    """Return an evaluation of this tenant, used or not; None for what is none. They are kept a day."""
    return store.find_evaluation(tx, id) if is_id("lev", id) else None


def use(tx: Tx, id: str, attempt: str) -> bool:  # noqa: A002 - the name that every caller writes
    """Use an evaluation up for its attempt; False unless it allows, is fresh and unused, and was made for this one.

    The act that uses it emits the event.
    """
    return bool(attempt) and is_id("lev", id) and store.use(tx, id, attempt)


def relieve(tx: Tx, evaluation: Evaluation) -> None:
    """Undo what an attempt that ended in a proof has counted; called once, by whoever has used the evaluation.

    The counters of its subject and of its device at this address start anew, lockouts included. The address as such
    gets back this one attempt: a proof of oneself must not wash off what was tried at others.
    """
    store.queue(tx)
    for name in evaluation.counters:
        kind, _, counter = name.partition(":")
        if kind == Kind.ADDRESS:
            store.give_back(tx, counter, evaluation.at)
        else:
            store.forget(tx, counter)


def policy(tx: Tx, name: str) -> Policy | None:
    """Return a policy by name; `default` is always there."""
    return store.find_policy(tx, name) or (DEFAULT if name == DEFAULT.name else None)


def list_policies(tx: Tx) -> list[tuple[Policy, bool]]:
    """Return every policy by name, and whether its numbers are the built-in ones."""
    stored = store.list_policies(tx)
    built_in = [] if any(one.name == DEFAULT.name for one in stored) else [(DEFAULT, True)]
    return sorted([*built_in, *((one, False) for one in stored)], key=lambda row: row[0].name)


def set_policy(tx: Tx, caller: Caller, policy: Policy) -> Refusal | None:
    """Store a policy, in the place of one of its name; the next attempt is counted by it.

    A lockout that has begun lasts as long as it was told to. The reasons of a refusal name the parts at fault.
    """
    if policy.faults:
        return tx.refuse(EventName.LIMIT_SET, caller, "-", Refusal(Code.LIMIT_POLICY_INVALID, policy.faults))
    store.set_policy(tx, policy)
    numbers = (f"soft:{policy.soft}", f"lockout:{policy.lockout}")
    reasons = (f"window:{policy.window}", *numbers, f"pause:{policy.pause}")
    tx.emit(Event(EventName.LIMIT_SET, caller, policy.name, reasons=reasons))
    return None


def remove_policy(tx: Tx, caller: Caller, name: str) -> Refusal | None:
    """Remove a policy that was set; `default` has its built-in numbers again."""
    if not store.remove_policy(tx, name):
        return tx.refuse(EventName.LIMIT_REMOVE, caller, "-", Code.LIMIT_POLICY_UNKNOWN)
    tx.emit(Event(EventName.LIMIT_REMOVE, caller, name))
    return None


def collect(tx: Tx) -> int:
    """Delete counters that are over and evaluations of a day ago, one batch with one event; return how many."""
    store.queue(tx)
    counters_gone, evaluations_gone = store.collect(tx, tx.now, _KEPT, _BATCH)
    count = counters_gone + evaluations_gone
    if count:
        reasons = (f"counters:{counters_gone}", f"evaluations:{evaluations_gone}")
        tx.emit(Event(EventName.LIMIT_COLLECT, SYSTEM, tx.scope.tenant, reasons=reasons))
    return count


def _ruled(rule: Policy, numbers: Numbers) -> Policy:
    """Return the policy with the numbers that a fixture's request brings."""
    return Policy(rule.name, numbers.window, numbers.soft, numbers.lockout, numbers.pause)


def _draft(tx: Tx, knock: Knock, moved: list[Counter], attempt: str) -> Evaluation:
    """Return an evaluation that allows, with no id yet."""
    return Evaluation(
        id="",
        policy=knock.policy,
        subject=knock.subject,
        route=knock.route,
        action=knock.action,
        decision=Decision.ALLOW,
        retry_after=0,
        source=knock.source,
        device=knock.device,
        attempt=attempt,
        at=tx.now,
        expires_at=tx.now + EVALUATION_LIFE,
        counters=tuple(f"{one.kind}:{one.id}" for one in moved if one.kind is not Kind.SUBJECT),
    )


def _without_crowd(moved: list[Counter]) -> tuple[str, ...]:
    """Return what a proof relieves where nothing was counted: the address has nothing to get back."""
    return tuple(f"{one.kind}:{one.id}" for one in moved if one.kind in {Kind.PAIR, Kind.DEVICE})


def _decided(made: Evaluation, decided: tuple[Decision, int]) -> Evaluation:
    return msgspec.structs.replace(made, decision=decided[0], retry_after=decided[1])


def _count(tx: Tx, counter: Counter, rule: Policy, *, trips: bool) -> Counted:
    """Count at one counter; the subject's own never closes, nor does any by a fixture's numbers."""
    lockout = counter.lockout if trips and counter.kind is not Kind.SUBJECT else _NEVER
    return store.count(tx, counter, rule.window, rule.pause, lockout)


def _counts(counted: list[Counted], numbers: Numbers | None) -> tuple[str, ...]:
    told = tuple(f"{one.counter.kind}:{one.count}" for one in counted)
    return (*told, f"attempts:{numbers.attempts}") if numbers else told


def _recorded(tx: Tx, caller: Caller, made: Evaluation, reasons: tuple[str, ...]) -> Evaluation:
    """Store an evaluation with its receipt."""
    made = msgspec.structs.replace(made, id=timed_id("lev", tx.secrets, tx.now))
    said, refusal = (made.decision.value, *reasons), made.refusal
    if refusal is None:
        receipt = tx.emit(Event(EventName.LIMIT_EVALUATE, caller, made.id, reasons=said))
    else:
        refusal = msgspec.structs.replace(refusal, reasons=said)
        receipt = tx.refuse(EventName.LIMIT_EVALUATE, caller, made.id, refusal).receipt
    made = msgspec.structs.replace(made, receipt=receipt)
    store.add_evaluation(tx, made)
    return made
