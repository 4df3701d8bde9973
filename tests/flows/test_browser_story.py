"""The first story in two real browsers, on http://localhost and on https://id.example.test with an own authority.

OSTIARY_TEST_SCREENSHOTS names a folder for a picture of every page on the way.
"""

import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.console.test_browser import ARGS, Authenticator
from tests.flows.server import serving
from tests.rigs.counterparts import free_port
from tests.rigs.tls import authority, terminator, trusting_home

pytestmark = pytest.mark.chromium

HOST = "id.example.test"
NOBODY_TAKES_THE_OFFER = """
  const get = navigator.credentials.get.bind(navigator.credentials);
  const open = (signal) => new Promise((_, no) => signal.addEventListener("abort", () => no(signal.reason)));
  navigator.credentials.get = (o) => (o.mediation === "conditional" ? open(o.signal) : get(o));
"""


@contextmanager
def plain(folder):
    """The origin that a newcomer has."""
    with serving(folder) as served:
        yield served, [], None


@contextmanager
def secure(folder):
    """The origin that a company has: TLS ends in front of the server."""
    port = free_port()
    root, certificate, key = authority(folder, HOST)
    settings = {"OSTIARY_ORIGIN": f"https://{HOST}:{port}", "OSTIARY_TRUSTED_PROXIES": "127.0.0.1"}
    with serving(folder, **settings) as served, terminator(port, served.public_port, certificate, key):
        yield served, [f"--host-resolver-rules=MAP {HOST} 127.0.0.1"], trusting_home(folder, root)


@contextmanager
def browser(extra, home):
    """One browser of one person, with an empty profile."""
    env = {**os.environ, **({"HOME": str(home)} if home else {})}
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*ARGS, *extra], env=env)
        yield launched
        launched.close()


def picture(page, name):
    """Keep a picture, if somebody wants to look."""
    folder = os.environ.get("OSTIARY_TEST_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def visit(launched, origin, agent=None):
    """A page of an own context: one of the person's browsers."""
    context = launched.new_context(base_url=origin, user_agent=agent)
    if agent:  # this one is to sign in by the button: nobody takes the autofill offer
        context.add_init_script(NOBODY_TAKES_THE_OFFER)
    page = context.new_page()
    page.set_default_timeout(15_000)
    return page


@pytest.mark.parametrize("where", [plain, secure], ids=["http-localhost", "https-own-authority"])
def test_link_passkey_out_in_by_autofill_in_by_button_two_browsers_one_ended(tmp_path, where):
    with where(tmp_path) as (served, extra, home), browser(extra, home) as launched:
        first = visit(launched, served.origin)
        device = Authenticator(first)
        first.goto(f"/enrol#{served.token}")
        picture(first, f"{where.__name__}-1-enrol")
        first.get_by_role("button", name="Make a passkey").click()
        first.wait_for_url("**/account")
        picture(first, f"{where.__name__}-2-account")
        device.willing(yes=False)
        first.get_by_role("button", name="Sign out").click()
        first.wait_for_url("**/signed-out")
        picture(first, f"{where.__name__}-3-signed-out")

        first.goto("/sign-in")
        picture(first, f"{where.__name__}-4-sign-in")
        first.goto("/docs/refusals")  # leaves the offer of that page behind
        device.willing(yes=True)
        first.goto("/sign-in")  # the autofill offer is taken, no button is pressed
        first.wait_for_url("**/account")
        device.willing(yes=False)

        agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"
        second = visit(launched, served.origin, agent)
        other = Authenticator(second)
        other.adopt(device.credentials()[0])
        other.willing(yes=False)
        second.goto("/sign-in")
        other.willing(yes=True)
        second.get_by_role("button", name="Sign in with a passkey").click()
        second.wait_for_url("**/account")
        assert second.get_by_role("heading", name="Chrome on Windows").count() == 1
        picture(second, f"{where.__name__}-5-two-sessions")
        second.once("dialog", lambda dialog: dialog.accept())
        second.get_by_role("button", name="End the session Chrome on Linux").click()
        second.get_by_text("You are signed in nowhere else.").wait_for()

        first.goto("/account")
        first.wait_for_url("**/sign-in?reason=ended_by_person")
        assert first.locator(".notice").count() == 1
        picture(first, f"{where.__name__}-6-ended")
        states = {row["state"] for row in served.json("sessions", "list")}
        assert states == {"alive", "ended"}
