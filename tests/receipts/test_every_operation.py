"""Every operation over HTTP: what changes or refuses leaves exactly one signed receipt for each, what only reads leaves none."""

import pytest

from ostiary.access import service as access
from ostiary.house import database_path
from ostiary.kernel.clock import SECOND
from ostiary.kernel.refusals import Code
from ostiary.kernel.values import Outcome
from ostiary.receipts.ledger import SigningLedger, signature_holds
from ostiary.storage.sqlite import SqliteVault
from ostiary.web.device import device_code
from ostiary.web.operation import Audience, Dialect
from ostiary_client.authenticator import SoftPasskey
from tests.flows.browser import CSRF, PRELOGIN, SESSION
from tests.login.email_code.candidate import address_of, code_of
from tests.login.email_code.letters import letters
from tests.login.gatehouse import OPERATOR
from tests.sessions.home import Dice
from tests.sessions.test_bearer import issued

ADMITTED, REFUSED = Outcome.ADMITTED.value, Outcome.REFUSED.value
JSON = {"content-type": "application/json"}
DEVICES = "/api/v1/public/auth"
KEY = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="  # RFC 8032, section 7.1, test 1


def names(home):
    return {operation.name: operation for operation in home.application.operations}


def since(home, before):
    """The receipts since, each of which must be well signed and complete."""
    made = home.receipts()[before:]
    for one in made:
        assert signature_holds(one, home.house.keyring.find(one.key).public)
        assert (one.tenant, one.mode) == ("default", "live")
    return made


# Success: one receipt for each change


def enrolment_begin(home):
    _, token = home.invite()
    visitor = home.visitor()
    return lambda: visitor.send("POST", "/enrolment/begin", {"token": token})


def enrolment_finish(home):
    _, token = home.invite()
    visitor = home.visitor()
    begun = visitor.send("POST", "/enrolment/begin", {"token": token}).json
    made = visitor.passkey.create(begun["options"])
    return lambda: visitor.send(
        "POST", "/enrolment/finish", {"token": token, "attempt": begun["attempt"], "credential": made}
    )


def login_begin(home):
    visitor = home.visitor()
    return lambda: visitor.send("POST", "/login/passkey/begin", {})


def login_finish(home):
    visitor = home.enrolled()
    visitor.send("POST", "/auth/logout")
    begun = visitor.begin()
    return lambda: visitor.finish(begun)


def code_begin(home):
    address = address_of(home, home.enrolled().person)
    visitor = home.visitor()
    return lambda: visitor.send("POST", "/login/email_code/begin", {"email": address})


def code_finish(home):
    address = address_of(home, home.enrolled().person)
    visitor = home.visitor()
    begun = visitor.send("POST", "/login/email_code/begin", {"email": address}).json
    answer = {"attempt": begun["attempt"], "code": code_of(home, begun, address)}
    return lambda: visitor.send("POST", "/login/email_code/finish", answer)


def code_presence_begin(home):
    visitor = home.enrolled()
    return lambda: visitor.send("POST", "/api/v1/auth/presence/email_code/begin", {"purpose": "passkey.add"})


def code_presence_finish(home):
    visitor = home.enrolled()
    begun = visitor.send("POST", "/api/v1/auth/presence/email_code/begin", {"purpose": "passkey.add"}).json
    answer = {"attempt": begun["attempt"], "code": code_of(home, begun, address_of(home, visitor.person))}
    return lambda: visitor.send("POST", "/api/v1/auth/presence/email_code/finish", answer)


def device_send(home):
    visitor = home.visitor()
    return lambda: visitor.send("POST", f"{DEVICES}/send-email-code", {"email": "pilot@example.test"})


def device_confirm(home):
    visitor = home.visitor()
    visitor.send("POST", f"{DEVICES}/send-email-code", {"email": "pilot@example.test"})
    (letter,) = letters(home, "pilot@example.test")
    answer = {"challenge_id": letter.key, "code": letter.code, "client_public_key": KEY}
    return lambda: visitor.send("POST", f"{DEVICES}/confirm-email-code", answer)


def presence_begin(home):
    visitor = home.enrolled()
    return lambda: visitor.send("POST", "/api/v1/auth/presence/passkey/begin", {"purpose": "passkey.add"})


def presence_finish(home):
    visitor = home.enrolled()
    begun = visitor.send("POST", "/api/v1/auth/presence/passkey/begin", {"purpose": "passkey.add"}).json
    answer = {"attempt": begun["attempt"], "credential": visitor.passkey.get(begun["options"])}
    return lambda: visitor.send("POST", "/api/v1/auth/presence/passkey/finish", answer)


def reads(path):
    def prepare(home):
        visitor = home.enrolled()
        return lambda: visitor.send("GET", path)

    return prepare


