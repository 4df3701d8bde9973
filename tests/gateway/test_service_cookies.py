"""One login, many hosts: from a session to a service's own cookie, which is good there and nowhere else."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from ostiary.gateway import landing
from ostiary.gateway.model import CODE_LIFE
from ostiary.kernel.ids import b64url, unb64url
from ostiary.kernel.values import EventName
from ostiary.services import service
from ostiary.services.model import Registration
from ostiary.sessions import service as sessions
from ostiary.sessions import wire
from ostiary.sessions.model import EndReason
from tests.flows.browser import PRELOGIN, SESSION
from tests.gateway.test_check import EMPTY, ours
from tests.gateway.walk import Walk
from tests.sessions.home import HOUR, OPERATOR, cause

APP, OTHER = "app.example.test", "other.example.test"
SERVICE = "__Host-ostiary_service"
BEGIN = f"https://{APP}/.ostiary/sign-in"


def register(home, name="app", *hosts, **given):
    assert isinstance(home.act(lambda tx: service.add(tx, OPERATOR, Registration(name, hosts or (APP,), **given))), str)


def check(home, pass_, path="/check/app", host=APP, **headers):
    told = {"X_Forwarded_Host": host} if host else {}
    return home.check(None, path, cookie=f"mine=1; {SERVICE}={pass_}", **told, **headers)


def landed(home, cookie, begin=f"{BEGIN}?to=/a?b=c"):
    """A browser that has walked the whole way."""
    walk = Walk(home, cookie)
    last, _ = walk.follow(begin, until="/a?b=c")
    assert last == f"https://{APP}/a?b=c", walk.seen
    return walk


def pass_of(walk):
    return walk.jar(f"https://{APP}")[SERVICE]


def code_of(home, cookie, begin=BEGIN):
    """A browser just before it lands, and the address where it would."""
    walk = Walk(home, cookie)
    url, _ = walk.follow(begin, until="/.ostiary/land")
    return walk, url


def refused(answer, why="invalid_token"):
    assert (answer.status, cause(answer), ours(answer)) == (401, why, EMPTY)


def furnished(home):
    register(home, "app", APP, "second.example.test", discloses=("person", "factor"))
    register(home, "other", OTHER)
    return home


@pytest.fixture
def house(home):
    return furnished(home)


@pytest.fixture
def either(anywhere):
    """The same on each database, for what its store decides."""
    return furnished(anywhere)


def test_a_person_who_is_signed_in_lands_and_is_the_same_caller(either):
    session, cookie = either.open()
    walk = landed(either, cookie)
    assert [urlsplit(url).netloc for url in walk.seen] == [APP, "localhost:8080", APP]
    assert set(walk.jar(f"https://{APP}")) == {SERVICE, PRELOGIN}
    assert pass_of(walk).startswith("v1.svc-")
    through = check(either, pass_of(walk), Caller_Disclose="person, factor")
    assert through.status == 200
    assert ours(through) == ours(either.check(cookie, "/check/app", Caller_Disclose="person factor"))
    assert session.id not in "".join(walk.seen)
    assert either.last().operation == EventName.SERVICE_ENTER
    assert either.last().actor == session.person


def test_the_cookie_is_a_host_cookie_that_lives_as_long_as_its_parent_can(house):
    walk, url = code_of(house, house.open()[1])
    lines = walk.go(url).headers["set-cookie"]
    assert sum(line.startswith(f"{SERVICE}=v1.svc-") for line in lines) == 1
    line = next(line for line in lines if line.startswith(SERVICE))
    assert "; Path=/; Max-Age=" in line
    assert line.endswith("; Secure; HttpOnly; SameSite=Lax")
    assert 8 * 3600 - 60 < int(line.partition("Max-Age=")[2].partition(";")[0]) <= 8 * 3600


def test_who_is_not_signed_in_signs_in_first_and_then_goes_on(house):
    walk = Walk(house)
    url, answer = walk.follow(f"{BEGIN}?to=/a?b=c")
    assert (answer.status, url.startswith("http://localhost:8080/sign-in?return_to=")) == (200, True)
    onward = answer.body.decode().partition('data-next="')[2].partition('"')[0].replace("&amp;", "&")
    walk.jar(walk.own)[SESSION] = house.open()[1]
    assert walk.follow(f"{walk.own}{onward}", until="/a?b=c")[0] == f"https://{APP}/a?b=c"
    assert check(house, pass_of(walk)).status == 200


def test_who_comes_to_the_sign_in_page_by_a_link_begins_on_the_services_host(house):
    walk = Walk(house, house.open()[1])
    last, _ = walk.follow(f"{walk.own}/sign-in?return_to=https://{APP}/a?b=c", until="/a?b=c")
    assert last == f"https://{APP}/a?b=c"
    assert check(house, pass_of(walk)).status == 200


# A stolen service cookie


def test_a_stolen_service_cookie_used_at_the_parent_is_refused(house):
    stolen = pass_of(landed(house, house.open()[1]))
    for name in (SESSION, SERVICE, PRELOGIN):
        walk = Walk(house)
        walk.jar(walk.own)[name] = stolen
        assert walk.go(f"{walk.own}/api/v1/auth/me", accept="application/json").status == 401
        assert walk.go(f"{walk.own}/account").status == 303
    refused(house.check(stolen))
    refused(check(house, stolen, "/check"))


def test_a_stolen_service_cookie_used_at_another_service_is_refused(either):
    stolen = pass_of(landed(either, either.open()[1]))
    for host in (APP, OTHER):
        refused(check(either, stolen, "/check/other", host))
    assert check(either, stolen).status == 200


def test_a_stolen_service_cookie_used_on_another_host_is_refused(house):
    stolen = pass_of(landed(house, house.open()[1]))
    for host in (OTHER, "second.example.test", "localhost:8080", f"{APP}:8443", f"{APP}, {OTHER}", "", APP.upper()):
        refused(check(house, stolen, host=host))
    twice = {"X_Forwarded_Host": APP, "x-FORWARDED-host": APP}
    refused(house.check(None, "/check/app", cookie=f"{SERVICE}={stolen}", **twice))


@pytest.mark.parametrize("how", ["operator", "beside"])
def test_a_service_cookie_dies_with_its_parent_on_each_database(either, how):
    session, cookie = either.open()
    stolen = pass_of(landed(either, cookie))
    assert check(either, stolen).status == 200
    if how == "beside":
        either.beside().end(session.id)
    else:
        either.act(lambda tx: _end(tx, session))
    refused(check(either, stolen), "ended_by_operator")


@pytest.mark.parametrize("how", ["operator", "logout", "others", "idle", "absolute", "beside"])
def test_a_service_cookie_dies_with_its_parent(house, how):
    session, cookie = house.open()
    stolen = pass_of(landed(house, cookie))
    for _ in range(3):
        assert check(house, stolen).status == 200
    why = {
        "operator": lambda: house.act(lambda tx: _end(tx, session)) and "ended_by_operator",
        "beside": lambda: house.beside().end(session.id) and "ended_by_operator",
        "logout": lambda: _logout(house, cookie),
        "others": lambda: _end_others(house, session),
        "idle": lambda: house.clock.turn(HOUR) or "idle_timeout",
        "absolute": lambda: _grow_old(house, stolen),
    }[how]()
    refused(check(house, stolen), why)
    refused(house.check(cookie), why)


def _end(tx, session):
    return sessions.end(tx, OPERATOR, session.id, EndReason.ENDED_BY_OPERATOR)


def _logout(house, cookie):
    visitor = house.visitor()
    visitor.cookies[SESSION] = cookie
    visitor.send("GET", "/api/v1/auth/me")
    assert visitor.send("POST", "/auth/logout").status == 204
    return "signed_out"


def _end_others(house, session):
    _, keep = house.open(session.person)
    visitor = house.visitor()
    visitor.cookies[SESSION] = keep
    visitor.send("GET", "/api/v1/auth/me")
    assert visitor.send("DELETE", "/api/v1/auth/sessions?except=current").status == 200
    return "ended_by_person"


def _grow_old(house, stolen):
    for _ in range(15):
        house.clock.turn(HOUR // 2)
        assert check(house, stolen).status == 200
    house.clock.turn(HOUR // 2)
    return "absolute_timeout"


def test_use_at_the_service_keeps_the_parent_alive(house):
    _, cookie = house.open()
    stolen = pass_of(landed(house, cookie))
    for _ in range(4):
        house.clock.turn(HOUR // 2)
        assert check(house, stolen).status == 200
    assert house.check(cookie).status == 200


def test_a_service_that_is_removed_and_added_again_takes_no_old_cookie(either):
    stolen = pass_of(landed(either, either.open()[1]))
    either.act(lambda tx: service.remove(tx, OPERATOR, "app"))
    assert check(either, stolen).code == "service_unknown"
    register(either)
    refused(check(either, stolen))


def test_forged_and_doubled_service_cookies_are_refused(house):
    session, cookie = house.open()
    good = pass_of(landed(house, cookie))
    _, body, key, mac = good.split(".")
    signed = wire.seal("svc-" + "A" * 21 + "A", house.key())
    for bad in ("", "x", good[:-1] + "!", f"v1.{body}.{key}.{mac[::-1]}", cookie, signed, good.replace("svc-", "ses-")):
        refused(check(house, bad))
    refused(house.check(None, "/check/app", cookie=f"{SERVICE}={good}; {SERVICE}={good}", X_Forwarded_Host=APP))
    refused(house.check(None, "/check/app", cookie=f"{SERVICE}={good}; {SESSION}={cookie}", X_Forwarded_Host=APP))
    assert session.id not in good


# Landing codes


def test_a_landing_code_replayed_is_refused(either):
    walk, url = code_of(either, either.open()[1])
    before = dict(walk.jar(url))
    assert walk.go(url).status == 303
    walk.jars[APP] = before
    again = walk.go(url)
    assert (again.status, SERVICE in walk.jar(url)) == (403, False)
    assert either.rows("SELECT count(*) FROM service_sessions") == [(1,)]


def test_a_landing_code_raced_has_exactly_one_winner(either):
    walk, url = code_of(either, either.open()[1])
    twins = [Walk(either) for _ in range(8)]
    for twin in twins:
        twin.jars = {host: dict(jar) for host, jar in walk.jars.items()}
    answers = either.together(*(twin.going(url) for twin in twins))
    assert sorted(answer.status for answer in answers) == [303] + [403] * 7
    assert sum(SERVICE in twin.jar(url) for twin in twins) == 1


def test_a_landing_code_used_at_another_host_is_refused(house):
    walk, url = code_of(house, house.open()[1])
    for host in (OTHER, "second.example.test"):
        elsewhere = url.replace(APP, host)
        walk.jars[host] = dict(walk.jar(url))
        assert walk.go(elsewhere).status == 403
    assert walk.go(url).status == 303, "the right host may still use it"


def test_an_expired_landing_code_is_refused(house):
    walk, url = code_of(house, house.open()[1])
    house.clock.turn(CODE_LIFE)
    assert walk.go(url).status == 403
    walk, url = code_of(house, house.open()[1])
    house.clock.turn(CODE_LIFE - 2_000_000)
    assert walk.go(url).status == 303


def test_a_landing_code_in_another_browser_is_refused(house):
    """Nobody is signed in as somebody else by a link that they were sent."""
    _, url = code_of(house, house.open()[1])
    bare, begun = Walk(house), Walk(house)
    assert begun.go(BEGIN).status == 303
    for victim in (bare, begun):
        assert victim.go(url).status == 403
        assert SERVICE not in victim.jar(url)


def test_a_landing_code_of_a_session_that_ended_meanwhile_is_refused(either):
    session, cookie = either.open()
    walk, url = code_of(either, cookie)
    either.act(lambda tx: _end(tx, session))
    assert walk.go(url).status == 403


def test_a_landing_code_of_a_session_that_timed_out_meanwhile_is_refused(house):
    _, cookie = house.open()
    house.clock.turn(HOUR - 20_000_000)
    walk, url = code_of(house, cookie)
    house.clock.turn(30_000_000)
    assert walk.go(url).status == 403


def test_a_landing_code_of_a_service_that_was_removed_meanwhile_is_refused(house):
    walk, url = code_of(house, house.open()[1])
    house.act(lambda tx: service.remove(tx, OPERATOR, "app"))
    assert walk.go(url).code == "host_refused"
    register(house)
    assert walk.go(url).status == 403


def test_a_forged_landing_code_is_refused(house):
    walk, url = code_of(house, house.open()[1])
    code = parse_qs(urlsplit(url).query)["code"][0]
    raw = bytearray(unb64url(code))
    raw[-1] ^= 1
    for bad in ("", "x", "=", code[:-2], b64url(bytes(raw)), b64url(b"\1" + b"0" * 60), "a" * 9000, code + "\0"):
        assert walk.go(f"https://{APP}/.ostiary/land?code={bad}").status == 403
    assert walk.go(url).status == 303


def test_a_code_says_nothing_to_who_reads_it(house):
    session, cookie = house.open()
    _, url = code_of(house, cookie)
    raw = unb64url(parse_qs(urlsplit(url).query)["code"][0])
    for word in (session.id, session.person, "app", APP, "session"):
        assert word.encode() not in raw


def test_a_refused_landing_is_on_record(house):
    walk, url = code_of(house, house.open()[1])
    walk.go(url.replace(APP, OTHER))
    house.flush()
    last = [one for one in house.receipts() if one.operation == EventName.SERVICE_ENTER][-1]
    assert (last.outcome, "code_of_another_host" in json.dumps(last.reasons)) == ("refused", True)


def test_two_tabs_that_began_in_one_browser_both_land(house):
    walk, first = code_of(house, house.open()[1])
    second, _ = walk.follow(f"{BEGIN}?to=/b", until="/.ostiary/land")
    assert [walk.go(url).header("location") for url in (second, first)] == ["/b", "/"]
    assert check(house, pass_of(walk)).status == 200


def test_only_get_lands(house):
    walk, url = code_of(house, house.open()[1])
    for method in ("HEAD", "POST", "PUT", "OPTIONS"):
        answer = walk.go(url, method)
        assert (answer.status, answer.header("allow")) == (405, "GET")
    assert walk.go(url).status == 303


def test_what_is_over_is_collected_and_what_lives_is_not(either):
    stolen = pass_of(landed(either, either.open()[1]))
    either.collect()
    assert check(either, stolen).status == 200
    either.clock.turn(9 * HOUR)
    either.collect()
    assert either.rows("SELECT count(*) FROM service_sessions") == [(0,)]
    assert either.act(landing.collect) == 0


# Sign-out, and what else is served on a service's host


def test_signing_out_at_a_service_ends_the_session_everywhere(house):
    _, cookie = house.open()
    walk = landed(house, cookie)
    stolen = pass_of(walk)
    url = f"https://{APP}/.ostiary/sign-out"
    assert b"<form method=" in walk.go(url).body
    assert check(house, stolen).status == 200, "a look changes nothing"
    for foreign in (
        {"origin": "https://evil.test"},
        {"sec_fetch_site": "cross-site"},
        {"origin": f"https://{OTHER}"},
        {"origin": "null"},
        {"origin": "null", "sec_fetch_site": "cross-site"},
        {"origin": "null", "sec_fetch_site": "same-site"},
        {"origin": "https://evil.test", "sec_fetch_site": "same-origin"},
    ):
        assert walk.go(url, "POST", **foreign).status == 403
    assert check(house, stolen).status == 200
    answer = walk.go(url, "POST", origin="null", sec_fetch_site="same-origin")
    assert (answer.status, SERVICE in walk.jar(url)) == (200, False)
    refused(check(house, stolen), "signed_out")
    refused(house.check(cookie), "signed_out")
    assert walk.go(url, "POST", origin=f"https://{APP}").status == 200, "again, and nothing is left to end"


def test_on_a_services_host_nothing_of_ours_is_served_but_under_its_path(house):
    walk = Walk(house, house.open()[1])
    for path in (
        "/",
        "/sign-in",
        "/account",
        "/api/v1/auth/me",
        "/openapi.json",
        "/static/ostiary.css",
        "/.ostiary",
        "/.ostiary/x",
    ):
        assert walk.go(f"https://{APP}{path}", accept="*/*").status == 404, path
    for path in ("/login/passkey/begin", "/enrolment/begin", "/auth/logout"):
        assert walk.go(f"https://{APP}{path}", "POST").status == 404, path
    for host in ("unknown.example.test", "localhost:9", "app.example.test.", "a b", "%00"):
        answer = walk.go(f"https://{host}/.ostiary/land?code=x", accept="*/*")
        assert (answer.status, answer.code) == (403, "host_refused")


def test_on_the_origins_own_host_no_code_is_needed(house):
    register(house, "shared", "localhost:8080")
    walk = Walk(house, house.open()[1])
    begin = f"{walk.own}/.ostiary/sign-in?to=/app/x"
    assert walk.follow(begin, until="/app/x")[0] == f"{walk.own}/app/x"
    assert set(walk.jar(walk.own)) == {SESSION}
