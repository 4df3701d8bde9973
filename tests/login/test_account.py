"""One's own passkeys, over HTTP: adding and removing with presence, never the last way in, and nobody else's."""

import pytest

from ostiary.kernel.clock import instant
from ostiary.presence.model import CHALLENGE_LIFE, PRESENCE_LIFE
from ostiary_client.authenticator import Behaviour, SoftPasskey
from tests.login.gatehouse import opened
from tests.login.test_methods import ToyCandidate

PATH = "/api/v1/auth/passkeys"
ROUNDS = 12


@pytest.fixture
def person(gatehouse):
    return gatehouse.enrolled()


@pytest.fixture
def other(gatehouse):
    """Somebody else."""
    return gatehouse.enrolled()


def begin(visitor):
    return visitor.send("POST", f"{PATH}/begin", {}).json


def finish(visitor, begun, passkey=None, **given):
    made = (passkey or SoftPasskey(visitor.served.origin)).create(begun["options"])
    return visitor.send("POST", f"{PATH}/finish", {"attempt": begun["attempt"], "credential": made} | given)


def add(visitor, passkey=None, **given):
    """Add a passkey with fresh presence."""
    proof = visitor.presence("passkey.add")
    return finish(visitor, begin(visitor), passkey, presence=proof, **given)


def added(visitor):
    """A second passkey of that person, and its id."""
    passkey = SoftPasskey(visitor.served.origin)
    return passkey, add(visitor, passkey).json["id"]


def remove(visitor, passkey, proof=None):
    return visitor.send("DELETE", f"{PATH}/{passkey}", headers={"ostiary-presence": proof})


def removed(visitor, passkey):
    """Remove with fresh presence."""
    return remove(visitor, passkey, visitor.presence("passkey.remove", passkey))


def second_session(visitor):
    """The same person at another browser."""
    made = visitor.served.visitor(visitor.passkey)
    assert made.sign_in().status == 200
    return made


def assert_refused(answer, status, code):
    assert (answer.status, answer.code) == (status, code)


def proofs(visitor, other, purpose, subject, wrong_purpose):
    """Proofs of presence that are not this one: for another purpose, subject, session, or person; used; none at all."""
    yield visitor.presence(wrong_purpose, subject)
    yield visitor.presence(purpose, subject + "x")
    yield second_session(visitor).presence(purpose, subject)
    yield other.presence(purpose, subject)
    yield from ("hp-AAAAAAAAAAAAAAAAAAAAAA", "hp-", "x", "é", "hp-" + "A" * 61)


# Adding


def test_a_passkey_is_added_with_presence_and_signs_in(gatehouse, person):
    passkey = SoftPasskey(gatehouse.origin, behaviour=Behaviour(backed_up=False))
    sessions = len(gatehouse.sessions())
    answer = add(person, passkey, label="Blue key")
    assert answer.status == 201
    assert answer.json == {
        "id": answer.json["id"],
        "label": "Blue key",
        "created_at": instant(gatehouse.clock()),
        "last_used_at": None,
        "synced": False,
    }
    receipt = gatehouse.receipts()[-1]
    assert (receipt.operation, receipt.outcome, receipt.actor) == ("passkey.add", "admitted", person.person)
    assert (receipt.subject, receipt.session) == (answer.json["id"], person.session)
    assert receipt.reasons == (f"person:{person.person}",)
    assert len(gatehouse.sessions()) == sessions
    assert passkey.user_handle.decode() == person.person
    visitor = gatehouse.visitor(passkey)
    assert visitor.sign_in().status == 200
    assert visitor.person == person.person


def test_adding_without_presence_asks_for_it(gatehouse, person):
    answer = finish(person, begin(person))
    assert_refused(answer, 401, "presence_required")
    assert answer.header("www-authenticate").startswith(
        'Bearer realm="ostiary", error="insufficient_user_authentication"'
    )
    assert len(person.passkeys) == 1
    receipt = gatehouse.receipts()[-1]
    assert (receipt.operation, receipt.outcome, receipt.actor) == ("passkey.add", "refused", person.person)


