"""The pages in a real browser with a virtual authenticator, under the policy that the server sends."""

from importlib import resources

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.console.stub import Stub, served

pytestmark = pytest.mark.chromium

ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
PATHS = ["/sign-in?reason=invalid", "/enrol#inv-good", "/account", "/signed-out", "/error"]
PATHS += ["/docs/refusals#login_refused", "/docs/api"]


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def stub():
    stub = Stub()
    with served(stub):
        yield stub


class Authenticator:
    """A virtual authenticator of one page; `willing` says whether the person agrees at once."""

    def __init__(self, page):
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
        }
        self.id = self.send("addVirtualAuthenticator", options=options)["authenticatorId"]
        self.willing(yes=True)

    def send(self, method, **parameters):
        return self.cdp.send(f"WebAuthn.{method}", parameters)

    def willing(self, *, yes):
        self.send("setAutomaticPresenceSimulation", authenticatorId=self.id, enabled=yes)

    def credentials(self):
        return self.send("getCredentials", authenticatorId=self.id)["credentials"]


@pytest.fixture
def page(browser, stub):
    context = browser.new_context(base_url=stub.origin, locale="en-GB", timezone_id="Europe/Berlin")
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    yield page
    context.close()


@pytest.fixture
def authenticator(page):
    return Authenticator(page)


@pytest.fixture
def enrolled(page, authenticator):
    """Ann has a passkey, and will not touch her device before she is told to."""
    page.goto("/enrol#inv-good")
    page.get_by_label("Name this passkey").fill("Ann’s laptop")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")
    authenticator.willing(yes=False)
    return authenticator


def problem(page):
    return page.get_by_role("alert")


def news(page):
    return page.get_by_role("status")


def test_an_invitation_becomes_a_passkey_and_leaves_the_address_bar(page, stub, authenticator):
    page.goto("/enrol#inv-good")
    assert page.evaluate("location.href") == f"{stub.origin}/enrol"
    expect(page.get_by_label("Name this passkey")).to_have_value("Linux")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")
    assert list(stub.passkeys.values()) == ["Linux"]
    assert len(authenticator.credentials()) == 1


def test_a_used_invitation_says_so_and_the_next_link_works_in_the_same_tab(page, authenticator):
    page.goto("/enrol")
    expect(problem(page)).to_contain_text("Open the whole link")
    page.goto("/enrol#inv-used")
    page.get_by_role("button", name="Make a passkey").click()
    expect(problem(page)).to_contain_text("Ask the person who invited you")
    page.goto("/enrol#inv-good")
    expect(problem(page)).to_be_empty()
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")


def test_the_button_takes_over_from_the_autofill_offer(page, stub, enrolled):
    with page.expect_response("**/login/passkey/begin"):
        page.goto("/sign-in?return_to=/docs/api")
    page.wait_for_timeout(200)  # the offer is open, and nobody takes it
    enrolled.willing(yes=True)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{stub.origin}/docs/api")
    assert stub.calls[-2:] == ["POST /login/passkey/begin", "POST /login/passkey/finish"]


def test_autofill_signs_in_without_the_button(page, enrolled):
    enrolled.willing(yes=True)
    page.goto("/sign-in")
    page.wait_for_url("**/account")


