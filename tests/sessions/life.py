"""The life of sessions as a model: what may be alive, what must be dead, and the laws that hold after every step."""

import json
from contextlib import contextmanager
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Factor, Proof
from ostiary.keys import service as keys
from ostiary.keys.model import Purpose
from ostiary.sessions import service as sessions
from ostiary.sessions.model import MOST_SESSIONS, EndReason
from tests.flows.browser import SESSION
from tests.login.gatehouse import OPERATOR
from tests.sessions.world import ABSOLUTE, IDLE, STATE

REST = IDLE // 100
ENDED_AT, END_REASON = 15, 16
ANY, NODE, PERSON, SELDOM = st.integers(0, 1 << 16), st.integers(0, 1), st.integers(0, 1), st.integers(0, 7)


@dataclass
class Known:
    """What the model knows of one session. `used` is when it was last accepted, `sure` since when each node knows it."""

    id: str
    cookies: dict
    person: int
    binding: str
    created: int
    used: int
    sure: list = field(default_factory=lambda: [0, 0])
    written: int = 0
    ended: str = ""
    gone: bool = False

    @property
    def hard(self):
        return self.created + ABSOLUTE

    def may_live(self, now):
        """Whether anybody may accept it."""
        return not self.ended and not self.gone and now < min(self.hard, self.used + IDLE)

    def must_live(self, now, node):
        """Whether that node has no reason to refuse it."""
        known = max(self.created, self.written, self.sure[node])
        return self.may_live(now) and now < min(self.hard, known + IDLE)


