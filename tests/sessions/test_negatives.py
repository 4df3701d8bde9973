"""The session negatives of the contract (section 7), each by name: on the rules, and on the wire of both listeners."""

import pytest

from ostiary.house import database_path
from ostiary.kernel.ids import b64url, unb64url
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Key, Purpose
from ostiary.receipts.ledger import SigningLedger
from ostiary.sessions import wire
from ostiary.sessions.guard import binding_broken
from ostiary.sessions.liveness import Entry, Judge
from ostiary.sessions.model import Session, SessionSettings
from ostiary.sessions.seen import Seen
from ostiary.storage.sqlite import SqliteVault
from tests.flows.browser import CSRF, PRELOGIN, SESSION
from tests.sessions.home import HOUR, MINUTE, Dice, Failing, Traveller, cause

T = 1_800_000_000_000_000
ID = "ses-AAAAAAAAAAAAAAAAAAAAAA"
KEY = Key("sk-CCCCCCCCCCCCCCCCCCCCCA", "default", Purpose.SESSION, 1, b"k" * 32, b"", T)
PRELOGIN_KEY = Key("sk-DDDDDDDDDDDDDDDDDDDDDA", "default", Purpose.PRELOGIN, 1, b"p" * 32, b"", T)
RETENTION = 24 * HOUR


def session(**other):
    given = {"ended_at": 0, "end_reason": "", "key": KEY.id, "tenant": "default", "last_seen_at": T, "address_hash": ""}
    return Session(
        id=ID,
        kind="browser",
        person="user-1",
        factor="passkey",
        binding="",
        created_at=T,
        absolute_expires_at=T + 8 * HOUR,
        csrf_hash="",
        csrf_epoch=1,
        agent_hash="",
        label_sealed=b"",
        **(given | other),
    )


async def judged(value, *, row=None, at=T, key=KEY, learned=(), retention=RETENTION):
    """What the rules say to a cookie value, a row and a moment."""
    keyring, asked = Keyring([key, PRELOGIN_KEY]), []

    async def learn(key_id):
        asked.append(key_id)
        keyring.replace([*keyring.all(), *learned])

    judge = Judge(lambda: at, keyring, SessionSettings(), retention, Seen(), learn)
    recognised = await judge.recognise(value.encode("latin-1"))
    if isinstance(recognised, Refusal):
        return recognised
    return judge.admit(row or session(), recognised[1])


def seal(subject=ID, key=KEY):
    return wire.seal(subject, key)


def retired(at):
    return Key(KEY.id, "default", Purpose.SESSION, 1, KEY.secret, b"", T, at)


# On the rules


async def test_the_good_cookie_of_a_living_session_is_admitted():
    assert isinstance(await judged(seal()), Entry)


def flipped(value):
    head, _, mac = value.rpartition(".")
    raw = unb64url(mac)
    return f"{head}.{b64url(bytes([raw[0] ^ 1]) + raw[1:])}"


def collided(value):
    """Move the border between the two ids, under the MAC of the honest pair."""
    version, subject, key_id, mac = value.split(".")
    return f"{version}.{subject}{key_id[:1]}.{key_id[1:]}.{mac}"


FORGED = {
    "MAC flip": flipped(seal()),
    "id flip": seal().replace("ses-A", "ses-B"),
    "no prefix": seal().replace("ses-", ""),
    "v99": seal().replace("v1.", "v99.", 1),
    "concat collision": collided(seal()),
    "pre-login cookie at the session gate": wire.seal("pl-AAAAAAAAAAAAAAAAAAAAAA", PRELOGIN_KEY),
    "session id under the pre-login key": wire.seal(ID, PRELOGIN_KEY),
    "too few segments": seal().rpartition(".")[0],
    "too many segments": seal() + ".x",
    "not base64": seal()[:-1] + "*",
    "MAC too short": seal().rpartition(".")[0] + "." + b64url(bytes(31)),
    "MAC too long": seal().rpartition(".")[0] + "." + b64url(bytes(33)),
    "another key's MAC under this key's id": seal().rpartition(".")[0]
    + "."
    + seal(key=Key("sk-EEEEEEEEEEEEEEEEEEEEEA", "default", Purpose.SESSION, 1, b"e" * 32, b"", T)).rpartition(".")[2],
}


