"""Somebody who is blocked can do nothing anywhere: what lives ends, nothing opens, whoever races."""

import os
import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing

import pytest

from ostiary.identities import people
from ostiary.identities import service as identities
from ostiary.identities.directory import Kind
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Factor, Proof
from ostiary.sessions import bearer, blocking
from ostiary.sessions import service as sessions
from ostiary.sessions.blocking import Subject, SubjectKind
from ostiary.sessions.device import service as devices
from ostiary.sessions.device.model import Outcome, Status
from ostiary.sessions.device.service import Opening
from tests.login.gatehouse import OPERATOR
from tests.sessions.blocked import ACT, barred, barred_at, freed
from tests.sessions.home import HOUR, Home, cause
from tests.sessions.test_bearer import check, issued
from tests.sessions.test_refresh import refresh

PATIENCE_S, WHILE_S = 20, 0.3


def ring(home):
    return home.house.keyring


def add(home, email="pilot@example.test"):
    return home.act(lambda tx: identities.add_person(tx, ring(home), OPERATOR, email=email)).id


def opening(person):
    return Opening(person, b64encode(os.urandom(32)).decode(), "ch-" + os.urandom(9).hex())


def device(home, person):
    return home.act(lambda tx: devices.open_session(tx, OPERATOR, opening(person)))


def proof(person, now):
    return Proof(person, Factor.PASSKEY, now, os.urandom(9).hex())


def alive(home, person):
    """Every living session of a person, of whatever kind."""
    found = home.read(lambda tx: devices.list_of(tx, person))
    return home.living(person) | {one.id for one in found if one.status is Status.ACTIVE}


def test_every_session_of_whatever_kind_ends_and_the_check_feels_it(anywhere):
    visitor = anywhere.enrolled()
    person = visitor.person
    _, cookie = anywhere.open(person)
    _, token = issued(anywhere, person, life=HOUR)
    first, second = device(anywhere, person), device(anywhere, person)
    bystander = device(anywhere, add(anywhere))
    assert (anywhere.check(cookie).status, check(anywhere, token).status) == (200, 200)
    done = anywhere.act(barred(person))
    assert (done.outcome, done.subject) == (Outcome.BLOCKED, Subject(SubjectKind.USER_ID, person))
    assert set(done.sessions) == {first.id, second.id}
    assert done.others == 3
    for answer in (anywhere.check(cookie), check(anywhere, token)):
        assert (answer.status, cause(answer)) == (401, "user_blocked")
    assert visitor.send("GET", "/api/v1/auth/me").status == 401
    ended = anywhere.read(lambda tx: devices.find(tx, first.id))
    assert (ended.reason, ended.actor.type, ended.actor.id) == ("user_blocked", "admin", "admin-1")
    assert alive(anywhere, person) == set()
    assert anywhere.read(lambda tx: devices.find(tx, bystander.id)).status is Status.ACTIVE
    again = anywhere.act(barred(person))
    assert (again.outcome, again.sessions, again.others) == (Outcome.ALREADY_BLOCKED, (), 0)


def test_what_ended_is_told_newest_first_whoever_had_it(anywhere):
    pilots = [add(anywhere, spelling) for spelling in ("pilot@example.test", "Pilot@example.test")]
    opened = []
    for number in range(6):
        anywhere.clock.turn(SECOND)
        opened.append(device(anywhere, pilots[number % 2]).id)
    done = anywhere.act(barred_at(ring(anywhere), "PILOT@example.test"))
    assert (done.outcome, done.subject.value) == (Outcome.BLOCKED, "PILOT@example.test")
    assert list(done.sessions) == opened[::-1]
    assert set(done.people) == set(pilots)


def test_nobody_who_is_blocked_gets_a_session(anywhere):
    visitor = anywhere.enrolled()
    person, passkey = visitor.person, visitor.passkey
    anywhere.act(barred(person))
    answer = anywhere.visitor(passkey).sign_in()
    assert (answer.status, answer.code) == (403, "blocked_by_policy")
    ways = {
        "browser": lambda tx: sessions.open_session(tx, anywhere.rules, OPERATOR, proof(person, tx.now), "Test"),
        "bearer": lambda tx: bearer.issue(tx, anywhere.rules, OPERATOR, bearer.Wish(person, "job"), "operator"),
        "device": lambda tx: devices.open_session(tx, OPERATOR, opening(person)),
    }
    for name, way in ways.items():
        refused = anywhere.act(way)
        assert isinstance(refused, Refusal), name
        assert refused.code is Code.BLOCKED_BY_POLICY, name
        assert anywhere.receipts()[-1].reasons[0] == "blocked_by_policy"
    assert alive(anywhere, person) == set()
    anywhere.act(freed(ring(anywhere), person))
    assert anywhere.visitor(passkey).sign_in().status == 200


