"""`ostiary sessions`: what lives and why, what ended and why, ending many."""

import os
import subprocess
from contextlib import closing

import pytest

from ostiary.cli.sessions import batches
from ostiary.house import open_house
from ostiary.sessions.device import service as devices
from ostiary.settings import read_settings
from tests.cli.shell import OSTIARY, kinds
from tests.flows.browser import Browser
from tests.flows.seed import devices_of, opened_for, seed
from tests.sessions.home import HOUR

SESSION = {
    "id": "str",
    "kind": "str",
    "person": "str",
    "state": "str",
    "because": "str",
    "will_end_by": "str",
    "label": "str",
    "opened_by": "str",
    "created_at": "str",
    "last_seen_at": "str",
    "idle_expires_at": "str",
    "absolute_expires_at": "str",
    "scopes": "NoneType",
    "refreshable_until": "NoneType",
    "ended_at": "NoneType",
}


def test_a_living_session_says_why_it_lives(peopled):
    row = peopled.rows("sessions", "list")[0]
    assert kinds(row) == SESSION
    assert (row["state"], row["because"], row["will_end_by"]) == ("alive", "passkey", "idle_timeout")
    assert row["label"] == "Seed on Linux"
    assert peopled.rows("sessions", "show", row["id"]) == [row]


def test_an_ended_one_says_why_it_ended(peopled):
    session = peopled.sessions[1]
    peopled.done("sessions", "revoke", session)
    row = peopled.rows("sessions", "show", session)[0]
    assert kinds(row) == {**SESSION, "will_end_by": "NoneType", "ended_at": "str"}
    assert (row["state"], row["because"]) == ("ended", "ended_by_operator")
    assert "ended by operator" not in peopled.done("sessions", "show", session)
    assert f"id                   {session}" in peopled.done("sessions", "show", session)


def test_an_expired_one_says_which_limit(peopled):
    peopled.set(SESSION_IDLE_TIMEOUT="1ms")
    assert {row["because"] for row in peopled.rows("sessions", "list")} == {"idle_timeout"}


def test_lists_are_bounded_and_of_one_person(peopled):
    other = "user-DDDDDDDDDDDDDDDDDDDDDA"
    theirs = list(opened_for(peopled, [other, other]))
    assert len(peopled.rows("sessions", "list", "--most", "4")) == 4
    assert {row["id"] for row in peopled.rows("sessions", "list", "--person", other)} == set(theirs)
    assert len(peopled.rows("sessions", "list", "--person", other, "--most", "1")) == 1
    peopled.done("sessions", "revoke", theirs[0])
    assert [row["id"] for row in peopled.rows("sessions", "list", "--person", other)] == [theirs[1]]
    nobody = f"user-{'Z' * 21}A"
    assert peopled.done("sessions", "list", "--person", nobody) == "No session.\n"
    assert peopled.rows("sessions", "list", "--person", nobody) == []


@pytest.mark.parametrize("odd", ["bogus", "user-nobody", "ses-AAAAAAAAAAAAAAAAAAAAAA"])
def test_sessions_of_what_is_no_person_are_not_looked_for(peopled, odd):
    code, out, err = peopled("sessions", "list", "--person", odd)
    assert (code, out) == (1, "")
    assert err.startswith(f"ostiary: {odd}: There is no such person.")


@pytest.mark.parametrize("unknown", ["ses-nope", "x" * 100_000, "ses-AAAAAAAAAAAAAAAAAAAAAA"])
def test_an_unknown_id_is_refused(peopled, unknown):
    for words in (["sessions", "show", unknown], ["sessions", "revoke", unknown]):
        code, out, err = peopled(*words)
        assert (code, out) == (1, "")
        assert "There is no such session" in err
    assert len(peopled.rows("receipts", "list", "--most", "1")[0]["subject"]) < 30


def test_one_line_for_each_end_and_the_unknown_ones_do_not_stop_the_others(peopled):
    first, second, third = peopled.sessions
    code, out, err = peopled("sessions", "revoke", first, "ses-nope", second)
    assert code == 1
    assert [line.split()[1:] for line in out.splitlines()] == [["ended", first], ["ended", second]]
    assert err.count("\n") == 1
    assert err.startswith("ostiary: ses-nope: ")
    assert {row["id"]: row["state"] for row in peopled.rows("sessions", "list")} == {
        first: "ended",
        second: "ended",
        third: "alive",
    }


def test_acknowledgements_as_json(peopled):
    rows = peopled.rows("sessions", "revoke", *peopled.sessions)
    assert [row["id"] for row in rows] == peopled.sessions
    assert kinds(rows[0]) == {"id": "str", "acknowledged_at": "str"}


