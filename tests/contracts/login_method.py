"""What every login method promises, whatever it asks. A method joins by one class in tests/login/test_methods.py.

Subclass `LoginMethodContract` (or `AskingMethodContract`, for one that asks the world) and give the fixture
`candidate`: the method, and how a person answers it.
"""

import asyncio

import msgspec
import pytest

from ostiary.kernel.clock import SECOND, instant
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.ids import system_secrets, unb64url
from ostiary.kernel.values import Scope
from ostiary.keys import service as keys
from ostiary.presence.challenges import Asker
from ostiary.presence.model import CHALLENGE_LIFE, PRESENCE_LIFE, Purpose
from tests.flows.browser import PRELOGIN, SESSION
from tests.login.gatehouse import opened

RACES = 64
PRESENCE = "/api/v1/auth/presence"


class Candidate:
    """A login method under test. `methods` is what the application registers besides its own."""

    name = ""
    guesses = 0
    methods = ()
    of_another = (403, "presence_refused")
    """What somebody else's right answer gives where presence is asked of this person."""

    def begins(self, visitor):
        """The body with which that person begins; None: somebody whom the method has never met."""
        return {}

    def meet(self, visitor):
        """Let the person who is signed in here be known to the method."""

    def right(self, visitor, asked):
        """The fields, besides `attempt`, with which that person answers rightly."""

    def wrong(self, visitor, asked):
        """The same, in that person's name, and wrong."""

    def unknown(self, asked):
        """The same, of somebody whom the method has never met."""


