"""A person's devices on their page, in a real browser: shown among their sessions, ended one by one and all at once."""

import pytest
from playwright.sync_api import expect

from tests.console import test_browser as door
from tests.flows.seed import devices_of
from tests.sessions.home import HOUR

pytestmark = pytest.mark.chromium
browser, page, authenticator, token, enrolled = door.browser, door.page, door.authenticator, door.token, door.enrolled
NAME = "Device, signed in by e-mail code"


@pytest.fixture
def devices(page, enrolled, shared_server):
    """Two devices of the person who is signed in, one of them for an hour; the page shows them."""
    mine = page.locator("[data-session]").get_attribute("data-session")
    (row,) = shared_server.json("sessions", "show", mine)
    made = devices_of(shared_server, row["person"], 0, HOUR)
    page.goto("/account")
    return made


def ended_because(served, session):
    return served.json("sessions", "show", session)[0]["because"]


def test_devices_are_shown_and_ended_one_by_one_and_all_at_once(page, devices, shared_server):
    lasting, passing = devices
    rows = page.get_by_role("listitem").filter(has_text=NAME)
    expect(rows).to_have_count(2)
    row = rows.filter(has=page.locator(f'[data-id="{lasting}"]'))
    expect(row).to_contain_text("When you end it")
    expect(row).to_contain_text("A code from a letter to your address")
    expect(rows.filter(has=page.locator(f'[data-id="{passing}"]'))).not_to_contain_text("When you end it")
    for one in rows.all():
        expect(one).not_to_contain_text("Last seen")
    row.get_by_role("button", name=f"End the session {NAME}").click()
    expect(door.news(page)).to_have_text(f"The session {NAME} has ended.")
    expect(rows).to_have_count(1)
    assert ended_because(shared_server, lasting) == "device_logout"
    page.get_by_role("button", name="End all other sessions").click()
    expect(door.news(page)).to_have_text("One session has ended.")
    expect(page.get_by_text("You are signed in nowhere else.")).to_be_visible()
    assert ended_because(shared_server, passing) == "logout_all"


@pytest.mark.usefixtures("devices")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_page_with_devices_is_accessible_and_fits(page, scheme, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert door.faults(page, "/account", width) == []
    assert door.overflow(page) == []
    expect(page.get_by_role("listitem").filter(has_text=NAME)).to_have_count(2)
