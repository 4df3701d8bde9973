"""`ostiary demo`: it runs, it cleans up, and it says so when something does not behave."""

import io
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from ostiary.cli.demo.evidence import holds
from ostiary.cli.demo.server import temporary
from ostiary.cli.demo.stage import Stage
from ostiary.cli.demo.story import ACTS
from ostiary.cli.paint import Paint
from tests.cli.shell import OSTIARY

PLAIN = Paint(coloured=False, fancy=False)


@pytest.fixture
def elsewhere(tmp_path):
    """An environment whose temporary folder is ours, and whose settings must not be heard."""
    return {**os.environ, "TMPDIR": str(tmp_path), "OSTIARY_DATA_DIR": "/nowhere", "OSTIARY_BOGUS": "1"}


def test_it_shows_all_acts_and_hears_no_settings(shell):
    shell.set(DATA_DIR="/nowhere", BOGUS="1")
    before = signal.getsignal(signal.SIGTERM)
    code, out, err = shell("demo", "--json")
    assert (code, err) == (0, ""), out[-2000:]
    assert signal.getsignal(signal.SIGTERM) is before
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["number"] for event in events if event["event"] == "act"] == list(range(1, len(ACTS) + 1))
    claims = [event for event in events if event["event"] == "claim"]
    assert [claim["says"] for claim in claims if not claim["holds"]] == []
    assert events[-1]["event"] == "end"
    assert (events[-1]["claims"], events[-1]["broken"]) == (len(claims), 0)
    assert len(claims) >= 35
    assert {event["event"] for event in events} == {"begin", "act", "claim", "note", "end"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("import ostiary.sessions.csrf as m; m.matches = lambda *a: True", "a request without the CSRF token"),
        ("import ostiary.web.door as m; m.same_origin = lambda *a: True", "a request from another site"),
        ("import ostiary.sessions.wire as m; m.verify = lambda *a: True", "the cookie with one bit flipped"),
    ],
)
def test_a_server_that_does_not_behave_is_found_out(elsewhere, tmp_path, fault, says):
    (tmp_path / "faulty").mkdir()
    (tmp_path / "faulty" / "sitecustomize.py").write_text(f"{fault}\n")
    environ = {**elsewhere, "PYTHONPATH": os.pathsep.join([str(tmp_path / "faulty"), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [*OSTIARY, "demo", "--json"], env=environ, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert says in {event["says"] for event in events if event["event"] == "claim" and not event["holds"]}
    assert events[-1]["broken"] >= 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_cleans_up(elsewhere, tmp_path, number, code):
    with subprocess.Popen([*OSTIARY, "demo", "--json"], env=elsewhere, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if json.loads(line)["event"] == "act":
                break
        process.send_signal(number)
        assert process.wait(30) == code
    assert list(tmp_path.iterdir()) == []


def stage(as_json=False):
    out = io.StringIO()
    return Stage(out, PLAIN, lambda: 5_000_000, as_json=as_json), out


def test_one_claim_that_does_not_hold_is_the_end_of_the_praise():
    told, out = stage()
    told.act("An act", "Something.")
    told.claim("it holds", 200, holds=True)
    assert told.close("Bye.") == 0
    assert "All 1 claims held" in out.getvalue()
    told.claim("it does not", 500, holds=False)
    assert told.close("Bye.") == 1
    assert "NOT it does not" in out.getvalue()
    assert "1 of 2 claims did NOT hold" in out.getvalue()


def test_json_says_what_the_words_say():
    told, out = stage(as_json=True)
    told.open("Title")
    told.act("An act", "Something.")
    told.claim("it holds", 200, holds=True)
    told.note("by the way")
    told.close("Bye.")
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [event.pop("event") for event in events] == ["begin", "act", "claim", "note", "end"]
    assert [sorted(event) for event in events] == [
        ["ms", "says"],
        ["ms", "number", "proves", "title"],
        ["act", "holds", "ms", "says", "seen"],
        ["act", "ms", "says"],
        ["broken", "claims", "ms", "seconds"],
    ]


def test_words_fit_eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    told, out = stage()
    told.act("An act", "long words " * 40)
    told.claim("x" * 45, "401 login_attempt_invalid", holds=True)
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_printed_receipts_are_evidence(peopled):
    public = {row["id"]: row["public"] for row in peopled.rows("keys", "list")}
    printed = peopled.rows("receipts", "list")
    assert all(holds(row, public) for row in printed)
    for name in ("actor", "subject", "outcome", "session", "operation", "tenant", "mode", "digest", "link"):
        assert not any(holds(row | {name: "forged"}, public) for row in printed), name
    assert not any(holds(row | {"at": "2026-01-01T00:00:00.000001Z"}, public) for row in printed)
    assert not any(holds(row | {"reasons": [*row["reasons"], "more"]}, public) for row in printed)
    assert not any(holds(row, {}) for row in printed)


def failing_story(seen):
    with temporary() as server:
        server.command("init")
        server.start()
        seen += [Path(f"/proc/{server.pid}"), server.folder]
        assert all(path.exists() for path in seen)
        raise ZeroDivisionError


def test_a_server_of_the_demo_is_stopped_whatever_happens(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    seen = []
    with pytest.raises(ZeroDivisionError):
        failing_story(seen)
    assert not any(path.exists() for path in seen)
