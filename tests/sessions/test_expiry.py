"""When a session dies: at the instant, not a microsecond later; what slides it, what is written behind, what clocks do."""

from contextlib import closing

import pytest

from ostiary import chores
from ostiary.house import open_house
from ostiary.kernel.clock import SECOND, system_clock
from ostiary.kernel.refusals import Code
from ostiary.sessions import service
from ostiary.sessions.model import EndReason, SessionSettings, ends_because, judge
from ostiary.sessions.seen import Seen
from tests.flows.browser import CSRF, SESSION
from tests.sessions.home import HOUR, MINUTE, OPERATOR, SPRING, Failing, Home, cause
from tests.sessions.test_negatives import T, session

IDLE, ABSOLUTE = HOUR, 8 * HOUR
SETTINGS = SessionSettings(idle=IDLE, absolute=ABSOLUTE)


# The rule


@pytest.mark.parametrize(
    ("seen", "at", "verdict"),
    [
        (T, T, None),
        (T, T + IDLE - 1, None),
        (T, T + IDLE, Code.SESSION_EXPIRED_IDLE),
        (T, T + IDLE + 1, Code.SESSION_EXPIRED_IDLE),
        (T + ABSOLUTE - 1, T + ABSOLUTE - 1, None),
        (T + ABSOLUTE - 1, T + ABSOLUTE, Code.SESSION_EXPIRED_ABSOLUTE),
        (T, T + ABSOLUTE, Code.SESSION_EXPIRED_ABSOLUTE),
    ],
)
def test_at_the_instant_it_is_dead_and_a_microsecond_before_alive(seen, at, verdict):
    assert judge(session(last_seen_at=seen), at, SETTINGS) is verdict


def test_an_ended_session_is_ended_before_it_is_anything_else():
    assert judge(session(ended_at=T + 1), T + 100 * HOUR, SETTINGS) is Code.SESSION_ENDED


def test_the_smaller_of_what_it_was_opened_with_and_the_setting_now_wins():
    opened = session(last_seen_at=T + 7 * HOUR)
    assert opened.hard_end(SessionSettings(absolute=2 * HOUR)) == T + 2 * HOUR
    assert opened.hard_end(SessionSettings(absolute=99 * HOUR)) == T + 8 * HOUR
    assert opened.idle_expires_at(SETTINGS) == T + 8 * HOUR
    assert opened.idle_expires_at(SessionSettings(idle=MINUTE)) == T + 7 * HOUR + MINUTE


def test_why_it_will_end():
    assert ends_because(session(), SETTINGS) == "idle_timeout"
    assert ends_because(session(last_seen_at=T + 7 * HOUR), SETTINGS) == "absolute_timeout"


# On the wire, warm (from memory) and cold (from the file)


@pytest.fixture(params=["warm", "cold"])
def opened(request, home):
    """(home, session, cookie, look): a session opened at an instant that the clock holds."""
    home.clock.hold()
    made, cookie = home.open()

    def look(at):
        """What a check at that instant says; cold: by a server that has just started."""
        if request.param == "cold":
            home.flush()
            home.crash()
        home.clock.hold(at)
        answer = home.check(cookie)
        return answer.status if answer.status == 200 else cause(answer)

    assert look(made.created_at) == 200
    return home, made, look


def test_idle_to_the_microsecond(opened):
    _, made, look = opened
    assert look(made.created_at + IDLE - 1) == 200
    assert look(made.created_at + 2 * IDLE - 2) == 200
    assert look(made.created_at + 3 * IDLE - 2) == "idle_timeout"
    assert look(made.created_at + 3 * IDLE - 1) == "idle_timeout", "what is dead stays dead"


def test_absolute_to_the_microsecond(opened):
    _, made, look = opened
    for step in range(1, 10):
        assert look(made.created_at + step * 50 * MINUTE) == 200
    assert look(made.created_at + ABSOLUTE - 1) == 200
    assert look(made.created_at + ABSOLUTE) == "absolute_timeout"


def test_what_the_check_says_about_the_end_is_when_it_dies(opened):
    home, made, _ = opened
    assert home.check(None).header("ostiary-expires") == "-"
    cookie = home.open()[1]
    assert int(home.check(cookie).header("ostiary-expires")) == (home.clock() + ABSOLUTE) // SECOND
    assert made.absolute_expires_at == made.created_at + ABSOLUTE


