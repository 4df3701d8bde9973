"""Each [bug] of section 1 of the contract, named after the bug, shown to be absent here."""

import re
from contextlib import closing

import pytest

from ostiary.house import open_house
from ostiary.identities import service as identities
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import BootRefused
from ostiary.keys.model import Purpose
from ostiary.keys.watch import KeyWatch
from ostiary.sessions.model import EndReason
from tests.flows.browser import CSRF, PRELOGIN, SESSION
from tests.sessions.home import HOUR, MINUTE, Failing, Home, Traveller, cause, micros


def set_cookies(answer):
    """The Set-Cookie lines of an answer, by name."""
    return {line.partition("=")[0]: line for line in answer.headers.get("set-cookie", [])}


def max_age(line):
    return int(re.search(r"Max-Age=(\d+)", line)[1])


@pytest.mark.parametrize(("absolute", "seconds"), [("90m", 5400), ("8h", 28800), ("20h", 72000)])
def test_the_cookie_lives_as_long_as_the_setting_and_not_a_hard_coded_8_hours(homes, absolute, seconds):
    home = homes(SESSION_ABSOLUTE_TIMEOUT=absolute)
    visitor = home.enrolled()
    visitor.send("POST", "/auth/logout")
    cookies = set_cookies(visitor.sign_in())
    assert {max_age(cookies[SESSION]), max_age(cookies[CSRF])} == {seconds}
    home.clock.turn(30 * MINUTE)
    me = visitor.send("GET", "/api/v1/auth/me")
    for answer in (me, visitor.send("GET", "/account")):
        left = max_age(set_cookies(answer)[CSRF])
        assert seconds - 1800 - 2 <= left <= seconds - 1800, "a cookie given later lives as long as the session"


def test_the_cookies_carry_the_attributes_of_a_host_cookie(homes):
    home = homes(SESSION_SAMESITE="strict")
    visitor = home.enrolled()
    visitor.send("POST", "/auth/logout")
    begun = visitor.send("POST", "/login/passkey/begin", {})
    given = set_cookies(begun) | set_cookies(visitor.finish(begun.json))
    for name, line in given.items():
        assert name.startswith("__Host-")
        assert "; Path=/;" in line
        assert "; Secure" in line
        assert "domain" not in line.lower()
        assert ("; HttpOnly" in line) is (name != CSRF)
    assert all("SameSite=Strict" in given[name] for name in (SESSION, CSRF))
    cleared = set_cookies(visitor.send("POST", "/auth/logout"))
    for name in (SESSION, CSRF):
        assert max_age(cleared[name]) == 0
        attributes = [
            line.partition(";")[2].replace(f"Max-Age={max_age(line)}", "") for line in (cleared[name], given[name])
        ]
        assert attributes[0] == attributes[1], "a browser removes only a cookie of the same attributes"


def test_signing_keys_are_never_stored_in_the_clear_and_no_key_encryption_key_means_no_boot(home, tmp_path):
    secrets = [key.secret for key in home.house.keyring.all()]
    files = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    assert len(secrets) == len(Purpose)
    assert not [secret for secret in secrets if secret in files or secret.hex().encode() in files]
    home.house.close()
    home.settings.kek.unlink()
    with pytest.raises(BootRefused, match="put it back"):
        open_house(home.settings)


def test_rotation_can_be_reached_and_the_running_server_follows(home):
    cookie = home.open()[1]
    made = home.beside().rotate()
    assert home.check(cookie).status == 200
    house = home.house
    home.run(
        KeyWatch(house.vault, house.scope, house.sealer, house.keyring, home.clock, 0, identities.tenant_scopes).look()
    )
    assert home.key().id == made.id
    assert home.open()[1].split(".")[2] == made.id


def test_the_idle_deadline_slides_and_the_api_reports_where_it_stands(home):
    visitor = home.enrolled()
    opened = home.clock()
    for minutes in (30, 60, 90):
        home.clock.turn(30 * MINUTE)
        assert visitor.check().status == 200
        me = visitor.send("GET", "/api/v1/auth/me").json["session"]
        listed = visitor.send("GET", "/api/v1/auth/sessions").json["sessions"][0]
        for shown in (me, listed):
            expected = opened + minutes * MINUTE + HOUR
            assert abs(micros(shown["idle_expires_at"]) - expected) < 5 * SECOND
    home.clock.turn(HOUR)
    assert cause(visitor.check()) == "idle_timeout"