def test_presence_for_anything_else_adds_nothing(person, other):
    for proof in proofs(person, other, "passkey.add", "", "passkey.remove"):
        assert_refused(finish(person, begin(person), presence=proof), 403, "presence_refused")
    assert len(person.passkeys) == len(other.passkeys) == 1


def test_presence_adds_once(person):
    proof = person.presence("passkey.add")
    assert finish(person, begin(person), presence=proof).status == 201
    assert_refused(finish(person, begin(person), presence=proof), 403, "presence_refused")
    assert len(person.passkeys) == 2


def test_presence_is_stale_at_the_instant(gatehouse, person):
    early, late = person.presence("passkey.add"), person.presence("passkey.add")
    gatehouse.clock.turn(PRESENCE_LIFE - 1)
    assert finish(person, begin(person), presence=early).status == 201
    gatehouse.clock.turn(1)
    assert_refused(finish(person, begin(person), presence=late), 403, "presence_refused")


def test_a_challenge_adds_once_and_in_time_and_in_its_session(gatehouse, person):
    begun, stranger = begin(person), second_session(person)
    assert_refused(finish(stranger, begun, presence=stranger.presence("passkey.add")), 401, "login_attempt_invalid")
    assert finish(person, begun, presence=person.presence("passkey.add")).status == 201
    assert_refused(finish(person, begun, presence=person.presence("passkey.add")), 409, "login_attempt_spent")
    begun = begin(person)
    gatehouse.clock.turn(CHALLENGE_LIFE)
    assert_refused(finish(person, begun, presence=person.presence("passkey.add")), 401, "login_attempt_expired")
    assert len(person.passkeys) == 2


def test_a_challenge_of_another_purpose_adds_nothing(gatehouse, person):
    proof, begun = person.presence("passkey.add"), begin(person)
    asked = person.send("POST", "/api/v1/auth/presence/passkey/begin", {"purpose": "passkey.add"}).json
    begun["attempt"] = asked["attempt"]
    assert_refused(finish(person, begun, presence=proof), 401, "login_attempt_invalid")
    assert gatehouse.receipts()[-1].reasons == ("login_attempt_invalid", "challenge_of_another_purpose")


@pytest.mark.parametrize("mine", [True, False])
def test_a_credential_is_registered_once(gatehouse, person, other, mine):
    passkey = (person if mine else other).passkey
    assert_refused(add(person, passkey), 409, "passkey_already_registered")
    assert len(person.passkeys) == len(other.passkeys) == 1
    passkey.user_handle = (person if mine else other).person.encode()
    assert gatehouse.visitor(passkey).sign_in().status == 200


def test_a_removed_credential_never_comes_back(person):
    passkey, name = added(person)
    assert removed(person, name).status == 204
    assert_refused(add(person, passkey), 409, "passkey_already_registered")


def test_a_proof_weaker_than_a_passkey_does_not_add_to_passkeys(tmp_path):
    toy = ToyCandidate()
    with opened(tmp_path, *toy.methods) as gatehouse:
        person = gatehouse.enrolled()
        toy.meet(person)
        assert_refused(finish(person, begin(person), presence=by_toy(toy, person)), 403, "presence_refused")
        assert gatehouse.receipts()[-1].reasons == ("presence_refused", "presence_too_weak")
        assert len(person.passkeys) == 1


def test_a_first_passkey_takes_the_method_just_used(tmp_path):
    toy = ToyCandidate()
    with opened(tmp_path, *toy.methods) as gatehouse:
        name, _ = gatehouse.invite()
        visitor = gatehouse.visitor()
        toy.world.words[toy.name_of(visitor), "sesame"] = name
        begun = visitor.send("POST", "/login/toy/begin", {}).json
        answer = {"attempt": begun["attempt"]} | toy.right(visitor, begun)
        assert visitor.send("POST", "/login/toy/finish", answer).status == 200
        assert visitor.passkeys == []
        assert finish(visitor, begin(visitor), visitor.passkey, presence=by_toy(toy, visitor)).status == 201
        assert gatehouse.visitor(visitor.passkey).sign_in().status == 200


