"""A million guesses are worthless: on a clock that the test turns, how many of them could have been right?

A guess is live when the right code, typed in its place, would have been taken: that is tried before each guess, in a
transaction that is thrown away. Everything else was worthless whatever its digits were.
"""

from contextlib import closing

import pytest

from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller
from ostiary.login.methods.email_code import challenges
from ostiary.login.methods.email_code.challenges import Asking, Rules
from ostiary.login.methods.email_code.model import BUDGETS, LIFE, MOST_FAILURES, Flow, State
from tests.login.email_code.handset import EMAIL, Tower
from tests.sessions.home import Home

DAY = 24 * 60 * MINUTE
ASKING = Asking(Flow.DEVICE, EMAIL, "en")


class Probe(Exception):
    """Throws a transaction away."""


class Attack:
    """Guesses at one address from several places, as fast as challenges and limits let it."""

    def __init__(self, home, places):
        self.home, self.tower = home, Tower(home)
        self.rules = Rules(home.house.keyring, home.house.settings.origin)
        self.callers = [Caller(address=f"place-{n}") for n in range(places)]
        self.live = self.made = 0
        home.clock.hold()
        self.began = home.clock()

    def run(self, guesses, each):
        """Make that many guesses, `each` of them at every challenge; a minute after the last ask, ask again."""
        while self.made < guesses:
            for caller in self.callers:
                self._besiege(caller, each)
            self.home.clock.turn(61 * SECOND)
        return self

    @property
    def days(self):
        """How long it took."""
        return (self.home.clock() - self.began) / DAY

    def _besiege(self, caller, each):
        challenge, state = self._ask(caller)
        code = self.tower.code(challenge) if state is State.SENT else ""
        wrong = f"{(int(code or 0) + 1) % 10**6:06d}"
        for _ in range(MOST_FAILURES):
            self.live += bool(code) and self._would_open(caller, challenge, code)
            assert self._guess(caller, challenge, wrong) == [Code.INVALID_CODE]
        rest = self._guess(caller, challenge, *[wrong] * (each - MOST_FAILURES))
        assert set(rest) == {Code.CHALLENGE_EXPIRED}, "over, whatever the digits are"
        self.made += each

    def _ask(self, caller):
        def use_case(tx):
            held = State.THROTTLED if challenges.letter_after(tx, self.rules, caller, ASKING) else None
            made = challenges.open_challenge(tx, self.rules, caller, ASKING, held)
            return made.challenge, made.state

        return self.home.act(use_case)

    def _would_open(self, caller, challenge, code):
        def use_case(tx):
            judged = challenges.judge(tx, self.rules, caller, Flow.DEVICE, challenge, code)
            raise Probe(not isinstance(judged, Refusal))

        with pytest.raises(Probe) as told:
            self.home.act(use_case)
        return told.value.args[0]

    def _guess(self, caller, challenge, *codes):
        def use_case(tx):
            judged = [challenges.judge(tx, self.rules, caller, Flow.DEVICE, challenge, code) for code in codes]
            assert all(isinstance(one, Refusal) for one in judged)
            return [one.code for one in judged]

        return self.home.act(use_case)


@pytest.fixture
def home(tmp_path):
    with closing(Home(tmp_path)) as made:
        yield made


def test_from_one_place_a_day_of_guesses_has_twenty_live_ones(home):
    attack = Attack(home, 1).run(2_000, each=50)
    assert attack.days < 1
    assert attack.live == BUDGETS.guess.most == 20


def test_from_many_places_an_address_has_fifty_live_guesses_a_day(home):
    attack = Attack(home, 6).run(3_000, each=50)
    assert attack.days < 1
    assert attack.live == BUDGETS.guesses.most == 50


def test_who_guesses_from_one_place_keeps_the_owner_out_from_nowhere_else(home):
    Attack(home, 1).run(1_000, each=50)
    home.clock.turn(LIFE)
    owner = Attack(home, 1)
    owner.callers = [Caller(address="the owner's own place")]
    challenge, state = owner._ask(owner.callers[0])
    assert state is State.SENT
    assert owner._would_open(owner.callers[0], challenge, owner.tower.code(challenge))


def test_guesses_at_challenges_without_a_letter_cost_the_owner_nothing(home):
    """From more places than the address has letters: what could never be right is counted at nobody's budget but its own."""
    attack = Attack(home, 1)
    for place in range(8):
        attack.callers = [Caller(address=f"place-{place}")]
        for _ in range(4):
            challenge, state = attack._ask(attack.callers[0])
            if state is State.THROTTLED:
                attack._guess(attack.callers[0], challenge, *["000000"] * MOST_FAILURES)
    owner = Caller(address="the owner's own place")
    challenge, state = attack._ask(owner)
    assert state is State.SENT
    assert attack._would_open(owner, challenge, attack.tower.code(challenge))


@pytest.mark.slow
def test_of_a_million_guesses_fifty_a_day_are_live(home):
    """Attempts × challenges × limits: 1,000,000 guesses from ten places, 500 at each challenge."""
    attack = Attack(home, 10).run(1_000_000, each=500)
    most = BUDGETS.guesses.most * (int(attack.days) + 1)
    print(f"1,000,000 guesses in {attack.days:.2f} days: {attack.live} live, chance {attack.live / 10**6:.6f}")
    assert 0 < attack.live <= most
