"""What stops a start, in real processes: one plain sentence, exit code 2, and nobody served."""

import os
import signal
import socket
import time

import pytest

from ostiary.kernel.ids import system_secrets
from ostiary.keys.sealing import make_kek
from tests.flows.browser import Browser
from tests.flows.server import Served
from tests.rigs.counterparts import free_port


def refused(folder, **environ):
    """Try to serve with these settings; return what was said."""
    make_kek(folder / "kek", system_secrets)
    given = {"OSTIARY_KEK_FILE": str(folder / "kek")} | {f"OSTIARY_{name}": value for name, value in environ.items()}
    done = Served(folder, given).cli("serve", check=False)
    assert done.returncode == 2, done
    assert "ready" not in done.stdout
    assert done.stderr.startswith("ostiary: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


def test_a_second_server_on_the_same_data_folder_is_refused(shared_server, tmp_path):
    said = refused(tmp_path, DATA_DIR=shared_server.environ["OSTIARY_DATA_DIR"])
    assert f"another server runs on the data folder {shared_server.environ['OSTIARY_DATA_DIR']}: stop it first" in said
    assert Browser(shared_server).send("GET", "/sign-in").status == 200


@pytest.mark.parametrize("listener", ["public", "internal"])
def test_a_port_that_is_taken_is_refused(shared_server, tmp_path, listener):
    """Granian shares a port with whoever asks (SO_REUSEPORT), so half of the requests would go astray."""
    taken = f"127.0.0.1:{getattr(shared_server, f'{listener}_port')}"
    said = refused(tmp_path, **{f"{listener.upper()}_HTTP_ADDR": taken})
    assert (
        f"cannot listen on {taken}: Address already in use: stop what listens there, or set OSTIARY_{listener.upper()}_HTTP_ADDR\n"
        in said
    )


def test_a_port_that_somebody_shares_is_refused_too(tmp_path):
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", free_port()))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        assert f"cannot listen on {address}: Address already in use" in refused(tmp_path, PUBLIC_HTTP_ADDR=address)


def test_an_address_that_is_not_ours_is_refused(tmp_path):
    address = f"192.0.2.1:{free_port()}"
    said = refused(tmp_path, PUBLIC_HTTP_ADDR=address)
    assert f"cannot listen on {address}: Cannot assign requested address: correct OSTIARY_PUBLIC_HTTP_ADDR\n" in said


def test_a_missing_key_is_refused_and_says_what_to_type(tmp_path):
    said = refused(tmp_path, KEK_FILE=str(tmp_path / "other"))
    assert f"no key-encryption key at {tmp_path / 'other'}: run `ostiary init`" in said


def test_another_key_is_refused_and_changes_nothing(shared_server, tmp_path):
    """`people list` opens the same house; a second server would stop at the lock."""
    make_kek(tmp_path / "other.kek", system_secrets)
    done = Served(
        tmp_path,
        {
            "OSTIARY_DATA_DIR": shared_server.environ["OSTIARY_DATA_DIR"],
            "OSTIARY_KEK_FILE": str(tmp_path / "other.kek"),
        },
    ).cli("people", "list", check=False)
    assert done.returncode == 2
    assert "is not the one that sealed the keys in this database" in done.stderr
    assert "nothing was changed" in done.stderr
    assert shared_server.cli("people", "list")


def test_a_data_folder_that_cannot_be_used_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert f"cannot use the data folder {tmp_path / 'file'}: File exists" in refused(
        tmp_path, DATA_DIR=str(tmp_path / "file")
    )
    inside = str(tmp_path / "file" / "inside")
    assert f"cannot use the data folder {inside}: Not a directory" in refused(tmp_path, DATA_DIR=inside)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"SESSION_IDLE_TIMOUT": "1h"}, "unknown setting OSTIARY_SESSION_IDLE_TIMOUT: did you mean OSTIARY_SESSION_IDLE_TIMEOUT?"),
        ({"ORIGIN": "http://id.example.test"}, "browsers give passkeys to https origins only"),
        ({"INTERNAL_HTTP_ADDR": "0.0.0.0:8081"}, "must be a loopback address"),
        ({"SIGNING_KEY_RETENTION": "1h"}, "OSTIARY_SIGNING_KEY_RETENTION is shorter than OSTIARY_SESSION_BEARER_TIMEOUT"),
        ({"SIGNING_KEY_RETENTION": "1h", "SESSION_BEARER_TIMEOUT": "1h"}, "is shorter than OSTIARY_SESSION_ABSOLUTE_TIMEOUT"),
        ({"DATABASE_URL": "sqlite:///x"}, "or nothing for SQLite in OSTIARY_DATA_DIR"),
        ({"MAIL_SERVICE_MODE": "smtp"}, "OSTIARY_MAIL_SERVICE_MODE is smtp: set OSTIARY_MAIL_SMTP_ADDR too"),
        ({"CONFIG": "absent.toml"}, "cannot read absent.toml"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_refused(tmp_path, environ, sentence):
    assert sentence in refused(tmp_path, **environ)


def test_a_key_inside_the_data_folder_is_refused_before_it_is_made(tmp_path):
    done = Served(tmp_path, {"OSTIARY_KEK_FILE": str(tmp_path / "data" / "kek")}).cli("init", check=False)
    assert done.returncode == 2
    assert "OSTIARY_KEK_FILE lies inside OSTIARY_DATA_DIR" in done.stderr
    assert not (tmp_path / "data").exists()


def test_the_file_in_the_working_folder_is_read_by_every_command(tmp_path):
    (tmp_path / "ostiary.toml").write_text("gc_intervall = 1\n")
    for words in (["serve"], ["init"], ["people", "list"], ["keys", "list"]):
        done = Served(tmp_path, {}).cli(*words, check=False)
        assert done.returncode == 2
        assert (
            done.stderr
            == f"ostiary: unknown setting gc_intervall in {tmp_path / 'ostiary.toml'}: did you mean gc_interval?\n"
        )


@pytest.mark.parametrize("host", ["localhost", "[::1]"])
def test_the_internal_listener_may_bind_any_loopback_address(tmp_path, host):
    port = free_port()
    served = Served(tmp_path, {"OSTIARY_INTERNAL_HTTP_ADDR": f"{host}:{port}"})
    served.cli("init")
    served.start()
    try:
        family, address = (socket.AF_INET6, "::1") if ":" in host else (socket.AF_INET, "127.0.0.1")
        with socket.socket(family) as connection:
            connection.settimeout(5)
            connection.connect((address, port))
            connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    finally:
        assert served.stop() == 0


def test_a_request_under_way_is_answered_before_the_end(server):
    """The body comes after the signal: the answer still does."""
    with socket.create_connection(("127.0.0.1", server.public_port), 10) as connection:
        head = f"POST /login/passkey/begin HTTP/1.1\r\nHost: {server.origin[7:]}\r\nOrigin: {server.origin}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{".encode())
        time.sleep(0.2)  # so that the request is in the application's hands; nothing is decided by it
        os.kill(server.process.pid, signal.SIGTERM)
        time.sleep(0.2)
        connection.sendall(b"}")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    assert server.wait() == 0
