"""OSTIARY_SESSION_SAMESITE=Strict in a real browser: passkeys lose nothing; only a link from elsewhere does."""

import pytest

from tests.console.test_browser import Authenticator
from tests.flows.server import serving
from tests.flows.test_browser_story import browser, visit

pytestmark = pytest.mark.chromium

ELSEWHERE = "http://elsewhere.test/"


def from_elsewhere(page, address):
    """Follow a link that stands on a page of another site."""
    page.route(
        f"{ELSEWHERE}**", lambda route: route.fulfill(content_type="text/html", body=f"<a href={address}>go</a>")
    )
    page.goto(ELSEWHERE)
    page.get_by_role("link", name="go").click()


@pytest.mark.parametrize("samesite", ["Strict", "Lax"])
def test_passkeys_lose_nothing_and_only_a_link_from_elsewhere_arrives_signed_out(tmp_path, samesite):
    with serving(tmp_path, OSTIARY_SESSION_SAMESITE=samesite) as served, browser([], None) as launched:
        page = visit(launched, served.origin)
        device = Authenticator(page)
        from_elsewhere(page, f"{served.origin}/enrol#{served.token}")
        page.get_by_role("button", name="Make a passkey").click()
        page.wait_for_url("**/account")
        kept = {cookie["name"]: cookie["sameSite"] for cookie in page.context.cookies()}
        assert kept == {"__Host-ostiary_session": samesite, "__Host-ostiary_csrf": samesite}

        page.get_by_text("Rename Linux").click()
        page.get_by_label("New name").last.fill("Green key")
        page.get_by_role("button", name="Save").click()
        page.get_by_text("The passkey is now called Green key.").wait_for()
        page.get_by_text("Add a passkey").click()  # asks for presence
        page.get_by_role("button", name="Make a passkey").click()
        page.get_by_text("This device already holds a passkey for this account.").wait_for()
        device.willing(yes=False)
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/signed-out")
        device.willing(yes=True)
        page.goto("/sign-in")
        page.wait_for_url("**/account")

        device.willing(yes=False)
        from_elsewhere(page, f"{served.origin}/account")
        page.wait_for_url("**/account" if samesite == "Lax" else "**/sign-in")
        page.goto("/account")
        page.wait_for_url("**/account")
        assert {row["state"] for row in served.json("sessions", "list")} == {"alive", "ended"}