# Only a 200 slides


def quiet(home, visitor):
    """Every way of knocking that does not end in a success."""
    foreign = {"headers": {"origin": "https://evil.test"}}
    yield visitor.check("/unknown"), 403
    yield visitor.check(headers={"origin": "https://evil.test"}), 403
    yield visitor.check(headers={"host": "evil.test"}), 403
    yield visitor.check(headers={"cookie": f"{SESSION}={visitor.cookies[SESSION]}; {SESSION}=x"}), 401
    yield visitor.send("DELETE", "/api/v1/auth/sessions?except=current", headers={"x-csrf-token": "x"}), 403
    yield visitor.send("DELETE", "/api/v1/auth/sessions?except=all"), 400
    yield visitor.send("DELETE", f"/api/v1/auth/sessions/{home.open()[0].id}"), 404
    yield visitor.send("DELETE", "/api/v1/auth/sessions?except=current", **foreign), 403
    yield (
        visitor.send("POST", "/api/v1/auth/passkeys/begin", raw=b"{", headers={"content-type": "application/json"}),
        400,
    )
    yield visitor.send("GET", "/api/v1/auth/nothing"), 404
    yield visitor.send("GET", "/openapi.json"), 200


def test_only_a_success_of_the_session_slides_it(home):
    visitor = home.enrolled()
    home.clock.hold()
    home.clock.turn(59 * MINUTE)
    home.clock.release()
    for answer, status in quiet(home, visitor):
        assert answer.status == status, answer.body
    home.clock.turn(MINUTE)
    assert cause(visitor.check()) == "idle_timeout"


@pytest.mark.parametrize(
    ("method", "path", "internal"),
    [
        ("GET", "/check", True),
        ("POST", "/check/default/deep?x=1", True),
        ("GET", "/api/v1/auth/me", False),
        ("GET", "/api/v1/auth/sessions", False),
        ("DELETE", "/api/v1/auth/sessions?except=current", False),
        ("GET", "/account", False),
    ],
)
def test_each_success_slides(home, method, path, internal):
    visitor = home.enrolled()
    home.clock.turn(59 * MINUTE)
    assert visitor.send(method, path, internal=internal).status == 200
    home.clock.turn(59 * MINUTE)
    assert visitor.check().status == 200


def test_a_check_that_the_store_cannot_answer_does_not_slide(homes):
    home = homes(vault=lambda house: Failing(house.vault))
    visitor = home.enrolled()
    home.clock.turn(59 * MINUTE)
    home.house.vault.down = True
    assert visitor.send("GET", "/api/v1/auth/me").status == 503
    assert visitor.send("GET", "/account").status == 503
    home.house.vault.down = False
    home.clock.turn(MINUTE)
    assert cause(visitor.check()) == "idle_timeout"