class LoginMethodContract:
    """The promises. Every test starts with one person whom the method knows, at a browser of their own."""

    @pytest.fixture
    def gatehouse(self, tmp_path, candidate):
        with opened(tmp_path, *candidate.methods) as made:
            yield made

    @pytest.fixture
    def stored(self, tmp_path, candidate, database_url):
        """A gatehouse on either database."""
        with opened(tmp_path, *candidate.methods, url=database_url) as made:
            yield made

    @pytest.fixture
    def known(self, gatehouse, candidate):
        return met(gatehouse, candidate)

    @pytest.fixture
    def door(self, gatehouse, candidate, known):
        return Door(candidate, known, gatehouse.visitor())

    # A right answer

    def test_a_right_answer_opens_one_session_of_that_person(self, gatehouse, candidate, known, door):
        before = len(gatehouse.sessions())
        begun = door.begin()
        assert SESSION not in door.visitor.cookies
        answer = door.finish(begun, "right")
        assert (answer.status, answer.json["next"]) == (200, "/account")
        assert answer.json["session"]["actor_id"] == door.visitor.person == known.person
        assert len(gatehouse.sessions()) == before + 1
        assert PRELOGIN not in door.visitor.cookies

    def test_it_leaves_a_receipt_that_names_the_session_and_the_attempt(self, gatehouse, known, door):
        session = door.finish(door.begin(), "right").json["session"]
        opening = gatehouse.receipts(operation="session.open")[-1]
        assert (opening.outcome, opening.actor, opening.session) == ("admitted", known.person, session["id"])
        assert opening.subject == session["id"]
        assert opening.reasons[0] == session["alive_because"]
        assert opening.reasons[1].startswith("attempt:la-")

    def test_it_changes_nobodys_roles(self, gatehouse, door):
        before = gatehouse.rows("SELECT * FROM grants")
        assert door.finish(door.begin(), "right").status == 200
        assert gatehouse.rows("SELECT * FROM grants") == before

    # Once

    def test_a_finished_attempt_is_spent(self, gatehouse, known, door):
        begun = door.begin()
        cookies = dict(door.visitor.cookies)
        body = door.body(begun, "right")
        assert door.send(body).status == 200
        living = gatehouse.living(known.person)
        for again in (body, door.body(begun, "right"), door.body(begun, "wrong")):
            door.visitor.cookies = dict(cookies)
            refused = door.send(again)
            assert (refused.status, refused.code) == (409, "login_attempt_spent")
        assert gatehouse.living(known.person) == living
        spent = gatehouse.receipts(operation="login.finish", outcome="refused")
        assert [one.reasons for one in spent] == [("login_attempt_spent",)] * 3

    def test_of_two_answers_at_once_exactly_one_wins(self, stored, candidate):
        known = met(stored, candidate)
        person, other = known.person, stored.node()
        for _ in range(RACES):
            door = Door(candidate, known, stored.visitor())
            begun = door.begin()
            before = stored.living(person)
            bodies = [door.body(begun, "right") for _ in range(2)]
            places = [door.visitor, door.visitor.moved(other)]
            answers = stored.race(*(door.request(body, place) for body, place in zip(bodies, places, strict=True)))
            assert sorted(answer.status for answer in answers) == [200, 409]
            assert len(stored.living(person) - before) == 1

    def test_no_race_buys_another_guess(self, stored, candidate):
        known = met(stored, candidate)
        door = Door(candidate, known, stored.visitor())
        begun, other = door.begin(), stored.node()
        places = [door.visitor, door.visitor.moved(other)] * (candidate.guesses + 2)
        answers = stored.race(*(door.request(door.body(begun, "wrong"), place) for place in places))
        codes = [answer.code for answer in answers]
        assert set(codes) <= {"login_refused", "login_attempts_exhausted", "login_attempt_spent"}
        assert 1 <= codes.count("login_refused") <= candidate.guesses

    # A limited number of guesses

    def test_the_last_wrong_answer_exhausts_the_attempt(self, gatehouse, candidate, known, door):
        begun, living = door.begin(), gatehouse.living(known.person)
        for _ in range(candidate.guesses):
            refused = door.finish(begun, "wrong")
            assert (refused.status, refused.code) == (401, "login_refused")
        refused = door.finish(begun, "right")
        assert (refused.status, refused.code) == (401, "login_attempts_exhausted")
        assert gatehouse.living(known.person) == living

    def test_the_guess_before_the_last_may_still_be_right(self, candidate, door):
        begun = door.begin()
        for _ in range(candidate.guesses - 1):
            assert door.finish(begun, "wrong").status == 401
        assert door.finish(begun, "right").status == 200

    def test_an_answer_that_cannot_be_read_is_no_guess(self, candidate, door):
        begun = door.begin()
        for _ in range(candidate.guesses + 1):
            body = door.body(begun, "wrong") | {"more": 1}
            assert door.send(body).status == 400
        assert door.finish(begun, "right").status == 200

    # In time

    def test_at_the_instant_of_expiry_it_is_too_late(self, gatehouse, known, door):
        begun, living = door.begin(), gatehouse.living(known.person)
        gatehouse.clock.turn(CHALLENGE_LIFE)
        refused = door.finish(begun, "right")
        assert (refused.status, refused.code) == (401, "login_attempt_expired")
        assert gatehouse.living(known.person) == living
        assert gatehouse.receipts()[-1].reasons == ("login_attempt_expired",)

    def test_a_moment_before_it_is_in_time(self, gatehouse, door):
        begun = door.begin()
        assert begun["expires_in"] * SECOND == CHALLENGE_LIFE
        gatehouse.clock.turn(CHALLENGE_LIFE - 1)
        assert door.finish(begun, "right").status == 200

    # No oracle

    def test_unknown_and_wrong_look_alike(self, gatehouse, door):
        wrong, unknown = (door.finish(door.begin(kind), kind) for kind in ("wrong", "unknown"))
        assert (wrong.status, wrong.code) == (401, "login_refused")
        assert seen(wrong) == seen(unknown)
        receipts = gatehouse.receipts(operation="login.finish", outcome="refused")
        assert [one.reasons[0] for one in receipts] == ["login_refused"] * 2
        assert {one.actor for one in receipts} == {"anonymous"}

    def test_a_refusal_leaves_exactly_one_receipt(self, gatehouse, door):
        begun, before = door.begin(), len(gatehouse.receipts(outcome="refused"))
        door.finish(begun, "wrong")
        refused = gatehouse.receipts(outcome="refused")[before:]
        assert [(one.operation, one.reasons[0]) for one in refused] == [("login.finish", "login_refused")]
        assert refused[0].subject.startswith("la-")
        assert refused[0].digest

    def test_the_digest_of_a_request_does_not_cover_its_secrets(self, gatehouse, door):
        begun = door.begin()
        for kind in ("wrong", "right"):
            door.finish(begun, kind)
        digests = {one.digest for one in gatehouse.receipts()[-2:]}
        assert len(digests) == 1

    # The attempt of somebody else

    def test_another_browser_cannot_answer(self, gatehouse, candidate, known, door):
        begun = door.begin()
        stranger = Door(candidate, known, gatehouse.visitor())
        assert_invalid(stranger.finish(begun, "right"))
        assert gatehouse.receipts()[-1].reasons == ("login_attempt_invalid", "prelogin_cookie_missing")
        stranger.begin()
        assert_invalid(stranger.finish(begun, "right"))
        assert gatehouse.receipts()[-1].reasons == ("login_attempt_invalid", "challenge_of_another_browser")
        assert door.finish(begun, "right").status == 200

    @pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.LOGIN])
    def test_an_attempt_for_another_purpose_is_refused(self, gatehouse, candidate, door, purpose):
        begun = door.begin() | {"attempt": door.ask(gatehouse, purpose, candidate.name)}
        assert_invalid(door.finish(begun, "right"))
        assert gatehouse.receipts()[-1].reasons == ("login_attempt_invalid", "challenge_of_another_purpose")

    def test_an_attempt_of_another_method_is_refused(self, gatehouse, door):
        begun = door.begin() | {"attempt": door.ask(gatehouse, Purpose.LOGIN, "another")}
        assert_invalid(door.finish(begun, "right"))
        assert gatehouse.receipts()[-1].reasons == ("login_attempt_invalid", "challenge_of_another_method")

    def test_an_attempt_of_another_tenant_is_refused(self, gatehouse, candidate, door):
        house, other = gatehouse.house, Scope("other")
        house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
        begun = door.begin() | {"attempt": door.ask(gatehouse, Purpose.LOGIN, candidate.name, other)}
        assert_invalid(door.finish(begun, "right"))
        assert gatehouse.receipts()[-1].reasons == ("login_attempt_invalid", "challenge_forged")

    def test_no_forged_attempt_is_recognised(self, gatehouse, door):
        begun, sessions = door.begin(), len(gatehouse.sessions())
        body, challenges = door.body(begun, "right"), gatehouse.rows("SELECT count(*) FROM challenges")
        for attempt in forged(begun["attempt"]):
            assert_invalid(door.send(body | {"attempt": attempt}), attempt)
        assert recorded(gatehouse, begun) == []
        assert gatehouse.rows("SELECT count(*) FROM challenges") == challenges
        assert len(gatehouse.sessions()) == sessions
        assert door.send(body).status == 200

    # Presence

    def test_it_proves_presence_for_one_purpose(self, gatehouse, candidate, known):
        begun = known.send("POST", f"{PRESENCE}/{candidate.name}/begin", {"purpose": "passkey.add"}).json
        answer = {"attempt": begun["attempt"]} | candidate.right(known, begun)
        proved = known.send("POST", f"{PRESENCE}/{candidate.name}/finish", answer)
        assert proved.status == 200
        assert proved.json["presence"].startswith("hp-")
        assert proved.json["expires_at"] == instant(gatehouse.clock() + PRESENCE_LIFE)
        receipt = gatehouse.receipts(operation="presence.prove")[-1]
        assert (receipt.outcome, receipt.actor, receipt.session) == ("admitted", known.person, known.session)
        assert (receipt.subject, receipt.reasons[0]) == (proved.json["presence"], "passkey.add")
        again = known.send("POST", f"{PRESENCE}/{candidate.name}/finish", answer)
        assert (again.status, again.code) == (409, "login_attempt_spent")

    def test_a_wrong_answer_proves_no_presence(self, gatehouse, candidate, known):
        begun = known.send("POST", f"{PRESENCE}/{candidate.name}/begin", {"purpose": "passkey.add"}).json
        for kind in (candidate.wrong(known, begun), candidate.unknown(begun)):
            refused = known.send("POST", f"{PRESENCE}/{candidate.name}/finish", {"attempt": begun["attempt"]} | kind)
            assert (refused.status, refused.code) == (401, "login_refused")
        receipts = gatehouse.receipts(operation="presence.prove")
        assert [(one.outcome, one.actor) for one in receipts] == [("refused", known.person)] * 2

    def test_another_persons_answer_proves_no_presence(self, gatehouse, candidate, known):
        other = met(gatehouse, candidate)
        begun = known.send("POST", f"{PRESENCE}/{candidate.name}/begin", {"purpose": "passkey.add"}).json
        answer = {"attempt": begun["attempt"]} | candidate.right(other, begun)
        refused = known.send("POST", f"{PRESENCE}/{candidate.name}/finish", answer)
        assert (refused.status, refused.code) == candidate.of_another
        if refused.code == "presence_refused":
            assert gatehouse.receipts()[-1].reasons == ("presence_refused", "presence_of_another_person")
        assert gatehouse.rows("SELECT * FROM presence") == []

    def test_the_attempt_of_another_session_proves_no_presence(self, gatehouse, candidate, known):
        begun = known.send("POST", f"{PRESENCE}/{candidate.name}/begin", {"purpose": "passkey.add"}).json
        second = gatehouse.visitor(known.passkey)
        assert Door(candidate, known, second).signed_in().person == known.person
        answer = {"attempt": begun["attempt"]} | candidate.right(known, begun)
        assert_invalid(second.send("POST", f"{PRESENCE}/{candidate.name}/finish", answer))
        assert known.send("POST", f"{PRESENCE}/{candidate.name}/finish", answer).status == 200

    def test_an_attempt_to_sign_in_proves_no_presence(self, gatehouse, candidate, known):
        attempt = asker(gatehouse).ask(gatehouse.scope, Purpose.LOGIN, known.session, candidate.name).token
        begun = known.send("POST", f"{PRESENCE}/{candidate.name}/begin", {"purpose": "passkey.add"}).json
        answer = {"attempt": attempt} | candidate.right(known, begun)
        assert_invalid(known.send("POST", f"{PRESENCE}/{candidate.name}/finish", answer))

    # A way in

    def test_it_is_a_way_in_for_whom_it_knows_and_for_nobody_else(self, gatehouse, candidate, known):
        method, person = gatehouse.method(candidate.name), known.person
        assert gatehouse.read(lambda tx: method.ways_in(tx, person)) == 1
        assert gatehouse.read(lambda tx: method.ways_in(tx, "user-nobody")) == 0


