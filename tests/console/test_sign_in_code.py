"""Signing in by a code from a letter, in a real browser: typed, pasted, wrong, sent again, without a mouse, on a phone."""

import re
import sqlite3
import time
from contextlib import closing
from html import unescape
from itertools import count
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from tests.console import test_browser as door

pytestmark = pytest.mark.chromium
browser, page, authenticator = door.browser, door.page, door.authenticator
NUMBERS = count(1)
FIELD, ASK = "Code from the letter", "Send me a code"


@pytest.fixture
def address(shared_server):
    """The address of a person whom nobody has written to before; they have no passkey, and nobody has guessed yet."""
    forgive(shared_server)
    made = f"bea-{next(NUMBERS)}@example.test"
    shared_server.invite(made)
    return made


def letters(served, address, at_least=1):
    """The letters to an address, newest first; a second may pass until one that was written is there."""
    for _ in range(200):
        with urlopen(f"{served.internal}/dev/mail") as page:
            written = [one for one in page.read().decode().split("<article")[1:] if f"<dd>{address}</dd>" in one]
        if len(written) >= at_least:
            return [unescape(re.search(r'<p class="letter">(.*?)</p>', one, re.DOTALL)[1]) for one in written]
        time.sleep(0.1)
    raise AssertionError(f"{address} got no letter")


def code_in(letter):
    return re.search(r"\n +(\d{6})\n", letter)[1]


def ask(page, address):
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_role("button", name=ASK).click()
    expect(page.get_by_label(FIELD)).to_be_focused()


def another(code):
    return f"{(int(code) + 1) % 10**6:06}"


def forgive(served):
    """As if a day had passed at the server: letters may follow at once, and nobody has typed anything wrong."""
    with closing(sqlite3.connect(served.folder / "data" / "ostiary.sqlite", timeout=10)) as connection:
        connection.execute("DELETE FROM code_budgets")
        connection.execute("DELETE FROM limit_counters")
        connection.commit()


