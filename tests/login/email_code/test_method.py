"""The e-mail code in the browser, against whoever would have it otherwise; on both databases where a row decides."""

from time import perf_counter

import pytest

from ostiary import app
from ostiary.identities import service as identities
from ostiary.identities.directory import Kind, Resolved
from ostiary.identities.model import METHODS
from ostiary.kernel.clock import MINUTE, SECOND
from ostiary.kernel.errors import StoreUnavailable
from ostiary.login.methods.email_code.challenges import Rules
from ostiary.login.methods.email_code.method import EmailCodeMethod
from ostiary.login.methods.email_code.model import BUDGETS, MOST_FAILURES, QUANTUM_S
from ostiary.login.methods.email_code.sending import Dispatch
from ostiary.mail.model import Sent, Verdict
from tests.flows.browser import PRELOGIN, SESSION
from tests.login.email_code.candidate import address_of, another, code_of
from tests.login.email_code.letters import forget_letters, letters
from tests.login.gatehouse import OPERATOR

LOGIN, PRESENCE = "/login/email_code", "/api/v1/auth/presence/email_code"
DEVICE = "/api/v1/public/auth"
KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="  # the public key of RFC 8032, section 7.1, test 1


class Post:
    """One run of a sign-in by code: who asks, at which browser, and the letters that follow."""

    def __init__(self, gatehouse, address, visitor=None, **headers):
        self.gatehouse, self.address = gatehouse, address.strip()
        self.visitor = visitor or gatehouse.visitor()
        self.before = len(letters(gatehouse))
        self.begun = self.visitor.send("POST", f"{LOGIN}/begin", {"email": address}, headers=headers)

    @property
    def letters(self):
        return letters(self.gatehouse)[self.before :]

    @property
    def code(self):
        return code_of(self.gatehouse, self.begun.json, self.address)

    def type(self, code=None, visitor=None):
        body = {"attempt": self.begun.json["attempt"], "code": self.code if code is None else code}
        return (visitor or self.visitor).send("POST", f"{LOGIN}/finish", body)


@pytest.fixture
def ada(gatehouse):
    """(id, address) of somebody who was added and never enrolled: no passkey, one address."""
    return gatehouse.invite("ada@example.test")[0], "ada@example.test"


def assert_refused(answer, status=401, code="login_refused"):
    assert (answer.status, answer.code) == (status, code), answer.body
    return True


def counted(gatehouse):
    names = ("people", "sessions", "device_sessions", "presence")
    return {name: gatehouse.rows(f"SELECT count(*) FROM {name}") for name in names}


# The way in


def test_a_code_signs_in_whoever_reads_the_letter_and_names_its_factor(everywhere):
    person, _ = everywhere.invite("ada@example.test")
    post = Post(everywhere, "  ada@example.test\n")
    (letter,) = post.letters
    assert (letter.to, letter.purpose, len(letter.code)) == ("ada@example.test", "login_code", 6)
    assert post.type().json["session"]["alive_because"] == "email_code"
    assert post.visitor.person == person
    assert PRELOGIN not in post.visitor.cookies


@pytest.mark.parametrize("form", ["{0}-{1}", " {0} {1} ", "{0}\u00a0{1}", "{0}{1}\n", "-{0}--{1}-"])
def test_a_code_may_be_typed_as_it_was_read(gatehouse, ada, form):
    post = Post(gatehouse, ada[1])
    assert post.type(form.format(post.code[:3], post.code[3:])).status == 200


@pytest.mark.parametrize(
    ("asked", "subject"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "Ihr Code für die Anmeldung"),
        ("fr", "Votre code de connexion"),
        ("xx", "Your sign-in code"),
    ],
)
def test_the_letter_is_in_the_readers_language(gatehouse, ada, asked, subject):
    (letter,) = Post(gatehouse, ada[1], **{"accept-language": asked}).letters
    assert letter.subject == subject


# Another browser, another method, another flow