def test_a_token_is_not_refreshed_past_a_block(anywhere):
    person = anywhere.enrolled().person
    _, token = issued(anywhere, person, life=HOUR)
    fresh = refresh(anywhere, token).json["token"]
    anywhere.act(barred(person))
    for each in (token, fresh):
        assert refresh(anywhere, each).status == 401
    anywhere.act(freed(ring(anywhere), person))
    for each in (token, fresh):
        assert check(anywhere, each).status == 401, "what ended stays ended"
    assert alive(anywhere, person) == set()


def test_a_one_time_link_of_somebody_who_is_blocked_opens_nothing_and_is_not_used_up(anywhere):
    person, token = anywhere.invite("pilot@example.test")
    anywhere.act(barred_at(ring(anywhere), "PILOT@example.test"))
    visitor = anywhere.visitor()
    answer = visitor.enrol(token)
    assert (answer.status, answer.code) == (403, "blocked_by_policy")
    assert anywhere.rows("SELECT count(*) FROM passkeys") == [(0,)]
    assert alive(anywhere, person) == set()
    anywhere.act(freed(ring(anywhere), "pilot@example.test"))
    assert anywhere.visitor().enrol(token).status == 200


def test_blocked_before_the_first_login(anywhere):
    done = anywhere.act(barred_at(ring(anywhere), "pilot@example.test"))
    assert (done.outcome, done.sessions, done.people) == (Outcome.BLOCKED, (), ())
    for spelling in ("pilot@example.test", "Pilot@Example.Test"):
        found = anywhere.act(lambda tx, text=spelling: people.ensure(tx, ring(anywhere), OPERATOR, text))
        assert (found.kind, found.person, found.reason) == (Kind.BLOCKED, "", "policy_blocked")
    assert anywhere.act(barred_at(ring(anywhere), "PILOT@example.test")).outcome is Outcome.ALREADY_BLOCKED


def test_another_spelling_of_a_blocked_address_opens_nothing(anywhere):
    upper = add(anywhere, "Pilot@example.test")
    anywhere.act(barred_at(ring(anywhere), "pilot@example.test"))
    assert device(anywhere, upper).code is Code.BLOCKED_BY_POLICY
    lower = add(anywhere, "pilot@example.test")
    assert device(anywhere, lower).code is Code.BLOCKED_BY_POLICY


def test_unblocking_a_person_whose_address_is_blocked_opens_nothing(anywhere):
    person = add(anywhere)
    anywhere.act(barred(person))
    anywhere.act(barred_at(ring(anywhere), "pilot@example.test"))
    assert anywhere.act(freed(ring(anywhere), person)).outcome is Outcome.UNBLOCKED
    assert device(anywhere, person).code is Code.BLOCKED_BY_POLICY
    assert anywhere.act(freed(ring(anywhere), person)).outcome is Outcome.NOT_BLOCKED
    assert anywhere.act(freed(ring(anywhere), "pilot@example.test")).outcome is Outcome.UNBLOCKED
    assert not isinstance(device(anywhere, person), Refusal)


def test_nobody_is_blocked_who_is_not_there(anywhere):
    assert anywhere.act(barred("user-123")).code is Code.SUBJECT_NOT_FOUND
    assert anywhere.act(barred_at(ring(anywhere), "pilot")).code is Code.EMAIL_INVALID


# Races, by real threads of two processes on one store


@pytest.fixture
def raced(tmp_path, database_url):
    with closing(Home(tmp_path, url=database_url)) as home:
        yield home


def openers(node, person, email):
    """Every use case that opens a session, as the other process does it."""
    rules = sessions.Rules(node.house.keyring, node.house.settings.sessions)

    def by_code(tx):
        found = people.ensure(tx, node.house.keyring, OPERATOR, email)
        return found if found.kind is Kind.BLOCKED else devices.open_session(tx, OPERATOR, opening(found.person))

    return {
        "browser": lambda tx: sessions.open_session(tx, rules, OPERATOR, proof(person, tx.now), "Test"),
        "bearer": lambda tx: bearer.issue(tx, rules, OPERATOR, bearer.Wish(person, "job"), "operator"),
        "device": lambda tx: devices.open_session(tx, OPERATOR, opening(person)),
        "first login": by_code,
    }


BLOCKED = [(by, kind) for by in ("person", "address") for kind in ("browser", "bearer", "device")]
BLOCKED.append(("address", "first login"))  # nobody can be blocked by an id before there is one


@pytest.mark.parametrize("order", ["block first", "sign-in first"])
@pytest.mark.parametrize(("by", "kind"), BLOCKED)
def test_a_block_that_races_a_sign_in_leaves_no_living_session(raced, by, kind, order):
    """Who comes first holds; the other waits for its end, and sees what it did."""
    fresh = kind == "first login"
    person = "" if fresh else add(raced)
    blocker, opener = raced.beside(), raced.beside()
    bar = barred(person) if by == "person" else barred_at(blocker.house.keyring, "PILOT@example.test")
    sign_in = openers(opener, person, "Pilot@example.test" if fresh else "pilot@example.test")[kind]
    early, late = (blocker, bar), (opener, sign_in)
    if order == "sign-in first":
        early, late = late, early
    entered, go_on = threading.Event(), threading.Event()

    def half_way(tx):
        done = early[1](tx)
        entered.set()
        assert go_on.wait(PATIENCE_S)
        return done

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(early[0].act, half_way)
        assert entered.wait(PATIENCE_S)
        second = threads.submit(late[0].act, late[1])
        assert not wait([second], WHILE_S).done, "it came through before the first had ended"
        go_on.set()
        outcomes = [first.result(PATIENCE_S), second.result(PATIENCE_S)]
    every = raced.read(lambda tx: identities.list_people(tx, ring(raced)))
    assert all(one.blocked_at for one in every)
    assert {session for one in every for session in alive(raced, one.id)} == set()
    answered = outcomes[order == "block first"]
    refused = isinstance(answered, Refusal) or getattr(answered, "kind", "") is Kind.BLOCKED
    assert refused is (order == "block first")