def test_without_a_mouse_the_code_of_the_letter_signs_in_hyphen_and_all(page, shared_server, address):
    page.goto("/sign-in")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(address)
    page.keyboard.press("Enter")
    expect(page.get_by_label(FIELD)).to_be_focused()
    expect(page.get_by_text(f"If {address} belongs to an account")).to_be_visible()
    code = code_in(letters(shared_server, address)[0])
    page.keyboard.insert_text(f" {code[:3]}-{code[3:]} ")  # as a paste puts it in: at once
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    expect(page.get_by_text("A code from a letter to your address")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('ostiary-code')") is None


def test_the_field_is_one_that_phones_and_autofill_understand(page, address):
    ask(page, address)
    field = page.get_by_label(FIELD)
    wanted = {"autocomplete": "one-time-code", "inputmode": "numeric", "type": "text", "autocapitalize": "none"}
    assert {name: field.get_attribute(name) for name in wanted} == wanted
    assert page.locator("[data-code] input").count() == 1
    assert page.get_by_label("E-mail address", exact=True).count() == 1


def test_a_wrong_code_says_so_and_the_right_one_still_works(page, shared_server, address):
    ask(page, address)
    code = code_in(letters(shared_server, address)[0])
    page.keyboard.type(another(code))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(door.problem(page)).to_have_text(
        "That code is not right. Compare it with the newest letter, or send another one."
    )
    expect(page.get_by_label(FIELD)).to_be_focused()
    page.keyboard.type(code)  # over what was selected
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")


def test_what_is_no_whole_code_is_not_sent(page, shared_server, address):
    ask(page, address)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.type("12-34")
    page.keyboard.press("Enter")
    expect(door.problem(page)).to_have_text("A code has 6 digits. Look at the letter again.")
    assert asked == []
    page.get_by_label(FIELD).fill(code_in(letters(shared_server, address)[0]))
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")


def test_too_many_wrong_codes_ask_for_another_letter(page, address, shared_server):
    ask(page, address)
    wrong = another(code_in(letters(shared_server, address)[0]))
    for _ in range(5):
        with page.expect_response("**/login/email_code/finish"):
            page.get_by_label(FIELD).fill(wrong)
            page.keyboard.press("Enter")
        expect(door.problem(page)).to_contain_text("That code is not right")
        page.get_by_label(FIELD).fill("")
    page.get_by_label(FIELD).fill(wrong)
    page.keyboard.press("Enter")
    expect(door.problem(page)).to_contain_text("Too many wrong codes. Send another code, and type that one.")


def test_another_code_is_sent_after_a_pause_that_is_told(page, shared_server, address):
    page.clock.install()
    ask(page, address)
    first = code_in(letters(shared_server, address)[0])
    asked = []
    page.on("request", lambda request: request.url.endswith("/login/email_code/begin") and asked.append(request))
    again = page.get_by_role("button", name="Send another code")
    again.click()
    expect(door.news(page)).to_contain_text("Another code can be sent in")
    assert asked == []
    page.clock.fast_forward(61_000)
    expect(page.get_by_text("It may lie among the unwanted mail.")).to_be_visible()
    forgive(shared_server)
    again.click()
    second = code_in(letters(shared_server, address, 2)[0])
    assert len(asked) == 1
    expect(page.get_by_text("Another one can be sent in")).to_be_visible()
    if first != second:
        page.get_by_label(FIELD).fill(first)
        page.keyboard.press("Enter")
        expect(door.problem(page)).to_contain_text("newest letter")
    page.get_by_label(FIELD).fill(second)
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")


def test_an_address_that_nobody_has_looks_the_same(page, browser, shared_server, address):
    ask(page, address)
    known = page.locator("main").inner_text().replace(address, "ADDRESS")
    other = browser.new_context(base_url=shared_server.origin, locale="en-GB").new_page()
    stranger = f"nobody-{next(NUMBERS)}@example.test"
    ask(other, stranger)
    pause = re.compile(r"in \d+ seconds")
    assert pause.sub("", other.locator("main").inner_text().replace(stranger, "ADDRESS")) == pause.sub("", known)
    other.context.close()
    letters(shared_server, address)
    assert shared_server.json("mail", "list", "--to", stranger) == []


def test_who_goes_to_read_the_mail_finds_the_page_as_it_was(page, shared_server, address):
    ask(page, address)
    page.reload()
    expect(page.get_by_label(FIELD)).to_be_focused()
    expect(page.get_by_text(f"If {address} belongs to an account")).to_be_visible()
    page.get_by_label(FIELD).fill(code_in(letters(shared_server, address)[0]))
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")


def test_one_goes_back_to_another_address_or_to_the_passkey(page, address):
    ask(page, address)
    page.get_by_role("button", name="Use another address").click()
    expect(page.get_by_label("E-mail address")).to_be_focused()
    expect(page.get_by_label(FIELD)).to_be_hidden()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Use a passkey instead").click()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_focused()
    page.reload()
    expect(page.get_by_label(FIELD)).to_be_hidden()


def test_a_passkey_still_signs_in_from_the_page_with_both(page, shared_server, authenticator):
    token = shared_server.invite(f"cy-{next(NUMBERS)}@example.test")
    page.goto(f"/enrol#{token}")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url("**/account")
    authenticator.willing(yes=False)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signed-out")
    page.goto("/sign-in")
    page.wait_for_timeout(300)  # the offer is open
    authenticator.willing(yes=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url("**/account")


def test_who_signed_in_by_mail_adds_a_first_passkey_with_another_code(page, shared_server, address, authenticator):
    sign_in(page, shared_server, address)
    page.get_by_text("Add a passkey", exact=True).click()
    page.get_by_label("Name optional").fill("Bea’s phone")
    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_label(FIELD)).to_be_focused()
    code = code_in(letters(shared_server, address, 2)[0])
    page.reload()  # as a phone may do while its owner reads the mail
    expect(page.get_by_label(FIELD)).to_be_focused()
    page.keyboard.type(another(code))
    page.get_by_role("button", name="Make the passkey").click()
    expect(door.problem(page)).to_contain_text("That code is not right.")
    page.get_by_label(FIELD).fill(code)
    page.get_by_role("button", name="Make the passkey").click()
    expect(door.news(page)).to_have_text("The new passkey is ready.")
    assert len(authenticator.credentials()) == 1
    expect(page.get_by_role("heading", name="Bea’s phone")).to_be_visible()
    expect(page.get_by_text("You have no passkey yet.")).to_have_count(0)


def sign_in(page, served, address):
    ask(page, address)
    page.keyboard.type(code_in(letters(served, address)[0]))
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")


def test_a_service_that_asks_for_presence_takes_a_code_where_that_suffices(page, shared_server, address):
    shared_server.cli("purposes", "add", "door.open", "--title", "Open the door", "--minimum", "any")
    sign_in(page, shared_server, address)
    page.goto(f"/presence?{urlencode({'purpose': 'door.open', 'return_to': '/docs/api'})}")
    page.get_by_role("button", name="Yes, send me a code").click()
    expect(page.get_by_label(FIELD)).to_be_focused()
    expect(page.get_by_role("link", name="No, go back")).to_be_visible()
    expect(page.get_by_role("button", name="Go back")).to_have_count(0)  # there is no other way to show it
    page.keyboard.type(code_in(letters(shared_server, address, 2)[0]))
    page.get_by_role("button", name="Yes, it is me").click()
    page.wait_for_url("**/docs/api#presence=hp-*")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_every_state_of_the_way_is_accessible_and_fits(page, shared_server, address, scheme, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found = door.faults(page, "/sign-in", width)
    ask(page, address)
    found += door.faults(page, page.url, width)  # loaded again, it shows the field for the code
    expect(page.get_by_label(FIELD)).to_be_visible()
    letters(shared_server, address)
    found += door.faults(page, f"{shared_server.internal}/dev/mail", width)
    page.goto("/sign-in")
    page.get_by_label(FIELD).fill(code_in(letters(shared_server, address)[0]))
    page.keyboard.press("Enter")
    page.wait_for_url("**/account")
    found += door.faults(page, "/account", width)
    assert found == []


def test_letters_are_read_on_a_page_of_the_internal_listener(page, shared_server, address):
    ask(page, address)
    code = code_in(letters(shared_server, address)[0])
    page.goto(f"{shared_server.internal}/dev/mail")
    expect(page.get_by_role("article").filter(has_text=address)).to_contain_text(code)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("article").filter(has_text=address)).to_contain_text(code)
    assert page.goto(f"{shared_server.origin}/dev/mail").status == 404


def test_the_longest_address_fits_on_the_smallest_phone(page, shared_server, address):
    longest = f"{'m' * 64}@example.test"
    shared_server.invite(longest)
    ask(page, longest)
    letters(shared_server, longest)
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(f"{shared_server.internal}/dev/mail")
    assert door.overflow(page) == []


@pytest.mark.parametrize(
    ("offered", "there", "gone"),
    [("email_code", ASK, "Sign in with a passkey"), ("passkey", "Sign in with a passkey", ASK)],
)
def test_the_page_shows_what_the_tenant_offers(page, shared_server, address, offered, there, gone):
    shared_server.cli("tenants", "methods", "default", offered)
    try:
        page.goto("/sign-in")
        expect(page.get_by_role("button", name=there)).to_be_visible()
        expect(page.get_by_role("button", name=gone)).to_have_count(0)
        assert door.faults(page, "/sign-in", 1280) == []
        if offered == "email_code":
            sign_in(page, shared_server, address)
    finally:
        shared_server.cli("tenants", "methods", "default", "passkey", "email_code")
