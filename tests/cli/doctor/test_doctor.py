"""`ostiary doctor`: each fault is planted, found and told with what to do; nothing is changed by looking."""

import fcntl
import hashlib
import json
import os
import socket
import sqlite3
import subprocess
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from ostiary.cli.doctor import places
from ostiary.cli.doctor.command import examine
from ostiary.kernel.clock import SECOND, system_clock
from tests.cli.shell import OSTIARY, kinds
from tests.flows.browser import Browser
from tests.rigs.counterparts import free_port
from tests.rigs.mailservice import mailservice
from tests.rigs.postbox import postbox
from tests.rigs.redises import redis_server
from tests.rigs.userservice import userservice

DAY = 24 * 3600 * SECOND


def examined(shell, *words):
    """All findings, by subject; and the exit code."""
    code, out, err = shell("doctor", "--json", *words)
    assert err == ""
    rows = [json.loads(line) for line in out.splitlines()]
    assert {json.dumps(kinds(row)) for row in rows} == {
        json.dumps({"level": "str", "about": "str", "says": "str", "advice": "str"})
    }
    assert code == (1 if "problem" in {row["level"] for row in rows} else 0)
    assert all(bool(row["advice"]) is (row["level"] != "ok") for row in rows), rows
    return rows


def found(rows, level, about):
    return [row["says"] for row in rows if (row["level"], row["about"]) == (level, about)]


def advice(rows, about):
    return " ".join(row["advice"] for row in rows if row["about"] == about)


def database(shell):
    return closing(sqlite3.connect(shell.data / "ostiary.sqlite", isolation_level=None))


def test_a_settled_house_has_no_problem(settled):
    settled.done("keys", "list")
    rows = examined(settled)
    assert {row["level"] for row in rows} == {"ok", "warning"}
    assert found(rows, "warning", "people") == ["no administrator yet"]
    assert {row["about"] for row in rows} == {
        "settings",
        "lifetimes",
        "key",
        "data folder",
        "disk",
        "schema",
        "database",
        "keys",
        "people",
        "time",
        "directory",
        "mail",
        "projection",
        "server",
    }
    text = settled.done("doctor")
    assert text.endswith("\nno problem, 1 warning.\n")
    assert max(map(len, text.splitlines())) <= 110


def test_an_empty_place_is_told_step_by_step(shell):
    rows = examined(shell)
    assert "ostiary init" in advice(rows, "key")
    assert "ostiary init" in advice(rows, "data folder")
    assert found(rows, "warning", "database")[0].startswith("there is none at")
    assert not shell.data.exists()
    assert not shell.kek.exists()


def test_settings_that_cannot_be_read_are_the_only_line(shell):
    shell.set(SESSION_IDLE="1h")
    rows = examined(shell)
    assert len(rows) == 1
    assert "OSTIARY_SESSION_IDLE_TIMEOUT" in found(rows, "problem", "settings")[0]


def test_a_retention_shorter_than_a_session_is_a_problem(shell):
    shell.set(SIGNING_KEY_RETENTION="1h")
    assert "OSTIARY_SIGNING_KEY_RETENTION" in found(examined(shell), "problem", "settings")[0]


def test_https_without_a_trusted_proxy_is_a_warning(settled):
    settled.set(ORIGIN="https://id.example.test")
    assert "OSTIARY_TRUSTED_PROXIES" in advice(examined(settled), "settings")
    settled.set(TRUSTED_PROXIES="127.0.0.1")
    assert found(examined(settled), "warning", "settings") == []


def test_a_key_that_others_may_read(settled):
    settled.kek.chmod(0o640)
    rows = examined(settled)
    assert "others may read" in found(rows, "problem", "key")[0]
    assert "chmod 600" in advice(rows, "key").lower()


@pytest.mark.parametrize("data", ["data", "var/lib/data", "key/../data"])
def test_a_key_in_the_same_backup_as_the_data(shell, data):
    shell.set(DATA_DIR=shell.place / data, KEK_FILE=shell.place / "beside.kek")
    shell.done("init")
    rows = examined(shell)
    assert f"it lies in {shell.place}" in found(rows, "warning", "key")[0]
    assert "OSTIARY_KEK_FILE" in advice(rows, "key")


def test_a_key_elsewhere_is_fine(settled):
    assert found(examined(settled), "warning", "key") == []


def test_a_copy_of_the_key_among_the_data(settled):
    (settled.data / "old").mkdir()
    (settled.data / "old" / "notes.txt").write_bytes(b"key: " + settled.kek.read_bytes() + b"\n")
    assert "notes.txt" in found(examined(settled), "problem", "key")[0]


def test_the_wrong_key(settled):
    settled.done("keys", "list")
    settled.kek.write_text("A" * 43 + "\n")
    rows = examined(settled)
    assert "is not the key that sealed" in found(rows, "problem", "keys")[0]


