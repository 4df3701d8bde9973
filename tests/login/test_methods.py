"""Every login method keeps the contract; the toy proves that a method is one folder and one line."""

from collections import Counter

import pytest

from ostiary import app
from ostiary.kernel.errors import ContractBroken
from ostiary_client.authenticator import SoftPasskey
from tests.contracts.login_method import AskingMethodContract, Candidate, Door, LoginMethodContract, met
from tests.login.email_code.candidate import EmailCodeCandidate
from tests.login.gatehouse import opened
from tests.login.toy.method import ToyMethod


class PasskeyCandidate(Candidate):
    name = "passkey"
    guesses = 5

    def right(self, visitor, asked):
        return {"credential": visitor.passkey.get(asked["options"])}

    def wrong(self, visitor, asked):
        forger = SoftPasskey(visitor.served.origin)
        forger.id, forger.user_handle, forger.count = visitor.passkey.id, visitor.passkey.user_handle, 1000
        return {"credential": forger.get(asked["options"])}

    def unknown(self, asked):
        stranger = SoftPasskey("http://localhost:8080")
        stranger.user_handle = b"user-AAAAAAAAAAAAAAAAAAAAAA"
        return {"credential": stranger.get(asked["options"])}


class TestPasskey(LoginMethodContract):
    @pytest.fixture
    def candidate(self):
        return PasskeyCandidate()

    def test_wrong_answers_at_once_are_judged_one_by_one(self, stored, candidate):
        known = met(stored, candidate)
        door = Door(candidate, known, stored.visitor())
        begun, other = door.begin(), stored.node()
        places = [door.visitor, door.visitor.moved(other)] * candidate.guesses
        answers = stored.race(*(door.request(door.body(begun, "wrong"), place) for place in places))
        codes = Counter(answer.code for answer in answers)
        assert codes == {"login_refused": candidate.guesses, "login_attempts_exhausted": candidate.guesses}

    def test_beginning_writes_nothing(self, gatehouse, candidate, known):
        before = len(gatehouse.receipts()), recorded_rows(gatehouse)
        for _ in range(3):
            Door(candidate, known, gatehouse.visitor()).begin()
        assert (len(gatehouse.receipts()), recorded_rows(gatehouse)) == before


def test_who_proves_presence_is_known_to_the_method(tmp_path):
    toy = ToyCandidate()
    with opened(tmp_path, *toy.methods) as gatehouse:
        person = gatehouse.enrolled()
        asked = person.send("POST", "/login/toy/begin", {}).json
        assert asked["question"] == "Who is there?"
        asked = person.send("POST", "/api/v1/auth/presence/toy/begin", {"purpose": "passkey.add"}).json
        assert asked["question"] == f"Is it still you, {person.person}?"


def recorded_rows(gatehouse):
    return gatehouse.rows("SELECT count(*) FROM challenges")


class Doorkeeper:
    """The fake world: `meanwhile` happens while somebody waits for its answer, `failing` is raised instead."""

    def __init__(self):
        self.words = {}
        self.meanwhile = self.failing = None

    async def whose(self, name, word):
        if self.meanwhile:
            happening, self.meanwhile = self.meanwhile, None
            await happening()
        if self.failing:
            raise self.failing
        return self.words.get((name, word), "")

    def knows(self, person):
        return person in self.words.values()


class ToyCandidate(Candidate):
    name = "toy"
    guesses = 3

    def __init__(self):
        self.world = Doorkeeper()
        self.methods = (ToyMethod(self.world),)

    def meet(self, visitor):
        self.world.words[self.name_of(visitor), "sesame"] = visitor.person

    def name_of(self, visitor):
        return visitor.passkey.id.hex()

    def right(self, visitor, asked):
        return {"name": self.name_of(visitor), "word": "sesame"}

    def wrong(self, visitor, asked):
        return {"name": self.name_of(visitor), "word": "open"}

    def unknown(self, asked):
        return {"name": "nobody", "word": "open"}

    def meanwhile(self, happening):
        self.world.meanwhile = happening

    def fails(self, fault):
        self.world.failing = fault


class TestEmailCode(LoginMethodContract):
    @pytest.fixture
    def candidate(self):
        return EmailCodeCandidate()


class TestToy(AskingMethodContract):
    @pytest.fixture
    def candidate(self):
        return ToyCandidate()

    def test_what_needs_no_asking_is_refused_alike(self, gatehouse, door):
        begun = door.begin()
        refused = door.send(door.body(begun, "right") | {"word": " "})
        assert (refused.status, refused.code) == (401, "login_refused")
        assert gatehouse.receipts(operation="login.ask") == []
        assert door.finish(begun, "right").status == 200


def test_two_methods_of_one_name_stop_the_boot(gatehouse):
    twin = ToyMethod(Doorkeeper())
    twin.name = "passkey"
    with pytest.raises(ContractBroken, match="two login methods are called passkey"):
        app.build(gatehouse.house, twin)


def test_the_toy_is_in_the_document_and_nowhere_without_its_line(gatehouse):
    document = gatehouse.visitor().send("GET", "/openapi.json").json
    assert "/login/toy/begin" not in document["paths"]
    made = app.build(gatehouse.house, ToyMethod(Doorkeeper()))
    assert [op.path for op in made.operations if "toy" in op.name] == [
        "/login/toy/begin",
        "/login/toy/finish",
        "/api/v1/auth/presence/toy/begin",
        "/api/v1/auth/presence/toy/finish",
    ]


def test_the_answer_of_one_method_is_no_answer_to_another(tmp_path):
    toy = ToyCandidate()
    with opened(tmp_path, *toy.methods) as gatehouse:
        known = gatehouse.enrolled()
        toy.meet(known)
        visitor = gatehouse.visitor()
        first, second = Door(toy, known, visitor), Door(PasskeyCandidate(), known, visitor)
        begun = first.begin(), second.begin()
        crossed = second.body(begun[1], "right") | {"attempt": begun[0]["attempt"]}
        assert second.send(crossed).code == "login_attempt_invalid"
        crossed = first.body(begun[0], "right") | {"attempt": begun[1]["attempt"]}
        assert first.send(crossed).code == "login_attempt_invalid"
