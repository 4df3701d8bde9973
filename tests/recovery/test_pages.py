"""What the pages and the browser's own operations do around a recovery."""

import pytest

PAGES = ("/recovery", "/recovery/code", "/recovery/cancel", "/recovery/contest")


@pytest.mark.parametrize("path", PAGES)
def test_a_link_shows_and_changes_nothing(home, path):
    before = home.dump()
    answer = home.visitor().send("GET", path, headers={"accept": "text/html"})
    assert answer.status == 200
    assert b"<h1>" in answer.body
    assert home.dump() == before


def test_the_door_leads_to_recovery(home):
    assert b'href="/recovery"' in home.visitor().send("GET", "/sign-in").body


@pytest.fixture
def recovered(lost):
    """A recovery that is done: (story, the browser that signs in with the new passkey)."""
    lost.recovered()
    visitor = lost.stage.home.visitor(lost.passkey)
    assert visitor.sign_in().status == 200
    return lost, visitor


def test_an_old_passkey_is_told_at_the_door_that_it_was_set_aside(recovered):
    lost, _ = recovered
    answer = lost.stage.home.visitor(lost.person.passkey).sign_in()
    assert (answer.status, answer.json["code"]) == (403, "passkey_quarantined")


@pytest.mark.parametrize("purpose", ["passkey.add", "passkey.remove", "recovery.codes", "session.issue"])
def test_while_it_can_be_contested_nothing_sensitive_is_even_asked(recovered, purpose):
    _, visitor = recovered
    begun = visitor.send("POST", "/api/v1/auth/presence/passkey/begin", {"purpose": purpose})
    assert (begun.status, begun.json["code"]) == (403, "auth_recovery_contestable")


def test_the_account_says_what_is_on_its_way_and_what_can_be_contested(lost):
    begun = lost.begin()
    own = lost.stage.home.visitor(lost.person.passkey)
    own.sign_in()
    assert begun["waits_until"].encode() in own.send("GET", "/account").body
    lost.wait()
    lost.register()
    done = lost.execute().json["body"]
    fresh = lost.stage.home.visitor(lost.passkey)
    fresh.sign_in()
    page = fresh.send("GET", "/account").body
    assert done["contest_until"].encode() in page
    assert [row["id"] for row in fresh.passkeys] == [lost.binding.partition(":")[2]]