def session_end(home):
    visitor = home.enrolled()
    other = home.visitor(visitor.passkey)
    other.sign_in()
    return lambda: visitor.send("DELETE", f"/api/v1/auth/sessions/{other.session}")


def session_end_others(home):
    visitor = home.enrolled()
    for _ in range(2):
        home.visitor(visitor.passkey).sign_in()
    return lambda: visitor.send("DELETE", "/api/v1/auth/sessions?except=current")


def session_logout(home):
    visitor = home.enrolled()
    return lambda: visitor.send("POST", "/auth/logout")


def session_refresh(home):
    token = issued(home)[1]
    return lambda: home.visitor().send(
        "POST", "/api/v1/auth/token/refresh", headers={"authorization": f"Bearer {token}"}
    )


def session_issue(home):
    visitor = home.enrolled()
    person = visitor.person
    home.act(lambda tx: access.grant(tx, OPERATOR, person, access.ADMINISTRATOR))
    wanted = {"person": person, "label": "x", "presence": visitor.presence("session.issue", person)}
    return lambda: visitor.send("POST", "/api/v1/auth/token/issue", wanted)


def passkey_begin(home):
    visitor = home.enrolled()
    return lambda: visitor.send("POST", "/api/v1/auth/passkeys/begin", {})


def added(home):
    """A visitor with what it takes to add a second passkey."""
    visitor = home.enrolled()
    presence = visitor.presence("passkey.add")
    begun = visitor.send("POST", "/api/v1/auth/passkeys/begin", {}).json
    made = SoftPasskey(home.origin).create(begun["options"])
    return visitor, {"attempt": begun["attempt"], "credential": made, "presence": presence, "label": "second"}


def passkey_add(home):
    visitor, answer = added(home)
    return lambda: visitor.send("POST", "/api/v1/auth/passkeys/finish", answer)


def passkey_rename(home):
    visitor = home.enrolled()
    passkey = visitor.passkeys[0]["id"]
    return lambda: visitor.send("PATCH", f"/api/v1/auth/passkeys/{passkey}", {"label": "another"})


def passkey_remove(home):
    visitor, answer = added(home)
    second = visitor.send("POST", "/api/v1/auth/passkeys/finish", answer).json["id"]
    presence = visitor.presence("passkey.remove", second)
    return lambda: visitor.send("DELETE", f"/api/v1/auth/passkeys/{second}", headers={"ostiary-presence": presence})


def recovery_codes(home):
    visitor = home.enrolled()
    presence = visitor.presence("recovery.codes")
    return lambda: visitor.send("POST", "/api/v1/auth/recovery/codes", {"presence": presence})


SUCCESS = {
    "enrolment.begin": (enrolment_begin, []),
    "enrolment.finish": (enrolment_finish, ["passkey.add", "invitation.accept", "session.open"]),
    "login.passkey.begin": (login_begin, []),
    "login.passkey.finish": (login_finish, ["session.open"]),
    "device.code.send": (device_send, ["code.send", "mail.queue"]),
    "device.code.confirm": (device_confirm, ["person.create", "session.open", "code.confirm"]),
    "login.email_code.begin": (code_begin, ["code.send", "mail.queue"]),
    "login.email_code.finish": (code_finish, ["code.confirm", "session.open"]),
    "presence.email_code.begin": (code_presence_begin, ["code.send", "mail.queue"]),
    "presence.email_code.finish": (code_presence_finish, ["code.confirm", "presence.prove"]),
    "presence.passkey.begin": (presence_begin, []),
    "presence.passkey.finish": (presence_finish, ["presence.prove"]),
    "account.read": (reads("/api/v1/auth/me"), []),
    "session.list": (reads("/api/v1/auth/sessions"), []),
    "passkey.list": (reads("/api/v1/auth/passkeys"), []),
    "session.end": (session_end, ["session.end"]),
    "session.end_others": (session_end_others, ["session.end", "session.end"]),
    "session.logout": (session_logout, ["session.logout"]),
    "session.refresh": (session_refresh, ["session.refresh", "session.open"]),
    "session.issue": (session_issue, ["session.open"]),
    "passkey.begin": (passkey_begin, []),
    "passkey.add": (passkey_add, ["passkey.add"]),
    "passkey.rename": (passkey_rename, ["passkey.rename"]),
    "passkey.remove": (passkey_remove, ["passkey.remove"]),
    "recovery.show": (reads("/api/v1/auth/recovery"), []),
    "recovery.codes": (recovery_codes, ["recovery.codes"]),
}


def test_every_operation_is_tried(home):
    assert sorted(names(home)) == sorted(SUCCESS)


