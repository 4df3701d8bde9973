"""The rules of e-mail codes by themselves: every move there is, the reader's language, what a time zone and a code are."""

import asyncio
import itertools

import pytest

from ostiary.login.methods.email_code.challenges import Asking
from ostiary.login.methods.email_code.device import Confirmation
from ostiary.login.methods.email_code.device_routes import DeviceCodeTyped, DeviceCodeWanted
from ostiary.login.methods.email_code.letters import code_letter
from ostiary.login.methods.email_code.method import EmailCodeAnswer, EmailCodeBegin
from ostiary.login.methods.email_code.model import (
    LOCALES,
    MOST_FAILURES,
    MOVES,
    QUANTUM_S,
    Challenge,
    Flow,
    Happening,
    State,
    is_time_zone,
    locale_of,
    plain_code,
)
from ostiary.login.pace import Paced

TERMINAL = {State.EXPIRED, State.FAILED, State.CANCELLED}


def challenge(state, failures=0):
    return Challenge("challenge-x", "default", Flow.DEVICE, "", "", "", b"", "", "en", state, failures, 0, 100)


def test_nothing_leaves_a_terminal_state():
    assert not [was for was, _ in MOVES if was in TERMINAL]
    assert set(MOVES.values()) == set(State) - {State.PENDING_SEND, State.THROTTLED}


def test_only_what_was_sent_is_ever_confirmed():
    assert [was for (was, happening), _ in MOVES.items() if happening is Happening.CONFIRMED] == [State.SENT]


def test_every_living_state_comes_to_an_end():
    for state in set(State) - TERMINAL:
        assert MOVES[state, Happening.TIME] is State.EXPIRED


def test_what_answers_a_right_code():
    answering = [state for state in State if challenge(state).answers]
    assert answering == [State.SENT, State.CONFIRMED]
    assert not challenge(State.SENT, MOST_FAILURES).answers
    assert challenge(State.SENT, MOST_FAILURES - 1).answers


def test_over_at_the_instant():
    for state, now in itertools.product(State, (99, 100)):
        assert challenge(state).over(now) is (state in TERMINAL or now == 100)


@pytest.mark.parametrize(
    ("asked", "locale"),
    [
        ("", "en"),
        ("de", "de"),
        ("DE-at", "de"),
        ("fr-CA,fr;q=0.8,en;q=0.5", "fr"),
        ("xx,yy;q=0.9", "en"),
        ("en;q=0.2,de;q=0.9", "de"),
        ("de;q=0,fr;q=0.1", "fr"),
        ("de;q=0", "en"),
        ("*", "en"),
        ("de;q=x,fr", "fr"),
        ("de;level=1", "en"),
        ("de\r\nfr", "en"),
        ("," * 5000 + "de", "en"),
        ("de" * 5000, "en"),
    ],
)
def test_the_readers_language(asked, locale):
    assert locale_of(asked) == locale


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_time_zones(zone):
    assert is_time_zone(zone)


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "", "Europe/Berlin\n", "../../etc/passwd", "Europe//Berlin", "x" * 999]
)
def test_what_is_no_time_zone(zone):
    assert not is_time_zone(zone)


def test_a_code_may_be_typed_as_people_write_it():
    assert plain_code(" 123-456\n") == plain_code("123 456") == "123456"


@pytest.mark.parametrize("locale", LOCALES)
def test_letters_are_whole_in_every_language(locale):
    letter = code_letter("https://id.example.test", "challenge-x", "012345", "ann@example.test", locale)
    assert "012345" in letter.text
    assert "https://id.example.test" in letter.text
    assert "{" not in letter.text
    assert letter.faults == ()
    assert (letter.code, letter.locale, letter.key) == ("012345", locale, "challenge-x")
    assert letter.code not in repr(letter)


@pytest.mark.parametrize("spent", [0.0, 0.01, QUANTUM_S - 0.001, QUANTUM_S, QUANTUM_S + 0.01, 3.7 * QUANTUM_S])
def test_an_answer_comes_at_a_multiple(spent):
    multiple = (spent + Paced(QUANTUM_S).left(spent)) / QUANTUM_S
    assert multiple == pytest.approx(round(multiple))
    assert 0 <= Paced(QUANTUM_S).left(spent) < QUANTUM_S
    assert Paced(0).left(spent) == 0


def test_it_waits_for_what_is_left():
    async def paced():
        loop = asyncio.get_running_loop()
        began = loop.time()
        await Paced(QUANTUM_S).until(began)
        return loop.time() - began

    assert asyncio.run(paced()) >= QUANTUM_S * 0.99


def test_nothing_prints_a_code_or_an_address():
    code, address = "012345", "ann@example.test"
    for shown in (
        Asking(Flow.DEVICE, address, "en"),
        Confirmation("challenge-x", code, "key"),
        DeviceCodeWanted(address),
        DeviceCodeTyped("challenge-x", code, "key"),
        EmailCodeBegin(address),
        EmailCodeAnswer("attempt", code),
    ):
        assert code not in repr(shown)
        assert address not in repr(shown)
