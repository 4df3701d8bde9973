"""Many processes on one truth: sessions are ended under load while workers are killed, paused and replaced.

No check that was sent after an end was acknowledged is accepted, by any worker, on either database.
"""

import itertools
import json
import os
import re
import signal
import statistics
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.flows.browser import Browser
from tests.flows.load import Beside, Check, Line, accepted_after
from tests.flows.seed import seed
from tests.flows.server import OSTIARY, Served
from tests.rigs.counterparts import free_port
from tests.rigs.databases import postgres_url

WORKERS = 4


class Crowd(Beside):
    """Threads that check sessions in turn, a fresh connection every so often, so that every worker is met."""

    def __init__(self, port, cookies, threads=4):
        self.checks, self.faults = [], 0
        self._port, self._cookies = port, list(cookies.items())
        super().__init__([partial(self._run, n, threads) for n in range(threads)])

    def _run(self, number, threads):
        turn = itertools.cycle(self._cookies[number::threads])
        while not self.stop.is_set():
            with suppress(OSError):
                self._some(itertools.islice(turn, 25))

    def _some(self, some):
        line = Line(self._port)
        try:
            for session, cookie in some:
                sent = time.monotonic()
                status = line.check(cookie)
                self.checks.append(Check(session, sent, time.monotonic(), status))
        except OSError:
            self.faults += 1  # its worker was killed; what it did not answer it did not accept
            raise
        finally:
            line.close()


class Trouble(threading.Thread):
    """Kills one worker, pauses another one for longer than a lease and wakes it, again and again."""

    def __init__(self, served):
        super().__init__()
        self._served, self._stopping, self.killed, self.paused = served, threading.Event(), 0, 0

    def run(self):
        for number in itertools.count():
            workers = pids(self._served)
            victim = workers[number % len(workers)]
            with suppress(ProcessLookupError):
                if number % 2:
                    os.kill(victim, signal.SIGKILL)
                    self.killed += 1
                else:
                    os.kill(victim, signal.SIGSTOP)
                    self._stopping.wait(1.5)
                    os.kill(victim, signal.SIGCONT)
                    self.paused += 1
            if self._stopping.wait(0.5):
                return

    def stop(self):
        self._stopping.set()
        self.join()