class SessionLife(RuleBasedStateMachine):
    """Rules are what can happen to sessions. `stage` makes the world of an example, `fit` plants a fault in it."""

    stage = None
    fit = None
    steps = 0
    found = ()

    def __init__(self):
        super().__init__()
        self.world, self.people = type(self).stage.world(type(self).fit)
        self.clock, self.nodes = self.world.clock, self.world.nodes
        self.known, self.pads, self.turn_of_the_dead = [], [], 0
        self.actors = [self.actor(person) for person in range(2)]

    def teardown(self):
        self.world.close()

    def actor(self, person):
        visitor = self.nodes[0].visitor(self.people[person][0][0])
        assert visitor.sign_in().status == 200
        actor = visitor.person
        visitor.send("POST", "/auth/logout")
        return actor

    # What is expected of a step, and the laws after it.

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
    def lawful(self, *, refused=False):
        """One step; the block updates the model and fills what it expects to be opened and ended."""
        type(self).steps += 1
        before, mark = self.world.tables(), self.mark()
        self.since = mark
        self.opened, self.ends, self.refused = [], {}, refused
        yield
        for one in self.known + self.pads:
            if one.id in self.ends:
                one.ended = self.ends[one.id]
        self.judge(before, self.world.tables(), self.world.told(mark))
        self.dead_are_dead()

    def mark(self):
        return self.world.newest()

    def judge(self, before, after, told):
        """No change but what is expected, each with its receipt, and no receipt without its change."""
        changed = {name for name in STATE if before[name] != after[name]}
        if self.refused:
            assert changed <= {"challenges"}, f"a refused act changed {changed}"
        was = {row[0]: row for row in before["sessions"]}
        now = {row[0]: row for row in after["sessions"]}
        ended = {i: now[i][END_REASON] for i in was if i in now and was[i][ENDED_AT] != now[i][ENDED_AT]}
        ended |= {i: now[i][END_REASON] for i in now if i not in was and now[i][ENDED_AT]}
        assert sorted(set(now) - set(was)) == sorted(self.opened)
        assert ended == self.ends
        assert all(was[i] == now[i] for i in was if i in now and i not in ended), "a session changed otherwise"
        admitted = [(name, subject, json.loads(why)) for _, name, how, subject, why in told if how == "admitted"]
        assert sorted(subject for name, subject, _ in admitted if name == "session.open") == sorted(self.opened)
        ends = {s: why[0] for name, s, why in admitted if name in {"session.end", "session.logout"}}
        assert ends == self.ends
        gone = sum(int(why[0].split(":")[1]) for name, _, why in admitted if name == "session.collect")
        assert gone == len(set(was) - set(now))
        assert bool(admitted) == bool(changed - {"challenges"}) or self.only_books(changed, told)

    @staticmethod
    def only_books(changed, told):
        """Collected challenges change no other table; an answer's row alone stands beside a refusal."""
        return changed <= {"challenges"} and bool(told)

    def dead_are_dead(self):
        """No session that must be dead is accepted, by either node, by the check or by an operation."""
        dead = [one for one in self.known if not one.may_live(self.clock.now)]
        few = dead[-3:] + dead[self.turn_of_the_dead : self.turn_of_the_dead + 1]
        self.turn_of_the_dead = (self.turn_of_the_dead + 1) % (len(dead) or 1)
        for node in self.nodes:
            for one in few:
                assert node.presented(one.cookies).check().status == 401, f"dead, yet accepted: {one}"
        for one in few[-1:]:
            assert self.nodes[0].presented(one.cookies).send("GET", "/api/v1/auth/me").status == 401

    def accepted(self, one, node, status, good):
        """Take note of an answer to a use: accepted only what may live, refused only what need not."""
        now = self.clock.now
        if status == good:
            one.used = now
            one.sure[node] = max(one.sure[node], now - REST)
            return True
        return False

    def pick(self, number):
        return self.known[number % len(self.known)] if self.known else None

    def ask(self, one, node, *request, good=200, **kept):
        """Send a request as that session and hold the answer against the model."""
        may, must = one.may_live(self.clock.now), one.must_live(self.clock.now, node)
        answer = self.nodes[node].presented(one.cookies).send(*request, **kept)
        alive = answer.status != 401
        assert not (alive and not may), f"accepted although dead: {one}"
        assert not (must and not alive), f"refused although alive: {one}"
        self.accepted(one, node, answer.status, good)
        if not alive:
            self.refused = True
        return answer

    # What people do.

    @rule(person=PERSON, key=ANY, node=NODE)
    def sign_in(self, person, key, node):
        with self.step():
            passkey, binding = self.people[person][key % len(self.people[person])]
            visitor = self.nodes[node].visitor(passkey)
            now = self.clock.now
            assert visitor.sign_in().status == 200
            self.add(visitor.session, visitor.cookies, person, binding, now)
            self.too_many(person, now)

    def add(self, session, cookies, person, binding, now):
        one = Known(session, dict(cookies), person, binding, now, now)
        self.opened.append(session)
        (self.known if cookies else self.pads).append(one)

    def too_many(self, person, now):
        """The eldest beyond the most end, ten at a time."""
        mine = [o for o in self.known + self.pads if o.person == person and self.stands(o, now)]
        eldest = sorted(sorted(mine, key=lambda o: o.id), key=lambda o: -o.created)[MOST_SESSIONS:][:10]
        self.ends |= {one.id: EndReason.TOO_MANY.value for one in eldest}

    @staticmethod
    def stands(one, now):
        """Whether the store would have found it among the living of a person (an end itself takes time)."""
        return not one.ended and not one.gone and one.hard > now

    @rule(number=ANY, node=NODE, path=st.sampled_from(["/check", "/api/v1/auth/me", "/api/v1/auth/sessions"]))
    def use(self, number, node, path):
        if one := self.pick(number):
            with self.step():
                self.ask(one, node, "GET", path, internal=path == "/check")

    @rule(by=ANY, victim=ANY, node=NODE)
    def end_one(self, by, victim, node):
        one, other = self.pick(by), self.pick(victim)
        if one:
            with self.step():
                answer = self.ask(one, node, "DELETE", f"/api/v1/auth/sessions/{other.id}", good=204)
                mine = one.person == other.person and not other.gone
                self.refused = answer.status != 204
                assert answer.status in ({401, 204} if mine else {401, 404})
                if answer.status == 204 and not other.ended:
                    self.ends[other.id] = EndReason.ENDED_BY_PERSON.value

    @rule(by=ANY, node=NODE)
    def end_others(self, by, node):
        if one := self.pick(by):
            with self.step():
                others = [o for o in self.known + self.pads if o.person == one.person and o is not one]
                ends = {o.id: EndReason.ENDED_BY_PERSON.value for o in others if self.stands(o, self.clock.now)}
                if self.ask(one, node, "DELETE", "/api/v1/auth/sessions?except=current").status == 200:
                    self.ends = ends

    @rule(by=ANY, node=NODE)
    def sign_out(self, by, node):
        if one := self.pick(by):
            with self.step():
                may, must = one.may_live(self.clock.now), one.must_live(self.clock.now, node)
                assert self.nodes[node].presented(one.cookies).send("POST", "/auth/logout").status == 204
                ended = any(row[1] == "session.logout" and row[3] == one.id for row in self.world.told(self.since))
                assert may or not ended
                assert ended or not must
                if ended:
                    self.ends[one.id] = EndReason.SIGNED_OUT.value

    @rule(by=ANY, victim=ANY, node=NODE)
    def forget_the_csrf_token(self, by, victim, node):
        one, other = self.pick(by), self.pick(victim)
        if one:
            with self.step(refused=True):
                path, bare = f"/api/v1/auth/sessions/{other.id}", {"x-csrf-token": None}
                assert self.ask(one, node, "DELETE", path, headers=bare, good=0).status in {401, 403}

    @rule(by=ANY, node=NODE, place=st.sampled_from([6, 40, -1]))
    def forge(self, by, node, place):
        if one := self.pick(by):
            with self.step(refused=True):
                value = one.cookies[SESSION]
                other = "A" if value[place] != "A" else "B"
                forged = one.cookies | {SESSION: value[:place] + other + value[place + 1 or len(value) :]}
                assert self.nodes[node].presented(forged).check().status == 401

    @rule(by=ANY, node=NODE)
    def remove_a_passkey(self, by, node):
        one = self.pick(by)
        if one and one.must_live(self.clock.now, node) and len(self.people[one.person]) > 1:
            with self.step():
                (_, removed), (kept, _) = self.people[one.person]
                now = self.clock.now
                visitor = self.nodes[node].presented(one.cookies, kept)
                proof = visitor.presence("passkey.remove", removed)
                path = f"/api/v1/auth/passkeys/{removed}"
                answer = visitor.send("DELETE", path, headers={"ostiary-presence": proof})
                assert answer.status == 204, (answer.status, answer.body, proof)
                self.accepted(one, node, 204, 204)
                self.people[one.person].pop(0)
                found = [o for o in self.known if o.person == one.person and o.binding == removed and o is not one]
                self.ends = {o.id: EndReason.PASSKEY_REMOVED.value for o in found if self.stands(o, now)}

    @rule(by=ANY, node=NODE)
    def remove_the_last_way_in(self, by, node):
        one = self.pick(by)
        if one and len(self.people[one.person]) == 1:
            with self.step(refused=True):
                ((_, last),) = self.people[one.person]
                self.ask(one, node, "DELETE", f"/api/v1/auth/passkeys/{last}", good=0)

    # What operators and other processes do.

    @rule(victim=ANY, node=NODE)
    def end_by_operator(self, victim, node):
        if one := self.pick(victim):
            with self.step():
                reason = EndReason.ENDED_BY_OPERATOR
                ended = self.nodes[node].act(lambda tx: sessions.end(tx, OPERATOR, one.id, reason))
                assert isinstance(ended, Refusal) == one.gone
                if not one.gone and not one.ended:
                    self.ends[one.id] = reason.value

    @rule(person=PERSON, node=NODE, room=st.integers(0, 2))
    def crowd(self, person, node, room):
        """Open as many as there is room for, and up to two less, in one transaction."""
        mine = [o for o in self.known + self.pads if o.person == person and self.stands(o, self.clock.now)]
        with self.step():
            wanted, house, now = max(0, MOST_SESSIONS - len(mine) - room), self.nodes[node].house, self.clock.now
            rules = sessions.Rules(house.keyring, house.settings.sessions)

            def use_case(tx):
                proofs = [Proof(self.actors[person], Factor.PASSKEY, tx.now, f"{now}-{n}") for n in range(wanted)]
                return [sessions.open_session(tx, rules, OPERATOR, proof, "") for proof in proofs]

            opened = [] if any(o.created == now for o in self.pads) else self.nodes[node].act(use_case)
            for one in opened:
                self.add(one.session.id, {}, person, "", now)

    @rule()
    def rotate_the_key(self):
        with self.step():
            house = self.nodes[1].house
            self.nodes[1].act(lambda tx: keys.rotate(tx, house.sealer, house.keyring, OPERATOR, Purpose.SESSION))
            for node in self.nodes:
                node.refresh_keys()

    # What time and machines do.

    @rule(micros=st.sampled_from([1, 999, 2000, REST - 1, REST, IDLE // 3, IDLE]))
    def time_passes(self, micros):
        with self.step():
            self.clock.turn(micros)

    @rule(number=ANY, which=st.sampled_from(["idle", "hard"]), off=st.sampled_from([-1, 0, 1]), node=NODE)
    def come_to_the_instant(self, number, which, off, node):
        if one := self.pick(number):
            with self.step():
                at = one.hard if which == "hard" else min(one.hard, one.used + IDLE)
                self.clock.now = max(self.clock.now, at + off)
                self.ask(one, node, "GET", "/check", internal=True)

    @rule(node=NODE)
    def flush(self, node):
        with self.step():
            self.nodes[node].flush()
            self.written(node)
            self.expired()

    @rule(node=NODE, seldom=SELDOM)
    def restart(self, node, seldom):
        if seldom != 5:  # a start costs as much as a hundred checks
            return
        with self.step():
            self.nodes[node].restart()
            self.written(node)
            self.expired()

    @rule(node=NODE, seldom=SELDOM)
    def crash(self, node, seldom):
        if seldom != 5:  # a start costs as much as a hundred checks
            return
        with self.step():
            self.nodes[node].crash()
            for one in self.known:
                one.sure[node] = 0

    @rule(node=NODE)
    def collect(self, node):
        with self.step():
            self.nodes[node].collect()
            self.expired(collected=True)

    def written(self, node):
        for one in self.known:
            one.written = max(one.written, one.sure[node])

    def expired(self, *, collected=False):
        """What was past its absolute time is gone once somebody collects; the chores of a stop do not."""
        for one in self.known + self.pads:
            one.gone = one.gone or (collected and one.hard <= self.clock.now)