@pytest.mark.parametrize("name", SUCCESS)
def test_a_success_leaves_one_receipt_for_each_change(home, name):
    prepare, expected = SUCCESS[name]
    act = prepare(home)
    before = len(home.receipts())
    answer = act()
    assert answer.status == names(home)[name].status, answer.body
    made = since(home, before)
    assert [(one.operation, one.outcome) for one in made] == [(word, ADMITTED) for word in expected]
    assert all(one.digest and one.actor for one in made)
    assert names(home)[name].audience is Audience.PUBLIC or all(one.actor != "anonymous" for one in made)


CHANGES = [name for name, (_, expected) in SUCCESS.items() if expected]


def test_the_receipts_of_one_request_share_its_digest_and_no_two_requests_do(home):
    before = len(home.receipts())
    enrolment_finish(home)()
    made = [one for one in since(home, before) if one.digest]
    assert len({one.digest for one in made}) == 1
    login_finish(home)()
    assert home.last().digest not in {one.digest for one in made}


class Ledger:
    """A ledger that refuses to write while `broken` is set."""

    def __init__(self, inner):
        self.inner, self.broken = inner, False

    def record(self, tx, event):
        receipt = self.inner.record(tx, event)
        if self.broken:
            raise OSError(5, "the log cannot be written")
        return receipt


@pytest.mark.parametrize("name", CHANGES)
def test_a_ledger_that_fails_rolls_the_change_back(homes, name):
    ledgers = []

    def vault(house):
        house.vault.close()
        ledgers.append(Ledger(SigningLedger(house.keyring)))
        return SqliteVault(database_path(house.settings), house.clock, Dice(), ledgers[0])

    home = homes(vault=vault)
    act = SUCCESS[name][0](home)
    before = home.dump()
    ledgers[0].broken = True
    answer = act()
    assert answer.status == 500
    assert b"log" not in answer.body
    assert home.dump() == before
    ledgers[0].broken = False
    assert act().status == names(home)[name].status, "and it can be done again"


# Refusals at the door: one receipt each


def knocks(home, operation):
    """(what is refused, how it is sent, its code) for everything that the door refuses of this operation."""
    path, method = operation.path.replace("{id}", "x"), operation.method
    signed_in, stranger = home.enrolled(), home.visitor()
    prelogin = home.visitor()
    prelogin.begin()
    able = {Audience.SESSION: signed_in, Audience.LEAVING: signed_in, Audience.PRELOGIN: prelogin}.get(
        operation.audience, stranger
    )
    if operation.audience is Audience.SESSION:
        yield "no session", stranger, method, path, {}, "session_missing"
        broken = {"cookie": f"{SESSION}=x"}
        yield "a broken session", stranger, method, path, {"headers": broken}, "session_invalid"
    if operation.audience is Audience.PRELOGIN:
        yield "no pre-login cookie", stranger, method, path, {"body": {}}, "login_attempt_invalid"
        odd = {"cookie": f"{PRELOGIN}={signed_in.cookies[SESSION]}"}
        yield "another cookie", stranger, method, path, {"headers": odd, "body": {}}, "login_attempt_invalid"
    if operation.unsafe:
        evil = {"origin": "https://evil.test"}
        yield "a foreign page", able, method, path, {"headers": evil}, "origin_refused"
        cross = {"sec-fetch-site": "cross-site"}
        yield "another site", able, method, path, {"headers": cross}, "origin_refused"
        large = {"raw": b"x" * 70_000, "headers": JSON}
        yield "a large body", able, method, path, large, "request_too_large"
        if operation.audience in {Audience.SESSION, Audience.LEAVING}:
            yield "no CSRF token", able, method, path, {"headers": {"x-csrf-token": None}}, "csrf_refused"
            yield "a wrong CSRF token", able, method, path, {"headers": {"x-csrf-token": "x"}}, "csrf_refused"
    if operation.request is not None:
        for word, raw in (("no JSON", b"{"), ("another shape", b"[]"), ("an unknown name", b'{"never": 1}')):
            yield word, able, method, path, {"raw": raw, "headers": JSON}, "request_malformed"
    if operation.query is not None:
        yield "a wrong query", able, method, f"{path}?never=1", {}, "request_malformed"


@pytest.mark.parametrize("name", SUCCESS)
def test_each_refusal_at_the_door_leaves_one_receipt(home, name):
    operation = names(home)[name]
    tried = 0
    for what, visitor, method, path, given, code in knocks(home, operation):
        home.clock.turn(SECOND)  # each in a second of its own: floods are counted elsewhere
        before = len(home.receipts())
        answer = visitor.send(method, path, given.pop("body", None), **given)
        assert said(operation, answer) == code, (what, answer.body)
        (receipt,) = since(home, before)
        assert (receipt.operation, receipt.outcome) == (operation.event.value, REFUSED), what
        assert receipt.reasons[0] == code
        assert receipt.digest
        tried += 1
    assert tried or operation.audience is Audience.PUBLIC


