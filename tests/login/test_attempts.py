"""Random lives of login attempts against the real store, and faults planted by handing a faulty part in: each is found."""

import json
import os
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from ostiary.house import database_path
from ostiary.kernel.clock import SECOND
from ostiary.kernel.ids import system_secrets, unb64url
from ostiary.login.methods.passkey.method import PasskeyMethod
from ostiary.presence.model import CHALLENGE_LIFE, State
from ostiary.presence.store import challenges
from ostiary.receipts.ledger import SigningLedger
from ostiary.storage.sqlite import SqliteVault
from tests.login.toy.method import ToyMethod
from tests.rigs.databases import migrated_url
from tests.sessions.test_life import MEMORY, Other, Part, wrapped
from tests.sessions.world import STATE, PostgresStage, Stage

ANY, NODE = st.integers(0, 1 << 16), st.integers(0, 1)
GUESSES = {"toy": ToyMethod.guesses, "passkey": PasskeyMethod.guesses}
KINDS = st.sampled_from(["right", "wrong", "blank", "unknown"])
QUIET = settings(
    derandomize=True,
    deadline=None,
    database=None,
    stateful_step_count=200,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)


class Doorkeeper:
    """The world: knows words; `meanwhile` happens while it thinks."""

    def __init__(self):
        self.words, self.meanwhile = {}, None

    async def whose(self, name, word):
        happening, self.meanwhile = self.meanwhile, None
        if happening:
            await happening()
        return self.words.get((name, word), "")

    def knows(self, person):
        return person in self.words.values()


@dataclass
class Attempt:
    """What the model knows of one attempt."""

    visitor: object
    node: int
    token: str
    method: str
    options: object
    expires: int
    wrong: int = 0
    proved: bool = False
    recorded: bool = False

    def over(self, now):
        return now >= self.expires or self.proved or self.wrong >= GUESSES[self.method]


