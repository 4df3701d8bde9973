"""What ties a sign-in to its browser: Origin, fetch metadata, the pre-login cookie, and after it the CSRF token."""

import re

import pytest

from ostiary.kernel.values import Scope
from ostiary.keys import service as keys
from ostiary.login.browser import browser_cookie
from tests.flows.browser import CSRF, PRELOGIN, SESSION

BEFORE = ["/login/passkey/begin", "/login/passkey/finish", "/enrolment/begin", "/enrolment/finish"]
WITHIN = [
    ("POST", "/api/v1/auth/presence/passkey/begin"),
    ("POST", "/api/v1/auth/presence/passkey/finish"),
    ("POST", "/api/v1/auth/passkeys/begin"),
    ("POST", "/api/v1/auth/passkeys/finish"),
    ("PATCH", "/api/v1/auth/passkeys/pk-AAAAAAAAAAAAAAAAAAAAAA"),
    ("DELETE", "/api/v1/auth/passkeys/pk-AAAAAAAAAAAAAAAAAAAAAA"),
]
FOREIGN = [
    {"origin": "https://evil.test"},
    {"origin": "null"},
    {"origin": "http://localhost:8081"},
    {"origin": "https://localhost:8080"},
    {"origin": "http://localhost:8080.evil.test"},
    {"origin": ""},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "origin": None},
]


@pytest.fixture
def begun(gatehouse):
    """A browser that has begun to sign in, of somebody who can."""
    visitor = gatehouse.visitor(gatehouse.enrolled().passkey)
    visitor.asked_for = visitor.begin()
    return visitor


def answer(visitor):
    """A right answer to what that browser was asked."""
    return {"attempt": visitor.asked_for["attempt"], "credential": visitor.passkey.get(visitor.asked_for["options"])}


def finish(visitor, **headers):
    """Send the right answer with other headers."""
    return visitor.send("POST", "/login/passkey/finish", answer(visitor), headers=headers)


def with_cookie(visitor, *cookies):
    """Send the right answer with exactly these cookies."""
    return finish(visitor, cookie="; ".join(cookies) or None)


def assert_not_this_browser(gatehouse, refused):
    assert (refused.status, refused.code) == (401, "login_attempt_invalid")
    assert gatehouse.receipts()[-1].reasons == ("login_attempt_invalid", "prelogin_cookie_missing")


@pytest.mark.parametrize("path", BEFORE)
def test_another_site_cannot_send_what_comes_before_a_session(gatehouse, begun, path):
    sessions = len(gatehouse.sessions())
    for headers in FOREIGN:
        refused = begun.send("POST", path, answer(begun), headers=headers)
        assert (refused.status, refused.code) == (403, "origin_refused"), headers
        assert "set-cookie" not in refused.headers
        assert gatehouse.receipts()[-1].reasons == ("origin_refused",)
    assert len(gatehouse.sessions()) == sessions
    assert finish(begun).status == 200


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "none"}, {"origin": None}])
def test_our_own_pages_and_what_is_no_browser_may(begun, headers):
    assert finish(begun, **headers).status == 200


@pytest.mark.parametrize(("method", "path"), WITHIN)
def test_another_site_cannot_use_a_session(gatehouse, method, path):
    visitor = gatehouse.enrolled()
    for headers in FOREIGN:
        refused = visitor.send(method, path, {}, headers=headers)
        assert (refused.status, refused.code) == (403, "origin_refused"), headers


@pytest.mark.parametrize(("method", "path"), WITHIN)
def test_without_the_token_of_this_session_nothing_is_done(gatehouse, method, path):
    visitor, other = gatehouse.enrolled(), gatehouse.enrolled()
    for token in (None, "", "wrong", other.cookies[CSRF], visitor.cookies[CSRF] + "A", visitor.cookies[CSRF][:-1]):
        refused = visitor.send(method, path, {}, headers={"x-csrf-token": token})
        assert (refused.status, refused.code) == (403, "csrf_refused")


def test_the_cookie_before_a_session_is_kept_from_scripts_and_other_sites(gatehouse):
    line = gatehouse.visitor().send("POST", "/login/passkey/begin", {}).header("set-cookie")
    assert re.fullmatch(
        rf"{PRELOGIN}=v1\.pl-[\w-]{{22}}\.sk-[\w-]{{22}}\.[\w-]{{43}}"
        r"; Path=/; Max-Age=1200; Secure; HttpOnly; SameSite=Lax",
        line,
    )


