"""One login, many hosts, in a real browser: https://id.example.test and https://app.example.test behind a real proxy."""

import json
from contextlib import ExitStack

import pytest

from tests.console.test_browser import Authenticator
from tests.examples.proxies import running
from tests.examples.upstream import upstream
from tests.flows.server import Served
from tests.flows.test_browser_story import browser, visit
from tests.rigs.counterparts import free_port
from tests.rigs.tls import authority, terminator, trusting_home

pytestmark = [pytest.mark.chromium, pytest.mark.proxies]

ID, APP = "id.example.test", "app.example.test"


@pytest.fixture(params=["nginx", "haproxy"])
def house(request, tmp_path):
    """Two hosts on one port: TLS, the proxy of the examples, an application, Ostiary."""
    secure, port = free_port(), free_port()
    root, certificate, key = authority(tmp_path, "*.example.test")
    for part in ("ostiary", "proxy"):
        (tmp_path / part).mkdir()
    environ = {"OSTIARY_ORIGIN": f"https://{ID}:{secure}", "OSTIARY_TRUSTED_PROXIES": "127.0.0.1"}
    with ExitStack() as stack:
        behind = stack.enter_context(upstream())
        served = Served(tmp_path / "ostiary", environ)
        served.cli("init")
        served.start()
        stack.callback(served.stop)
        served.cli("services", "add", "app", "--host", f"{APP}:{secure}")
        ports = {"8080": served.public_port, "8081": served.internal_port, "9000": behind.server_port}
        stack.enter_context(running(request.param, tmp_path / "proxy", ports, port, own=APP))
        stack.enter_context(terminator(secure, port, certificate, key))
        flags = ["--host-resolver-rules=MAP *.example.test 127.0.0.1"]
        launched = stack.enter_context(browser(flags, trusting_home(tmp_path, root)))
        yield served, launched, f"https://{APP}:{secure}"


def told(page):
    """The headers that the application was given for the page that is shown."""
    return {name.lower(): value for name, value in json.loads(page.inner_text("body"))["headers"]}


def at_home(page, host):
    """The names of the cookies that the browser would send there."""
    return {cookie["name"] for cookie in page.context.cookies(host)}


def test_in_at_the_service_and_out_again(house):
    served, launched, app = house
    page = visit(launched, served.origin)
    device = Authenticator(page)
    page.goto(f"/enrol#{served.token}")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")
    device.willing(yes=False)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out")

    device.willing(yes=True)  # the sign-in page's offer is taken at once
    with page.expect_request(lambda one: one.url.startswith(f"{served.origin}/sign-in?return_to=")):
        page.goto(f"{app}/reports?year=2026")
    page.wait_for_url(f"{app}/reports?year=2026")
    seen = told(page)
    assert len(seen["ostiary-caller"]) == 32
    assert "cookie" not in seen
    assert at_home(page, app) == {"__Host-ostiary_service", "__Host-ostiary_prelogin"}
    assert "__Host-ostiary_session" in at_home(page, served.origin)
    cookie = next(one for one in page.context.cookies(app) if one["name"] == "__Host-ostiary_service")
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")

    page.context.clear_cookies(name="__Host-ostiary_service")
    page.goto(f"{app}/again")
    assert page.url == f"{app}/again", "one login: nobody is asked twice"
    assert told(page)["ostiary-caller"] == seen["ostiary-caller"]

    page.goto(f"{app}/.ostiary/sign-out")
    device.willing(yes=False)
    page.get_by_role("button", name="Sign out everywhere").click()
    page.get_by_text("The session has ended, here and everywhere.").wait_for()
    assert "__Host-ostiary_service" not in at_home(page, app)
    page.goto(f"{app}/reports")
    assert page.url.startswith(f"{served.origin}/sign-in?return_to=")
    page.goto(f"{served.origin}/account")
    assert page.url.startswith(f"{served.origin}/sign-in")