class AttemptLife(RuleBasedStateMachine):
    """Rules are what browsers, thieves, time and the world can do to attempts."""

    stage = None
    fit = None
    steps = 0
    found = ()
    world_of_words = None

    def __init__(self):
        super().__init__()
        self.world, self.people = type(self).stage.world(type(self).fit)
        self.clock, self.nodes, self.attempts = self.world.clock, self.world.nodes, []
        self.doorkeeper = type(self).world_of_words
        self.doorkeeper.words["ada", "sesame"] = self.signed_in().person

    def signed_in(self):
        visitor = self.nodes[0].visitor(self.people[0][0][0])
        assert visitor.sign_in().status == 200
        return visitor

    def teardown(self):
        self.world.close()

    @contextmanager
    def step(self, **given):
        """One step that remembers what it found, whatever Hypothesis makes of it afterwards."""
        try:
            with self.lawful(**given):
                yield
        except AssertionError as fault:
            type(self).found = (*self.found, str(fault))
            raise

    @contextmanager
    def lawful(self):
        """One step: sessions are opened as expected, each with its receipt, and a refusal leaves nothing but its count."""
        type(self).steps += 1
        before, mark, self.opened = self.world.tables(), self.world.newest(), 0
        yield
        after, told = self.world.tables(), self.world.told(mark)
        changed = {name for name in STATE if before[name] != after[name]}
        opened = {row[0] for row in after["sessions"]} - {row[0] for row in before["sessions"]}
        admitted = [(name, subject) for _, name, how, subject, _ in told if how == "admitted"]
        assert len(opened) == self.opened
        assert {subject for name, subject in admitted if name == "session.open"} == opened
        assert {name for name, _ in admitted} <= {"session.open", "login.ask", "challenge.collect"}
        assert changed <= ({"challenges", "sessions", "passkeys"} if self.opened else {"challenges"}), changed
        if "challenges" in changed:
            assert told, "an answer left no receipt"
        assert all(json.loads(why)[0] for _, _, how, _, why in told if how == "refused")
        self.no_attempt_is_more_than_once(after)

    @staticmethod
    def no_attempt_is_more_than_once(after):
        rows = [row for row in after["challenges"] if row[2] == "proved"]
        assert len(rows) == len({row[0] for row in rows})
        assert all(row[3] <= max(GUESSES.values()) for row in after["challenges"])

    def pick(self, number):
        return self.attempts[number % len(self.attempts)] if self.attempts else None

    def path(self, one):
        return f"/login/{one.method}/finish"

    def body(self, one, kind):
        """The answer of that kind to that attempt."""
        if one.method == "toy":
            names = {"unknown": "nobody"}
            words = {"right": "sesame", "blank": " "}
            return {"attempt": one.token, "name": names.get(kind, "ada"), "word": words.get(kind, "open")}
        signed = one.visitor.passkey.get(one.options)
        if kind != "right":
            data = signed["response"]["signature"]
            signed["response"]["signature"] = data[:-6] + ("AAAAAA" if data[-6:] != "AAAAAA" else "BBBBBB")
        return {"attempt": one.token, "credential": signed}

    def judged(self, one, kind, status):
        """Hold an answer against the model, and count it."""
        if one.over(self.clock.now):
            assert status in {401, 409, 410, 429}, (status, one)
        elif kind == "right":
            assert status == 200, (status, one)
            one.proved = True
            self.opened += 1
        else:
            assert status in {401, 429}, (status, one)
            one.wrong += 1

    @rule(node=NODE, method=st.sampled_from(["toy", "passkey"]))
    def begin(self, node, method):
        with self.step():
            visitor = self.nodes[node].visitor(self.people[0][0][0])
            expires = self.clock.now + CHALLENGE_LIFE
            asked = visitor.send("POST", f"/login/{method}/begin", {}).json
            self.attempts.append(Attempt(visitor, node, asked["attempt"], method, asked.get("options"), expires))

    @rule(number=ANY, kind=KINDS)
    def answer(self, number, kind):
        if one := self.pick(number):
            with self.step():
                cookies = dict(one.visitor.cookies)
                answer = one.visitor.send("POST", self.path(one), self.body(one, kind))
                one.visitor.cookies = cookies
                self.judged(one, kind, answer.status)

    @rule(number=ANY, kinds=st.tuples(KINDS, KINDS))
    def race(self, number, kinds):
        """Two answers at once, one at each node: together they do what they would in some order."""
        if one := self.pick(number):
            with self.step():
                over, was = one.over(self.clock.now), one.wrong
                browsers = [one.visitor.moved(node) for node in self.nodes]
                for browser in browsers:
                    browser.cookies = dict(one.visitor.cookies)
                bodies = [self.body(one, kind) for kind in kinds]
                sent = [b.asked("POST", self.path(one), body) for b, body in zip(browsers, bodies, strict=True)]
                statuses = [answer.status for answer in self.nodes[0].together(*sent)]
                won = statuses.count(200)
                assert won <= (0 if over else kinds.count("right"))
                assert won <= 1
                assert set(statuses) <= {200, 401, 409, 410, 429}
                self.opened, one.proved = won, one.proved or bool(won)
                self.counted(one)
                assert one.wrong <= GUESSES[one.method]
                assert won or over or one.wrong > was or "right" not in kinds

    def counted(self, one):
        """Take over how many wrong answers the store has counted: which of two came first is not for the model to say."""
        rows = {row[0]: row for row in self.world.tables()["challenges"]}
        found = next((row for name, row in rows.items() if name == self.id_of(one)), None)
        if found is not None and not one.proved:
            one.wrong = found[3]

    def id_of(self, one):
        return json.loads(unb64url(one.token.split(".")[1]))[0]

    @rule(number=ANY, kind=KINDS, how=st.sampled_from(["bare", "other browser", "other method", "presence", "forged"]))
    def steal(self, number, kind, how):
        """The right answer from the wrong place is refused, and counts nothing against the one whom it was stolen from."""
        if one := self.pick(number):
            with self.step():
                before = self.world.tables()
                thief, path, body = self.thief(one, how), self.path(one), self.body(one, kind)
                if how == "other method":
                    path = "/login/toy/finish" if one.method == "passkey" else "/login/passkey/finish"
                    body = self.body(one, "wrong")
                    if one.method == "passkey":
                        body = {"attempt": one.token, "name": "ada", "word": "sesame"}
                if how == "presence":  # a browser before its sign-in has no session to prove presence in
                    path = f"/api/v1/auth/presence/{one.method}/finish"
                if how == "forged":
                    body["attempt"] = one.token[:-2] + ("AA" if one.token[-2:] != "AA" else "BA")
                assert thief.send("POST", path, body).status in {400, 401, 403}
                assert self.world.tables() == before

    def thief(self, one, how):
        thief = self.nodes[0].visitor(one.visitor.passkey)
        if how == "other browser":
            thief.send("POST", "/login/toy/begin", {})
        elif how != "bare":
            thief.cookies = dict(one.visitor.cookies)
        return thief

    @rule(micros=st.sampled_from([1, SECOND, CHALLENGE_LIFE // 4, CHALLENGE_LIFE]))
    def time_passes(self, micros):
        with self.step():
            self.clock.turn(micros)

    @rule(number=ANY, off=st.sampled_from([-1, 0, 1]), kind=KINDS)
    def come_to_the_instant(self, number, off, kind):
        if one := self.pick(number):
            self.clock.now = max(self.clock.now, one.expires + off)
            self.answer(number, kind)

    @rule(number=ANY)
    def expires_while_the_world_thinks(self, number):
        one = self.pick(number)
        if one and one.method == "toy" and not one.over(self.clock.now):
            with self.step():

                async def late():
                    self.clock.now = one.expires

                self.doorkeeper.meanwhile = late
                cookies = dict(one.visitor.cookies)
                assert one.visitor.send("POST", self.path(one), self.body(one, "right")).status == 401
                one.visitor.cookies = cookies

    @rule(node=NODE, seldom=st.integers(0, 15))
    def restart(self, node, seldom):
        if seldom == 5:  # a start costs as much as a hundred answers
            with self.step():
                self.nodes[node].crash()


@pytest.fixture(scope="module")
def words():
    return Doorkeeper()


@pytest.fixture(scope="module")
def stage(words):
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Stage(Path(folder), ToyMethod(words))


def living(stage, words, fit=None):
    """A machine of its own, with its own count."""
    fit = staticmethod(fit) if fit else None
    return type("Life", (AttemptLife,), {"stage": stage, "fit": fit, "world_of_words": words})


def lived(stage, words, examples, fit=None, **more):
    """Let attempts live in so many examples; return how many steps were taken."""
    machine = living(stage, words, fit)
    run_state_machine_as_test(machine, settings=settings(QUIET, max_examples=examples, **more))
    return machine.steps


@pytest.mark.timeout(600)
def test_every_life_of_an_attempt_keeps_the_laws(stage, words):
    assert lived(stage, words, 110) > 5000


@pytest.mark.postgres
def test_every_life_of_an_attempt_keeps_the_laws_on_postgresql(tmp_path, words):
    with ExitStack() as stack:
        place = PostgresStage(tmp_path, lambda: stack.enter_context(migrated_url()), ToyMethod(words))
        assert lived(place, words, 5) > 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_times_as_many_attempts(stage, words):
    """Other lives at each run: what is found prints its steps."""
    assert lived(stage, words, int(os.environ.get("LIVES", "800")), derandomize=False) > 5000


class Forgetful(Part):
    """Every attempt is as if it had never been answered."""

    def altered(self, use_case):
        class Blank(Other):
            def one(self, statement, **binds):
                found = self.tx.one(statement, **binds)
                return ("open", 0) if found and found[0] in set(State) else found

            def do(self, statement, **binds):
                count = self.tx.do(statement, **binds)
                return 1 if statement.table == challenges.name else count

        return lambda tx: use_case(Blank(tx))


def slow(house):
    """Transactions whose clock is a microsecond behind: `now > end` instead of `now >= end`."""
    house.vault.close()
    ledger = SigningLedger(house.keyring)
    vault = SqliteVault(database_path(house.settings), lambda: house.clock() - 1, system_secrets, ledger)
    return msgspec.structs.replace(house, vault=vault)


FAULTS = {"wrong answers are not counted": wrapped(Forgetful), "the instant of expiry is in time": slow}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_planted_fault_is_found(stage, words, fault):
    machine = living(stage, words, FAULTS[fault])
    with suppress(AssertionError, Flaky):  # what the faulty world does twice need not be the same
        run_state_machine_as_test(machine, settings=settings(QUIET, max_examples=20, report_multiple_bugs=False))
    assert machine.found
