"""Who knows an address cannot keep its owner from recovering; and a code serves only where it was asked for."""

from contextlib import closing

import pytest

from ostiary.recovery.model import LETTERS_OF_ALL, MOST_LETTERS, MOST_WRONG, RESERVE, WRONG_OF_ALL, Tried
from tests.membrane.stage import Stage, code
from tests.recovery.story import Story
from tests.sessions.home import Home

MINUTES = 60 * 1_000_000


@pytest.fixture
def live(tmp_path):
    """A stage whose requests come from the address that they name."""
    with closing(Home(tmp_path, TRUSTED_PROXIES="127.0.0.1")) as home:
        yield Stage(home)


def jar(sent):
    """What the browser that asked sends along."""
    return {"cookie": sent.headers.header("set-cookie").partition(";")[0]}


def at(stage, address):
    """From now on requests come from this address."""
    stage.address = address


def guessed(story, times):
    """A browser asks for a code and types wrong ones."""
    sent = story.send(key=None)
    assert sent.status == 200, sent.json
    for _ in range(times):
        assert story.confirm(sent, "00000000", key=None, headers=jar(sent)).status == 403


def test_wrong_codes_of_a_stranger_do_not_silence_the_owner(live):
    owner = Story(live)
    for _ in range(5):
        guessed(owner, 5)
        live.home.clock.turn(6 * MINUTES)
    at(live, "198.18.7.7")
    mine = owner.send(key=None)
    assert owner.confirm(mine, owner.code(), key=None, headers=jar(mine)).status == 200


def test_wrong_codes_of_a_stranger_count_for_all_that_come_from_there(live):
    owner = Story(live)
    for _ in range(4):
        guessed(owner, 5)
        live.home.clock.turn(6 * MINUTES)
    mine = owner.send(key=None)
    heard = owner.confirm(mine, owner.code(), key=None, headers=jar(mine))
    assert (heard.status, code(heard)) == (403, "auth_recovery_code_refused")


def test_letters_that_a_stranger_asks_for_do_not_silence_the_owner(live):
    owner = Story(live)
    for _ in range(MOST_LETTERS // 4 + 1):
        for _ in range(4):
            assert owner.send(key=None).status == 200
        owner.letters()
        live.home.clock.turn(6 * MINUTES)
    assert len(owner.letters("recovery_code")) == MOST_LETTERS
    at(live, "198.18.7.7")
    assert {owner.send(key=None).status for _ in range(RESERVE + 1)} == {200}
    assert len(owner.letters("recovery_code")) == MOST_LETTERS + RESERVE


def test_a_stranger_at_an_application_does_not_throttle_its_users(live):
    owner = Story(live)
    assert {owner.send().status for _ in range(12)} == {200}


@pytest.mark.parametrize(
    ("tried", "asks", "guesses"),
    [
        (Tried(0, 0, 0, 0), True, True),
        (Tried(MOST_LETTERS - 1, MOST_LETTERS - 1, MOST_WRONG - 1, MOST_WRONG - 1), True, True),
        (Tried(MOST_LETTERS, MOST_LETTERS, MOST_WRONG, MOST_WRONG), False, False),
        (Tried(MOST_LETTERS, RESERVE - 1, MOST_WRONG, 0), True, True),
        (Tried(MOST_LETTERS, RESERVE, WRONG_OF_ALL - 1, MOST_WRONG - 1), False, True),
        (Tried(LETTERS_OF_ALL - 1, 0, WRONG_OF_ALL - 1, 0), True, True),
        (Tried(LETTERS_OF_ALL, 0, WRONG_OF_ALL, 0), False, False),
    ],
)
def test_the_bounds_of_a_day(tried, asks, guesses):
    assert (tried.may_ask, tried.may_guess) == (asks, guesses)


def test_a_code_that_one_browser_asked_for_is_not_taken_from_another(live):
    """And nothing is counted by it: who asked goes on."""
    owner = Story(live)
    sent = owner.send(key=None)
    right = owner.code()
    theirs = jar(owner.send("nobody@example.test", key=None))
    assert theirs != jar(sent)
    for _ in range(6):
        for elsewhere in ({"key": None, "headers": theirs}, {"key": None}, {}):
            heard = owner.confirm(sent, right, **elsewhere)
            assert (heard.status, code(heard)) == (403, "auth_recovery_code_refused")
    assert owner.confirm(sent, right, key=None, headers=jar(sent)).status == 200


def test_a_code_that_one_application_asked_for_is_not_taken_from_another(live):
    owner = Story(live)
    sent = owner.send()
    right = owner.code()
    for other in (None, live.key("client")):
        heard = owner.confirm(sent, right, key=other)
        assert (heard.status, code(heard)) == (403, "auth_recovery_code_refused")
    assert owner.confirm(sent, right).status == 200


def test_the_browser_that_asked_is_known_for_as_long_as_its_code_is_good(live):
    kept = Story(live).send(key=None).headers.header("set-cookie")
    assert "Max-Age=1200" in kept