def test_another_browser_cannot_use_the_code(gatehouse, ada):
    post, thief = Post(gatehouse, ada[1]), gatehouse.visitor()
    assert_refused(post.type(visitor=thief), code="login_attempt_invalid")
    forget_letters(gatehouse)
    own = Post(gatehouse, ada[1], thief)
    assert_refused(post.type(visitor=thief), code="login_attempt_invalid")
    assert_refused(own.type(post.code) if own.code != post.code else own.type(another(own.code)))
    assert SESSION not in thief.cookies
    assert post.type().status == 200


def test_the_code_of_one_attempt_is_wrong_for_the_next_of_the_same_browser(gatehouse, ada):
    first = Post(gatehouse, ada[1])
    forget_letters(gatehouse)
    second = Post(gatehouse, ada[1], first.visitor)
    if first.code != second.code:
        assert_refused(second.type(first.code))
    assert first.type().status == 200, "and its own still takes it"


def test_a_code_for_a_device_signs_nobody_in_at_the_browser(everywhere):
    everywhere.invite("ada@example.test")
    visitor = everywhere.visitor()
    assert visitor.send("POST", f"{DEVICE}/send-email-code", {"email": "ada@example.test"}).status == 200
    device = letters(everywhere)[-1]
    forget_letters(everywhere)
    post = Post(everywhere, "ada@example.test", visitor)
    if device.code != post.code:
        assert_refused(post.type(device.code))
    assert post.type().status == 200


def test_a_code_for_the_browser_opens_no_session_of_a_device(everywhere):
    everywhere.invite("ada@example.test")
    post, before = Post(everywhere, "ada@example.test"), counted(everywhere)
    (letter,) = post.letters
    given = {"challenge_id": letter.key, "code": letter.code, "client_public_key": KEY}
    answer = everywhere.visitor().send("POST", f"{DEVICE}/confirm-email-code", given)
    assert (answer.status, answer.json["error"]["code"]) == (404, "challenge_not_found")
    assert counted(everywhere) == before
    assert post.type().status == 200


def test_nothing_that_the_browser_is_told_names_the_challenge(gatehouse, ada):
    post = Post(gatehouse, ada[1])
    (letter,) = post.letters
    assert set(post.begun.json) == {"attempt", "expires_in", "digits", "again_in"}
    assert letter.key.partition("-")[2].encode() not in post.begun.body


# Once, and not for ever


def test_a_replayed_code_opens_nothing(everywhere):
    person, _ = everywhere.invite("ada@example.test")
    post = Post(everywhere, "ada@example.test")
    cookies, code = dict(post.visitor.cookies), post.code
    assert post.type(code).status == 200
    living = everywhere.living(person)
    post.visitor.cookies = cookies
    assert_refused(post.type(code), 409, "login_attempt_spent")
    assert everywhere.living(person) == living
    assert everywhere.rows("SELECT state, session_id FROM code_challenges") == [("confirmed_pending_expire", "")]


def test_five_wrong_codes_are_all_that_an_attempt_has(everywhere):
    everywhere.invite("ada@example.test")
    post = Post(everywhere, "ada@example.test")
    for _ in range(MOST_FAILURES):
        assert_refused(post.type(another(post.code)))
    assert_refused(post.type(), code="login_attempts_exhausted")
    assert everywhere.rows("SELECT state, failures FROM code_challenges") == [("failed", MOST_FAILURES)]


