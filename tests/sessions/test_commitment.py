"""What is kept of a bearer token: a commitment, scopes that never grow, and an end of its family that never moves."""

import hashlib

import pytest

from ostiary.access import service as access
from ostiary.kernel.clock import SECOND
from ostiary.kernel.refusals import Code
from ostiary.services import service as services
from ostiary.services.model import Registration
from ostiary.sessions import service as sessions
from tests.login.gatehouse import OPERATOR
from tests.sessions.home import HOUR, cause
from tests.sessions.test_bearer import asked, check, issued
from tests.sessions.test_refresh import refresh

READ, BURN = "notes.read", "notes.burn"


def granted(home, *scopes):
    """A person who holds these scopes."""
    person = home.enrolled().person
    for scope in scopes:
        home.act(lambda tx, scope=scope: access.grant_scope(tx, OPERATOR, person, scope))
    return person


def at(home, service, token):
    home.clock.turn(10_000)
    return home.check(None, f"/check/{service}", authorization=f"Bearer {token}")


def services_of(home):
    for name, scopes in (("open", ()), ("reader", (READ,)), ("burner", (READ, BURN))):
        home.act(
            lambda tx, name=name, scopes=scopes: services.add(tx, OPERATOR, Registration(name, (), scopes, (), False))
        )


def kept(home, session):
    return home.rows(f"SELECT commitment FROM sessions WHERE id = '{session}'")[0][0]


def test_a_person_sees_what_a_token_of_theirs_may_do(anywhere):
    home, person = anywhere, granted(anywhere, READ, BURN)
    token = issued(home, person, scopes=(READ,))[1]
    home.clock.turn(10_000)
    told = home.visitor().send("GET", "/api/v1/auth/sessions", headers={"authorization": f"Bearer {token}"}).json
    assert [one["scopes"] for one in told["sessions"] if one["kind"] == "bearer"] == [[READ]]
    assert [one["scopes"] for one in told["sessions"] if one["kind"] == "browser"] == [[]]


def test_the_row_keeps_the_sha_256_of_the_token_and_a_browser_keeps_none(anywhere):
    session, token = issued(anywhere)
    assert kept(anywhere, session.id) == "sha256:" + hashlib.sha256(token.encode()).hexdigest()
    fresh = refresh(anywhere, token).json
    assert kept(anywhere, fresh["id"]) == "sha256:" + hashlib.sha256(fresh["token"].encode()).hexdigest()
    assert kept(anywhere, anywhere.open()[0].id) == ""


@pytest.mark.parametrize("spoiled", ["", "sha256:" + "0" * 64])
def test_a_good_signature_without_its_commitment_opens_and_refreshes_nothing(home, spoiled):
    session, token = issued(home)
    home.write("UPDATE sessions SET commitment = ? WHERE id = ?", (spoiled, session.id))
    assert (check(home, token).status, asked(home, "GET", "/api/v1/auth/me", token).status) == (401, 401)
    assert refresh(home, token).code == "session_invalid"
    assert home.rows("SELECT id FROM sessions WHERE attempt_id LIKE 'refresh:%'") == []


def test_no_refresh_moves_the_end_of_the_family(homes):
    home = homes(SESSION_REFRESH_TIMEOUT="150m", SESSION_BEARER_TIMEOUT="1h", SESSION_IDLE_TIMEOUT="2h")
    session, token = issued(home)
    end = session.created_at + 5 * HOUR // 2
    for _ in range(4):
        home.clock.turn(30 * 60 * SECOND)
        token = refresh(home, token).json["token"]
        last = home.sessions()[0]
        assert last.hard_end(home.settings.sessions) <= end
        assert last.family_ends_at == end
    home.clock.turn(30 * 60 * SECOND)
    for answer in (check(home, token), refresh(home, token)):
        assert answer.status == 401
    assert cause(check(home, token)) == "absolute_timeout"


def test_a_shorter_setting_ends_old_families_and_a_longer_one_revives_none(homes):
    home = homes(SESSION_REFRESH_TIMEOUT="1h", SESSION_IDLE_TIMEOUT="8h")
    token = issued(home)[1]
    home.restart(SESSION_REFRESH_TIMEOUT="8h")
    home.clock.turn(HOUR // 2)
    token = refresh(home, token).json["token"]
    home.clock.turn(HOUR // 2)
    assert refresh(home, token).status == 401
    second = issued(home)[1]
    home.clock.turn(HOUR)
    second = refresh(home, second).json["token"]
    home.restart(SESSION_REFRESH_TIMEOUT="30m")
    assert check(home, second).status == 401


def test_a_token_gets_no_scope_that_its_person_lacks(anywhere):
    person = granted(anywhere, READ)
    refused = issued(anywhere, person, scopes=(READ, BURN, "no scope"))
    assert (refused.code, refused.reasons) == (Code.SCOPE_NOT_ALLOWED, ("scope:notes.burn",))
    assert [one.kind for one in anywhere.sessions()] == ["browser"]


def test_a_service_admits_a_token_by_its_own_scopes_not_by_all_of_its_person(anywhere):
    home = anywhere
    services_of(home)
    person = granted(home, READ, BURN)
    none, one, both = (issued(home, person, scopes=scopes)[1] for scopes in ((), (READ,), (READ, BURN)))
    for token, expected in ((none, [200, 403, 403]), (one, [200, 200, 403]), (both, [200, 200, 200])):
        assert [at(home, name, token).status for name in ("open", "reader", "burner")] == expected
    told = [at(home, name, both).header("ostiary-scopes") for name in ("open", "reader")]
    assert told == ["-", READ], "no more than the registration names"
    assert at(home, "burner", home.open(person)[1]).status == 401, "a cookie's value is no token"
    assert home.check(home.open(person)[1], "/check/burner").status == 200, "a browser has all that its person holds"


def test_a_scope_that_the_person_loses_is_lost_to_the_token_and_no_refresh_brings_it_back(anywhere):
    home = anywhere
    services_of(home)
    person = granted(home, READ, BURN)
    token = issued(home, person, scopes=(READ, BURN))[1]
    assert at(home, "burner", token).status == 200
    home.act(lambda tx: sessions.withdraw_scope(tx, OPERATOR, person, BURN))
    assert at(home, "burner", token).status == 403
    fresh = refresh(home, token).json
    assert fresh["scopes"] == [READ]
    home.act(lambda tx: access.grant_scope(tx, OPERATOR, person, BURN))
    home.act(lambda tx: access.grant_scope(tx, OPERATOR, person, "notes.write"))
    assert at(home, "burner", fresh["token"]).status == 403
    assert refresh(home, fresh["token"]).json["scopes"] == [READ]