class AskingMethodContract(LoginMethodContract):
    """The promises of a method that asks the world, whose candidate can stage it: `meanwhile` and `fails`."""

    def test_it_asks_outside_any_transaction(self, gatehouse, candidate, door):
        begun, seen_meanwhile = door.begin(), []

        async def look():
            await asyncio.wait_for(gatehouse.house.vault.transact(gatehouse.scope, lambda tx: tx.now), 5)
            seen_meanwhile.extend(recorded(gatehouse, begun))

        candidate.meanwhile(look)
        assert door.finish(begun, "right").status == 200
        assert seen_meanwhile == [("waiting", 0)]
        assert recorded(gatehouse, begun) == [("proved", 0)]

    def test_asking_leaves_a_receipt(self, gatehouse, door):
        door.finish(door.begin(), "right")
        asking, opening = gatehouse.receipts()[-2:]
        assert (asking.operation, asking.outcome) == ("login.ask", "admitted")
        assert f"attempt:{asking.subject}" in opening.reasons

    def test_a_second_answer_is_refused_while_the_first_waits(self, gatehouse, candidate, known, door):
        begun, living, meanwhile = door.begin(), gatehouse.living(known.person), []

        async def answer_again():
            meanwhile.append(await door.visitor.asked(*door.request(door.body(begun, "right"))[1:]))

        candidate.meanwhile(answer_again)
        assert door.finish(begun, "right").status == 200
        assert [(answer.status, answer.code) for answer in meanwhile] == [(409, "login_attempt_spent")]
        assert len(gatehouse.living(known.person) - living) == 1

    def test_a_world_that_fails_is_a_503_and_opens_nothing(self, gatehouse, candidate, known, door):
        begun, living = door.begin(), gatehouse.living(known.person)
        candidate.fails(StoreUnavailable("nobody answers", retry_after=7))
        failed = door.finish(begun, "right")
        assert (failed.status, failed.code, failed.header("retry-after")) == (503, "store_unavailable", "7")
        assert "nobody answers" not in failed.body.decode()
        candidate.fails(None)
        assert door.finish(begun, "right").code == "login_attempt_spent"
        assert gatehouse.living(known.person) == living
        assert door.finish(door.begin(), "right").status == 200

    def test_what_the_world_says_too_late_opens_nothing(self, gatehouse, candidate, known, door):
        begun, living = door.begin(), gatehouse.living(known.person)

        async def wait():
            gatehouse.clock.turn(CHALLENGE_LIFE)

        candidate.meanwhile(wait)
        assert door.finish(begun, "right").code == "login_attempt_expired"
        assert gatehouse.living(known.person) == living

    def test_presence_asks_the_same_way(self, gatehouse, candidate, known):
        begun = known.send("POST", f"{PRESENCE}/{candidate.name}/begin", {"purpose": "passkey.add"}).json
        answer = {"attempt": begun["attempt"]} | candidate.right(known, begun)
        assert known.send("POST", f"{PRESENCE}/{candidate.name}/finish", answer).status == 200
        asking = gatehouse.receipts(operation="login.ask")[-1]
        assert (asking.actor, asking.session) == (known.person, known.session)


