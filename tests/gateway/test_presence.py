"""A service shows a receipt of presence: once, in time, for exactly what was approved, and only its caller's own."""

import pytest

from ostiary.kernel.clock import SECOND, instant
from ostiary.kernel.values import Caller, Factor, Proof, Scope
from ostiary.keys import service as keys
from ostiary.presence import purposes
from ostiary.presence import service as presence
from ostiary.presence.model import PRESENCE_LIFE, Approval, Challenge, Minimum, Purpose, PurposeRule
from tests.login.gatehouse import OPERATOR, opened
from tests.sessions.home import HOUR, MINUTE, Failing

DIGEST, OTHER_DIGEST = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SAYS = "Pay 120.00 € to Bakery Huber"
PAY = PurposeRule("invoice.pay", "Pay an invoice", commits_operation=True)
ENTER = PurposeRule("vault.enter", "Enter the vault")
LOOK = PurposeRule("vault.look", "Look into the vault", Minimum.ANY, life=30 * SECOND)
REFUSED = (403, "presence_refused")


def declare(house, *rules):
    for rule in rules:
        assert house.act(lambda tx, rule=rule: purposes.add(tx, OPERATOR, rule)) is None


@pytest.fixture
def person(home):
    declare(home, PAY, ENTER, LOOK)
    return home.enrolled()


def begin(visitor, purpose="vault.enter", **given):
    return visitor.send("POST", "/api/v1/auth/presence/passkey/begin", {"purpose": purpose, **given})


def proved(visitor, purpose="vault.enter", **given):
    begun = begin(visitor, purpose, **given)
    assert begun.status == 200, begun.body
    answer = {"attempt": begun.json["attempt"], "credential": visitor.passkey.get(begun.json["options"])}
    return visitor.send("POST", "/api/v1/auth/presence/passkey/finish", answer).json["presence"]


def paid(visitor, operation=DIGEST, says=SAYS):
    return proved(visitor, "invoice.pay", operation=operation, says=says)


def consume(visitor, receipt="", purpose="vault.enter", *, path="/presence/consume", headers=None, **given):
    body = {"purpose": purpose, "receipt": receipt, **given}
    return visitor.send("POST", path, body, internal=True, headers=headers)


def pay(visitor, receipt, operation=DIGEST, says=SAYS, **given):
    return consume(visitor, receipt, "invoice.pay", operation=operation, says=says, **given)


def verdict(answer):
    return answer.status, answer.code


def second_session(visitor):
    made = visitor.served.visitor(visitor.passkey)
    assert made.sign_in().status == 200
    return made


def test_a_proof_is_consumed_with_its_factor_and_its_time(home, person):
    home.clock.hold()
    receipt, at = proved(person), home.clock()
    home.clock.turn(MINUTE)
    answer = consume(person, receipt)
    recorded = home.last()
    assert (answer.status, answer.json) == (
        200,
        {
            "purpose": "vault.enter",
            "factor": "passkey",
            "user_verified": True,
            "proved_at": instant(at),
            "recorded": recorded.id,
        },
    )
    assert answer.header("cache-control") == "no-store"
    assert (recorded.operation, recorded.outcome, recorded.subject) == ("presence.consume", "admitted", receipt)
    assert (recorded.actor, recorded.session) == (person.person, person.session)
    assert recorded.reasons == ("vault.enter", "default")
    assert recorded.digest


def test_nothing_of_the_person_is_told(home, person):
    body = consume(person, proved(person)).body.decode()
    assert person.person not in body
    assert person.session not in body


def test_a_replay_is_refused(person):
    receipt = proved(person)
    assert consume(person, receipt).status == 200
    assert verdict(consume(person, receipt)) == REFUSED


def test_of_two_consumptions_at_once_exactly_one_succeeds(tmp_path, database_url):
    with opened(tmp_path, url=database_url) as gatehouse:
        declare(gatehouse, ENTER)
        first = gatehouse.enrolled()
        second = first.moved(gatehouse.node())
        for _ in range(12):
            body = {"purpose": "vault.enter", "receipt": proved(first)}
            requests = [one.dress("POST", body, internal=True) for one in (first, second)]
            answers = gatehouse.together(
                *(
                    one._exchange("POST", "/presence/consume", raw, sent, internal=True)
                    for one, (sent, raw) in zip((first, second), requests, strict=True)
                )
            )
            assert sorted(answer.status for answer in answers) == [200, 403]


