"""The page that asks for presence, in a real browser: what is read is what is approved, and the proof stays out of logs."""

import re
from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.console import test_browser as door
from tests.flows.browser import Browser

pytestmark = pytest.mark.chromium
browser, page, token, authenticator, enrolled = (
    door.browser,
    door.page,
    door.token,
    door.authenticator,
    door.enrolled,
)
DIGEST, SAYS = "sha256:" + "a" * 64, "Pay 120.00 € to Bakery Huber"
PAY = {"purpose": "invoice.pay", "operation": DIGEST, "says": SAYS, "return_to": "/docs/api?bill=7"}
ENTER = {"purpose": "vault.enter", "return_to": "/docs/api"}


@pytest.fixture(scope="module", autouse=True)
def declared(shared_server):
    shared_server.cli("purposes", "add", "invoice.pay", "--title", "Pay an invoice", "--commits-operation")
    shared_server.cli("purposes", "add", "vault.enter", "--title", "Enter the vault")


def link(query):
    return f"/presence?{urlencode(query)}"


def consume(page, served, receipt, **given):
    """Show the receipt as a service would that sees the browser's cookie."""
    service = Browser(served)
    service.cookies = {one["name"]: one["value"] for one in page.context.cookies()}
    return service.send("POST", "/presence/consume", {"receipt": receipt, **given}, internal=True)


def handed_back(page):
    page.wait_for_url("**/docs/api*#presence=*")
    return re.search(r"#presence=(hp-[\w-]+)$", page.url)[1]


def test_without_a_mouse_a_person_approves_what_they_read(page, enrolled, shared_server):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    enrolled.willing(yes=True)
    page.goto(link(PAY))
    expect(page.get_by_role("heading", name="Pay an invoice?")).to_be_visible()
    expect(page.get_by_text(SAYS, exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Yes, show that it is me")).to_be_focused()
    page.keyboard.press("Enter")
    receipt = handed_back(page)
    assert page.url.startswith(f"{shared_server.origin}/docs/api?bill=7#")
    assert not [url for url in asked if "hp-" in url.partition("#")[0]]
    given = {"purpose": "invoice.pay", "operation": DIGEST}
    assert consume(page, shared_server, receipt, **given, says="Pay 1.00 €").code == "presence_refused"
    answer = consume(page, shared_server, receipt, **given, says=SAYS)
    assert (answer.status, answer.json["factor"]) == (200, "passkey")


def test_a_page_that_is_made_to_show_something_else_approves_that(page, enrolled, shared_server):
    enrolled.willing(yes=True)
    page.goto(link(PAY))
    page.evaluate("document.getElementById('says').textContent = 'Pay 1.00 €'")
    page.get_by_role("button", name="Yes, show that it is me").click()
    receipt = handed_back(page)
    given = {"purpose": "invoice.pay", "operation": DIGEST}
    assert consume(page, shared_server, receipt, **given, says=SAYS).code == "presence_refused"
    assert consume(page, shared_server, receipt, **given, says="Pay 1.00 €").status == 200


def test_the_page_is_no_place_to_come_back_to(page, enrolled):
    enrolled.willing(yes=True)
    page.goto("/account")
    page.goto(link(ENTER))
    page.get_by_role("button", name="Yes, show that it is me").click()
    handed_back(page)
    page.go_back()
    page.wait_for_url("**/account")


def test_who_is_signed_out_signs_in_first_and_goes_on(page, enrolled):
    page.goto("/account")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out")
    enrolled.willing(yes=True)
    page.goto(link(PAY))
    expect(page.get_by_role("heading", name="Pay an invoice?")).to_be_visible()
    expect(page.get_by_text(SAYS, exact=True)).to_be_visible()
    page.get_by_role("button", name="Yes, show that it is me").click()
    handed_back(page)


def test_a_person_says_no(page, enrolled):
    page.goto(link(ENTER))
    page.get_by_role("link", name="No, go back").click()
    page.wait_for_url("**/docs/api")


def test_a_refusal_is_told_and_the_next_press_asks_again(page, enrolled):
    enrolled.willing(yes=True)
    page.goto(link(ENTER))
    message = "That did not sign you in. Try again, or another way."
    door.refuse_once(page, "/presence/passkey/finish", 401, "login_refused", message)
    page.get_by_role("button", name="Yes, show that it is me").click()
    expect(page.get_by_role("alert")).to_have_text(message)
    page.get_by_role("button", name="Yes, show that it is me").click()
    handed_back(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_it_is_accessible_and_fits(page, enrolled, scheme, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    long = PAY | {"says": "W" * 200, "return_to": "/" + "w" * 300}
    found = [one for query in (PAY, ENTER, long) for one in door.faults(page, link(query), width)]
    assert found == []
