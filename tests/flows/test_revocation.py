"""An acknowledged end is never ignored: under load, ended by other processes on the same database."""

import subprocess
import time

import pytest

from tests.flows.load import Load, accepted_after
from tests.flows.seed import seed
from tests.flows.server import OSTIARY


def revoke_one_by_one(served, sessions):
    """Start the command once per session; return when each acknowledgement was read."""
    acknowledged = {}
    for session in sessions:
        assert f"ended {session}" in served.cli("sessions", "revoke", session)
        acknowledged[session] = time.monotonic()
    return acknowledged


def revoke_by_stream(served, sessions):
    """Feed one command; return when each acknowledgement was read."""
    acknowledged = {}
    with subprocess.Popen(
        [*OSTIARY, "sessions", "revoke", "--stdin"],
        env=served.environ,
        cwd=served.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        for session in sessions:
            process.stdin.write(session + "\n")
            line = process.stdout.readline()
            acknowledged[line.split()[-1]] = time.monotonic()
        process.stdin.close()
        assert process.wait(30) == 0
    return acknowledged


def show(served, starts, streamed):
    """Revoke under load and return (all checks, acknowledgements, faults of the load)."""
    cookies = seed(served, 2 * (starts + streamed))
    sessions = list(cookies)
    with Load(served.internal_port, cookies) as load:
        acknowledged = revoke_one_by_one(served, sessions[:starts])
        acknowledged |= revoke_by_stream(served, sessions[starts : starts + streamed])
        full_turn = len(load.checks) + 2 * len(cookies)
        while len(load.checks) < full_turn and not load.faults:
            time.sleep(0.01)
    return load, acknowledged


def judged(load, acknowledged, total):
    """The verdict: nothing accepted too late, everything ended is refused, everything else is still accepted."""
    assert load.faults == []
    assert len(acknowledged) == total
    assert accepted_after(load.checks, acknowledged) == []
    after = [c for c in load.checks if c.sent > max(acknowledged.values())]
    assert {c.status for c in after if c.session in acknowledged} == {401}
    assert {c.status for c in after if c.session not in acknowledged} == {200}
    before = {c.session for c in load.checks if c.status == 200}
    assert set(acknowledged) & before, "the load never saw an ended session alive: it proves nothing"


def test_no_check_sent_after_an_acknowledged_end_is_accepted(server):
    load, acknowledged = show(server, starts=2, streamed=150)
    judged(load, acknowledged, 152)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_check_sent_after_an_acknowledged_end_is_accepted_20_starts_and_1000_streamed(server):
    load, acknowledged = show(server, starts=20, streamed=1000)
    judged(load, acknowledged, 1020)
