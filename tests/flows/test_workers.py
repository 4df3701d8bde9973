"""Several workers on one truth: killed, paused and started anew under load, none accepts what was ended."""

import itertools
import os
import signal
import statistics
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.flows.browser import Browser
from tests.flows.load import Load, accepted_after
from tests.flows.seed import seed
from tests.flows.server import OSTIARY, Served, serving
from tests.login.gatehouse import postgres_url

WORKERS = 4


class Several(Served):
    command = (*OSTIARY, "serve", "--workers", str(WORKERS))

    def workers(self):
        """The process ids of the workers that run now."""
        pid = self.process.pid
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def several(request, tmp_path):
    if request.param == "sqlite":
        with serving(tmp_path, Several) as served:
            yield served
        return
    with postgres_url() as url:
        made = Served(tmp_path, {"OSTIARY_DATABASE_URL": url})
        made.cli("init")
        made.cli("migrate")
        with serving(tmp_path, Several, OSTIARY_DATABASE_URL=url) as served:
            yield served


def gone(pids):
    """Wait until none of these processes runs."""
    for _ in range(3000):
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.01)
    return False


def full(served, without):
    """Wait until all places are filled again by other processes than `without`."""
    for _ in range(3000):
        there = served.workers()
        if len(there) == WORKERS and without not in there:
            return there
        time.sleep(0.01)
    raise AssertionError("no worker was started anew")


def trouble(served, stop, done):
    """Kill, pause and wake workers in turn until told to stop."""
    for number in itertools.count():
        there = served.workers()
        victim = there[number % len(there)] if there else 0
        if stop.is_set() or not victim:
            break
        if number % 2:
            os.kill(victim, signal.SIGKILL)
            done.append("killed")
            full(served, victim)
        else:
            os.kill(victim, signal.SIGSTOP)
            stop.wait(0.3)
            os.kill(victim, signal.SIGCONT)
            done.append("paused")


def ended(served, sessions):
    """End these one after the other by one command; return when each was acknowledged, and how long each took."""
    acknowledged, took = {}, []
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
            began = time.monotonic()
            process.stdin.write(session + "\n")
            line = process.stdout.readline()
            now = time.monotonic()
            acknowledged[line.split()[-1]] = now
            took.append(now - began)
        process.stdin.close()
        assert process.wait(30) == 0
    return acknowledged, took


def show(served, count):
    cookies = seed(served, 2 * count)
    stop, done = threading.Event(), []
    troubling = threading.Thread(target=trouble, args=(served, stop, done))
    with Load(served.internal_port, cookies, stubborn=True) as load:
        troubling.start()
        try:
            acknowledged, took = ended(served, list(cookies)[:count])
            while len(done) < 4:
                time.sleep(0.01)
        finally:
            stop.set()
            troubling.join()
        turn = len(load.checks) + 2 * len(cookies)
        while len(load.checks) < turn:
            time.sleep(0.01)
    assert len(acknowledged) == count
    assert accepted_after(load.checks, acknowledged) == []
    after = [c for c in load.checks if c.sent > max(acknowledged.values())]
    assert {c.status for c in after if c.session in acknowledged} == {401}
    assert {c.status for c in after if c.session not in acknowledged} == {200}
    assert set(acknowledged) & {c.session for c in load.checks if c.status == 200}, "none was seen alive"
    assert {"killed", "paused"} <= set(done)
    took = sorted(took[1:])  # the first one waited for the command to start
    spread = [1000 * statistics.median(took), 1000 * took[int(len(took) * 0.99)], 1000 * took[-1]]
    print(
        f"\n{count} ends, {len(load.checks)} checks, {len(done)} workers killed or paused: none accepted too late;"
        " acknowledged after {:.1f} ms (p50), {:.1f} (p99), {:.1f} (worst)".format(*spread)
    )


def test_no_worker_accepts_what_was_ended_while_workers_are_killed_and_paused(several):
    show(several, 100)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_worker_accepts_what_was_ended_5000_times(several):
    show(several, 5000)


def test_people_sign_in_at_any_worker_and_all_stop_together(several):
    person = Browser(several)
    assert person.enrol(several.token).status == 200
    for _ in range(2 * WORKERS):
        assert person.check().status == 200
        assert person.send("GET", "/api/v1/auth/me").status == 200
    there = several.workers()
    assert len(there) == WORKERS
    assert several.stop() == 0
    assert gone(there)


def test_no_worker_outlives_a_supervisor_that_was_killed(tmp_path):
    served = Several(tmp_path, {})
    served.cli("init")
    served.start()
    there = served.workers()
    served.kill()
    assert gone(there)


def test_a_worker_that_cannot_come_up_ends_them_all_with_a_sentence(tmp_path):
    served = Several(tmp_path, {"OSTIARY_ORIGIN": "http://localhost:1"})
    served.cli("init")
    done = served.cli("serve", "--workers", "0", check=False)
    assert done.returncode == 2
    assert "workers" in done.stderr.lower()
