"""Every example for real: none fails open, no forged header arrives, no cookie of ours reaches the application."""

from urllib.parse import urljoin

import pytest

from tests.examples.proxies import PROXIES
from tests.examples.situations import ALIASES, FORGED, TOLD, scene
from tests.flows.browser import SESSION
from tests.flows.seed import opened_for

pytestmark = [pytest.mark.proxies, pytest.mark.timeout(180)]

SERVICE = "__Host-ostiary_service"
BY_OSTIARY = {"traefik"}
"""Whose redirect is Ostiary's own answer, so that it is one step ahead of the others'."""
WITHOUT_ANY_COOKIE = {"traefik"}


@pytest.fixture(scope="module", params=list(PROXIES))
def played(request, tmp_path_factory):
    with scene(request.param, tmp_path_factory.mktemp(request.param)) as made:
        made.name = request.param
        yield made


def sent_to_sign_in(played, outcome):
    assert outcome.told is None
    to = "/sign-in?return_to=" if played.name in BY_OSTIARY else "/.ostiary/sign-in?to=/app/x?q=1"
    assert (outcome.status, outcome.where.startswith(to)) == (303, True), outcome.where


def test_signed_out(played):
    sent_to_sign_in(played, played.signed_out())


def test_signed_in(played):
    outcome = played.signed_in()
    assert outcome.status == 200
    assert outcome.header("ostiary-session") == ["browser"]
    assert [len(outcome.header(name)) for name in TOLD] == [1] * 6
    assert len(outcome.header("ostiary-caller")[0]) == 32
    assert (outcome.header("ostiary-scopes"), outcome.header("ostiary-disclosed")) == (["-"], ["-"])


def test_session_ended(played):
    sent_to_sign_in(played, played.session_ended())


def test_forged_headers_let_nobody_in(played):
    sent_to_sign_in(played, played.forged_headers())
    for header in (FORGED, ALIASES):
        sent_to_sign_in(played, played.ask(played.ended, header))


@pytest.mark.parametrize("forged", [FORGED, ALIASES, {"ostiary-CALLER": "f" * 32, "OsTiArY_cAlLeR": "f" * 32}])
def test_forged_headers_never_reach_the_application(played, forged):
    plain, outcome = played.signed_in(), played.ask(played.living, forged)
    for name in TOLD:
        assert outcome.header(name) == plain.header(name)
    assert not {value for _, value in outcome.told} & {"f" * 32, "admin.all", "9999999999"}


def test_no_cookie_of_ours_reaches_the_application(played):
    cookies = "; ".join(value for name, value in played.signed_in().told if name == "cookie")
    assert "ostiary" not in cookies.lower()
    assert cookies == ("" if played.name in WITHOUT_ANY_COOKIE else "mine=1; yours=2")


def test_the_request_arrives_whole(played):
    outcome = played.ask(played.living, {"X-Own": "kept"}, "POST", "/app/a%20b?q=1&r=%2F", b"a body")
    assert outcome.status == 200
    assert ("x-own", "kept") in outcome.told
    assert b'"method": "POST"' in outcome.body
    assert b"/app/a%20b?q=1&r=%2F" in outcome.body
    assert b'"body": "a body"' in outcome.body


def test_a_caller_may_disclose(played):
    asked = played.ask(played.living, {"Caller-Disclose": "factor, name"})
    assert asked.header("ostiary-disclosed") == ["eyJmYWN0b3IiOiJwYXNza2V5In0"]


def test_a_browsers_own_headers_do_not_shut_it_out(played):
    """The check refuses what a browser sends to it; the proxy's question is not the browser's."""
    fetched = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Origin": "http://localhost"}
    assert played.ask(played.living, fetched).status == 200


@pytest.mark.parametrize(
    "path", ["//app/x", "/x/../app/x", "/app/../app/x", "/%61pp/x", "/app%2Fx", "/APP/x", "/app/./x"]
)
def test_no_spelling_of_the_path_gets_around_the_check(played, path):
    assert played.ask(path=path).told is None


def test_authority_slow(played):
    outcome = played.authority_slow()
    assert outcome.told is None
    assert outcome.status in {503, 504}
    assert played.signed_in().status == 200


def test_authority_gone(played):
    outcome = played.authority_gone()
    assert outcome.told is None
    assert outcome.status in {502, 503}
    assert played.signed_in().status == 200


def walked(played):
    """A browser that was led from the application's own host to the sign-in page and back; its cookies there."""
    port = played.proxy.port
    own, shared = f"app.localhost:{port}", f"localhost:{port}"
    jars = {own: {"mine": "1"}, shared: {SESSION: played.living}}
    url = f"http://{own}/x"
    for _ in range(6):
        host, _, path = url.removeprefix("http://").partition("/")
        cookies = "; ".join(f"{name}={value}" for name, value in jars[host].items())
        status, headers, _ = played.proxy.send("GET", f"/{path}", [("Cookie", cookies)], host=host)
        for line in [headers["set-cookie"]] if "set-cookie" in headers else []:
            name, _, rest = line.partition("=")
            jars[host][name] = rest.partition(";")[0]
        if status != 303:
            return own, jars[own], status
        url = urljoin(url, headers["location"])
    raise AssertionError(url)


def test_one_login_on_a_host_of_its_own(played):
    own, jar, status = walked(played)
    assert (status, set(jar) >= {"mine", SERVICE}) == (200, True)
    cookies = [("Cookie", f"mine=1; {SERVICE}={jar[SERVICE]}; yours=2")]
    here = played.ask(headers=cookies, path="/x", host=own)
    there = played.signed_in()
    assert [here.header(name) for name in TOLD] == [there.header(name) for name in TOLD]
    kept = "; ".join(here.header("cookie"))
    assert kept == ("" if played.name in WITHOUT_ANY_COOKIE else "mine=1; yours=2")
    assert played.ask(headers=cookies).told is None, "nobody is signed in by it on another host"
    forged = [*cookies, ("X-Forwarded-Host", own)]
    assert played.ask(headers=forged).told is None, "whatever host the client claims"
    assert played.ask(path="/x", host=own).told is None
    played.served.cli("sessions", "revoke", played.living.split(".")[1])
    try:
        assert played.ask(headers=cookies, path="/x", host=own).told is None
    finally:
        played.living = next(iter(opened_for(played.served, ["user-three"]).values()))