def by_toy(toy, visitor):
    """Presence for `passkey.add`, proved by the toy."""
    path = "/api/v1/auth/presence/toy"
    begun = visitor.send("POST", f"{path}/begin", {"purpose": "passkey.add"}).json
    answer = {"attempt": begun["attempt"]} | toy.right(visitor, begun)
    return visitor.send("POST", f"{path}/finish", answer).json["presence"]


# Labels, and what is shown


@pytest.mark.parametrize("label", ["", "é" * 64, "</script><b>\u202e\n"])
def test_a_label_is_kept_as_it_is(gatehouse, person, label):
    assert add(person, label=label).json["label"] == label
    name = person.passkeys[0]["id"]
    answer = person.send("PATCH", f"{PATH}/{name}", {"label": label})
    assert (answer.status, answer.json) == (200, {"label": label})
    assert {key["label"] for key in person.passkeys if key["id"] == name} == {label}
    assert gatehouse.receipts(operation="passkey.rename")[-1].subject == name


@pytest.mark.parametrize("label", ["é" * 65, "a\0b", "\ud800", 7, None, ["a"]])
def test_what_is_no_label_is_malformed(person, label):
    before = person.passkeys
    assert_refused(add(person, label=label), 400, "request_malformed")
    answer = person.send("PATCH", f"{PATH}/{before[0]['id']}", {"label": label})
    assert_refused(answer, 400, "request_malformed")
    assert [(key["id"], key["label"]) for key in person.passkeys] == [(before[0]["id"], before[0]["label"])]


def test_the_list_is_the_persons_own_oldest_first(gatehouse, person, other):
    names = [person.passkeys[0]["id"]]
    for _ in range(2):
        gatehouse.clock.turn(1)
        names.append(added(person)[1])
    assert [key["id"] for key in person.passkeys] == names
    assert len(other.passkeys) == 1
    assert removed(person, names[1]).status == 204
    assert [key["id"] for key in person.passkeys] == [names[0], names[2]]


def test_the_last_use_is_shown(gatehouse, person):
    assert person.passkeys[0]["last_used_at"] is None
    gatehouse.clock.turn(1_000)
    assert gatehouse.visitor(person.passkey).sign_in().status == 200
    assert person.passkeys[0]["last_used_at"] == instant(gatehouse.clock())
    gatehouse.clock.turn(1_000)
    person.presence("passkey.add")
    assert person.passkeys[0]["last_used_at"] == instant(gatehouse.clock())


def test_a_passkey_that_its_provider_has_copied_meanwhile_is_shown_so(gatehouse):
    _, token = gatehouse.invite()
    person = gatehouse.visitor(SoftPasskey(gatehouse.origin, behaviour=Behaviour(backed_up=False)))
    assert person.enrol(token).status == 200
    assert [key["synced"] for key in person.passkeys] == [False]
    person.passkey.behaviour.backed_up = True
    assert person.sign_in().status == 200
    assert [key["synced"] for key in person.passkeys] == [True]


# Removing


def test_a_passkey_is_removed_with_presence(gatehouse, person):
    kept = person.passkeys[0]["id"]
    _, name = added(person)
    assert removed(person, name).status == 204
    assert [key["id"] for key in person.passkeys] == [kept]
    receipt = gatehouse.receipts()[-1]
    assert (receipt.operation, receipt.outcome, receipt.actor) == ("passkey.remove", "admitted", person.person)
    assert receipt.subject == name
    assert receipt.reasons[0].startswith("presence:hp-")
    assert_refused(removed(person, name), 404, "passkey_unknown")
    assert_refused(person.send("PATCH", f"{PATH}/{name}", {"label": "again"}), 404, "passkey_unknown")


def test_removing_without_presence_asks_for_it(gatehouse, person):
    _, name = added(person)
    for proof in (None, ""):
        answer = remove(person, name, proof)
        assert_refused(answer, 401, "presence_required")
        assert answer.header("www-authenticate").startswith(
            'Bearer realm="ostiary", error="insufficient_user_authentication"'
        )
        assert gatehouse.receipts()[-1].reasons == ("presence_required",)
    assert len(person.passkeys) == 2