def test_the_idle_deadline_that_is_reported_is_the_one_that_is_enforced(home):
    visitor = home.enrolled()
    home.clock.turn(20 * MINUTE)
    assert visitor.check().status == 200
    home.clock.hold()
    deadline = micros(visitor.send("GET", "/api/v1/auth/sessions").json["sessions"][0]["idle_expires_at"])
    session = home.sessions()[0]
    assert session.id == visitor.session
    home.clock.hold(deadline)
    assert cause(visitor.check()) == "idle_timeout"


def test_a_database_outage_at_the_key_lookup_is_not_a_forged_cookie(homes):
    home = homes(vault=lambda house: Failing(house.vault))
    cookie = home.open()[1].replace(home.key().id, "sk-" + "E" * 21 + "A")
    home.house.vault.down = True
    assert home.check(cookie).status == 503
    visitor = home.visitor()
    visitor.cookies[SESSION] = cookie
    assert visitor.send("GET", "/api/v1/auth/me").status == 503
    assert visitor.send("GET", "/account").status == 503


def test_leaving_the_user_agent_out_does_not_dodge_the_binding(homes):
    home = homes(SESSION_BIND_USER_AGENT="true")
    visitor = home.enrolled()
    assert visitor.send("GET", "/api/v1/auth/me", headers={"user-agent": None}).code == "session_agent_mismatch"
    assert visitor.check(headers={"user-agent": None}).code == "session_agent_mismatch"


def test_a_session_opened_without_a_user_agent_is_not_open_to_every_agent(homes):
    home = homes(SESSION_BIND_USER_AGENT="true")
    visitor = Traveller(home, user_agent=None)
    assert visitor.enrol(home.invite()[1]).status == 200
    assert visitor.check().status == 200
    assert visitor.check(headers={"user-agent": "curl/8"}).code == "session_agent_mismatch"


def test_an_address_from_an_untrusted_peer_is_believed_nowhere(home):
    told = {"headers": {"x-forwarded-for": "192.0.2.7"}}
    visitor = home.visitor()
    begun = visitor.send("POST", "/enrolment/begin", {"token": home.invite()[1]}, **told)
    assert begun.status == 200
    plain, forwarded = Traveller(home), Traveller(home, x_forwarded_for="192.0.2.7")
    hashes = set()
    for one in (plain, forwarded):
        assert one.enrol(home.invite(f"{len(hashes)}{id(one)}@example.test")[1]).status == 200
        hashes.add(next(s for s in home.sessions() if s.id == one.session).address_hash)
    assert len(hashes) == 1, "the same peer, whatever it says of itself"


def test_one_function_decides_the_address_at_sign_in_at_the_door_and_at_the_check(homes):
    home = homes(SESSION_BIND_IP="true", TRUSTED_PROXIES="127.0.0.0/8, 10.0.0.0/8")
    chain = "203.0.113.9, 192.0.2.7, 10.1.2.3"
    visitor = Traveller(home, x_forwarded_for=chain)
    assert visitor.enrol(home.invite()[1]).status == 200
    same = ["192.0.2.7", chain, "evil, 192.0.2.7", "192.0.2.7,10.9.9.9, 10.8.8.8"]
    other = ["203.0.113.9", "192.0.2.7, 203.0.113.9", None]
    for told, status in [(one, 200) for one in same] + [(one, 401) for one in other]:
        given = {"headers": {"x-forwarded-for": told}}
        assert visitor.send("GET", "/api/v1/auth/me", **given).status == status, told
        assert visitor.check(**given).status == status, told


def test_a_csrf_token_strands_no_browser_whatever_happens_to_other_sessions(home):
    first = home.enrolled()
    second = home.visitor(first.passkey)
    assert second.sign_in().status == 200
    token = first.cookies[CSRF]
    assert second.send("POST", "/auth/logout").status == 204
    assert first.send("GET", "/api/v1/auth/me").json["csrf_token"] == token
    del first.cookies[CSRF]
    assert first.send("DELETE", "/api/v1/auth/sessions?except=current").status == 403
    assert first.send("GET", "/api/v1/auth/me").status == 200
    assert first.cookies[CSRF] == token, "whoever holds the session may have the token again"
    assert first.send("DELETE", "/api/v1/auth/sessions?except=current").status == 200


def test_a_csrf_token_outlives_the_rotation_of_every_key_that_rotates(home):
    visitor = home.enrolled()
    for purpose in (Purpose.SESSION, Purpose.PRELOGIN, Purpose.RECEIPT):
        home.beside().rotate(purpose)
    home.crash()
    assert visitor.send("DELETE", "/api/v1/auth/sessions?except=current").status == 200