class Door:
    """One run at one browser; the answers are those of `known`."""

    def __init__(self, candidate, known, visitor):
        self.candidate, self.known, self.visitor = candidate, known, visitor
        self.path = f"/login/{candidate.name}"

    def begin(self, kind="right"):
        """Begin, as somebody who is unknown where the kind says so; return what was asked."""
        body = self.candidate.begins(None if kind == "unknown" else self.known)
        begun = self.visitor.send("POST", f"{self.path}/begin", body)
        assert begun.status == 200, begun.body
        return begun.json

    def body(self, begun, kind):
        """The body of an answer: right, wrong, or of somebody unknown."""
        says = self.candidate
        fields = says.unknown(begun) if kind == "unknown" else getattr(says, kind)(self.known, begun)
        return {"attempt": begun["attempt"]} | fields

    def request(self, body, visitor=None):
        """The finishing request, for a race."""
        return (visitor or self.visitor, "POST", f"{self.path}/finish", body)

    def send(self, body):
        """Send an answer."""
        return self.visitor.send("POST", f"{self.path}/finish", body)

    def finish(self, begun, kind):
        """Answer."""
        return self.send(self.body(begun, kind))

    def signed_in(self):
        """Begin, answer rightly, and return the browser."""
        assert self.finish(self.begin(), "right").status == 200
        return self.visitor

    def ask(self, gatehouse, purpose, method, scope=None):
        """A genuine attempt for this browser that no begin of this method gives."""
        browser = self.visitor.cookies[PRELOGIN].split(".")[1]
        return asker(gatehouse).ask(scope or gatehouse.scope, purpose, browser, method).token