def test_beyond_the_budget_of_an_address_the_right_code_is_wrong(gatehouse, ada):
    """Twenty wrong ones a day, over all attempts (ruling 34); they look no different from any other."""
    for _ in range(BUDGETS.guess.most // (MOST_FAILURES - 1)):
        gatehouse.clock.turn(10 * MINUTE)  # what stops a browser by where it comes from is told elsewhere
        post = Post(gatehouse, ada[1])
        for _ in range(MOST_FAILURES - 1):
            assert_refused(post.type(another(post.code)))
    gatehouse.clock.turn(10 * MINUTE)
    assert_refused(Post(gatehouse, ada[1]).type())
    gatehouse.clock.turn(BUDGETS.guess.window)
    assert Post(gatehouse, ada[1]).type().status == 200


# Who gets no letter


def test_a_throttled_address_gets_no_letter_and_no_code_of_its_ever_works(everywhere):
    everywhere.invite("ada@example.test")
    first, second = Post(everywhere, "ada@example.test"), Post(everywhere, "ada@example.test")
    assert second.letters == []
    assert first.begun.json.keys() == second.begun.json.keys()
    assert_refused(second.type(first.code))
    everywhere.clock.turn(BUDGETS.letter.window)
    assert len(Post(everywhere, "ada@example.test").letters) == 1
    assert first.type().status == 200


def test_an_unknown_address_gets_the_same_answer_at_the_same_pace_and_makes_nobody(everywhere):
    person, _ = everywhere.invite("ada@example.test")
    everywhere.invite("bob@example.test")
    everywhere.write("UPDATE people SET blocked_at = 1 WHERE id = ?", (person,))
    before, seen = counted(everywhere), {}
    for address, letter in (("eve@example.test", 0), ("ada@example.test", 0), ("bob@example.test", 1)):
        began = perf_counter()
        post = Post(everywhere, address)
        assert perf_counter() - began >= QUANTUM_S, "no answer comes before its time"
        told = post.begun.json | {"attempt": len(post.begun.json["attempt"])}
        seen[address] = (post.begun.status, told, sorted(post.begun.headers))
        if address != "ada@example.test":  # blocking is another's to resolve: here it is seen at the end
            assert len(post.letters) == letter
        wrong = post.type(another(post.code))
        assert_refused(wrong)
        seen[address] += (wrong.json["message"], sorted(wrong.headers))
    assert len(set(map(str, seen.values()))) == 1
    assert counted(everywhere) == before


@pytest.mark.parametrize(
    "odd", ["", "ada", "ada@", "a@b@example.test", "ada@example.test\nbcc: x@example.test", "a" * 321]
)
def test_what_no_letter_can_reach_is_refused_before_anything_is_stored(gatehouse, odd):
    assert_refused(Post(gatehouse, odd).begun, 400, "request_malformed")
    assert gatehouse.rows("SELECT count(*) FROM code_challenges") == [(0,)]


def test_somebody_who_is_blocked_in_between_learns_of_it_by_a_right_code_only(everywhere):
    person, _ = everywhere.invite("ada@example.test")
    post = Post(everywhere, "ada@example.test")
    everywhere.write("UPDATE people SET blocked_at = 1 WHERE id = ?", (person,))
    assert_refused(post.type(another(post.code)))
    assert_refused(post.type(), 403, "blocked_by_policy")
    assert (everywhere.living(person), SESSION in post.visitor.cookies) == (set(), False)
    everywhere.write("UPDATE people SET blocked_at = 0 WHERE id = ?", (person,))
    assert post.type().status == 200, "the code was not used up"


# What the tenant offers


def test_a_method_that_is_switched_off_is_refused_at_the_next_request(everywhere):
    person = everywhere.enrolled()
    post = Post(everywhere, address_of(everywhere, person.person))
    code, passkey = post.code, everywhere.visitor(person.passkey)
    begun = passkey.begin()
    everywhere.offer("passkey")
    assert_refused(post.type(code), 403, "method_not_offered")
    assert_refused(post.visitor.send("POST", f"{LOGIN}/begin", {"email": "a@example.test"}), 403, "method_not_offered")
    assert_refused(person.send("POST", f"{PRESENCE}/begin", {"purpose": "passkey.add"}), 403, "method_not_offered")
    everywhere.offer("email_code")
    assert_refused(passkey.finish(begun), 403, "method_not_offered")
    assert_refused(passkey.send("POST", "/login/passkey/begin", {}), 403, "method_not_offered")
    begin = "/api/v1/auth/presence/passkey/begin"
    assert_refused(person.send("POST", begin, {"purpose": "passkey.add"}), 403, "method_not_offered")
    assert post.type(code).status == 200


def test_presence_that_was_begun_is_refused_once_its_method_is_switched_off(gatehouse):
    person = gatehouse.enrolled()
    begun = person.send("POST", f"{PRESENCE}/begin", {"purpose": "passkey.add"}).json
    answer = {"attempt": begun["attempt"], "code": code_of(gatehouse, begun, address_of(gatehouse, person.person))}
    gatehouse.offer("passkey")
    assert_refused(person.send("POST", f"{PRESENCE}/finish", answer), 403, "method_not_offered")


def test_it_is_a_way_in_while_it_is_offered_but_never_one_to_give_the_last_passkey_up_for(gatehouse):
    person = gatehouse.enrolled()
    who, method = person.person, gatehouse.method("email_code")
    assert gatehouse.read(lambda tx: method.ways_in(tx, who)) == 1
    (passkey,) = person.passkeys
    proof = {"ostiary-presence": person.presence("passkey.remove", passkey["id"])}
    removed = person.send("DELETE", f"/api/v1/auth/passkeys/{passkey['id']}", headers=proof)
    assert_refused(removed, 409, "passkey_last_way_in")
    gatehouse.offer("passkey")
    assert gatehouse.read(lambda tx: method.ways_in(tx, who)) == 0


def test_who_has_no_address_has_no_way_in_by_mail(gatehouse):
    person = gatehouse.act(lambda tx: identities.add_person(tx, gatehouse.house.keyring, OPERATOR)).id
    assert gatehouse.read(lambda tx: gatehouse.method("email_code").ways_in(tx, person)) == 0
    founder = gatehouse.visitor()
    assert founder.enrol(gatehouse.first_link()).status == 200
    assert_refused(founder.send("POST", f"{PRESENCE}/begin", {"purpose": "passkey.add"}), 403, "method_not_offered")


# Presence


def shown(gatehouse, person, purpose="passkey.add"):
    """Presence by code of somebody who is signed in; its receipt."""
    begun = person.send("POST", f"{PRESENCE}/begin", {"purpose": purpose})
    assert begun.status == 200, begun.body
    code = code_of(gatehouse, begun.json, address_of(gatehouse, person.person))
    finished = person.send("POST", f"{PRESENCE}/finish", {"attempt": begun.json["attempt"], "code": code})
    assert finished.status == 200, finished.body
    return finished.json["presence"]


def add_passkey(person, receipt):
    begun = person.send("POST", "/api/v1/auth/passkeys/begin", {}).json
    made = {"attempt": begun["attempt"], "credential": person.passkey.create(begun["options"]), "presence": receipt}
    return person.send("POST", "/api/v1/auth/passkeys/finish", made)


def test_a_first_passkey_is_added_with_the_code_that_just_signed_in(everywhere):
    """Ruling 9; and the letter of a moment ago does not stand in the way of the next."""
    everywhere.invite("ada@example.test")
    post = Post(everywhere, "ada@example.test")
    assert post.type().status == 200
    assert add_passkey(post.visitor, shown(everywhere, post.visitor)).status == 201
    refused = add_passkey(post.visitor, shown_later(everywhere, post.visitor))
    assert_refused(refused, 403, "presence_refused")


def shown_later(gatehouse, person):
    gatehouse.clock.turn(BUDGETS.letter.window)
    return shown(gatehouse, person)


@pytest.mark.parametrize("passed", [0, 16, 59])
def test_presence_that_is_asked_for_too_soon_says_for_how_long(gatehouse, passed):
    person = gatehouse.enrolled()
    shown(gatehouse, person)
    gatehouse.clock.turn(passed * SECOND)
    refused = person.send("POST", f"{PRESENCE}/begin", {"purpose": "passkey.add"})
    assert_refused(refused, 429, "auth_rate_limit_throttled")
    assert refused.header("retry-after") == str(BUDGETS.letter.window // SECOND - passed)


# Mail and directory elsewhere


class FarCode(EmailCodeMethod):
    """The same method under another name, for an application with other neighbours."""

    name = "far_code"


class Courier:
    """A mail service that a request waits for."""

    inline = True

    def __init__(self):
        self.outcome, self.there, self.came = Sent(Verdict.SENT), True, 0

    async def hand_over(self, scope, letter):
        self.came += 1
        return self.outcome

    async def reachable(self):
        return self.there


class Elsewhere:
    """A directory over HTTP that knows some addresses as blocked, and some as somebody's."""

    def __init__(self, *blocked):
        self.blocked, self.known, self.fault = blocked, {}, None

    async def resolve(self, scope, address):
        if self.fault:
            raise self.fault
        if address in self.known:
            return Resolved(Kind.EXISTING, self.known[address])
        return Resolved(Kind.BLOCKED if address in self.blocked else Kind.CREATABLE)

    async def reachable(self):
        return self.fault is None


@pytest.fixture
def far(gatehouse, ada):
    """Begin at an application whose mail and directory are elsewhere."""
    gatehouse.courier, gatehouse.directory = Courier(), Elsewhere("ada@example.test")
    rules = Rules(gatehouse.house.keyring, gatehouse.origin, inline=True)
    method = FarCode(Dispatch(gatehouse.house.vault, rules, gatehouse.courier, gatehouse.directory))
    gatehouse.offer("far_code")
    gatehouse.application = app.build(gatehouse.house, method)
    return lambda address: gatehouse.visitor().send("POST", "/login/far_code/begin", {"email": address})


def states(gatehouse):
    return [row[0] for row in gatehouse.rows("SELECT state FROM code_challenges ORDER BY created_at, id")]


def test_who_is_blocked_in_a_directory_elsewhere_gets_no_letter(gatehouse, far):
    gatehouse.directory.known["bob@example.test"] = gatehouse.invite("bob@example.test")[0]
    assert (far("ada@example.test").status, gatehouse.courier.came, states(gatehouse)) == (
        200,
        0,
        ["delivery_suppressed"],
    )
    assert (far("bob@example.test").status, gatehouse.courier.came) == (200, 1)
    assert sorted(states(gatehouse)) == ["delivery_suppressed", "sent"]
    assert far("eve@example.test").status == 200
    assert gatehouse.courier.came == 1


def test_a_directory_that_cannot_answer_is_a_503_for_everybody(gatehouse, far):
    gatehouse.directory.fault = StoreUnavailable("nobody answers")
    for address in ("ada@example.test", "eve@example.test"):
        assert_refused(far(address), 503, "store_unavailable")


def test_a_mail_service_that_is_down_is_a_503_for_everybody_known_or_not(gatehouse, far):
    gatehouse.directory.known["bob@example.test"] = gatehouse.invite("bob@example.test")[0]
    gatehouse.courier.outcome, gatehouse.courier.there = Sent(Verdict.LATER, "unreachable"), False
    for address in ("bob@example.test", "ada@example.test", "eve@example.test", "bob@example.test"):
        assert_refused(far(address), 503, "store_unavailable")
    assert states(gatehouse).count("failed") == 2, "a letter that could not leave holds up no other"


def test_a_letter_that_may_have_left_counts_as_one(gatehouse, far):
    gatehouse.directory.known["bob@example.test"] = gatehouse.invite("bob@example.test")[0]
    gatehouse.courier.outcome, gatehouse.courier.there = Sent(Verdict.LATER, "timeout"), False
    for _ in range(2):
        assert_refused(far("bob@example.test"), 503, "store_unavailable")
    assert gatehouse.courier.came == 1


def test_what_a_tenant_can_offer_is_what_is_registered(gatehouse):
    begun = {one.name.split(".")[1] for one in gatehouse.application.operations if one.name.startswith("login.")}
    assert begun == set(METHODS)
