"""The promise of the check on both databases: what lives is admitted, what ended is refused once its end is acknowledged."""

import asyncio
import os
import subprocess
import threading

from tests.flows.browser import SESSION
from tests.flows.server import OSTIARY
from tests.login.gatehouse import call
from tests.sessions.home import HOUR, MINUTE, cause


def test_a_session_lives_until_somebody_ends_it_from_another_process(anywhere):
    home, neighbour = anywhere, anywhere.beside()
    for _ in range(5):
        session, cookie = home.open()
        for _ in range(3):
            assert home.check(cookie).status == 200
        neighbour.end(session.id)
        answer = home.check(cookie)
        assert (answer.status, cause(answer)) == (401, "ended_by_operator")


def test_a_session_lives_until_its_person_ends_it_here(anywhere):
    visitor = anywhere.enrolled()
    other = anywhere.visitor(visitor.passkey)
    assert other.sign_in().status == 200
    assert other.check().status == 200
    assert visitor.send("DELETE", "/api/v1/auth/sessions?except=current").json == {"revoked_count": 1}
    assert cause(other.check()) == "ended_by_person"
    assert visitor.check().status == 200


def test_expiry_is_exact(anywhere):
    home = anywhere
    home.clock.hold()
    session, cookie = home.open()
    home.clock.hold(session.created_at + HOUR - 1)
    assert home.check(cookie).status == 200
    home.clock.hold(session.created_at + 2 * HOUR - 1)
    assert cause(home.check(cookie)) == "idle_timeout"
    second, cookie = home.open()
    for step in range(1, 16):
        home.clock.hold(second.created_at + step * HOUR // 2)
        assert home.check(cookie).status == 200
    home.clock.hold(second.created_at + 8 * HOUR - 1)
    assert home.check(cookie).status == 200
    home.clock.hold(second.created_at + 8 * HOUR)
    assert cause(home.check(cookie)) == "absolute_timeout"


def test_last_uses_are_written_behind_and_count_on_every_node_once_they_are(anywhere):
    home = anywhere
    _, cookie = home.open()
    home.clock.turn(50 * MINUTE)
    assert home.check(cookie).status == 200
    home.restart()
    home.clock.turn(50 * MINUTE)
    assert home.check(cookie).status == 200
    home.crash()
    home.clock.turn(30 * MINUTE)
    assert cause(home.check(cookie)) == "idle_timeout", "a batch that was lost only shortens"


def test_everything_that_can_expire_is_collected(anywhere):
    home = anywhere
    visitor = home.enrolled()
    assert visitor.check().status == 200
    visitor.presence("passkey.add")
    home.beside().end(home.open()[0].id)
    home.beside().rotate()
    home.clock.turn(30 * MINUTE)
    assert visitor.check().status == 200
    home.flush()
    home.collect()
    assert home.rows("SELECT count(*) FROM session_seen") == [(1,)]
    home.clock.turn(26 * HOUR)
    home.collect()
    for table in ("sessions", "session_seen", "challenges", "presence", "invitations"):
        assert home.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert home.rows("SELECT count(*) FROM outbox") == [(1,)]
    assert home.rows("SELECT count(*) FROM keys WHERE purpose = 'session'") == [(1,)]
    events = [one.operation for one in home.receipts() if one.operation.endswith(".collect")]
    assert sorted(events) == ["challenge.collect", "invitation.collect", "key.collect", "session.collect"]


def test_no_check_sent_after_an_end_was_acknowledged_is_accepted_while_many_check(anywhere):
    """Checks go on and on in this loop while another process ends one session after the other."""
    home, neighbour, count = anywhere, anywhere.beside(), 40
    living = dict(home.open() for _ in range(count))
    cookies = {session.id: cookie for session, cookie in living.items()}
    ended, seen_alive, late = [], set(), []

    def end():
        for session in cookies:
            neighbour.end(session)
            ended.append(session)

    async def check(session):
        known = len(ended)
        headers = {"host": "localhost", "cookie": f"{SESSION}={cookies[session]}"}
        answer = await call(home.application.internal, "GET", "/check", b"", headers)
        if answer.status == 200:
            seen_alive.add(session)
            if session in ended[:known]:
                late.append(session)
        return answer.status

    async def go_on():
        ending = threading.Thread(target=end)
        ending.start()
        while ending.is_alive():
            await asyncio.gather(*(check(session) for session in cookies))
        ending.join()
        return await asyncio.gather(*(check(session) for session in cookies))

    assert set(home.run(go_on())) == {401}
    assert late == []
    assert seen_alive, "nothing was ever alive: this proves nothing"


def test_an_end_by_the_command_line_is_felt_by_the_first_check_after_its_line(home):
    """A real process beside this one, fed one session at a time."""
    ours = {"OSTIARY_DATA_DIR": str(home.settings.data_dir)}
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OSTIARY_")} | ours
    with subprocess.Popen(
        [*OSTIARY, "sessions", "revoke", "--stdin"],
        env=environ,
        cwd=home.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        for _ in range(10):
            session, cookie = home.open()
            assert home.check(cookie).status == 200
            process.stdin.write(session.id + "\n")
            assert session.id in process.stdout.readline()
            answer = home.check(cookie)
            assert (answer.status, cause(answer)) == (401, "ended_by_operator")
        process.stdin.close()
        assert process.wait(30) == 0


def test_the_cache_keeps_its_bound_under_more_sessions_than_it_holds(homes):
    home = homes()
    cache = home.application.internal._check._liveness
    cache._most = 5
    cookies = [home.open()[1] for _ in range(12)]
    for _ in range(2):
        assert {home.check(cookie).status for cookie in cookies} == {200}
        assert len(cache._entries) == 5


def test_announcements_collected_while_a_node_slept_do_not_hide_an_end(home):
    """The outbox loses the row of an end before this node has looked again."""
    kept, cookie = home.open()
    gone, dead = home.open()
    assert home.check(cookie).status == home.check(dead).status == 200
    neighbour = home.beside()
    neighbour.end(gone.id)
    neighbour.end(home.open()[0].id)
    home.write("DELETE FROM outbox WHERE id < (SELECT max(id) FROM outbox)")
    assert cause(home.check(dead)) == "ended_by_operator"
    assert home.check(cookie).status == 200
    neighbour.end(kept.id)
    assert cause(home.check(cookie)) == "ended_by_operator"
