"""The membrane against the plainest model of it: random acts with right and wrong parts, and turns of the clock."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from ostiary.kernel.clock import SECOND
from ostiary.kernel.values import Mode
from ostiary.limits.model import EVALUATION_LIFE
from tests.membrane.stage import FIXTURE_ONLY, WHOLE, Person, Stage, code, good, kept
from tests.recovery import story as story  # noqa: PLC0414 - it brings the operations of recovery into WHOLE
from tests.sessions.home import Home

FRESH = 300 * SECOND
GUESSES = 5
ANY = st.integers(0, 1000)
MODELLED = {
    "auth.loginStart",
    "auth.loginFinish",
    "auth.sessionIssue",
    "auth.sessionInspect",
    "auth.sessionRefresh",
    "authority.sessionRevoke",
    "humanAuth.passkeyAssertionOptions",
    "humanAuth.verifyPasskey",
}
"""What the model knows step by step; the others are done in a tenant of their own."""
ELSEWHERE = set(WHOLE) - MODELLED
ACTS = ("auth.session.issue", "auth.session.refresh", "auth.login.start")


class Question:
    """One challenge: `state` is open, answered or spent."""

    def __init__(self, heard, acts, now, *, login=False):
        self.heard, self.acts, self.at, self.login = heard, acts, now, login
        self.state, self.failures = "open", 0


class Proof:
    """One proof of presence."""

    def __init__(self, ref, question, now):
        self.ref, self.question, self.at, self.used = ref, question, now, False

    def serves(self, act, now):
        return act in self.question.acts and not self.used and now < self.at + FRESH


class Token:
    """One session: `over` is why it ended, "" while it has not."""

    def __init__(self, body, life, now, family=None):
        self.token, self.session = body["bearer_token"], body["session"]
        self.ends, self.over, self.over_at = now + life * SECOND, "", 0
        self.family = family or [self]
        self.renewal, self.heir = None, None

    def alive(self, now):
        return not self.over and now < self.ends

    def end(self, why, now):
        if not self.over:
            self.over, self.over_at = why, now


class Machine(RuleBasedStateMachine):
    """What is admitted, and what is refused, is the model's; what is refused changes nothing."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.home = Home(self.folder, TRUSTED_PROXIES="127.0.0.1")
        self.stage = Stage(self.home, "rhein")
        self.stranger = Person(self.stage)
        self.home.clock.hold()
        self.grace = self.home.settings.sessions.grace
        self.questions, self.proofs, self.tokens, self.count, self.beside = [], [], [], 0, {}

    def teardown(self):
        if hasattr(self, "home"):
            for one in self.tokens:
                self.seen(one)
            self.home.close()
            shutil.rmtree(self.folder)

    @property
    def now(self):
        return self.home.clock()

    def moved(self):
        """Come from another address, so that no limit speaks."""
        self.count += 1
        self.stage.address = f"198.18.{self.count // 250}.{self.count % 250 + 1}"

    def sent(self, asking, admitted, may=frozenset()):
        """Send; it is admitted as the model says, and a refusal changes nothing but what it `may`."""
        before = kept(self.home)
        heard = self.stage.send(asking)
        assert (heard.status == 200) == admitted, (asking.operation, heard.json)
        if not admitted:
            after = kept(self.home)
            assert {name for name in before if before[name] != after[name]} <= set(may)
        return heard

    # A login, and proofs of presence

    @rule()
    def start(self):
        self.moved()
        heard = good(self.stage.start())
        self.questions.append(Question(heard, ("auth.login.finish",), self.now, login=True))

    @rule(acts=st.sets(st.sampled_from(ACTS), min_size=1))
    def ask(self, acts):
        heard = good(self.stage.send(self.stage.options(*sorted(acts))))
        self.questions.append(Question(heard, tuple(acts), self.now))

    @precondition(lambda self: self.questions)
    @rule(which=ANY, right=st.booleans())
    def verify(self, which, right):
        question = self.questions[which % len(self.questions)]
        passkey = self.stage.person.passkey if right else self.stranger.passkey
        waits = question.state == "open" and self.now < question.at + FRESH
        asking = self.stage.verifying(question.heard, passkey)
        heard = self.sent(asking, waits and right, {"human_challenges"} if question.failures == GUESSES - 1 else ())
        if waits and right:
            question.state = "answered"
            self.proofs.append(Proof(heard.json["body"]["human_presence_receipt"], question, self.now))
        elif waits:
            question.failures += 1
            question.state = "spent" if question.failures == GUESSES else "open"

    @precondition(lambda self: self.proofs and any(one.login for one in self.questions))
    @rule(proof=ANY, start=ANY, evaluation=ANY, same=st.booleans())
    def finish(self, proof, start, evaluation, same):
        logins = [one for one in self.questions if one.login]
        proof = self.proofs[proof % len(self.proofs)]
        question = proof.question if same and proof.question.login else logins[start % len(logins)]
        asked = question if same else logins[evaluation % len(logins)]
        right = (
            question is asked
            and proof.question is question
            and question.state == "answered"
            and proof.serves("auth.login.finish", self.now)
            and self.now < question.at + EVALUATION_LIFE
        )
        limits = asked.heard.json["body"]["auth_rate_limit_evaluation"]
        asking = self.stage.finishing(question.heard, proof.ref, auth_rate_limit_evaluation=limits)
        heard = self.sent(asking, right)
        if right:
            question.state, proof.used = "spent", True
            self.tokens.append(Token(heard.json["body"], 3600, self.now))

    @rule()
    def sign_in(self):
        """A whole login, so that sessions are reached early."""
        self.moved()
        self.tokens.append(Token(self.stage.login(), 3600, self.now))

    @precondition(lambda self: self.tokens)
    @rule(which=ANY)
    def renew(self, which):
        """A refresh with its own fresh proof."""
        heard = good(self.stage.send(self.stage.options("auth.session.refresh")))
        self.questions.append(Question(heard, ("auth.session.refresh",), self.now))
        self.verify(len(self.questions) - 1, right=True)
        self.refresh(which, len(self.proofs) - 1)

    # The life of a session

    def caught(self, token):
        """Tell whether the use of this token ends its family; it does so in the model."""
        reused = token.over == "refreshed" and self.now - token.over_at > self.grace
        if reused:
            self.ended(token)
        return reused

    def ended(self, token):
        """End a family."""
        for one in token.family:
            one.end("reused", self.now)

    def seen(self, token):
        """Inspect: a living session is shown, a dead one never."""
        alive = token.alive(self.now)
        may = {"sessions"} if self.caught(token) else ()
        self.sent(self.stage.inspecting(token.token), alive, may)

    @precondition(lambda self: self.tokens)
    @rule(which=ANY)
    def inspect(self, which):
        self.seen(self.tokens[which % len(self.tokens)])

    @precondition(lambda self: self.tokens and self.proofs)
    @rule(which=ANY, proof=ANY)
    def issue(self, which, proof):
        token, proof = self.tokens[which % len(self.tokens)], self.proofs[proof % len(self.proofs)]
        right = token.alive(self.now) and proof.serves("auth.session.issue", self.now)
        may = {"sessions"} if self.caught(token) else ()
        heard = self.sent(self.stage.issuing(token.token, proof.ref), right, may)
        if right:
            proof.used = True
            self.tokens.append(Token(heard.json["body"], 1800, self.now))

    @precondition(lambda self: self.tokens and self.proofs)
    @rule(which=ANY, proof=ANY)
    def refresh(self, which, proof):
        token, proof = self.tokens[which % len(self.tokens)], self.proofs[proof % len(self.proofs)]
        right = token.alive(self.now) and proof.serves("auth.session.refresh", self.now)
        asking = self.stage.refreshing(token.token, proof.ref)
        if token.over == "refreshed" and asking != token.renewal:
            self.ended(token)
            self.sent(asking, False, {"sessions"})
            return
        if token.over == "refreshed":
            self.retried(token)
            return
        heard = self.sent(asking, right)
        if right:
            proof.used = True
            token.end("refreshed", self.now)
            token.renewal, token.heir = asking, Token(heard.json["body"], 1800, self.now, token.family)
            token.family.append(token.heir)
            self.tokens.append(token.heir)

    @precondition(lambda self: any(one.renewal for one in self.tokens))
    @rule(which=ANY)
    def retry(self, which):
        renewed = [one for one in self.tokens if one.renewal]
        self.retried(renewed[which % len(renewed)])

    def retried(self, token):
        """Send a refresh again: within the grace the same token comes, while that lives; else the family ends."""
        right = token.over == "refreshed" and token.heir.alive(self.now) and self.now - token.over_at <= self.grace
        if right:
            heard = self.sent(token.renewal, admitted=True)
            assert heard.json["body"]["bearer_token"] == token.heir.token
            return
        if token.over == "refreshed":
            self.ended(token)
        self.sent(token.renewal, False, {"sessions"})

    @precondition(lambda self: self.tokens)
    @rule(which=ANY, whose=ANY, own=st.booleans())
    def revoke(self, which, whose, own):
        token = self.tokens[which % len(self.tokens)]
        target = token if own else self.tokens[whose % len(self.tokens)]
        caught = self.caught(token)
        right = token.alive(self.now) or (not caught and bool(token.over) and target is token)
        heard = self.sent(self.stage.revoking(token.token, target.session), right, {"sessions"} if caught else ())
        if right:
            heir = target
            while heir.over == "refreshed":  # what took its place ends with it, if it lives
                heir = heir.heir
            over = bool(heir.over) or (heir is not target and not heir.alive(self.now))
            target = heir
            assert (heard.json["outcome"] == "verified") == over, heard.json
            assert (code(heard) == "auth_session_already_revoked") == over
            target.end("revoked", self.now)

    # Wrong parts

    @precondition(lambda self: self.tokens and self.proofs)
    @rule(
        which=ANY, proof=ANY, wrong=st.sampled_from(("actor", "vessel", "standing", "device_binding", "scopes", "key"))
    )
    def issue_with_a_wrong_part(self, which, proof, wrong):
        token, proof = self.tokens[which % len(self.tokens)], self.proofs[proof % len(self.proofs)]
        odd = {
            "actor": self.stranger.ref,
            "vessel": self.stranger.vessel,
            "standing": self.stranger.standing,
            "device_binding": "device_binding:another",
            "scopes": ["world.domination"],
            "key": token.token[:-2] + ("AA" if token.token[-2:] != "AA" else "BA"),
        }[wrong]
        may = {"sessions"} if wrong != "key" and self.caught(token) else ()
        self.sent(self.stage.issuing(token.token, proof.ref, **{wrong: odd}), False, may)

    @rule(name=st.sampled_from(sorted(ELSEWHERE)), how=st.sampled_from(("whole", "tenant", "field", "nobody")))
    def elsewhere(self, name, how):
        """Do one of the other operations in another tenant, whole or with something wrong: a refusal changes nothing."""
        mode = Mode.FIXTURE if name in FIXTURE_ONLY else Mode.LIVE
        if mode not in self.beside:
            self.beside[mode] = Stage(self.home, f"beside_{mode.value}", mode, seeded=mode is Mode.FIXTURE)
        stage = self.beside[mode].anew()
        whole = stage.whole(name)
        if how == "whole":
            good(stage.send(whole))
            return
        wrong = {
            "tenant": {"tenant": self.stage.ref},
            "field": {"no_such_field": 1},
            "nobody": {"key": "v1.tok-forged"},
        }
        before, heard = kept(self.home), stage.send(whole.but(**wrong[how]))
        assert heard.status in {400, 401, 403}, heard.json
        assert kept(self.home) == before

    @rule(seconds=st.sampled_from((1, 4, 20, 61, 150, 299, 301, 1000)))
    def turn(self, seconds):
        self.home.clock.turn(seconds * SECOND)


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=10,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