def test_presence_for_anything_else_removes_nothing(person, other):
    _, name = added(person)
    _, third = added(person)
    for proof in (
        *proofs(person, other, "passkey.remove", name, "passkey.add"),
        person.presence("passkey.remove", third),
    ):
        assert_refused(remove(person, name, proof), 403, "presence_refused")
    assert len(person.passkeys) == 3
    assert len(other.passkeys) == 1


def test_presence_removes_once(person):
    names = [added(person)[1] for _ in range(2)]
    proof = person.presence("passkey.remove", names[0])
    assert remove(person, names[0], proof).status == 204
    assert_refused(remove(person, names[1], proof), 403, "presence_refused")
    assert_refused(remove(person, names[0], proof), 404, "passkey_unknown")


def test_presence_to_remove_is_stale_at_the_instant(gatehouse, person):
    names = [added(person)[1] for _ in range(2)]
    early, late = (person.presence("passkey.remove", name) for name in names)
    expiry = gatehouse.clock() + PRESENCE_LIFE
    gatehouse.clock.now = expiry - 1
    assert remove(person, names[0], early).status == 204
    gatehouse.clock.now = expiry
    assert_refused(remove(person, names[1], late), 403, "presence_refused")


def test_the_last_way_in_is_never_removed(gatehouse, person):
    name = person.passkeys[0]["id"]
    proof = person.presence("passkey.remove", name)
    assert_refused(remove(person, name, proof), 409, "passkey_last_way_in")
    assert gatehouse.receipts()[-1].reasons == ("passkey_last_way_in",)
    assert len(person.passkeys) == 1
    added(person)
    assert remove(person, name, proof).status == 204


def test_another_methods_way_in_counts(tmp_path):
    toy = ToyCandidate()
    with opened(tmp_path, *toy.methods) as gatehouse:
        person = gatehouse.enrolled()
        name = person.passkeys[0]["id"]
        assert_refused(removed(person, name), 409, "passkey_last_way_in")
        toy.meet(person)
        assert removed(person, name).status == 204
        assert person.passkeys == []


