"""`ostiary serve` as a person and an init system see it: what it prints, how it ends, what it logs."""

import json
import signal
import sqlite3
import time
from contextlib import closing

import pytest

from tests.flows.browser import Browser
from tests.flows.server import Program, serving


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path, Program) as served:
        yield served


def test_it_prints_where_to_go_and_ready_last(server):
    assert server.origin in server.printed
    assert f"http://127.0.0.1:{server.internal_port}/check" in server.printed
    assert str(server.folder / "data") in server.printed
    assert "No administrator yet" in server.printed
    assert server.printed.endswith("\nready\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_well_and_soon_even_while_connections_stay_open(server, number):
    person = Browser(server)
    person.enrol(server.token)
    assert person.check().status == 200
    began = time.monotonic()
    server.signal(number)
    assert server.wait() == 0
    assert time.monotonic() - began < 2
    server.start()
    assert person.check().status == 200


def test_a_restart_replaces_the_link_until_it_was_used(server):
    old = server.token
    server.stop()
    server.start()
    new = server.token
    assert old != new
    assert Browser(server).enrol(old).code == "invitation_refused"
    assert Browser(server).enrol(new).status == 200
    server.stop()
    server.start()
    assert "enrol#" not in server.printed
    assert "No administrator" not in server.printed


def test_a_second_server_on_the_folder_is_refused(server):
    other = Program(server.folder, {})
    other.environ = server.environ
    done = other.cli("serve", check=False)
    assert done.returncode == 2
    assert "another server runs on the data folder" in done.stderr


def test_a_port_that_is_taken_is_named(server, tmp_path_factory):
    other = Program(tmp_path_factory.mktemp("other"), {"OSTIARY_PUBLIC_HTTP_ADDR": f"127.0.0.1:{server.public_port}"})
    other.cli("init")
    done = other.cli("serve", check=False)
    assert done.returncode == 2
    assert f"127.0.0.1:{server.public_port}" in done.stderr


def test_the_log_is_json_and_holds_no_secret(tmp_path):
    with serving(tmp_path, Program) as server:
        person = Browser(server)
        person.enrol(server.token)
        held = dict(person.cookies)
        server.cli("people", "add", "--email", "secret.name@example.test")
        person.send("POST", "/auth/logout", headers={"origin": "https://evil.example"})
        person.send("POST", "/login/passkey/finish", raw=b"{")
        with closing(sqlite3.connect(tmp_path / "data" / "ostiary.sqlite", isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            assert person.send("POST", "/login/passkey/begin", {}).status == 503
    log = server.stderr()
    assert "store_unavailable" in {json.loads(line)["event"] for line in log.splitlines()}
    for secret in (server.token, "secret.name", *held.values()):
        assert secret not in log


def test_a_fixture_is_one_for_life(tmp_path):
    served = Program(tmp_path, {})
    served.cli("init")
    served.start("--fixture")
    try:
        assert "fixture" in served.printed
        Browser(served).enrol(served.token)
        assert {row["mode"] for row in served.json("receipts", "list")} == {"fixture"}
    finally:
        served.stop()
    served.start()
    served.stop()
    assert "fixture" in served.printed
    assert {row["mode"] for row in served.json("receipts", "list")} == {"fixture"}


def test_a_live_folder_is_never_served_as_a_fixture(server):
    server.stop()
    done = server.cli("serve", "--fixture", check=False)
    assert done.returncode == 2
    assert "belongs to a live tenant" in done.stderr
    server.start()
