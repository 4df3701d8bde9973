"""The table of moves: every state and every happening, through the one dispatcher."""

from itertools import product

import msgspec
import pytest

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Factor, Proof, Scope
from ostiary.login.flow import MOVES, Happening, Step, dispatch
from ostiary.login.method import Ask
from ostiary.presence.model import Challenge, Purpose, State
from tests.login.toy.method import ToyMethod

CALLER = Caller(actor="anonymous", request_id="r")
WRONG = Refusal(Code.LOGIN_REFUSED, ("because",))
SAID = {
    Happening.PROVED: Proof("user-a", Factor.PASSKEY, 0, "la-a"),
    Happening.WRONG: WRONG,
    Happening.LAST_WRONG: WRONG,
    Happening.ASKED: Ask("doorkeeper.whose"),
}
ENTERED = (State.OPEN, State.WAITING)


def put(gatehouse, state, failures, tenant="default"):
    """A recorded challenge in a state."""
    made = Challenge("la-test", Purpose.LOGIN, "toy", "", "pl-a", gatehouse.clock() + 1)
    gatehouse.write(
        "INSERT INTO challenges (id, tenant_id, state, failures, expires_at) VALUES (?, ?, ?, ?, ?)",
        (made.id, tenant, state.value, failures, made.expires_at),
    )
    return made


def take(gatehouse, challenge, enter, verdict, judged=None):
    """Dispatch one step; sessions and presence would leave the receipt of a Proof."""

    def judge(tx):
        if judged is not None:
            judged.append(tx)
        return verdict

    def use_case(tx):
        outcome = dispatch(tx, Step(ToyMethod(None), CALLER, challenge, enter, judge))
        if isinstance(outcome, Proof):
            tx.refuse(EventName.SESSION_OPEN, CALLER, "-", Code.SESSION_UNKNOWN)
        return outcome

    return gatehouse.act(use_case)


def row(gatehouse):
    return gatehouse.rows("SELECT state, failures FROM challenges WHERE id = 'la-test'")[0]


def before(happening):
    """How many wrong answers stand when this happens."""
    return ToyMethod.guesses - 1 if happening is Happening.LAST_WRONG else 0


@pytest.mark.parametrize(("state", "happening"), list(product(State, Happening)))
def test_every_pair_is_a_move_or_refused(gatehouse, state, happening):
    failures = before(happening)
    for enter in ENTERED:
        judged = []
        challenge = put(gatehouse, state, failures)
        outcome = take(gatehouse, challenge, enter, SAID[happening], judged)
        receipt = gatehouse.receipts()[-1]
        if state is enter:
            assert len(judged) == 1
            wrong = isinstance(SAID[happening], Refusal)
            assert row(gatehouse) == (MOVES[state, happening].value, failures + wrong)
            assert outcome == SAID[happening] or outcome.code is WRONG.code
            assert (
                receipt.operation == {Proof: "session.open", Refusal: "login.finish", Ask: "login.ask"}[type(outcome)]
            )
        else:
            exhausted = state is State.EXHAUSTED
            assert outcome.code is (Code.LOGIN_ATTEMPTS_EXHAUSTED if exhausted else Code.LOGIN_ATTEMPT_SPENT)
            assert judged == []
            assert row(gatehouse) == (state.value, failures)
            assert (outcome.receipt, outcome.subject) == ("", "la-test"), "nothing changed: the door records it"
        gatehouse.write("DELETE FROM challenges")


def test_the_table_has_a_move_for_what_can_happen_in_every_state_that_is_entered():
    assert set(MOVES) == set(product(ENTERED, Happening))


def test_proved_and_exhausted_are_the_ends():
    assert set(MOVES.values()) - {state for state, _ in MOVES} == {State.PROVED, State.EXHAUSTED}


@pytest.mark.parametrize("guess", range(1, ToyMethod.guesses + 1))
def test_wrong_answers_are_counted_to_the_last(gatehouse, guess):
    challenge = put(gatehouse, State.OPEN, guess - 1)
    take(gatehouse, challenge, State.OPEN, WRONG)
    assert row(gatehouse) == ("exhausted" if guess == ToyMethod.guesses else "open", guess)


@pytest.mark.parametrize("first", [Happening.PROVED, Happening.WRONG, Happening.ASKED])
def test_the_verdict_of_who_did_not_move_the_row_is_not_kept(gatehouse, first):
    """As on a store where another node moves the row between the look and the move."""
    challenge = put(gatehouse, State.OPEN, 0)

    def use_case(tx):
        def judge(inner):
            dispatch(inner, msgspec.structs.replace(step, judge=lambda _: SAID[first]))
            return SAID[Happening.PROVED]

        step = Step(ToyMethod(None), CALLER, challenge, State.OPEN, judge)
        return dispatch(tx, step)

    assert gatehouse.act(use_case).code is Code.LOGIN_ATTEMPT_SPENT
    assert row(gatehouse) == (MOVES[State.OPEN, first].value, int(first is Happening.WRONG))


def test_the_challenge_of_another_tenant_is_not_found(gatehouse):
    challenge = put(gatehouse, State.OPEN, 0, tenant="other")
    judged = []
    outcome = take(gatehouse, challenge, State.OPEN, SAID[Happening.PROVED], judged)
    assert (outcome.code, outcome.reasons) == (Code.LOGIN_ATTEMPT_INVALID, ("challenge_of_another_tenant",))
    assert judged == []
    assert gatehouse.scope == Scope("default")


def test_a_recorded_attempt_is_not_judged_after_its_time(gatehouse):
    challenge = put(gatehouse, State.OPEN, 0)
    judged = []
    gatehouse.clock.turn(1)
    outcome = take(gatehouse, challenge, State.OPEN, SAID[Happening.PROVED], judged)
    assert (outcome.code, judged, row(gatehouse)) == (Code.LOGIN_ATTEMPT_EXPIRED, [], ("open", 0))