def test_of_two_removals_of_the_last_two_at_once_one_is_refused(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as gatehouse:
        node = gatehouse.node()
        for _ in range(ROUNDS):
            first = gatehouse.enrolled()
            owner = first.person
            passkey, name = added(first)
            second = node.visitor(passkey)
            assert second.sign_in().status == 200
            pairs = [(first, next(key["id"] for key in first.passkeys if key["id"] != name)), (second, name)]
            shown = [visitor.presence("passkey.remove", name) for visitor, name in pairs]
            requests = [
                (visitor, "DELETE", f"{PATH}/{name}", None, {"ostiary-presence": proof})
                for (visitor, name), proof in zip(pairs, shown, strict=True)
            ]
            answers = gatehouse.race(*requests)
            assert sorted(answer.status for answer in answers) == [204, 409]
            assert gatehouse.rows(f"SELECT count(*) FROM passkeys WHERE removed_at = 0 AND person_id = '{owner}'") == [
                (1,)
            ]


def test_its_sessions_end_with_it_except_the_one_that_asks(gatehouse, person):
    passkey, name = added(person)
    by_second, asking = gatehouse.visitor(passkey), gatehouse.visitor(passkey)
    by_first = second_session(person)
    for visitor in (by_second, asking):
        assert visitor.sign_in().status == 200
    asking.passkey = passkey
    assert removed(asking, name).status == 204
    assert_refused(by_second.send("GET", "/api/v1/auth/me"), 401, "session_ended")
    assert 'error_description="passkey_removed"' in by_second.check().header("www-authenticate")
    for visitor in (asking, by_first, person):
        assert visitor.send("GET", "/api/v1/auth/me").status == 200
        assert visitor.check().status == 200
    ended = gatehouse.receipts(operation="session.end")
    assert [(one.subject, one.reasons) for one in ended] == [(by_second.session, ("passkey_removed",))]


def test_the_session_of_the_link_ends_with_the_passkey_of_the_link(person):
    first = person.passkeys[0]["id"]
    passkey, _ = added(person)
    elsewhere = person.served.visitor(passkey)
    assert elsewhere.sign_in().status == 200
    assert removed(elsewhere, first).status == 204
    assert_refused(person.send("GET", "/api/v1/auth/me"), 401, "session_ended")


def test_who_holds_a_removed_passkey_is_told_and_nobody_else(gatehouse, person):
    passkey, name = added(person)
    assert removed(person, name).status == 204
    living = gatehouse.living(person.person)
    visitor = gatehouse.visitor(passkey)
    assert_refused(visitor.sign_in(), 401, "passkey_removed")
    assert gatehouse.receipts()[-1].reasons == ("passkey_removed",)
    forger = SoftPasskey(gatehouse.origin)
    forger.id, forger.user_handle, forger.count = passkey.id, passkey.user_handle, 100
    assert_refused(gatehouse.visitor(forger).sign_in(), 401, "login_refused")
    passkey.user_handle = b"user-AAAAAAAAAAAAAAAAAAAAAA"
    assert_refused(visitor.sign_in(), 401, "login_refused")
    passkey.user_handle, passkey.behaviour.user_verified = person.person.encode(), False
    assert_refused(visitor.sign_in(), 401, "login_refused")
    assert gatehouse.living(person.person) == living


# Somebody else's


def test_another_persons_passkey_is_unknown(gatehouse, person, other):
    _, theirs = added(other)
    added(person)
    for proof in (None, person.presence("passkey.remove", theirs), other.presence("passkey.remove", theirs)):
        assert_refused(remove(person, theirs, proof), 404, "passkey_unknown")
    assert_refused(person.send("PATCH", f"{PATH}/{theirs}", {"label": "mine"}), 404, "passkey_unknown")
    assert {key["label"] for key in other.passkeys} == {"My key", ""}
    assert len(other.passkeys) == 2
    assert gatehouse.receipts(operation="passkey.rename")[-1].reasons == ("passkey_unknown",)


@pytest.mark.parametrize("name", ["pk-", "x", "A" * 5000, "%F0%9F%94%91", "pk-" + "A" * 23])
def test_what_is_no_id_of_a_passkey_is_unknown_and_not_kept(gatehouse, person, name):
    assert_refused(remove(person, name, person.presence("passkey.remove")), 404, "passkey_unknown")
    assert_refused(person.send("PATCH", f"{PATH}/{name}", {"label": "x"}), 404, "passkey_unknown")
    assert {one.subject for one in gatehouse.receipts()[-2:]} == {""}


@pytest.mark.parametrize("name", ["%00", "pk-%00AAAAAAAAAAAAAAAAAAAAA"])
def test_a_nul_in_an_id_is_malformed(person, name):
    assert_refused(person.send("PATCH", f"{PATH}/{name}", {"label": "x"}), 400, "request_malformed")


# Counters


def test_a_counter_that_goes_back_is_refused(gatehouse, person):
    clone = SoftPasskey(gatehouse.origin, key=person.passkey.key)
    clone.user_handle = person.passkey.user_handle
    for _ in range(3):
        assert gatehouse.visitor(person.passkey).sign_in().status == 200
    kept = gatehouse.rows("SELECT sign_count FROM passkeys")
    assert kept == [(person.passkey.count,)]
    for count in (0, person.passkey.count - 1):  # the clone says one more than this: fewer, and as many
        clone.count = count
        assert_refused(gatehouse.visitor(clone).sign_in(), 401, "login_refused")
        assert gatehouse.receipts()[-1].reasons == ("login_refused", "sign_count_regressed")
        assert gatehouse.rows("SELECT sign_count FROM passkeys") == kept
    clone.count = person.passkey.count
    assert gatehouse.visitor(clone).sign_in().status == 200
    assert_refused(gatehouse.visitor(person.passkey).sign_in(), 401, "login_refused")


def test_a_passkey_that_never_counts_is_welcome(gatehouse):
    _, token = gatehouse.invite()
    person = gatehouse.visitor(SoftPasskey(gatehouse.origin, behaviour=Behaviour(count_step=0)))
    assert person.enrol(token).status == 200
    for _ in range(2):
        assert person.sign_in().status == 200
    assert gatehouse.rows("SELECT sign_count FROM passkeys") == [(0,)]