def test_a_proof_is_stale_at_the_instant(home, person):
    home.clock.hold()
    early, late = proved(person), proved(person)
    home.clock.turn(PRESENCE_LIFE - 1)
    assert consume(person, early).status == 200
    home.clock.turn(1)
    assert verdict(consume(person, late)) == REFUSED


def test_a_purpose_with_a_shorter_life_keeps_it(home, person):
    home.clock.hold()
    early, late = proved(person, "vault.look"), proved(person, "vault.look")
    home.clock.turn(LOOK.life - 1)
    assert consume(person, early, "vault.look").status == 200
    home.clock.turn(1)
    assert verdict(consume(person, late, "vault.look")) == REFUSED


def test_a_stolen_session_with_the_proof_of_another_session_or_person_approves_nothing(home, person):
    other = home.enrolled()
    for receipt in (proved(second_session(person)), proved(other)):
        assert verdict(consume(person, receipt)) == REFUSED
        assert home.last().reasons == ("presence_refused",)


def test_a_proof_for_another_purpose_approves_nothing(person):
    looked = proved(person, "vault.look")
    assert verdict(consume(person, looked)) == REFUSED
    assert consume(person, looked, "vault.look").status == 200


@pytest.mark.parametrize("purpose", ["passkey.add", "passkey.remove", "login", "presence", "nobody.knows", "", "é"])
def test_a_service_consumes_declared_purposes_only(person, purpose):
    receipt = person.presence("passkey.add")
    assert verdict(consume(person, receipt, purpose)) == (403, "purpose_unknown")


def test_a_proof_of_another_tenant_is_none(home, person):
    other, house = Scope("other"), home.house
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    house.vault.transact_now(other, lambda tx: purposes.add(tx, OPERATOR, ENTER))
    caller = Caller(actor=person.person, session=person.session)
    asked = Challenge("la-x", Purpose.PRESENCE, "passkey", "", "b", 0, act=ENTER.name)
    proof = Proof(person.person, Factor.PASSKEY, 0, "la-x", user_verified=True)
    made = house.vault.transact_now(other, lambda tx: presence.prove(tx, caller, asked, proof))
    assert verdict(consume(person, made.id)) == REFUSED


# The operation and the sentence


def test_an_operation_is_approved_with_the_sentence_that_was_shown(home, person):
    receipt = paid(person)
    commitment = Approval(PAY.name, operation=DIGEST, says=SAYS).commitment
    assert home.last().reasons == ("invoice.pay", "passkey", f"approves:{commitment}")
    assert pay(person, receipt).status == 200
    assert SAYS not in "".join(home.dump())


@pytest.mark.parametrize(
    ("operation", "says"),
    [(OTHER_DIGEST, SAYS), (DIGEST, SAYS.replace("120", "121")), (OTHER_DIGEST, "Something else")],
)
def test_a_swapped_digest_or_sentence_approves_nothing(person, operation, says):
    receipt = paid(person)
    assert verdict(pay(person, receipt, operation, says)) == REFUSED
    assert verdict(pay(person, paid(person, operation, says))) == REFUSED
    assert pay(person, receipt).status == 200, "and what was approved still is"


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        ("", ""),
        ("", SAYS),
        (DIGEST, ""),
        (DIGEST[:-1], SAYS),
        (DIGEST + "\n", SAYS),
        (DIGEST.upper(), SAYS),
        ("sha512:" + "a" * 64, SAYS),
        (DIGEST, "two\nlines"),
        (DIGEST, "Pay 1 € \u202e€ 000 1"),
        (DIGEST, "zero\u200bwidth"),
        (DIGEST, " leading"),
        (DIGEST, "x" * 201),
    ],
)
def test_a_purpose_that_commits_to_an_operation_wants_its_digest_and_a_readable_sentence(person, operation, says):
    assert verdict(begin(person, "invoice.pay", operation=operation, says=says)) == (400, "request_malformed")
    assert verdict(pay(person, paid(person), operation, says)) == (400, "request_malformed")


@pytest.mark.parametrize("says", ["Zahle 1\u00a0000\u202f€", "क्\u200dषमा", "支払う 🙂"])
def test_other_spellings_of_the_world_are_readable(person, says):
    assert pay(person, paid(person, says=says), says=says).status == 200


@pytest.mark.parametrize("given", [{"operation": DIGEST}, {"says": "You win!"}, {"operation": DIGEST, "says": SAYS}])
def test_nobody_puts_words_into_a_purpose_that_has_its_own(person, given):
    assert verdict(begin(person, **given)) == (400, "request_malformed")
    assert verdict(consume(person, proved(person), **given)) == (400, "request_malformed")