def met(gatehouse, candidate):
    """A browser of somebody whom the method knows."""
    visitor = gatehouse.enrolled()
    candidate.meet(visitor)
    return visitor


def recorded(gatehouse, begun):
    """The state of an attempt and its wrong answers, as they are committed; nothing before its first answer."""
    attempt = msgspec.json.decode(unb64url(begun["attempt"].split(".")[1]))[0]
    return gatehouse.rows(f"SELECT state, failures FROM challenges WHERE id = '{attempt}'")


def asker(gatehouse):
    """What makes attempts, with the server's own keys."""
    return Asker(gatehouse.house.keyring, gatehouse.clock, system_secrets)


def seen(answer):
    """What a stranger can compare: everything but the request's own number."""
    return answer.status, answer.headers, answer.json | {"request_id": ""}


def assert_invalid(answer, attempt=""):
    assert (answer.status, answer.code) == (401, "login_attempt_invalid"), attempt


def forged(attempt):
    """Attempts that differ from a genuine one: cut, bent at each place, and put together anew."""
    version, payload, key, mac = attempt.split(".")
    yield from (attempt[:length] for length in range(0, len(attempt), 7))
    for place, letter in enumerate(attempt):
        if letter != ".":
            yield attempt[:place] + ("A" if letter != "A" else "B") + attempt[place + 1 :]
    yield from (attempt + more for more in (".", "A", "=", "\n", " ", ".A"))
    yield from (" " + attempt, attempt.upper(), attempt.replace(".", ""), "." * 3, "." * 5000, "é" * 40, "A" * 60_000)
    yield from (f"q2.{payload}.{key}.{mac}", f"{version}.{payload}.{key}.", f"{version}..{key}.{mac}")
    yield from (f"{version}.{payload}..{mac}", f"{version}.{mac}.{key}.{payload}", f"{version}.{payload}.{key}.{mac}=")