@pytest.mark.parametrize("name", FORGED)
async def test_forged(name):
    assert await judged(FORGED[name]) == Refusal(Code.SESSION_INVALID)


async def test_unknown_key():
    stranger = Key("sk-EEEEEEEEEEEEEEEEEEEEEA", "default", Purpose.SESSION, 1, b"e" * 32, b"", T)
    assert await judged(seal(key=stranger)) == Refusal(Code.SESSION_INVALID)


async def test_unknown_key_that_another_process_has_made_is_learned():
    made = Key("sk-EEEEEEEEEEEEEEEEEEEEEA", "default", Purpose.SESSION, 2, b"e" * 32, b"", T)
    assert isinstance(await judged(seal(key=made), row=session(key=made.id), learned=[made]), Entry)


async def test_idle():
    assert (await judged(seal(), at=T + HOUR)).code is Code.SESSION_EXPIRED_IDLE


async def test_absolute():
    verdict = await judged(seal(), row=session(last_seen_at=T + 8 * HOUR - 1), at=T + 8 * HOUR)
    assert verdict.code is Code.SESSION_EXPIRED_ABSOLUTE


async def test_revoked():
    row = session(ended_at=T + 1, end_reason="ended_by_operator")
    verdict = await judged(seal(), row=row, at=T + 2)
    assert (verdict.code, verdict.reasons) == (Code.SESSION_ENDED, ("ended_by_operator",))


async def test_retired_in_retention_is_good():
    entry = await judged(seal(), key=retired(T + 1), at=T + MINUTE)
    assert isinstance(entry, Entry)


async def test_retired_past_retention():
    inside = await judged(seal(), key=retired(T + 1), at=T + MINUTE, retention=MINUTE)
    assert isinstance(inside, Entry)
    assert inside.hard == T + 1 + MINUTE
    past = await judged(seal(), key=retired(T + 1), at=T + 1 + MINUTE, retention=MINUTE)
    assert (past.code, past.reasons) == (Code.SESSION_INVALID, ("signing_key_retired",))


async def test_a_row_that_another_key_signed_is_refused():
    assert await judged(seal(), row=session(key="sk-FFFFFFFFFFFFFFFFFFFFFA")) == Refusal(Code.SESSION_INVALID)


async def test_a_row_of_another_tenant_is_refused():
    assert await judged(seal(), row=session(tenant="other")) == Refusal(Code.SESSION_INVALID)


KNOWN = Caller(address="a" * 64, agent="b" * 64)


@pytest.mark.parametrize(("address", "broken"), [("a" * 64, None), ("", "address"), ("c" * 64, "address")])
def test_an_address_that_cannot_be_told_matches_none_that_can(address, broken):
    bound = SessionSettings(bind_address=True)
    opened = session(address_hash="a" * 64)
    verdict = binding_broken(bound, opened, Caller(address=address))
    assert verdict == (broken and Refusal(Code.SESSION_ADDRESS_MISMATCH, subject=ID))
    assert binding_broken(bound, session(), KNOWN).code is Code.SESSION_ADDRESS_MISMATCH
    assert binding_broken(SessionSettings(), opened, Caller(address=address)) is None


# On the wire


def both(home, cookie, status=401):
    """Ask both listeners; return their answers."""
    visitor = home.visitor()
    visitor.cookies[SESSION] = cookie
    answers = visitor.check(), visitor.send("GET", "/api/v1/auth/me")
    assert [answer.status for answer in answers] == [status, status], [answer.body for answer in answers]
    return answers


def refused(home, cookie, code, why):
    for answer in both(home, cookie):
        assert (answer.code, cause(answer)) == (code, why)


def forge(home, cookie):
    """The forgeries again, of a real session's cookie."""
    version, subject, key_id, mac = cookie.split(".")
    yield flipped(cookie)
    yield f"{version}.{home.open()[0].id}.{key_id}.{mac}"
    yield f"{version}.{subject.removeprefix('ses-')}.{key_id}.{mac}"
    yield f"v99.{subject}.{key_id}.{mac}"
    yield collided(cookie)
    yield wire.seal("pl-" + subject[4:], home.key(Purpose.PRELOGIN))
    yield wire.seal(subject, home.key(Purpose.PRELOGIN))
    yield f"{version}.{subject}.{key_id}"
    yield f"{cookie}.{mac}"
    yield cookie[:-1] + "*"
    yield f"{version}.{subject}.{key_id}.{b64url(bytes(31))}"
    yield f"{version}.{subject}.sk-{'E' * 21}A.{mac}"
    yield ""