def said(operation, answer):
    """The code of a refusal, in the words of the receipts."""
    if operation.dialect is not Dialect.DEVICE:
        return answer.code
    told = answer.json["error"]["code"]
    return next(code for code in Code if device_code(code) == told)


# Refusals of the use cases: one receipt each


def refused_acts(home):
    visitor = home.enrolled()
    other = home.enrolled()
    begun = visitor.send("POST", "/api/v1/auth/passkeys/begin", {}).json
    second = SoftPasskey(home.origin).create(begun["options"])
    answer = {"attempt": begun["attempt"], "credential": second}
    passkey = visitor.passkeys[0]["id"]
    yield "session.end", "session_unknown", lambda: visitor.send("DELETE", f"/api/v1/auth/sessions/{other.session}")
    yield (
        "passkey.rename",
        "passkey_unknown",
        lambda: visitor.send("PATCH", f"/api/v1/auth/passkeys/{other.passkeys[0]['id']}", {"label": "mine"}),
    )
    yield "passkey.remove", "passkey_last_way_in", lambda: visitor.send("DELETE", f"/api/v1/auth/passkeys/{passkey}")
    wanted = {"person": visitor.person, "label": "x"}
    yield (
        "session.open",
        "administrator_required",
        lambda: visitor.send("POST", "/api/v1/auth/token/issue", wanted),
    )
    yield "passkey.remove", "passkey_unknown", lambda: visitor.send("DELETE", "/api/v1/auth/passkeys/x")
    yield "passkey.add", "presence_required", lambda: visitor.send("POST", "/api/v1/auth/passkeys/finish", answer)
    yield (
        "invitation.accept",
        "invitation_refused",
        lambda: home.visitor().send("POST", "/enrolment/begin", {"token": "wrong"}),
    )
    login = home.visitor(visitor.passkey)
    wrong = login.begin()
    yield (
        "login.finish",
        "login_refused",
        lambda: login.finish(wrong, visitor.passkey.get({**wrong["options"], "challenge": "AAAA"})),
    )
    yield "login.finish", "login_attempt_invalid", lambda: login.finish({**wrong, "attempt": "q1.x.y.z"})
    right = login.begin()
    assert login.finish(right).status == 200
    login.begin()
    yield "login.finish", "login_attempt_invalid", lambda: login.finish(right)


def test_each_refusal_of_a_use_case_leaves_one_receipt(home):
    for operation, code, act in refused_acts(home):
        home.clock.turn(SECOND)
        before = len(home.receipts())
        answer = act()
        assert answer.code == code
        (receipt,) = since(home, before)
        assert (receipt.operation, receipt.outcome, receipt.reasons[0]) == (operation, REFUSED, code)


def test_a_refusal_names_the_session_that_was_recognised(home):
    visitor = home.enrolled()
    home.clock.turn(3600 * SECOND)
    assert visitor.send("GET", "/api/v1/auth/me").status == 401
    assert (home.last().subject, home.last().actor, home.last().session) == (visitor.session, "anonymous", "")
    assert home.last().reasons == ("session_expired_idle",)


def test_a_refusal_after_the_door_names_the_person(home):
    visitor = home.enrolled()
    person = visitor.person
    visitor.send("DELETE", "/api/v1/auth/sessions?except=all")
    assert (home.last().actor, home.last().session) == (person, visitor.session)


def test_a_page_a_check_and_a_list_leave_no_receipt(home):
    visitor = home.enrolled()
    before = len(home.receipts())
    for path in ("/", "/sign-in", "/account", "/enrol", "/signed-out", "/docs/api", "/openapi.json", "/nothing"):
        visitor.send("GET", path)
        home.visitor().send("GET", path)
    for path in ("/check", "/check/x", "/healthz", "/readyz", "/metrics"):
        visitor.send("GET", path, internal=True)
        home.visitor().send("GET", path, internal=True)
    assert len(home.receipts()) == before


def test_no_row_can_be_changed_or_taken_out(home):
    home.enrolled()
    before = home.receipts()
    for sql in (
        "UPDATE receipts SET actor = 'mallory'",
        "UPDATE receipts SET seq = seq + 100",
        "DELETE FROM receipts",
        "DELETE FROM receipts WHERE seq = 1",
        "REPLACE INTO receipts SELECT * FROM receipts WHERE seq = 1",
    ):
        with pytest.raises(Exception, match="receipts are never"):
            home.write(sql)
    assert home.receipts() == before


def test_the_csrf_cookie_of_a_refused_request_is_left_alone(home):
    visitor = home.enrolled()
    token = visitor.cookies[CSRF]
    visitor.send("DELETE", "/api/v1/auth/sessions?except=current", headers={"x-csrf-token": "x"})
    assert visitor.cookies[CSRF] == token