def pids(served):
    """The workers as their supervisor noted them."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(ValueError):
            found = json.loads((served.folder / "data" / "serve.lock").read_text())["workers"]
            if len(found) == WORKERS:
                return found
        time.sleep(0.01)
    raise RuntimeError("the workers were not replaced")


@contextmanager
def workers(folder, url=""):
    served = Served(folder, {"OSTIARY_DATABASE_URL": url} if url else {})
    served.cli("init")
    served.cli("migrate")
    served.start("--workers", str(WORKERS))
    try:
        yield served
    finally:
        served.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def many(request, tmp_path):
    if request.param == "sqlite":
        with workers(tmp_path) as served:
            yield served
    else:
        with postgres_url() as url, workers(tmp_path, url) as served:
            yield served


def revoke(served, sessions, pause):
    """End one after the other through one command; return (when each acknowledgement was read, how long it took).

    The first counts for the law and not for the times: it waits for the command to start.
    """
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
            acknowledged[line.split()[-1]] = time.monotonic()
            took.append(acknowledged[session] - began)
            time.sleep(pause)  # spreads the ends over the trouble; decides nothing
        process.stdin.close()
        assert process.wait(30) == 0
    return acknowledged, took[1:]


def revoke_together(served, sessions, pause, callers):
    """The same by several commands at once; each ends its share."""
    with ThreadPoolExecutor(callers) as pool:
        told = list(pool.map(lambda n: revoke(served, sessions[n::callers], pause), range(callers)))
    return {k: v for acknowledged, _ in told for k, v in acknowledged.items()}, [t for _, took in told for t in took]


def show(served, count, pause, callers=1):
    cookies = seed(served, count + count // 4 + 20)
    sessions = list(cookies)[:count]
    with Crowd(served.internal_port, cookies) as crowd:
        turn = len(cookies)
        while len(crowd.checks) < turn:
            time.sleep(0.01)
        trouble = Trouble(served)
        trouble.start()
        began = time.monotonic()
        acknowledged, took = revoke_together(served, sessions, pause, callers)
        lasted = time.monotonic() - began
        trouble.stop()
        turn = len(crowd.checks) + 2 * len(cookies)
        while len(crowd.checks) < turn:
            time.sleep(0.01)
    wrong = accepted_after(crowd.checks, acknowledged)
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    print(
        f"{served.environ.get('OSTIARY_DATABASE_URL', '')[:8] or 'sqlite'}: {len(acknowledged)} ends in {lasted:.0f} s,"
        f" {len(crowd.checks)} checks, {trouble.killed} workers killed, {trouble.paused} paused, {len(wrong)} accepted"
        f" too late; acknowledged within p50 {cuts[49] * 1e3:.1f} ms, p99 {cuts[98] * 1e3:.1f} ms,"
        f" worst {max(took) * 1e3:.1f} ms"
    )
    assert wrong == []
    assert len(acknowledged) == count
    assert trouble.killed
    assert trouble.paused
    assert {c.status for c in crowd.checks if c.session not in acknowledged} <= {200, 503}
    after = [c for c in crowd.checks if c.sent > max(acknowledged.values())]
    assert {c.status for c in after if c.session in acknowledged} <= {401, 503}
    assert {c.session for c in crowd.checks if c.status == 200} >= set(acknowledged), "proves nothing"


def test_no_check_sent_after_an_acknowledged_end_is_accepted_by_any_worker(many):
    show(many, 60, 0.08)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_check_sent_after_one_of_5000_acknowledged_ends_is_accepted_by_any_worker(many):
    show(many, 5000, 0.0, callers=8)


def test_a_worker_that_dies_is_replaced_and_a_stop_ends_all(many):
    before = pids(many)
    os.kill(before[0], signal.SIGKILL)
    deadline = time.monotonic() + 20
    while before[0] in (after := pids(many)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert set(before[1:]) < set(after)
    assert many.stop() == 0
    assert not [pid for pid in after if alive(pid)]
    assert many.printed.count("ready\n") == 1
    assert many.printed.count("/enrol#") == 1


def test_metrics_are_those_of_the_whole_server_whichever_worker_answers_and_never_fall(many):
    cookies = list(seed(many, 8).values())
    lines = [Line(many.internal_port) for _ in range(24)]
    for number, line in enumerate(lines):
        assert line.check(cookies[number % 8]) == 200
        line.close()
    told = until(lambda: [checks(many) for _ in range(12)], lambda told: told == [24.0] * 12)
    assert told == [24.0] * 12
    os.kill(pids(many)[0], signal.SIGKILL)
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        with suppress(OSError):
            assert checks(many) == 24.0


def checks(served):
    text = Browser(served).send("GET", "/metrics", internal=True).body.decode()
    return float(re.search(r'^ostiary_checks_total{status="200"} (\S+)$', text, re.MULTILINE)[1])


def until(ask, good):
    """What was answered as soon as it is good, or at last."""
    deadline = time.monotonic() + 20
    while not good(found := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def test_each_head_is_published_once_however_many_workers_there_are(many):
    file = many.folder / "heads"
    many.stop()
    many.start("--workers", str(WORKERS), "--head-file", str(file))
    assert until(lambda: file.exists() and len(file.read_text().splitlines()), lambda count: count) >= 1
    many.stop()
    lines = file.read_text().splitlines()
    sizes = [json.loads(line)["size"] for line in lines]
    assert len(sizes) == len(set(sizes)), sizes


def test_workers_end_when_their_supervisor_is_killed(many):
    running = pids(many)
    many.kill()
    deadline = time.monotonic() + 20
    while any(map(alive, running)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [pid for pid in running if alive(pid)]


def test_the_doctor_tells_of_workers_and_of_leases(many):
    told = many.json("doctor")
    (server,) = [one for one in told if "runs on this data folder" in one["says"]]
    assert all(str(pid) in server["says"] for pid in pids(many))
    wanted = ["ok"] * (WORKERS if "OSTIARY_DATABASE_URL" in many.environ else 0)
    deadline = time.monotonic() + 20
    while (leases := [one["level"] for one in told if one["about"] == "nodes"]) != wanted:
        assert time.monotonic() < deadline, leases
        told = many.json("doctor")


@pytest.mark.postgres
def test_a_node_listens_on_the_direct_connection_and_lives_without_it(tmp_path):
    role = f"ostiary_direct_{os.urandom(4).hex()}"
    with postgres_url() as url, psycopg.connect(url, autocommit=True) as eyes:
        eyes.execute(f"CREATE ROLE {role} LOGIN")
        try:
            parts = urlsplit(url)
            host = parts.netloc.rpartition("@")[2]
            for direct, heard in ((f"postgresql://{role}@{host}{parts.path}", {role}), (nowhere(), set())):
                with leased(tmp_path, OSTIARY_DATABASE_URL=url, OSTIARY_DATABASE_DIRECT_URL=direct) as served:
                    assert listeners(eyes, wanted=heard) == heard
                    (session, cookie), *_ = seed(served, 1).items()
                    line = Line(served.internal_port)
                    assert line.check(cookie) == line.check(cookie) == 200
                    served.cli("sessions", "revoke", session)
                    assert line.check(cookie) == 401
                    line.close()
        finally:
            eyes.execute(f"DROP ROLE {role}")


def nowhere():
    return f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"


@contextmanager
def leased(folder, **environ):
    """Serve, and begin when the lease is held."""
    served = Served(folder, environ)
    served.cli("init")
    served.cli("migrate")
    served.start()
    try:
        deadline = time.monotonic() + 20
        browser = Browser(served)
        while browser.send("GET", "/readyz", internal=True).json.get("lease") != "held":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield served
    finally:
        served.stop()


def listeners(eyes, wanted):
    """Who listens, as soon as that is what is wanted."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        rows = eyes.execute(
            "SELECT usename FROM pg_stat_activity WHERE application_name = 'ostiary-listen'"
            " AND datname = current_database()"
        ).fetchall()
        if {row[0] for row in rows} == wanted:
            return wanted
        time.sleep(0.01)
    return {row[0] for row in rows}


def alive(pid):
    """Whether a process runs; one that waits for its parent to look does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