def test_every_forgery_is_refused_on_both_listeners(home):
    _, cookie = home.open()
    both(home, cookie, 200)
    for forged in forge(home, cookie):
        refused(home, forged, "session_invalid", "invalid_token")


def test_a_signed_id_that_no_row_has_is_refused(home):
    refused(home, wire.seal("ses-" + "A" * 22, home.key()), "session_invalid", "invalid_token")


def test_idle_on_the_wire(home):
    _, cookie = home.open()
    home.clock.turn(HOUR)
    refused(home, cookie, "session_expired_idle", "idle_timeout")


def test_absolute_on_the_wire(home):
    _, cookie = home.open()
    for _ in range(16):
        both(home, cookie, 200)
        home.clock.turn(HOUR // 2)
    refused(home, cookie, "session_expired_absolute", "absolute_timeout")


def test_revoked_on_the_wire(home):
    session, cookie = home.open()
    both(home, cookie, 200)
    home.beside().end(session.id)
    refused(home, cookie, "session_ended", "ended_by_operator")


def test_retired_in_retention_is_good_on_the_wire(home):
    _, cookie = home.open()
    home.beside().rotate()
    both(home, cookie, 200)
    home.crash()
    both(home, cookie, 200)


def test_retired_past_retention_on_the_wire(homes):
    home = homes(SESSION_ABSOLUTE_TIMEOUT="2h", SESSION_BEARER_TIMEOUT="2h", SIGNING_KEY_RETENTION="2h")
    _, cookie = home.open()
    home.beside().rotate()
    home.clock.turn(2 * HOUR)
    home.collect()
    assert home.rows("SELECT count(*) FROM keys WHERE purpose = 'session'")[0][0] == 1
    home.crash()
    refused(home, cookie, "session_invalid", "invalid_token")


@pytest.mark.parametrize("token", [None, "", "x", "A" * 43])
def test_csrf_missing_or_mismatched(home, token):
    visitor = home.enrolled()
    own = visitor.cookies[CSRF]
    other = home.enrolled().cookies[CSRF]
    for wrong in (token, other, own[:-1], own + "A", own.swapcase()):
        for method, path in (("DELETE", "/api/v1/auth/sessions?except=current"), ("POST", "/auth/logout")):
            answer = visitor.send(method, path, headers={"x-csrf-token": wrong})
            assert (answer.status, answer.code) == (403, "csrf_refused")
            given = "mismatch" if wrong else "missing"
            assert home.last().reasons == ("csrf_refused", given)
            assert (home.last().subject, home.last().actor) == (visitor.session, "anonymous")
    assert visitor.check().status == 200
    assert visitor.send("DELETE", "/api/v1/auth/sessions?except=current").status == 200


def test_a_stranger_without_a_session_hears_401_before_any_403(home):
    answer = home.visitor().send("DELETE", "/api/v1/auth/sessions?except=current")
    assert (answer.status, answer.code) == (401, "session_missing")


def test_a_safe_method_needs_no_csrf_token(home):
    visitor = home.enrolled()
    assert visitor.send("GET", "/api/v1/auth/sessions", headers={"x-csrf-token": None}).status == 200


def moved(visitor, **headers):
    """The check, the account operation and the account page, as another client would send them."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return (
        visitor.send("GET", "/check", internal=True, headers=given),
        visitor.send("GET", "/api/v1/auth/me", headers=given),
        visitor.send("GET", "/account", headers=given),
    )


def test_ip_bind(homes):
    home = homes(SESSION_BIND_IP="true", TRUSTED_PROXIES="127.0.0.1")
    visitor = Traveller(home, x_forwarded_for="192.0.2.7")
    _, token = home.invite()
    assert visitor.enrol(token).status == 200
    assert [one.status for one in moved(visitor, x_forwarded_for="192.0.2.7")] == [200, 200, 200]
    for address in ("192.0.2.8", "2001:db8::7", None, "192.0.2.7, 198.51.100.1", "nonsense"):
        check, me, page = moved(visitor, x_forwarded_for=address)
        assert (check.code, cause(check)) == ("session_address_mismatch", "address_mismatch")
        assert (me.code, home.last().subject) == ("session_address_mismatch", visitor.session)
        assert (page.status, page.header("location")) == (303, "/sign-in?reason=address_mismatch")
    assert [one.status for one in moved(visitor, x_forwarded_for="198.51.100.1, 192.0.2.7")] == [200, 200, 200]


def test_ua_bind(homes):
    home = homes(SESSION_BIND_USER_AGENT="true")
    visitor = home.enrolled()
    assert [one.status for one in moved(visitor)] == [200, 200, 200]
    for agent in ("curl/8", "", visitor.agent + " ", visitor.agent.lower()):
        if agent == visitor.agent + " ":
            continue  # HTTP strips it
        check, me, page = moved(visitor, user_agent=agent)
        assert (check.code, cause(check)) == ("session_agent_mismatch", "agent_mismatch")
        assert (me.code, home.last().subject) == ("session_agent_mismatch", visitor.session)
        assert (page.status, page.header("location")) == (303, "/sign-in?reason=agent_mismatch")
    assert [one.status for one in moved(visitor)] == [200, 200, 200]


def test_a_mismatch_does_not_end_the_session_and_does_not_slide_it(homes):
    home = homes(SESSION_BIND_USER_AGENT="true")
    visitor = home.enrolled()
    home.clock.turn(59 * MINUTE)
    for _ in range(3):
        assert [one.status for one in moved(visitor, user_agent="curl/8")] == [401, 401, 303]
    home.clock.turn(MINUTE)
    assert cause(visitor.check()) == "idle_timeout"


def test_a_person_may_sign_out_from_where_the_binding_refuses_everything_else(homes):
    home = homes(SESSION_BIND_USER_AGENT="true")
    visitor = home.enrolled()
    cookie = visitor.cookies[SESSION]
    assert visitor.send("POST", "/auth/logout", headers={"user-agent": "curl/8"}).status == 204
    assert (home.last().operation, home.last().outcome) == ("session.logout", "admitted")
    assert cause(home.check(cookie)) == "signed_out"


def test_rng_failure_is_fatal_when_a_session_is_opened(homes):
    dice = Dice()
    home = homes(vault=lambda house: rolled(house, dice))
    visitor = home.enrolled()
    before = home.rows("SELECT count(*) FROM sessions"), len(home.receipts())
    begun = visitor.begin()
    dice.empty = True
    assert visitor.finish(begun).status == 500
    dice.empty = False
    assert (home.rows("SELECT count(*) FROM sessions"), len(home.receipts())) == before
    assert visitor.finish(begun).status == 200


def rolled(house, dice):
    """The same store with this randomness."""
    house.vault.close()
    return SqliteVault(database_path(house.settings), house.clock, dice, SigningLedger(house.keyring))


def test_503_and_not_401_when_the_key_cannot_be_looked_up(homes):
    home = homes(vault=lambda house: Failing(house.vault))
    _, cookie = home.open()
    unknown = cookie.replace(home.key().id, "sk-" + "E" * 21 + "A")
    refused(home, unknown, "session_invalid", "invalid_token")
    home.house.vault.down = True
    for answer in both(home, unknown, 503):
        assert (answer.code, answer.header("retry-after")) == ("store_unavailable", "1")
    assert home.check(cookie).status == 200, "a session whose key is known needs only the row"
    assert home.check(flipped(cookie)).status == 401, "a forgery needs no store at all"
    home.house.vault.down = False
    refused(home, unknown, "session_invalid", "invalid_token")


def test_the_pre_login_gate_takes_no_session_cookie(home):
    visitor = home.enrolled()
    begun = visitor.begin()
    prelogin = visitor.cookies[PRELOGIN]
    visitor.cookies[PRELOGIN] = visitor.cookies[SESSION]
    assert (visitor.finish(begun).status, home.last().reasons[1]) == (401, "prelogin_cookie_missing")
    visitor.cookies[PRELOGIN] = prelogin
    assert visitor.finish(begun).status == 200
