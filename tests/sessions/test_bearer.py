"""Bearer sessions: issued by an operator, shown once, judged like every session, and never mistaken for a cookie."""

import msgspec
import pytest

from ostiary.kernel.clock import SECOND
from ostiary.kernel.refusals import Code
from ostiary.kernel.values import Scope
from ostiary.keys import service as keys
from ostiary.keys.model import Key, Purpose
from ostiary.sessions import bearer, wire
from ostiary.sessions import service as sessions
from tests.flows.browser import SESSION
from tests.login.gatehouse import OPERATOR
from tests.sessions.home import HOUR, cause

ME = "/api/v1/auth/me"


def issued(home, person=None, life=0, label="Backup job", scopes=()):
    person = person or home.enrolled().person
    made = home.act(
        lambda tx: bearer.issue(tx, home.rules, OPERATOR, bearer.Wish(person, label, life, scopes), "operator")
    )
    return made if not isinstance(made, sessions.Opened) else (made.session, made.cookie)


def check(home, token, cookie=None, scheme="Bearer"):
    return home.check(cookie, authorization=f"{scheme} {token}")


def asked(home, method, path, token, **more):
    return home.visitor().send(method, path, headers={"authorization": f"Bearer {token}"} | more)


def test_a_token_is_alive_at_the_check_and_says_its_kind(anywhere):
    session, token = issued(anywhere)
    answer = check(anywhere, token)
    assert (answer.status, answer.header("ostiary-session")) == (200, "bearer")
    assert len(answer.header("ostiary-caller")) == 32
    assert token.startswith(f"v1.{session.id}.")
    assert session.id.startswith("tok-")
    assert check(anywhere, token, scheme="bearer").status == 200, "schemes know no case (RFC 9110 section 11.1)"
    assert check(anywhere, token).status == 200, "from memory too"


def test_it_is_kept_nowhere_and_is_on_record(home):
    person = home.enrolled().person
    session, token = issued(home, person)
    receipt = home.last()
    assert (receipt.operation, receipt.subject, receipt.actor) == ("session.open", session.id, OPERATOR.actor)
    assert receipt.reasons == ("bearer", f"person:{person}")
    assert token.rpartition(".")[2] not in str(home.rows("SELECT * FROM sessions")) + str(
        home.rows("SELECT * FROM receipts")
    )
    assert token not in repr(sessions.Opened(session, token))


def test_an_unknown_person_gets_none(home):
    refused = issued(home, "user-AAAAAAAAAAAAAAAAAAAAAA")
    assert refused.code is Code.PERSON_UNKNOWN
    assert home.sessions() == []


def test_it_lives_for_the_smallest_of_maximum_and_wish(homes):
    home = homes(SESSION_BEARER_TIMEOUT="2h")
    person = home.enrolled().person
    for life, expected in [(0, 2 * HOUR), (HOUR, HOUR), (9 * HOUR, 2 * HOUR)]:
        session, _ = issued(home, person, life)
        assert session.hard_end(home.settings.sessions) - session.created_at == expected
    token = issued(home, person, 90 * SECOND)[1]
    assert check(home, token).status == 200
    home.clock.turn(90 * SECOND)
    answer = check(home, token)
    assert (answer.status, cause(answer)) == (401, "absolute_timeout")