def test_a_browser_keeps_its_name_until_it_has_signed_in(begun):
    name = begun.cookies[PRELOGIN]
    begun.begin()
    assert begun.cookies[PRELOGIN] == name
    assert finish(begun).status == 200
    begun.begin()
    assert begun.cookies[PRELOGIN] != name


def test_an_answer_without_the_cookie_is_refused(gatehouse, begun):
    assert_not_this_browser(gatehouse, with_cookie(begun))
    assert finish(begun).status == 200


def test_an_answer_with_the_cookie_of_another_browser_is_refused(gatehouse, begun):
    other = gatehouse.visitor()
    other.begin()
    refused = with_cookie(begun, f"{PRELOGIN}={other.cookies[PRELOGIN]}")
    assert (refused.status, refused.code) == (401, "login_attempt_invalid")
    assert gatehouse.receipts()[-1].reasons == ("login_attempt_invalid", "challenge_of_another_browser")


def test_a_session_cookie_is_no_cookie_before_a_session(gatehouse, begun):
    session = gatehouse.enrolled().cookies[SESSION]
    assert_not_this_browser(gatehouse, with_cookie(begun, f"{PRELOGIN}={session}"))
    assert_not_this_browser(gatehouse, with_cookie(begun, f"{SESSION}={session}"))


def test_a_cookie_before_a_session_is_no_session_cookie(begun):
    value = begun.cookies[PRELOGIN]
    for name in (value, value.replace("pl-", "ses-")):
        refused = begun.send("GET", "/api/v1/auth/me", headers={"cookie": f"{SESSION}={name}"})
        assert (refused.status, refused.code) == (401, "session_invalid")
        assert begun.send("GET", "/check", internal=True, headers={"cookie": f"{SESSION}={name}"}).status == 401


def test_two_cookies_before_a_session_are_none(gatehouse, begun):
    pair = f"{PRELOGIN}={begun.cookies[PRELOGIN]}"
    assert_not_this_browser(gatehouse, with_cookie(begun, pair, pair))
    assert with_cookie(begun, pair).status == 200


def test_a_forged_cookie_is_none_and_is_replaced(gatehouse, begun):
    version, name, key, mac = begun.cookies[PRELOGIN].split(".")
    session_key = gatehouse.enrolled().cookies[SESSION].split(".")[2]
    for forged in (
        f"{version}.{name}.{key}.{'A' * 43}",
        f"{version}.{name}.{key}.{mac}=",
        f"{version}.{name}.{session_key}.{mac}",
        f"{version}.{name}.sk-AAAAAAAAAAAAAAAAAAAAAA.{mac}",
        f"{version}.{name}.{key}",
        f"v2.{name}.{key}.{mac}",
        name,
        "",
        "A" * 5000,
    ):
        assert_not_this_browser(gatehouse, with_cookie(begun, f"{PRELOGIN}={forged}"))
        begun.cookies[PRELOGIN] = forged
        begun.begin()
        assert begun.cookies[PRELOGIN].startswith("v1.pl-")
        assert begun.cookies[PRELOGIN].split(".")[1] != name
        gatehouse.clock.turn(1_000_000)


def test_the_cookie_of_another_tenant_is_none(gatehouse, begun):
    house, other = gatehouse.house, Scope("other")
    house.vault.transact_now(other, lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    name = begun.cookies[PRELOGIN].split(".")[1]
    _, line = browser_cookie(house.keyring, None, other, name)
    assert_not_this_browser(gatehouse, with_cookie(begun, line.partition(";")[0]))


def test_a_rotated_key_keeps_what_was_begun(gatehouse, begun):
    house = gatehouse.house
    gatehouse.act(lambda tx: keys.rotate(tx, house.sealer, house.keyring, keys.SYSTEM, keys.Purpose.PRELOGIN))
    gatehouse.read(lambda tx: keys.load(tx, house.sealer, house.keyring))
    fresh = gatehouse.visitor()
    fresh.begin()
    assert fresh.cookies[PRELOGIN].split(".")[2] != begun.cookies[PRELOGIN].split(".")[2]
    assert finish(begun).status == 200
