"""Knocks for the tests of limits: who, whom, from where, and on which database."""

from functools import partial

from ostiary.kernel.clock import SECOND
from ostiary.kernel.values import ANONYMOUS, Event, EventName, Mode, Scope
from ostiary.limits import service as limits
from ostiary.limits.model import Decision, Knock, Policy
from tests.login.gatehouse import OPERATOR

ALLOW, THROTTLE, LOCKOUT = Decision
ADA, EVE = "user-ada", "user-eve"
HOME, AWAY = "hash-of-home", "hash-of-away"


def knock(subject=ADA, address=HOME, **more):
    """One attempt to sign in."""
    given = {"policy": "default", "route": "/v1/auth/login/start", "action": "login_start"} | more
    return Knock(subject=subject, address=address, **given)


def evaluate(gatehouse, *given, attempt="", lifted=False, scope=None, **more):
    """Evaluate one attempt; return the evaluation."""
    act = partial(limits.evaluate, caller=ANONYMOUS, knock=knock(*given, **more), attempt=attempt, lifted=lifted)
    return gatehouse.house.vault.transact_now(scope or gatehouse.scope, act)


def decisions(gatehouse, count, *given, **more):
    """What so many attempts in a row are told."""
    return [evaluate(gatehouse, *given, **more).decision for _ in range(count)]


def set_policy(gatehouse, name="default", *, window=300, soft=5, lockout=10, pause=900):
    """Set a policy, in seconds and counts."""
    made = Policy(name, window * SECOND, soft, lockout, pause * SECOND)
    return gatehouse.act(lambda tx: limits.set_policy(tx, OPERATOR, made))


def relieve(gatehouse, evaluation):
    """Relieve, as the act does that a proof has opened."""

    def act(tx):
        limits.relieve(tx, evaluation)
        tx.emit(Event(EventName.LOGIN_FINISH, ANONYMOUS, ADA))

    gatehouse.act(act)


def use(gatehouse, evaluation, attempt):
    """Use an evaluation up; tell whether this was the one that did."""

    def act(tx):
        won = limits.use(tx, getattr(evaluation, "id", evaluation), attempt)
        if won:
            tx.emit(Event(EventName.LOGIN_FINISH, ANONYMOUS, ADA))
        return won

    return gatehouse.act(act)


def fixture(gatehouse):
    """The scope of the same tenant as if it were one of fixtures."""
    return Scope(gatehouse.scope.tenant, Mode.FIXTURE)


def stored(gatehouse):
    """Every row that limits keep and how many receipts there are: equal, nothing changed."""
    tables = ("limit_counters", "evaluations", "limit_policies")
    rows = [sorted(gatehouse.rows(f"SELECT * FROM {name}")) for name in tables]
    return [*rows, gatehouse.rows("SELECT count(*) FROM receipts")]