def test_a_refused_sign_in_says_so_and_asks_a_new_question(page, stub, enrolled):
    def finish(route):
        enrolled.willing(yes=False)
        route.continue_()

    enrolled.willing(yes=True)
    stub.refuse["/login/passkey/finish"] = (401, "login_refused", "This passkey was not accepted.")
    page.route("**/login/passkey/finish", finish, times=1)
    page.goto("/sign-in")
    expect(problem(page)).to_have_text("This passkey was not accepted. Try again, or use another passkey.")
    page.wait_for_timeout(300)  # the next offer is open
    enrolled.willing(yes=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/account")
    assert stub.calls[-4:] == ["POST /login/passkey/begin", "POST /login/passkey/finish"] * 2


def test_the_browser_is_told_to_forget_a_removed_passkey(page, stub, enrolled):
    stub.keys.clear()
    enrolled.willing(yes=True)
    page.goto("/sign-in")
    expect(problem(page)).to_contain_text("This passkey was removed.")
    assert enrolled.credentials() == []


def test_the_offer_is_renewed_before_its_question_expires(page, stub, enrolled):
    stub.expires_in = 31
    with page.expect_response("**/login/passkey/begin"):
        page.goto("/sign-in")
    with page.expect_response("**/login/passkey/begin"):
        enrolled.willing(yes=False)
    enrolled.willing(yes=True)
    page.wait_for_url("**/account")


@pytest.mark.parametrize("far", [True, False])
def test_a_server_that_cannot_answer_is_worth_another_try(page, stub, far):
    if far:
        page.route("**/login/passkey/begin", lambda route: route.abort())
    stub.refuse["/login/passkey/begin"] = (503, "store_unavailable", "The records cannot be read.")
    page.goto("/sign-in")
    expect(problem(page)).to_contain_text("Try again in a moment.")
    assert far or "(Request req-7f3a91c2)" in problem(page).inner_text()


def test_a_person_ends_sessions(page, stub, enrolled):
    page.goto("/account")
    expect(page.get_by_text("21 Nov 2026, 10:05").first).to_be_visible()
    page.get_by_role("button", name="End the session Safari on iPhone").click()
    expect(news(page)).to_have_text("The session Safari on iPhone has ended.")
    assert [one.label for one in stub.sessions] == ["Firefox on Linux", "Edge on Windows"]
    page.get_by_role("button", name="End all other sessions").click()
    expect(news(page)).to_have_text("One session has ended.")
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out")


def test_a_person_adds_renames_and_removes_a_passkey_with_presence(page, stub, enrolled):
    enrolled.willing(yes=True)
    page.goto("/account")
    page.get_by_text("Add a passkey").click()
    page.get_by_label("Name", exact=False).last.fill("Blue key")
    page.get_by_role("button", name="Make a passkey").click()
    expect(news(page)).to_have_text("The new passkey is ready.")
    page.get_by_text("Rename Blue key").click()
    page.get_by_label("New name").last.fill("Green key")
    page.get_by_role("button", name="Save").click()
    expect(news(page)).to_have_text("The passkey is now called Green key.")
    page.get_by_text("Remove Ann’s laptop").click()
    page.get_by_role("button", name="Remove this passkey").click()
    expect(news(page)).to_have_text("The passkey Ann’s laptop was removed.")
    assert stub.passkeys == {"pk-2": "Green key"}
    page.get_by_text("Remove Green key").click()
    page.get_by_role("button", name="Remove this passkey").click()
    expect(problem(page)).to_have_text("This is your last way in. Add another passkey first.")


def test_a_session_that_ended_elsewhere_leads_to_the_door(page, stub, enrolled):
    page.goto("/account")
    stub.refuse["/auth/logout"] = (401, "session_ended", "This session has ended.")
    stub.sessions = []
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in?reason=ended_elsewhere")
    expect(page.get_by_text("This session was ended from another device.")).to_be_visible()


def test_a_browser_without_the_json_forms_still_signs_in(page, stub, authenticator):
    page.add_init_script(
        "delete PublicKeyCredential.parseCreationOptionsFromJSON;"
        "delete PublicKeyCredential.parseRequestOptionsFromJSON;"
        "delete PublicKeyCredential.prototype.toJSON;"
    )
    page.goto("/enrol#inv-good")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")
    page.goto("/sign-in")
    page.wait_for_url("**/account")
    assert stub.calls.count("POST /login/passkey/finish") == 1


def test_without_scripts_the_page_says_what_it_needs(browser, stub):
    context = browser.new_context(base_url=stub.origin, java_script_enabled=False)
    page = context.new_page()
    for path in ("/sign-in", "/enrol", "/account"):
        page.goto(path)
        expect(page.locator("noscript .notice")).to_be_visible()
        expect(page.get_by_role("button")).to_have_count(0)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (1280, 800)])
def test_every_page_is_accessible_and_fits(browser, stub, scheme, width, height):
    stub.passkeys = {"pk-1": "Ann’s phone", "pk-2": "Blue key"}
    context = browser.new_context(
        base_url=stub.origin, color_scheme=scheme, viewport={"width": width, "height": height}
    )
    found = []
    context.on("console", lambda message: found.append(message.text))
    for path in PATHS:
        page = context.new_page()
        page.goto(path)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.name = ''; one.open = true; })")
        page.evaluate(AXE)
        result = page.evaluate("(rules) => axe.run(document, { runOnly: rules })", RULES)
        found += [(path, one["id"], [node["target"] for node in one["nodes"]]) for one in result["violations"]]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append((path, "is wider than the screen"))
        page.close()
    context.close()
    assert found == []