def test_ending_it_again_is_no_error_and_leaves_no_second_receipt(peopled):
    session = peopled.sessions[0]
    peopled.done("sessions", "revoke", session, session)
    peopled.done("sessions", "revoke", session)
    ends = [row for row in peopled.rows("receipts", "list") if row["operation"] == "session.end"]
    assert [row["subject"] for row in ends] == [session]
    assert ends[0]["actor"].startswith("operator:")


def test_what_has_arrived_is_taken_at_once():
    reading, writing = os.pipe()
    arriving = batches(reading)
    os.write(writing, b"one\ntwo\nthr")
    assert next(arriving) == ["one", "two"]
    os.write(writing, b"ee\n\n  four \r\n\xff\n")
    assert next(arriving) == ["three", "four", "\\xff"]
    os.write(writing, b"last")
    os.close(writing)
    assert [line for batch in arriving for line in batch] == ["last"]
    os.close(reading)


def stream(shell):
    return subprocess.Popen(
        [*OSTIARY, "sessions", "revoke", "--stdin"],
        env=shell.environ,
        cwd=shell.place,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def test_a_stream_is_answered_line_by_line_while_it_stays_open(peopled):
    with stream(peopled) as process:
        for session in peopled.sessions[:2]:
            process.stdin.write(f"{session}\n")
            moment, word, acknowledged = process.stdout.readline().split()
            assert (word, acknowledged) == ("ended", session)
            assert float(moment) > 1_600_000_000
            assert peopled.rows("sessions", "show", session)[0]["state"] == "ended"
        process.stdin.write("ses-nope\n")
        assert "ses-nope" in process.stderr.readline()
        process.stdin.write(peopled.sessions[2])
        process.stdin.close()
        assert process.stdout.readline().split()[-1] == peopled.sessions[2]
        assert process.wait(30) == 1


def test_a_thousand_ids_are_one_stream_and_each_is_acknowledged(settled):
    sessions = list(seed(settled, 1000))
    given = "\n".join(sessions)
    done = subprocess.run(
        [*OSTIARY, "sessions", "revoke", "--stdin"],
        env=settled.environ,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert [line.split()[-1] for line in done.stdout.splitlines()] == sessions
    assert {row["state"] for row in settled.rows("sessions", "list", "--most", "2000")} == {"ended"}


def test_the_running_server_hears_of_it(server):
    person = Browser(server)
    person.enrol(server.token)
    assert person.check().status == 200
    server.cli("sessions", "revoke", "--stdin", stdin=person.session)
    assert person.check().status == 401


def test_a_bearer_token_is_printed_once_listed_and_ended(settled):
    settled.done("people", "add", "--email", "ada@example.test")
    person = settled.rows("people", "list")[0]["id"]
    (made,) = settled.rows("sessions", "issue", "--person", person, "--label", "Backup job", "--ttl", "60")
    assert made["token"].startswith(f"v1.{made['id']}.")
    (row,) = settled.rows("sessions", "list")
    assert (row["id"], row["kind"], row["label"], row["because"]) == (made["id"], "bearer", "Backup job", "operator")
    assert made["id"] in settled.done("sessions", "revoke", made["id"])
    assert settled.rows("sessions", "show", made["id"])[0]["because"] == "ended_by_operator"


def test_the_scopes_of_a_token_are_shown_as_words(settled):
    person = settled.rows("people", "add", "--email", "ada@example.test")[0]["person"]
    for scope in ("b.write", "a.read"):
        settled.done("people", "grant", person, scope)
    asked = ("sessions", "issue", "--person", person, "--label", "x")
    (made,) = settled.rows(*asked, "--scope", "a.read", "--scope", "b.write")
    (bare,) = settled.rows(*asked)
    assert "\nscopes               a.read b.write\n" in settled.done("sessions", "show", made["id"])
    assert "\nscopes               -\n" in settled.done("sessions", "show", bare["id"])


def test_nobody_unknown_gets_a_token(settled):
    code, out, err = settled("sessions", "issue", "--person", "user-AAAAAAAAAAAAAAAAAAAAAA", "--label", "x")
    assert (code, out, "person_unknown" in err) == (1, "", True), err
    code, _, err = settled("sessions", "issue", "--person", "user-AAAAAAAAAAAAAAAAAAAAAA", "--label", " ")
    assert (code, "a label of" in err) == (2, True)


@pytest.mark.parametrize(
    ("settings", "ttl", "says"),
    [
        ({}, "60", None),
        ({}, "0", None),
        ({}, "86401", "OSTIARY_SESSION_BEARER_TIMEOUT allows no more."),
        ({"SESSION_REFRESH_TIMEOUT": "1m"}, "61", "OSTIARY_SESSION_REFRESH_TIMEOUT allows no more."),
    ],
)
def test_a_tokens_end_is_told_beside_it_and_that_it_comes_sooner_than_was_wished(settled, settings, ttl, says):
    settled.set(**settings)
    person = settled.rows("people", "add", "--email", "ada@example.test")[0]["person"]
    code, out, err = settled("sessions", "issue", "--person", person, "--label", "x", "--ttl", ttl)
    row = settled.rows("sessions", "list")[0]
    assert (code, out.startswith(f"v1.{row['id']}."), out.count("\n")) == (0, True, 1)
    end = row["absolute_expires_at"][:19].replace("T", " ")
    first, *rest = err.splitlines()
    assert first == f"The token ends at {end} UTC at the latest."
    assert rest == ([f"That is sooner than was asked for: {says}"] if says else [])


@pytest.fixture
def ann(settled):
    return settled.rows("people", "add", "--email", "ann@example.test")[0]["person"]


def test_a_devices_session_is_listed_and_shown_like_the_others(settled, ann):
    (browser,) = opened_for(settled, [ann])
    (device,) = devices_of(settled, ann, 0)
    rows = settled.rows("sessions", "list")
    assert [row["id"] for row in rows] == [device, browser]
    assert settled.rows("sessions", "list", "--most", "1") == rows[:1]
    assert settled.rows("sessions", "list", "--person", ann) == rows
    row = rows[0]
    assert kinds(row).keys() == SESSION.keys()
    assert (row["kind"], row["person"], row["state"], row["because"]) == ("device", ann, "alive", "email_code")
    empty = {name for name, value in row.items() if value is None}
    assert empty == {
        *("will_end_by", "last_seen_at", "idle_expires_at", "absolute_expires_at"),
        *("scopes", "refreshable_until", "ended_at"),
    }
    assert settled.rows("sessions", "show", device) == [row]
    line = settled.done("sessions", "list").splitlines()[1]
    assert line.startswith(device)
    assert ann in line
    assert "None" not in settled.done("sessions", "list") + settled.done("sessions", "show", device)


def test_a_devices_session_is_ended_with_the_others(settled, ann):
    (browser,) = opened_for(settled, [ann])
    first, second = devices_of(settled, ann, 0, 0)
    unknown = "dev-AAAAAAAAAAAAAAAAAAAAAA"
    code, out, err = settled("sessions", "revoke", first, unknown, browser, first)
    assert code == 1
    assert [line.split()[1:] for line in out.splitlines()] == [["ended", one] for one in (first, browser, first)]
    assert err.startswith(f"ostiary: {unknown}: There is no such device session.")
    assert settled("sessions", "show", unknown)[0] == 1
    (row,) = settled.rows("sessions", "show", first)
    assert (row["state"], row["because"], type(row["ended_at"])) == ("ended", "admin_revoke", str)
    assert [one["id"] for one in settled.rows("sessions", "list", "--person", ann)] == [second]
    told = [one for one in settled.rows("receipts", "list") if one["subject"] == first]
    (end,) = [one for one in told if one["operation"] == "session.end"]
    name = end["actor"].removeprefix("operator:")
    assert end["reasons"] == ["admin_revoke", "actor:admin", f"actor_id:{name}"]
    with closing(open_house(read_settings(settled.environ, settled.place))) as house:
        marked = [mark for mark, _ in house.vault.read_now(house.scope, lambda tx: devices.waiting(tx, 10))]
    assert first in {one.session for one in marked}


def test_a_devices_session_is_ended_from_a_stream(settled, ann):
    (device,) = devices_of(settled, ann, 0)
    with stream(settled) as process:
        process.stdin.write(f"{device}\n")
        assert process.stdout.readline().split()[1:] == ["ended", device]
        assert settled.rows("sessions", "show", device)[0]["state"] == "ended"
        process.stdin.close()
        assert process.wait(30) == 0


def test_a_devices_session_has_ended_once_its_time_has_come(settled, ann):
    soon, later = devices_of(settled, ann, 1, HOUR)
    (row,) = settled.rows("sessions", "show", soon)
    assert (row["state"], row["because"], row["will_end_by"]) == ("ended", "expired", None)
    assert row["ended_at"] == row["absolute_expires_at"]
    (row,) = settled.rows("sessions", "show", later)
    assert (row["state"], row["because"], row["will_end_by"]) == ("alive", "email_code", "expired")
    assert [one["id"] for one in settled.rows("sessions", "list", "--person", ann)] == [later]