def test_a_key_that_is_gone_is_to_be_put_back(settled):
    settled.kek.unlink()
    assert "run `ostiary init`" in advice(examined(settled), "key").replace("Run", "run")
    settled.done("init")
    settled.done("keys", "list")
    settled.kek.unlink()
    rows = examined(settled)
    assert f"{settled.kek} is missing" in found(rows, "problem", "key")[0]
    assert advice(rows, "key") == "Put it back; a new one opens nothing."


def test_a_data_folder_that_others_may_enter(settled):
    settled.data.chmod(0o755)
    rows = examined(settled)
    assert "others may enter" in found(rows, "problem", "data folder")[0]
    assert f"chmod 700 {settled.data}" in advice(rows, "data folder")


def test_a_file_that_others_could_read(settled):
    (settled.data / "ostiary.sqlite").chmod(0o644)
    assert "ostiary.sqlite" in found(examined(settled), "warning", "data folder")[0]


@pytest.mark.parametrize("content", [b"this is no database" * 100, b""])
def test_a_broken_or_empty_database(settled, content):
    (settled.data / "ostiary.sqlite").write_bytes(content)
    rows = examined(settled)
    if content:
        assert "cannot be read: file is not a database" in found(rows, "problem", "database")[0]
        assert "restore a backup" in advice(rows, "database")
    else:
        assert "older" in found(rows, "warning", "schema")[0]


def test_a_damaged_page(settled):
    path = settled.data / "ostiary.sqlite"
    raw = bytearray(path.read_bytes())
    raw[8192:12288] = b"\xff" * 4096
    path.write_bytes(raw)
    assert found(examined(settled), "problem", "database")


def test_a_newer_and_an_older_schema(settled):
    with database(settled) as file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "9999" in found(examined(settled), "problem", "schema")[0]
    with database(settled) as file:
        file.execute("DELETE FROM alembic_version")
    assert found(examined(settled), "warning", "schema") == ["older than this release"]


def test_a_database_that_somebody_holds(settled):
    with database(settled) as file:
        file.execute("BEGIN IMMEDIATE")
        assert "cannot be written now: database is locked" in found(examined(settled), "problem", "database")[0]
    assert found(examined(settled), "problem", "database") == []


def test_a_journal_mode_that_ostiary_did_not_set(settled):
    with database(settled) as file:
        file.execute("PRAGMA journal_mode = DELETE")
    assert "delete" in found(examined(settled), "warning", "database")[0]


@pytest.mark.parametrize(("behind", "level"), [(1, "ok"), (10, "warning"), (3600, "problem")])
def test_a_clock_that_was_set_back(peopled, behind, level):
    wall = system_clock()
    findings = [one for one in examine(lambda: wall() - behind * SECOND) if one.about == "time"]
    assert [one.level for one in findings] == [level]
    assert ("was set back" in findings[0].says) is (behind > 1)


def test_keys_that_nobody_rotated_for_long(peopled):
    wall = system_clock()
    findings = [one for one in examine(lambda: wall() + 500 * DAY) if one.about == "keys"]
    assert "session 500" in findings[0].says
    assert {one.advice for one in findings[1:]} == {
        f"Run `ostiary keys rotate --purpose {purpose}`." for purpose in ("session", "prelogin", "receipt")
    }
    assert {one.level for one in findings[1:]} == {"warning"}


def test_keys_that_are_not_there_yet(settled):
    rows = examined(settled)
    assert "none yet for session" in found(rows, "warning", "keys")[0]


@pytest.mark.parametrize(("free", "level"), [(99 << 20, "problem"), (1023 << 20, "warning"), (1 << 30, "ok")])
def test_a_disk_without_room(free, level, tmp_path):
    finding = places._room(free, tmp_path)
    assert (finding.level, finding.about) == (level, "disk")
    assert str(tmp_path) in finding.says


class Stranger(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500)
        self.end_headers()

    def log_message(self, *words):
        del words


@contextmanager
def stranger(port):
    with HTTPServer(("127.0.0.1", port), Stranger) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def test_somebody_else_on_the_port(settled):
    with stranger(settled.ports[0]):
        rows = examined(settled)
    assert f"127.0.0.1:{settled.ports[0]}" in found(rows, "warning", "server")[0]


def test_a_running_server_is_asked(server):
    Browser(server).enrol(server.token)
    rows = server.json("doctor")
    assert len(found(rows, "ok", "server")) == 4
    assert found(rows, "ok", "people") == ["there is an administrator"]
    assert found(rows, "warning", "keys") == []
    assert "key-encryption key opens all" in found(rows, "ok", "keys")[0]