def test_blocks_and_sign_ins_of_many_threads_leave_no_living_session(raced):
    """Whatever the order was, in the end nobody is in."""
    person, rounds = add(raced), 6
    nodes = [raced.beside() for _ in range(3)]
    for _ in range(rounds):
        start = threading.Barrier(4)

        def opens(node, start=start):
            start.wait(PATIENCE_S)
            return [node.act(openers(node, person, "")[kind]) for kind in ("browser", "device", "bearer")]

        def bars(start=start):
            start.wait(PATIENCE_S)
            return raced.act(barred(person))

        with ThreadPoolExecutor(4) as threads:
            tried = [threads.submit(opens, node) for node in nodes]
            assert threads.submit(bars).result(PATIENCE_S).outcome is Outcome.BLOCKED
            for one in tried:
                one.result(PATIENCE_S)
        assert alive(raced, person) == set()
        raced.act(freed(ring(raced), person))


# A directory elsewhere


class Elsewhere:
    """A directory that knows some people; it notes what it is told, and may be away."""

    def __init__(self, known=(), away=False):
        self.known, self.away, self.told = dict(known), away, []

    async def block_person(self, scope, person, reason):
        return self._told(person, reason) and person in self.known

    async def block_address(self, scope, address, reason):
        self._told(address, reason)
        return next((person for person, theirs in self.known.items() if theirs == address), "")

    def _told(self, subject, reason):
        if self.away:
            raise StoreUnavailable("the directory does not answer")
        self.told.append((subject, reason))
        return True


def both(home, directory, subject):
    """Tell the directory, then block here, as whoever blocks does."""
    named = home.run(blocking.tell(directory, home.scope, ACT, subject))
    if isinstance(named, Refusal):
        return named
    return home.act(lambda tx: blocking.block(tx, ring(home), ACT, subject, named))


def test_a_directory_elsewhere_is_told_first_and_its_people_are_taken_over(anywhere):
    directory = Elsewhere({"user-123": "pilot@example.test", "user-9": ""})
    for subject in (Subject(SubjectKind.USER_ID, "user-9"), Subject(SubjectKind.EMAIL, " pilot@example.test")):
        for outcome in (Outcome.BLOCKED, Outcome.ALREADY_BLOCKED):
            assert both(anywhere, directory, subject).outcome is outcome
    assert directory.told[::2] == [("user-9", "policy_blocked"), ("pilot@example.test", "policy_blocked")]
    for person in ("user-9", "user-123"):
        assert device(anywhere, person).code is Code.BLOCKED_BY_POLICY


def test_whom_only_we_know_is_blocked_here(anywhere):
    person = add(anywhere)
    directory = Elsewhere()
    assert both(anywhere, directory, Subject(SubjectKind.USER_ID, person)).outcome is Outcome.BLOCKED
    assert directory.told == [(person, "policy_blocked")]
    assert device(anywhere, person).code is Code.BLOCKED_BY_POLICY


def test_whom_nobody_knows_is_not_blocked(anywhere):
    directory = Elsewhere()
    assert both(anywhere, directory, Subject(SubjectKind.USER_ID, "user-1")).code is Code.SUBJECT_NOT_FOUND
    assert both(anywhere, directory, Subject(SubjectKind.EMAIL, "nobody")) == Refusal(Code.EMAIL_INVALID)
    assert both(anywhere, directory, Subject(SubjectKind.EMAIL, "a@b.test")).outcome is Outcome.BLOCKED


def test_nothing_is_blocked_here_while_the_directory_is_away(anywhere):
    person = add(anywhere)
    kept = device(anywhere, person)
    with pytest.raises(StoreUnavailable):
        both(anywhere, Elsewhere({person: ""}, away=True), Subject(SubjectKind.USER_ID, person))
    assert anywhere.read(lambda tx: devices.find(tx, kept.id)).status is Status.ACTIVE


def test_an_act_of_a_session_that_is_blocked_half_way_leaves_nothing_behind(anywhere):
    visitor = anywhere.enrolled()
    person = visitor.person
    (session,) = anywhere.living(person)
    anywhere.act(barred(person))
    ended = anywhere.act(lambda tx: sessions.still(tx, Caller(actor=person, session=session)))
    assert ended.code is Code.SESSION_ENDED