def test_it_outlives_a_browser_session_but_not_its_idle_time(home):
    token = issued(home)[1]
    for _ in range(20):
        home.clock.turn(HOUR // 2)
        assert check(home, token).status == 200
    home.clock.turn(HOUR)
    answer = check(home, token)
    assert (answer.status, cause(answer)) == (401, "idle_timeout")


def test_a_cookie_value_is_no_bearer_token(anywhere):
    cookie = anywhere.open()[1]
    assert anywhere.check(cookie).status == 200
    assert check(anywhere, cookie).status == 401
    assert asked(anywhere, "GET", ME, cookie).status == 401


def test_a_bearer_token_is_no_cookie_value(anywhere):
    token = issued(anywhere)[1]
    assert check(anywhere, token).status == 200, "it is in memory now"
    for value in (token, f";{token}", f'"{token}"'):
        assert anywhere.check(value).status == 401
    visitor = anywhere.visitor()
    visitor.cookies[SESSION] = token
    assert visitor.send("GET", ME).status == 401


def test_with_both_good_the_cookie_wins_and_a_bad_cookie_falls_to_the_bearer(anywhere):
    session, cookie = anywhere.open()
    token = issued(anywhere)[1]
    assert check(anywhere, token, cookie).header("ostiary-session") == "browser"
    assert check(anywhere, token, cookie[:-2] + "AA").header("ostiary-session") == "bearer"
    anywhere.act(lambda tx: sessions.end(tx, OPERATOR, session.id, sessions.EndReason.ENDED_BY_OPERATOR))
    anywhere.clock.turn(10_000)
    assert check(anywhere, token, cookie).header("ostiary-session") == "bearer"
    assert check(anywhere, "nothing", cookie).status == 401


def forged(home, session, token):
    """What is no token of ours, by name."""
    head, _, mac = token.rpartition(".")
    key = home.key()
    house = home.house
    house.vault.transact_now(Scope("other"), lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    foreign = house.keyring.active("other", Purpose.SESSION)
    stranger = Key(key.id, "default", Purpose.SESSION, 1, b"x" * 32, b"", 1)
    return {
        "forged MAC": f"{head}.{'A' * len(mac)}",
        "key of a stranger": wire.seal(session.id, stranger),
        "key of another tenant": wire.seal(session.id, foreign),
        "pre-login key": wire.seal(session.id, home.key(Purpose.PRELOGIN)),
        "truncated": token[:-1],
        "lengthened": token + "A",
        "other version": "v2" + token[2:],
        "another kind": wire.seal("ses" + session.id[3:], key),
        "unknown session": wire.seal("tok-AAAAAAAAAAAAAAAAAAAAAA", key),
        "JSON web token, alg none": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
        "empty": "",
        "not ASCII": "v1.\xff",
        "two tokens": f"{token} {token}",
        "with a comma": f"{token},",
    }


def test_no_forged_token_opens_anything(home):
    session, token = issued(home)
    for name, value in forged(home, session, token).items():
        assert check(home, value).status == 401, name
        assert asked(home, "GET", ME, value).status == 401, name
    assert check(home, token).status == 200, "and the session has not suffered"


@pytest.mark.parametrize("scheme", ["Basic", "Token", "BearerX", ""])
def test_another_scheme_is_nobody(home, scheme):
    answer = check(home, issued(home)[1], scheme=scheme)
    assert (answer.status, answer.code) == (401, "session_missing")


def test_a_token_of_another_tenant_is_refused_at_the_door(home):
    house, other = home.house, Scope("other")
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    session, _ = issued(home)
    foreign = house.keyring.active("other", Purpose.SESSION)
    moved = msgspec.structs.replace(session, tenant="other", key=foreign.id, id="tok-BBBBBBBBBBBBBBBBBBBBBA")
    plant(home, moved, foreign)
    refused = asked(home, "GET", ME, wire.seal(moved.id, foreign))
    assert (refused.status, home.last().reasons) == (401, ("session_invalid", "session_of_another_tenant"))


def plant(home, session, key):
    """Write a session of another tenant as its own server would."""
    s = session
    values = [s.id, s.tenant, s.kind, s.person, s.key, s.factor, "", s.id, s.created_at, s.absolute_expires_at]
    values += ["", 0, "", "", s.label_sealed, 0, "", ""]
    values += [wire.commitment(wire.seal(s.id, key)), "", s.family_began_at, s.family_ends_at]
    home.write(f"INSERT INTO sessions VALUES ({', '.join('?' * len(values))})", values)


def test_operations_take_it_without_a_csrf_token(home):
    visitor = home.enrolled()
    token = issued(home, visitor.person)[1]
    me = asked(home, "GET", ME, token)
    assert (me.json["actor_id"], me.json["session"]["kind"], me.json["csrf_token"]) == (visitor.person, "bearer", "")
    assert "set-cookie" not in me.headers
    listed = asked(home, "GET", "/api/v1/auth/sessions", token).json["sessions"]
    assert [(one["kind"], one["current"], one["label"]) for one in listed if one["current"]] == [
        ("bearer", True, "Backup job")
    ]
    assert {one["kind"] for one in listed} == {"bearer", "browser"}
    other = issued(home, visitor.person)[0]
    assert asked(home, "DELETE", f"/api/v1/auth/sessions/{other.id}", token).status == 204
    assert asked(home, "POST", "/auth/logout", token).status == 204
    home.clock.turn(10_000)
    answer = check(home, token)
    assert (answer.status, cause(answer)) == (401, "signed_out")


def test_a_browser_still_needs_its_csrf_token_whatever_bearer_it_sends(home):
    visitor = home.enrolled()
    token = issued(home, visitor.person)[1]
    headers = {"authorization": f"Bearer {token}", "x-csrf-token": None}
    assert visitor.send("DELETE", f"/api/v1/auth/sessions/{visitor.session}", headers=headers).code == "csrf_refused"


def test_its_person_ends_it_from_a_browser(home):
    visitor = home.enrolled()
    session, token = issued(home, visitor.person)
    assert check(home, token).status == 200
    assert visitor.send("DELETE", f"/api/v1/auth/sessions/{session.id}").status == 204
    home.clock.turn(10_000)
    answer = check(home, token)
    assert (answer.status, cause(answer)) == (401, "ended_by_person")


def test_a_binding_does_not_hold_it(homes):
    home = homes(SESSION_BIND_IP="true", SESSION_BIND_USER_AGENT="true")
    assert check(home, issued(home)[1]).status == 200