# How strong


def test_a_weak_factor_is_refused_where_the_person_has_a_passkey(home, person):
    caller = Caller(actor=person.person, session=person.session)

    def weak(purpose):
        asked = Challenge("la-x", Purpose.PRESENCE, "code", "", "b", home.clock() + 1, act=purpose)
        proof = Proof(person.person, Factor.EMAIL_CODE, home.clock(), "la-x")
        return home.act(lambda tx: presence.prove(tx, caller, asked, proof)).id

    assert verdict(consume(person, weak("vault.enter"))) == REFUSED
    assert home.last().reasons == ("presence_refused", "presence_too_weak")
    answer = consume(person, weak("vault.look"), "vault.look")
    assert (answer.status, answer.json["factor"], answer.json["user_verified"]) == (200, "email_code", False)


def test_a_person_without_a_passkey_shows_what_they_have(home):
    declare(home, ENTER)
    session, cookie = home.open()
    visitor = home.visitor()
    visitor.cookies["__Host-ostiary_session"] = cookie
    caller = Caller(actor=session.person, session=session.id)
    asked = Challenge("la-x", Purpose.PRESENCE, "code", "", "b", home.clock() + 1, act="vault.enter")
    proof = Proof(session.person, Factor.EMAIL_CODE, home.clock(), "la-x")
    made = home.act(lambda tx: presence.prove(tx, caller, asked, proof))
    assert consume(visitor, made.id).json["factor"] == "email_code"


# A purpose that goes


def remove(home, name="vault.enter"):
    return home.act(lambda tx: purposes.remove(tx, OPERATOR, name))


def test_a_purpose_that_was_removed_meanwhile_approves_nothing(home, person):
    receipt = proved(person)
    assert remove(home) == 1
    assert verdict(consume(person, receipt)) == (403, "purpose_unknown")
    declare(home, ENTER)
    assert verdict(consume(person, receipt)) == REFUSED, "and does not come back with its name"
    assert consume(person, proved(person)).status == 200


def test_a_purpose_that_was_removed_between_question_and_answer_proves_nothing(home, person):
    begun = begin(person).json
    remove(home)
    answer = {"attempt": begun["attempt"], "credential": person.passkey.get(begun["options"])}
    finished = person.send("POST", "/api/v1/auth/presence/passkey/finish", answer)
    assert verdict(finished) == (403, "purpose_unknown")
    assert verdict(begin(person)) == (403, "purpose_unknown")


def test_a_purpose_that_now_commits_to_an_operation_takes_no_answer_to_the_old_question(home, person):
    begun = begin(person).json
    remove(home)
    declare(home, PurposeRule("vault.enter", "Enter", commits_operation=True))
    answer = {"attempt": begun["attempt"], "credential": person.passkey.get(begun["options"])}
    finished = person.send("POST", "/api/v1/auth/presence/passkey/finish", answer)
    assert verdict(finished) == (403, "purpose_unknown")


# Who shows it


def test_without_a_receipt_the_service_learns_what_to_ask_for(home, person):
    for purpose, given, hints in (
        ("vault.enter", {}, 'max_age="300", acr_values="phr"'),
        ("vault.look", {}, 'max_age="30"'),
        ("invoice.pay", {"operation": DIGEST, "says": SAYS}, 'max_age="300", acr_values="phr"'),
    ):
        answer = consume(person, "", purpose, **given)
        assert verdict(answer) == (401, "presence_required")
        assert answer.header("www-authenticate") == (
            'Bearer realm="ostiary", error="insufficient_user_authentication", '
            f'error_description="presence required", {hints}'
        )
        assert home.last().reasons == ("presence_required",)


def test_without_a_living_session_nobody_is_asked_for_presence(home, person):
    receipt = proved(person)
    assert verdict(consume(home.visitor(), receipt)) == (401, "session_missing")
    thief = home.visitor()
    thief.cookies["__Host-ostiary_session"] = "x"
    assert verdict(consume(thief, receipt)) == (401, "session_invalid")
    assert consume(person, receipt).status == 200


def test_a_session_that_ended_consumes_nothing(home, person):
    receipt, reference = proved(person), person.check().header("ostiary-caller")
    home.beside().end(person.session)
    assert verdict(consume(person, receipt)) == (401, "session_ended")
    assert verdict(consume(home.visitor(), receipt, caller=reference)) == (401, "session_ended")


