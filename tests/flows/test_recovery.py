"""The recovery story in a real browser, with mail read from a real SMTP receiver: cancelled once, completed once.

OSTIARY_TEST_SCREENSHOTS names a folder for a picture of every page on the way.
"""

import re
import time
from contextlib import contextmanager

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.console.test_browser import ARGS, AXE, RULES, Authenticator
from tests.flows.server import serving
from tests.flows.test_browser_story import picture
from tests.rigs.postbox import postbox

pytestmark = pytest.mark.chromium

ANN, WAITING_S, PATIENCE_S = "ann@example.test", 8, 30
CODE, LINK = re.compile(r"code: (\d{8})"), re.compile(r"http\S+/recovery/\S+")


@contextmanager
def scene(folder):
    """A server that writes letters and waits for seconds, and a browser."""
    with postbox(folder / "box") as box, sync_playwright() as playwright:
        settings = {f"OSTIARY_{name}": value for name, value in box.settings(folder).items()}
        with serving(folder, **settings, OSTIARY_RECOVERY_WAITING=f"{WAITING_S}s") as served:
            launched = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
            yield served, box, launched
            launched.close()


def person(launched, origin, **given):
    """A page in a browser profile of its own, with an authenticator."""
    context = launched.new_context(base_url=origin, locale="en-GB", **given)
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    return page, Authenticator(page)


def letter(box, subject, number=1):
    """The text of that many-th letter with this subject; waits until it has come."""
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        come = [one for one in list(box.letters) if one["subject"] == subject]
        if len(come) >= number:
            assert come[number - 1]["to"] == ANN
            return come[number - 1].get_content()
        time.sleep(0.05)
    raise AssertionError(f"no letter: {subject}")


def faults(page):
    """What axe finds on the step that is shown."""
    page.evaluate(AXE)
    options = {"runOnly": {"type": "tag", "values": RULES}}
    return [one["id"] for one in page.evaluate("(o) => axe.run(document, o)", options)["violations"]]


def shown(page, name, heading):
    """That step is shown, accessible, and its heading has the focus; keep a picture."""
    title = page.get_by_role("heading", name=heading)
    expect(title).to_be_visible()
    picture(page, name)
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def proved(page, box, number):
    """The address is typed, and the code from the letter."""
    page.goto("/sign-in")
    page.get_by_role("link", name="I lost my passkey").click()
    shown(page, f"recovery-{number}-1-address", "You lost your passkey")
    page.get_by_label("E-mail address").fill(ANN)
    page.keyboard.press("Enter")
    shown(page, f"recovery-{number}-2-mail", "Check your mail")
    page.get_by_label("Code", exact=True).fill(CODE.search(letter(box, "Your recovery code", number))[1])
    page.keyboard.press("Enter")
    shown(page, f"recovery-{number}-3-waiting", "Waiting, so that nobody takes your account")


def test_cancelled_once_completed_once_contested_once(tmp_path):
    with scene(tmp_path) as (served, box, launched):
        ann, _ = person(launched, served.origin)
        ann.goto(f"/enrol#{served.invite(ANN)}")
        ann.get_by_role("button", name="Make a passkey").click()
        ann.wait_for_url("**/account")
        codes(ann)

        lost, other = person(launched, served.origin, viewport={"width": 390, "height": 844})
        proved(lost, box, 1)
        cancelled(launched, served, box)
        lost.get_by_role("button", name="Make the new passkey").click(timeout=PATIENCE_S * 1000)
        expect(lost.get_by_role("alert")).to_contain_text("This recovery is over")
        ann.reload()
        expect(ann.get_by_role("heading", name="Your account")).to_be_visible()

        proved(lost, box, 2)
        lost.get_by_role("button", name="Make the new passkey").wait_for(timeout=PATIENCE_S * 1000)
        shown(lost, "recovery-2-4-make", "Make the new passkey")
        lost.get_by_role("button", name="Make the new passkey").click()
        shown(lost, "recovery-2-5-done", "Your account is yours again")
        expect(lost.locator("[data-sessions]")).to_have_text("One session was ended")
        expect(lost.get_by_text("Nothing about your role")).to_be_visible()
        ann.reload()
        ann.wait_for_url("**/sign-in?reason=account_recovered")
        lost.get_by_role("link", name="Sign in").click()  # there the offer of the new passkey is taken at once
        lost.wait_for_url("**/account")
        picture(lost, "recovery-2-6-account")
        assert len(other.credentials()) == 1

        contested(ann, box)
        lost.reload()
        lost.wait_for_url("**/sign-in?reason=recovery_contested")
        ann.goto("/sign-in")
        ann.wait_for_url("**/account")
        secrets_stay_out(served, box)


def codes(page):
    """The account offers recovery codes, and shows them once."""
    page.get_by_text("Make recovery codes").click()
    page.get_by_role("button", name="Make ten codes").click()
    slips = page.get_by_role("list", name="Your recovery codes").get_by_role("listitem")
    expect(slips).to_have_count(10)
    picture(page, "recovery-0-codes")
    page.reload()
    expect(slips).to_have_count(0)
    expect(page.get_by_text("10 of 10 printed codes are left")).to_be_visible()


def cancelled(launched, served, box):
    """The link of the notice is opened in a browser that knows nothing; opening it does nothing yet."""
    page, _ = person(launched, served.origin)
    link = LINK.search(letter(box, "Your account is being recovered"))[0]
    page.goto(link)
    assert "#" not in page.url
    picture(page, "recovery-1-4-cancel")
    assert faults(page) == []
    page.get_by_role("button", name="Cancel the recovery").click()
    expect(page.get_by_role("status")).to_contain_text("Nothing about the account has changed")
    page.goto("/signed-out")
    page.goto(link)
    page.get_by_role("button", name="Cancel the recovery").click()
    expect(page.get_by_role("alert")).to_contain_text("This recovery is over")


def contested(page, box):
    """The old passkey undoes it, by the link of the last notice."""
    page.goto(LINK.search(letter(box, "Your account was recovered"))[0])
    picture(page, "recovery-2-7-contest")
    assert faults(page) == []
    page.get_by_role("button", name="Undo it with my old passkey").click()
    expect(page.get_by_role("status")).to_contain_text("Your old passkeys sign in again")


def secrets_stay_out(served, box):
    """No code, no token of a link and no address stands in a log or in the database's files."""
    sent = "\n".join(one.get_content() for one in box.letters)
    secret = {ANN, *CODE.findall(sent), *(link.rpartition(".")[2] for link in LINK.findall(sent) if "#" in link)}
    kept = served.stderr().encode() + b"".join(path.read_bytes() for path in (served.folder / "data").glob("*"))
    assert len(secret) >= 5
    assert not [one for one in secret if one.encode() in kept]
