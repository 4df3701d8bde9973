"""The pages of the real server in a real browser with a virtual authenticator."""

from importlib import resources
from itertools import count

import pytest
from playwright.sync_api import expect, sync_playwright

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
PATHS = [
    "/account",
    "/enrol",
    "/recovery",
    "/recovery/cancel",
    "/recovery/contest",
    "/nothing-here",
    "/docs/refusals#login_refused",
    "/docs/api",
]
NUMBERS = count(1)


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, shared_server):
    context = browser.new_context(base_url=shared_server.origin, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    yield page
    context.close()


@pytest.fixture
def token(shared_server):
    """The one-time token of a person whom nobody has seen before."""
    return shared_server.invite(f"ann-{next(NUMBERS)}@example.test")


class Authenticator:
    """A virtual authenticator of one page; `willing` says whether the person agrees at once."""

    def __init__(self, page, transport="internal"):
        self.cdp = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable", {"enableUI": False})
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": transport,
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

    def adopt(self, credential):
        """Hold a passkey that was made elsewhere."""
        self.send("addCredential", authenticatorId=self.id, credential=credential)

    def credentials(self):
        return self.send("getCredentials", authenticatorId=self.id)["credentials"]


@pytest.fixture
def authenticator(page):
    return Authenticator(page)


@pytest.fixture
def enrolled(page, authenticator, token):
    """Ann has a passkey and a session, and will not touch her device before she is told to."""
    page.goto(f"/enrol#{token}")
    page.get_by_label("Name this passkey").fill("Ann’s laptop")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")
    authenticator.willing(yes=False)
    return authenticator


@pytest.fixture
def away(page, enrolled):
    """Ann has a passkey, and has signed out."""
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out")
    return enrolled


def problem(page):
    return page.get_by_role("alert")


def news(page):
    return page.get_by_role("status")


def refuse_once(page, path, status, code, message, seen=lambda: None):
    """Plant one refusal in front of the server."""

    def answer(route):
        seen()
        route.fulfill(status=status, json={"error": "e", "message": message, "code": code, "request_id": "req-1"})

    page.route(f"**{path}", answer, times=1)


def test_an_invitation_becomes_a_passkey_and_leaves_the_address_bar(page, shared_server, authenticator, token):
    page.goto(f"/enrol#{token}")
    assert page.evaluate("location.href") == f"{shared_server.origin}/enrol"
    expect(page.get_by_label("Name this passkey")).to_have_value("Linux")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")
    expect(page.get_by_role("heading", name="Linux", exact=True)).to_be_visible()
    assert len(authenticator.credentials()) == 1


def test_a_wrong_invitation_says_so_and_the_right_one_works_in_the_same_tab(page, authenticator, token):
    page.goto("/enrol")
    expect(problem(page)).to_contain_text("Open the whole link")
    expect(page.get_by_role("button", name="Make a passkey")).to_be_hidden()
    expect(page.get_by_label("Name this passkey")).to_be_hidden()
    page.goto("/enrol#inv-of-yesterday")
    page.get_by_role("button", name="Make a passkey").click()
    expect(problem(page)).to_contain_text("Ask for a new link.")
    page.goto(f"/enrol#{token}")
    expect(problem(page)).to_be_empty()
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")


def test_a_click_before_the_script_loses_no_invitation(page, authenticator, token):
    """A form that is sent without its script loads the page anew, and the token stands where no server reads it."""
    held = holding(page, "**/static/enrol.js*")
    page.goto(f"/enrol#{token}", wait_until="commit")
    clicked_early(page, page.get_by_role("button", name="Make a passkey", include_hidden=True))
    assert page.url.endswith(f"/enrol#{token}")
    held.pop().continue_()
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")


def test_nor_the_way_back_of_who_signs_in(page):
    held = holding(page, "**/static/sign-in*.js*")
    page.goto("/sign-in?return_to=/docs/api", wait_until="commit")
    for name in ("Sign in with a passkey", "Send me a code"):
        clicked_early(page, page.get_by_role("button", name=name, include_hidden=True))
    assert page.url.endswith("/sign-in?return_to=/docs/api")
    for route in held:
        route.continue_()
    page.get_by_role("button", name="Send me a code").click()


@pytest.mark.parametrize(
    ("script", "dead", "alive"),
    [
        ("sign-in.js", "Sign in with a passkey", "Send me a code"),
        ("sign-in-code.js", "Send me a code", "Sign in with a passkey"),
    ],
)
def test_nor_where_one_of_its_scripts_never_comes(page, script, dead, alive):
    page.route(f"**/static/{script}*", lambda route: route.abort())
    page.goto("/sign-in?return_to=/docs/api")
    expect(page.get_by_role("button", name=alive)).to_be_visible()
    clicked_early(page, page.get_by_role("button", name=dead, include_hidden=True))
    assert page.url.endswith("/sign-in?return_to=/docs/api")


def holding(page, pattern):
    """Requests like that wait until they are told to go on: they are put into this list."""
    held = []

    def hold(route):
        held.append(route)

    page.route(pattern, hold)
    return held


def clicked_early(page, button):
    """Click where a button stands, whether it takes clicks or not; two frames later a form would be under way."""
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def test_the_button_takes_over_from_the_autofill_offer(page, away):
    asked = []
    page.on("request", lambda request: request.method == "POST" and asked.append(request.url))
    with page.expect_response("**/login/passkey/begin"):
        page.goto("/sign-in")
    page.wait_for_timeout(300)  # the offer is open, and nobody takes it
    away.willing(yes=True)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    assert [url.rpartition("/")[2] for url in asked] == ["begin", "finish"]


def test_autofill_signs_in_without_the_button(page, away):
    away.willing(yes=True)
    page.goto("/sign-in")
    page.wait_for_url("**/account")


def test_a_refused_sign_in_says_so_and_asks_a_new_question(page, away):
    message = "That did not sign you in. Try again, or another way."
    away.willing(yes=True)
    refuse_once(page, "/login/passkey/finish", 401, "login_refused", message, lambda: away.willing(yes=False))
    page.goto("/sign-in")
    expect(problem(page)).to_have_text(message)
    page.wait_for_timeout(300)  # the next offer is open
    away.willing(yes=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/account")


def test_the_offer_is_renewed_before_its_question_expires(page, away):
    def hurry(route):
        route.fulfill(json={**route.fetch().json(), "expires_in": 31})

    page.route("**/login/passkey/begin", hurry, times=1)
    with page.expect_response("**/login/passkey/begin"):
        page.goto("/sign-in")
    with page.expect_response("**/login/passkey/begin"):
        away.willing(yes=False)
    page.wait_for_timeout(300)
    away.willing(yes=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/account")


def test_a_server_that_is_away_is_worth_another_try(page):
    page.route("**/login/passkey/begin", lambda route: route.abort())
    page.goto("/sign-in")
    expect(problem(page)).to_have_text("The server could not be reached. Try again in a moment.")


def test_a_fault_is_told_with_its_request(page):
    refuse_once(page, "/login/passkey/begin", 503, "store_unavailable", "The store cannot answer just now.")
    page.goto("/sign-in")
    expect(problem(page)).to_have_text("The store cannot answer just now. (Request req-1)")


def test_a_person_ends_sessions(page, browser, enrolled, shared_server):
    agents = {"Firefox": "X11; Linux rv:140.0) Gecko Firefox/140.0", "Edge": "Windows NT 10.0) Chrome/140 Edg/140"}
    for agent in agents.values():
        other = browser.new_context(base_url=shared_server.origin, user_agent=f"Mozilla/5.0 ({agent}").new_page()
        copy = Authenticator(other)
        copy.adopt(enrolled.credentials()[0])
        other.goto("/sign-in")
        other.wait_for_url("**/account")
        other.context.close()
    page.goto("/account")
    expect(page.get_by_role("button", name="End the session")).to_have_count(2)
    page.get_by_role("button", name="End the session Firefox on Linux").focus()
    page.keyboard.press("Enter")
    expect(news(page)).to_have_text("The session Firefox on Linux has ended.")
    expect(page.get_by_role("heading", name="Other sessions")).to_be_focused()
    expect(page.get_by_role("button", name="End the session")).to_have_count(1)
    page.get_by_role("button", name="End all other sessions").click()
    expect(news(page)).to_have_text("One session has ended.")
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()


def test_a_device_that_holds_a_passkey_is_not_made_to_overwrite_it(page, enrolled):
    held = enrolled.credentials()
    enrolled.willing(yes=True)
    page.goto("/account")
    page.get_by_text("Add a passkey").click()
    page.get_by_role("button", name="Make a passkey").click()
    expect(problem(page)).to_contain_text("This device already holds a passkey for this account.")
    assert [one["credentialId"] for one in enrolled.credentials()] == [one["credentialId"] for one in held]


def test_a_person_adds_renames_and_removes_a_passkey_with_presence(page, enrolled):
    first = enrolled.credentials()[0]
    enrolled.willing(yes=True)
    key = Authenticator(page, "usb")
    key.willing(yes=False)

    def change_hands(route):  # the laptop has shown that it is Ann; the key makes the new passkey
        enrolled.willing(yes=False)
        key.willing(yes=True)
        route.continue_()

    page.route("**/passkeys/begin", change_hands)
    page.goto("/account")
    page.get_by_text("Add a passkey").click()
    page.get_by_label("Name optional").fill("Blue key")
    page.get_by_role("button", name="Make a passkey").click()
    expect(news(page)).to_have_text("The new passkey is ready.")
    page.get_by_text("Rename Blue key").click()
    page.get_by_label("New name").last.fill("Green key")
    page.get_by_role("button", name="Save").click()
    expect(news(page)).to_have_text("The passkey is now called Green key.")
    page.get_by_text("Remove Ann’s laptop").click()
    page.get_by_role("button", name="Remove this passkey").click()
    expect(news(page)).to_have_text("The passkey Ann’s laptop was removed.")
    page.get_by_text("Remove Green key").click()
    expect(page.get_by_text("This is your only passkey")).to_be_visible()
    expect(page.get_by_role("button", name="Remove this passkey")).to_have_count(0)
    key.willing(yes=False)
    enrolled.willing(yes=True)
    the_browser_is_told_to_forget_a_removed_passkey(page, enrolled, first)


def the_browser_is_told_to_forget_a_removed_passkey(page, authenticator, removed):
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out")
    authenticator.send("clearCredentials", authenticatorId=authenticator.id)
    authenticator.adopt(removed)
    page.goto("/sign-in")
    expect(problem(page)).to_contain_text("This passkey was removed")
    assert authenticator.credentials() == []


def test_a_session_that_ended_elsewhere_leads_to_the_door(page, enrolled, shared_server):
    shared_server.cli("sessions", "revoke", page.locator("[data-session]").get_attribute("data-session"))
    page.get_by_text("Rename Ann’s laptop").click()
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/sign-in?reason=ended_by_operator")
    expect(page.get_by_text("An administrator ended this session.")).to_be_visible()


def test_a_browser_without_the_json_forms_still_signs_in(page, authenticator, token):
    page.add_init_script(
        "delete PublicKeyCredential.parseCreationOptionsFromJSON;"
        "delete PublicKeyCredential.parseRequestOptionsFromJSON;"
        "delete PublicKeyCredential.prototype.toJSON;"
    )
    page.goto(f"/enrol#{token}")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out")
    page.goto("/sign-in")
    page.wait_for_url("**/account")


def test_without_scripts_the_page_says_what_it_needs(browser, shared_server):
    context = browser.new_context(base_url=shared_server.origin, java_script_enabled=False)
    page = context.new_page()
    for path in ("/sign-in", "/enrol"):
        page.goto(path)
        expect(page.locator("noscript .notice")).to_be_visible()
        expect(page.get_by_role("button")).to_have_count(0)
    context.close()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_every_page_is_accessible_and_fits(page, enrolled, scheme, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found = [one for path in PATHS for one in faults(page, path, width)]
    page.goto("/account")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out")
    found += [one for path in ("/signed-out", "/sign-in?reason=idle_timeout") for one in faults(page, path, width)]
    assert found == []


@pytest.mark.parametrize("path", ["/sign-in", "/enrol#token"])
def test_at_another_address_a_page_says_where_passkeys_work(page, shared_server, path):
    asked = []
    page.on("request", lambda request: request.method == "POST" and asked.append(request.url))
    page.goto(f"http://127.0.0.1:{shared_server.public_port}{path}")
    said = f"Passkeys belong to {shared_server.origin}: open this page there."
    expect(problem(page)).to_have_text(said)
    link = problem(page).get_by_role("link")
    assert link.get_attribute("href") == f"{shared_server.origin}{path}"
    assert asked == [], "what cannot work is not tried"
    link.click()
    page.wait_for_url(f"{shared_server.origin}{path.partition('#')[0]}*")


@pytest.mark.parametrize("width", [375, 1280])
def test_the_longest_names_stay_in_their_places(page, authenticator, shared_server, width):
    page.set_viewport_size({"width": width, "height": 800})
    email = f"ann-{next(NUMBERS)}@example.test"
    link = shared_server.json("people", "add", "--email", email, "--name", "W" * 200)[0]["link"]
    page.goto(link)
    page.get_by_label("Name this passkey").fill("W" * 64)
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")
    page.get_by_text("Rename W").click()
    page.get_by_label("New name").fill("M" * 64)
    page.get_by_role("button", name="Save").click()
    expect(news(page)).to_contain_text("M" * 64)
    assert overflow(page) == []
    assert covered(page) == []
    for seen in (page.get_by_role("heading", name="Passkeys"), news(page)):
        expect(seen).to_be_in_viewport(ratio=1)


def covered(page):
    """What of the page lies under the words of the news."""
    return page.evaluate("""() => {
        const live = document.querySelector(".live"), box = live.getBoundingClientRect();
        return [...document.querySelectorAll("h2, h3, dd, summary, button")].filter((one) => {
            const its = one.getBoundingClientRect();
            return its.height && its.top < box.bottom && its.bottom > box.top && its.left < box.right && its.right > box.left;
        }).map((one) => one.outerHTML.slice(0, 60));
    }""")


def overflow(page):
    """What has letters and reaches beyond the screen, or beyond its card."""
    return page.evaluate("""() => [...document.querySelectorAll("main *")].filter((one) => {
        const within = one.closest(".card, .live") ?? document.documentElement;
        return !one.closest(".unseen") && one.textContent.trim()
            && (one.getBoundingClientRect().right > Math.min(innerWidth, within.getBoundingClientRect().right) + 0.5
                || one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).display === "block");
    }).map((one) => one.outerHTML.slice(0, 60))""")


def faults(page, path, width):
    """What axe finds, what the browser complains about, and what does not fit."""
    heard = []
    page.on("console", lambda message: heard.append((path, message.text)))
    page.goto(path)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.name = ''; one.open = true; })")
    page.evaluate(AXE)
    result = page.evaluate("(rules) => axe.run(document, { runOnly: rules })", RULES)
    found = [(path, one["id"], [node["target"] for node in one["nodes"]]) for one in result["violations"]]
    if page.evaluate("document.documentElement.scrollWidth") > width:
        found.append((path, "is wider than the screen", []))
    return found + [one for one in heard if "404 (Not Found)" not in one[1]]


@pytest.mark.parametrize(
    ("code", "wait", "words"),
    [
        (
            "auth_rate_limit_throttled",
            42,
            ["Slow down", "Try again in 42 seconds", "passkey of your own works at once"],
        ),
        ("auth_rate_limit_locked", 840, ["it opens at ", "A passkey of your own still works"]),
    ],
)
def test_who_is_limited_hears_until_when_and_what_still_works(page, away, code, wait, words):
    body = {"error": "Too Many Requests", "message": "-", "code": code, "request_id": "-"}

    def limited(route):
        away.willing(yes=False)
        route.fulfill(status=429, json=body, headers={"retry-after": str(wait)})

    away.willing(yes=True)
    page.route("**/login/passkey/finish", limited, times=1)
    page.goto("/sign-in")
    for word in words:
        expect(problem(page)).to_contain_text(word)