def test_a_caller_reference_stands_for_the_cookie(home, person):
    reference = person.check().header("ostiary-caller")
    receipt = proved(person)
    answer = consume(home.visitor(), receipt, caller=reference)
    assert answer.status == 200
    assert (home.last().actor, home.last().session) == (person.person, person.session)
    assert verdict(consume(home.visitor(), receipt, caller=reference)) == REFUSED
    asked = consume(home.visitor(), "", caller=reference)
    assert verdict(asked) == (401, "presence_required")


def test_a_reference_of_another_session_stands_for_nothing(home, person):
    strangers = [second_session(person), home.enrolled()]
    receipt = proved(person)
    for reference in (*(one.check().header("ostiary-caller") for one in strangers), "0" * 32, "é", person.session[:32]):
        for visitor in (home.visitor(), person):
            assert verdict(consume(visitor, receipt, caller=reference)) == REFUSED
            assert home.last().reasons == ("presence_refused", "presence_of_another_caller")
    assert verdict(consume(home.visitor(), "hp-AAAAAAAAAAAAAAAAAAAAAA", caller="0" * 32)) == REFUSED


def test_a_stolen_cookie_is_not_helped_by_the_thiefs_own_reference_and_proof(home, person):
    thief = home.enrolled()
    receipt, reference = proved(thief), thief.check().header("ostiary-caller")
    assert verdict(consume(person, receipt, caller=reference)) == REFUSED
    assert consume(thief, receipt, caller=reference).status == 200


def test_a_session_that_expired_is_dead_by_its_reference_too(homes):
    home = homes(SESSION_IDLE_TIMEOUT="1m")
    declare(home, ENTER)
    person = home.enrolled()
    receipt, reference = proved(person), person.check().header("ostiary-caller")
    home.clock.turn(MINUTE)
    assert verdict(consume(home.visitor(), receipt, caller=reference)) == (401, "session_expired_idle")
    home.clock.turn(8 * HOUR)


# The listener


def test_only_the_internal_listener_consumes(person):
    assert person.send("POST", "/presence/consume", {"purpose": "vault.enter", "receipt": "x"}).status == 404
    assert person.send("GET", "/presence/consume", internal=True).status == 405


def test_the_service_is_one_that_is_registered(person):
    receipt = proved(person)
    assert verdict(consume(person, receipt, path="/presence/consume/nobody")) == (403, "service_unknown")
    assert consume(person, receipt, path="/presence/consume/default").status == 200


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"host": "evil.test"}, "host_refused"),
        ({"origin": "http://localhost:8080"}, "origin_refused"),
        ({"sec-fetch-site": "same-origin"}, "origin_refused"),
        ({"sec-fetch-mode": "cors"}, "origin_refused"),
    ],
)
def test_a_page_and_a_foreign_host_are_refused(person, headers, code):
    receipt = proved(person)
    assert verdict(consume(person, receipt, headers=headers)) == (403, code)
    assert consume(person, receipt).status == 200


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"purpose": 7}',
        b'{"purpose": "a.b", "purpose": "c.d"}',
        b'{"purpose": "vault.enter", "never": 1}',
        b'{"purpose": "vault.enter", "receipt": "\\u0000"}',
        b'{"purpose": "vault.enter", "caller": "' + b"0" * 33 + b'"}',
        b"\xff",
    ],
)
def test_what_cannot_be_read_is_malformed(person, raw):
    answer = person.send(
        "POST", "/presence/consume", raw=raw, headers={"content-type": "application/json"}, internal=True
    )
    assert verdict(answer) == (400, "request_malformed")


def test_a_large_body_is_refused(person):
    answer = person.send("POST", "/presence/consume", raw=b"x" * 70_000, internal=True)
    assert verdict(answer) == (413, "request_too_large")


@pytest.mark.parametrize("receipt", ["x", "hp-", "hp-AAAAAAAAAAAAAAAAAAAAAA", "é", "A" * 64])
def test_what_is_no_receipt_is_refused(home, person, receipt):
    assert verdict(consume(person, receipt)) == REFUSED
    assert home.last().subject in {"-", "hp-AAAAAAAAAAAAAAAAAAAAAA"}


def test_a_store_that_cannot_answer_is_503_and_the_proof_still_serves(homes):
    home = homes(vault=lambda house: Failing(house.vault))
    declare(home, ENTER)
    person = home.enrolled()
    receipt = proved(person)
    home.house.vault.down = True
    answer = consume(person, receipt)
    assert (answer.status, answer.code, answer.header("retry-after")) == (503, "store_unavailable", "1")
    home.house.vault.down = False
    assert consume(person, receipt).status == 200