def test_abandoned_sign_ins_leave_nothing_behind_and_pin_no_key(home):
    visitor = home.visitor()
    for _ in range(5):
        visitor.cookies.clear()
        visitor.begin()
    assert home.rows("SELECT count(*) FROM challenges")[0][0] == 0, "asking costs no row"
    answered = home.enrolled()
    answered.send("POST", "/auth/logout")
    wrong = answered.begin()
    answered.finish(wrong, answered.passkey.get({**wrong["options"], "challenge": "AAAA"}))
    assert home.rows("SELECT count(*) FROM challenges")[0][0] > 0
    home.beside().rotate(Purpose.PRELOGIN)
    home.clock.turn(25 * HOUR)
    home.collect()
    assert home.rows("SELECT count(*) FROM challenges")[0][0] == 0
    assert home.rows("SELECT count(*) FROM keys WHERE purpose = 'prelogin'")[0][0] == 1


def test_every_end_has_its_own_label_and_the_browser_hears_it(home):
    person = home.enrolled()
    heard = {}
    for reason, end in {
        "signed_out": lambda v: v.send("POST", "/auth/logout", headers={"cookie": f"{SESSION}={v.cookies[SESSION]}"}),
        "ended_by_person": lambda v: person.send("DELETE", f"/api/v1/auth/sessions/{v.session}"),
        "ended_by_operator": lambda v: home.beside().end(v.session),
    }.items():
        visitor = home.visitor(person.passkey)
        assert visitor.sign_in().status == 200
        kept = dict(visitor.cookies)
        end(visitor)
        visitor.cookies = kept
        heard[reason] = {
            cause(visitor.check()),
            cause(visitor.send("GET", "/api/v1/auth/me")),
            visitor.send("GET", "/account").header("location").partition("reason=")[2],
        }
    assert heard == {reason: {reason} for reason in heard}
    assert set(heard) <= {reason.value for reason in EndReason}


def test_the_cause_reaches_the_browser_on_every_401_of_a_known_session(home):
    visitor = home.enrolled()
    home.clock.turn(2 * HOUR)
    answer = visitor.send("GET", "/api/v1/auth/me")
    assert answer.header("www-authenticate") == (
        'Bearer realm="ostiary", error="invalid_token", error_description="idle_timeout"'
    )
    assert visitor.send("GET", "/account").header("location") == "/sign-in?reason=idle_timeout"


def test_own_sessions_need_no_permission(home):
    visitor = home.enrolled()
    other = home.visitor(visitor.passkey)
    assert other.sign_in().status == 200
    assert home.roles(visitor.person) == []
    assert len(visitor.send("GET", "/api/v1/auth/sessions").json["sessions"]) == 2
    assert visitor.send("DELETE", f"/api/v1/auth/sessions/{other.session}").status == 204


def test_signing_out_really_ends_the_session(home):
    visitor = home.enrolled()
    cookie = visitor.cookies[SESSION]
    assert visitor.send("POST", "/auth/logout").status == 204
    assert SESSION not in visitor.cookies
    assert cause(home.check(cookie)) == "signed_out"
    assert home.sessions()[0].end_reason == "signed_out"


@pytest.mark.parametrize("cookie", [None, "x", "v1.a.b.c"])
def test_signing_out_twice_or_without_a_session_succeeds_and_clears_the_cookies(home, cookie):
    visitor = home.visitor()
    if cookie:
        visitor.cookies[SESSION] = cookie
    answer = visitor.send("POST", "/auth/logout")
    assert answer.status == 204
    assert {max_age(line) for line in set_cookies(answer).values()} == {0}


def test_the_pre_login_cookie_is_cleared_when_it_has_served(home):
    visitor = home.enrolled()
    visitor.send("POST", "/auth/logout")
    begun = visitor.begin()
    assert PRELOGIN in visitor.cookies
    assert visitor.finish(begun).status == 200
    assert PRELOGIN not in visitor.cookies


def test_a_bound_session_survives_a_restart(tmp_path):
    with closing(Home(tmp_path, SESSION_BIND_USER_AGENT="true")) as home:
        visitor = home.enrolled()
        home.restart()
        assert visitor.check().status == 200


def test_the_last_use_of_a_session_costs_no_write_at_all_until_the_batch(home):
    session, cookie = home.open()
    home.clock.turn(10 * MINUTE)
    for _ in range(50):
        assert home.check(cookie).status == 200
    assert home.rows("SELECT count(*) FROM session_seen")[0][0] == 0
    home.flush()
    assert home.rows("SELECT session_id FROM session_seen") == [(session.id,)]