def test_uses_are_noted_once_in_a_hundredth_of_the_idle_time(home):
    made, cookie = home.open()
    home.clock.hold(made.created_at)
    for micros, written in ((IDLE // 100 - 1, 0), (IDLE // 100, 1)):
        home.clock.hold(made.created_at + micros)
        assert home.check(cookie).status == 200
        home.flush()
        assert len(home.rows("SELECT * FROM session_seen")) == written


# Written behind


def stored(home, session):
    rows = dict(home.rows("SELECT session_id, last_seen_at FROM session_seen"))
    return rows.get(session.id)


def test_last_seen_is_written_in_batches_on_a_clean_stop_and_survives_it(home):
    made, cookie = home.open()
    home.clock.turn(50 * MINUTE)
    assert home.check(cookie).status == 200
    assert stored(home, made) is None
    home.restart()
    assert stored(home, made) >= made.created_at + 50 * MINUTE
    home.clock.turn(50 * MINUTE)
    assert home.check(cookie).status == 200


def test_losing_a_batch_only_shortens(home):
    made, cookie = home.open()
    home.clock.turn(50 * MINUTE)
    assert home.check(cookie).status == 200
    home.crash()
    assert stored(home, made) is None
    assert home.check(cookie).status == 200
    home.crash()
    home.clock.turn(10 * MINUTE)
    assert cause(home.check(cookie)) == "idle_timeout"


def test_a_batch_larger_than_one_transaction_is_written_whole(home):
    person = [home.open() for _ in range(3)]
    seen = Seen()
    for number in range(1201):
        seen.note(f"ses-{number}", SPRING)
    for made, _ in person:
        seen.note(made.id, made.created_at + MINUTE)
    home.run(chores.write_seen(home.house, seen))
    assert {stored(home, made) - made.created_at for made, _ in person} == {MINUTE}
    assert len(home.rows("SELECT * FROM session_seen")) == 3, "nothing is kept of sessions that are not there"
    assert seen.drain() == {}


def test_last_seen_never_moves_back(home):
    made, _ = home.open()
    for at in (5, 3, 5, 4):
        home.act(lambda tx, at=at: service.write_seen(tx, [(made.id, made.created_at + at)]))
        assert stored(home, made) == made.created_at + 5


def test_a_use_counts_while_its_batch_is_on_its_way():
    seen = Seen()
    seen.note("ses-1", T + 10)
    assert seen.drain() == {"ses-1": T + 10}
    current = session(last_seen_at=T)
    assert seen.refreshed(current) == current, "of another session"
    mine = session_called("ses-1", T)
    assert seen.refreshed(mine).last_seen_at == T + 10
    seen.note("ses-1", T + 20)
    assert seen.refreshed(mine).last_seen_at == T + 20
    seen.written()
    assert seen.refreshed(mine).last_seen_at == T + 20
    assert seen.drain() == {"ses-1": T + 20}


def test_a_batch_that_could_not_be_written_is_handed_over_again_with_the_newer_uses():
    seen = Seen()
    seen.note("ses-1", T + 10)
    seen.note("ses-2", T + 10)
    seen.drain()
    seen.note("ses-1", T + 20)
    assert seen.drain() == {"ses-1": T + 20, "ses-2": T + 10}
    seen.written()
    assert seen.drain() == {}


def test_what_is_stored_wins_where_it_is_newer():
    seen = Seen()
    seen.note("ses-1", T + 10)
    assert seen.refreshed(session_called("ses-1", T + 99)).last_seen_at == T + 99


def session_called(name, seen):
    made = session(last_seen_at=seen)
    return type(made)(**{**{field: getattr(made, field) for field in made.__struct_fields__}, "id": name})


def test_a_flush_that_fails_is_tried_again_and_loses_nothing(homes):
    home = homes(vault=lambda house: Failing(house.vault))
    made, cookie = home.open()
    home.clock.turn(50 * MINUTE)
    assert home.check(cookie).status == 200
    home.house.vault.down = True
    home.flush()
    assert stored(home, made) is None
    home.house.vault.down = False
    home.flush()
    assert stored(home, made) >= made.created_at + 50 * MINUTE


# Two cookies


def test_two_session_cookies_in_one_request_are_refused(home):
    visitor = home.enrolled()
    mine, other = visitor.cookies[SESSION], home.open()[1]
    for pair in ((mine, mine), (mine, other), (mine, ""), ("", mine), (mine, "x")):
        line = "; ".join(f"{SESSION}={value}" for value in pair)
        spread = f"a=b; {SESSION}={pair[0]}; {CSRF}=c;{SESSION}={pair[1]}"
        for header in (line, spread):
            for internal, path in ((True, "/check"), (False, "/api/v1/auth/me")):
                answer = visitor.send("GET", path, internal=internal, headers={"cookie": header})
                assert (answer.status, cause(answer)) == (401, "invalid_token")
    assert visitor.check().status == 200


def test_two_session_cookies_in_two_headers_are_refused_too(home):
    visitor = home.enrolled()
    mine, other = visitor.cookies[SESSION], home.open()[1]
    for internal, path in ((True, "/check"), (False, "/api/v1/auth/me"), (False, "/account")):
        for second, status in ((f"{SESSION}={other}", (401, 303)), ("a=b", (200,))):
            headers = {"cookie": f"{SESSION}={mine}", "Cookie": second}
            assert visitor.send("GET", path, internal=internal, headers=headers).status in status, (path, second)


# Clocks


def test_a_restart_with_an_earlier_wall_clock_reads_no_time_that_has_been(tmp_path):
    with closing(Home(tmp_path)) as home:
        made, cookie = home.open()
        home.clock.turn(30 * MINUTE)
        assert home.check(cookie).status == 200
        home.clock.turn(20 * MINUTE)
        session_seen = home.clock() - 20 * MINUTE
        home.beside().act(lambda tx: service.end(tx, OPERATOR, "ses-unknown", EndReason.SIGNED_OUT))
        newest = home.last().at
        home.restart()
        assert home.floor >= newest >= session_seen
        for wall in (0, SPRING - 1000 * HOUR, made.created_at):
            house = open_house(home.settings, clock=lambda floor, wall=wall: system_clock(floor, lambda: wall * 1000))
            with closing(house):
                assert newest <= house.clock() < newest + MINUTE


def test_no_clock_reads_earlier_than_the_last_use_that_was_written(home):
    _, cookie = home.open()
    home.clock.turn(45 * MINUTE)
    assert home.check(cookie).status == 200
    home.flush()
    used = home.rows("SELECT last_seen_at FROM session_seen")[0][0]
    assert used > home.last().at
    home.restart()
    assert home.floor >= used


def test_the_floor_is_the_latest_time_even_if_the_last_receipt_is_not_the_latest(home):
    home.clock.turn(2 * HOUR)
    home.open()
    latest = home.last().at
    home.clock.turn(-HOUR)
    home.open()
    assert home.last().at < latest
    home.restart()
    assert home.floor >= latest


def test_an_expired_session_does_not_rise_when_the_wall_clock_is_set_back_between_runs(home):
    _, cookie = home.open()
    home.clock.turn(2 * HOUR)
    home.open()
    assert cause(home.check(cookie)) == "idle_timeout"
    floor = home.clock()
    home.house.close()
    home.clock.turn(-2 * HOUR)
    home.clock = Floored(home.clock)
    home.boot()
    assert home.clock.floor <= floor
    assert home.clock() >= home.clock.floor
    assert cause(home.check(cookie)) == "idle_timeout"


class Floored:
    """The wall clock `inner` as the server reads it: at its start never below the floor."""

    def __init__(self, inner):
        self.inner, self.floor = inner, 0
        self.ahead = 0

    def at_least(self, floor):
        self.floor = floor
        self.ahead = max(0, floor - self.inner())

    def __call__(self):
        return self.inner() + self.ahead


# Settings


def test_a_shorter_idle_time_at_restart_shortens_living_sessions(home):
    _, cookie = home.open()
    home.clock.turn(20 * MINUTE)
    assert home.check(cookie).status == 200
    home.clock.turn(11 * MINUTE)
    home.restart(SESSION_IDLE_TIMEOUT="10m")
    assert cause(home.check(cookie)) == "idle_timeout"


def test_a_shorter_absolute_time_at_restart_shortens_living_sessions(home):
    made, cookie = home.open()
    for _ in range(3):
        home.clock.turn(50 * MINUTE)
        assert home.check(cookie).status == 200
    home.restart(SESSION_ABSOLUTE_TIMEOUT="2h")
    assert cause(home.check(cookie)) == "absolute_timeout"
    home.restart(SESSION_ABSOLUTE_TIMEOUT="8h")
    assert home.check(cookie).status == 200
    home.restart(SESSION_ABSOLUTE_TIMEOUT="20h")
    home.clock.hold(made.created_at + 8 * HOUR)
    assert cause(home.check(cookie)) == "absolute_timeout", "a longer setting lengthens nobody's life"


def test_a_session_past_its_idle_time_ends_with_the_others_and_no_longer_setting_brings_it_back(home):
    visitor = home.enrolled()
    forgotten = home.visitor(visitor.passkey)
    assert forgotten.sign_in().status == 200
    for _ in range(2):
        home.clock.turn(40 * MINUTE)
        assert visitor.check().status == 200
    assert visitor.send("DELETE", "/api/v1/auth/sessions?except=current").json == {"revoked_count": 0}
    home.restart(SESSION_IDLE_TIMEOUT="4h")
    assert cause(forgotten.check()) == "ended_by_person"