def test_a_server_whose_listeners_do_not_answer(settled):
    lock = os.open(settled.data / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    rows = examined(settled)
    assert len(found(rows, "problem", "server")) == 3
    with stranger(settled.ports[1]):
        assert any("500" in says for says in found(examined(settled), "problem", "server"))
    with socket.create_server(("127.0.0.1", settled.ports[1])):
        assert any("timed out" in says for says in found(examined(settled), "problem", "server"))
    os.close(lock)


def picture(folder):
    """Every file with its bytes, mode and time."""
    return {
        path: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_looking_changes_nothing(peopled):
    before = picture(peopled.place)
    examined(peopled)
    assert picture(peopled.place) == before


def test_looking_at_what_a_power_cut_left_changes_nothing(server):
    Browser(server).enrol(server.token)
    server.kill()
    kept = {path: seen for path, seen in picture(server.folder).items() if not path.name.endswith("-shm")}
    assert any(path.name.endswith("-wal") for path in kept)
    done = server.cli("doctor", check=False)
    assert done.returncode == 0, done.stdout
    now = {path: seen for path, seen in picture(server.folder).items() if not path.name.endswith("-shm")}
    assert now == kept
    server.start()


def test_a_person_reads_it_in_eighty_columns(settled):
    environ = {**settled.environ, "COLUMNS": "80"}
    done = subprocess.run([*OSTIARY, "doctor"], env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert max(map(len, done.stdout.splitlines())) <= 80


SMTP = {"MAIL_SERVICE_MODE": "smtp", "MAIL_FROM": "id@example.test"}


def test_how_letters_leave_is_told(settled):
    assert found(examined(settled), "ok", "mail") == ["letters stay here (`stub`): `ostiary mail list` shows them"]
    with mailservice() as service:
        settled.set(MAIL_SERVICE_MODE="rest", MAIL_SERVICE_BASE_URL=service.url)
        assert (
            f"posted to the mail service at {service.url}, which answers" in found(examined(settled), "ok", "mail")[0]
        )
        assert (service.codes, service.letters) == ([], [])
        service.token = "a-token"
        rows = examined(settled)
    assert found(rows, "problem", "mail")[0].endswith("does not take letters: http_401")
    assert "OSTIARY_MAIL_SERVICE_TOKEN_FILE" in advice(rows, "mail")
    settled.set(MAIL_SERVICE_TOKEN_FILE=settled.place / "none")
    assert f"cannot read the secret in {settled.place / 'none'}" in found(examined(settled), "problem", "mail")[0]


def test_an_smtp_server_is_asked_and_gets_no_letter(settled, tmp_path):
    with postbox(tmp_path / "box") as box:
        settled.set(**box.settings(tmp_path))
        (says,) = found(examined(settled), "ok", "mail")
        assert says.endswith(f"the SMTP server localhost:{box.port}, which answers and knows the user")
        (tmp_path / "smtp.password").write_text("hunter2-is-not-it")
        rows = examined(settled)
        assert found(rows, "problem", "mail")[0].endswith("does not take letters: smtp_auth")
        assert "OSTIARY_MAIL_SMTP_PASSWORD_FILE" in advice(rows, "mail")
        assert "hunter2" not in str(rows)
        assert box.raw == []


def test_an_smtp_server_that_is_not_there_is_a_problem(settled):
    settled.set(**SMTP, MAIL_SMTP_ADDR=f"127.0.0.1:{free_port()}", MAIL_SMTP_TLS="none")
    rows = examined(settled)
    assert found(rows, "problem", "mail")[0].endswith("does not take letters: unreachable")
    assert "OSTIARY_MAIL_SMTP_ADDR" in advice(rows, "mail")


def test_letters_that_stay_where_others_wait_for_them_are_told(settled):
    settled.set(ORIGIN="https://id.example.test")
    rows = examined(settled)
    assert "nobody who signs in by e-mail code" in found(rows, "warning", "mail")[0]
    assert "OSTIARY_MAIL_SERVICE_MODE" in advice(rows, "mail")


@pytest.mark.redis
def test_what_gateways_read_is_told(settled):
    assert found(examined(settled), "ok", "projection") == [
        "no gateway reads from here (OSTIARY_REDIS_ADDR is not set)"
    ]
    with redis_server() as redis:
        settled.set(REDIS_ADDR=redis.addr)
        says = f"gateways read from Redis at {redis.addr}, which answers"
        assert found(examined(settled), "ok", "projection") == [says]
    rows = examined(settled)
    assert found(rows, "problem", "projection") == [f"Redis at {redis.addr} cannot be used: unreachable"]
    settled.set(REDIS_PASSWORD_FILE=str(settled.place / "none"))
    assert f"cannot read the secret in {settled.place / 'none'}" in found(examined(settled), "problem", "projection")[0]


def test_who_knows_people_is_told(settled):
    assert found(examined(settled), "ok", "directory") == ["people are kept here (`local`)"]
    with userservice() as service:
        settled.set(USER_SERVICE_MODE="rest", USER_SERVICE_BASE_URL=service.url)
        assert found(examined(settled), "ok", "directory") == [
            f"people are kept by the user service at {service.url}, which answers"
        ]
        assert service.people == {}
        service.fault = 503
        rows = examined(settled)
    assert found(rows, "problem", "directory") == [f"the user service at {service.url} does not answer: http_503"]
    settled.set(USER_SERVICE_TOKEN_FILE=str(settled.place / "none"))
    assert f"cannot read the secret in {settled.place / 'none'}" in found(examined(settled), "problem", "directory")[0]
