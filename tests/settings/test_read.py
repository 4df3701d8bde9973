"""How settings are read: from where, which text, and what stops the start with which sentence."""

from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ostiary.kernel import texts
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import SettingsError
from ostiary.settings import KEYS, Settings, read_settings

HERE = Path("/nowhere")
HOUR = 3600 * SECOND


def read(folder=HERE, **environ):
    return read_settings({f"OSTIARY_{name}": value for name, value in environ.items()}, folder)


def field(settings, name):
    section, _, inner = KEYS[name].field.rpartition(".")
    return getattr(getattr(settings, section) if section else settings, inner)


def refusal(folder=HERE, **environ):
    with pytest.raises(SettingsError) as caught:
        read(folder, **environ)
    return str(caught.value)


def test_nothing_need_be_set():
    assert read() == msgspec.structs.replace(Settings(), gateway=read().gateway)


@pytest.mark.parametrize("name", [name for name in KEYS if KEYS[name].default])
def test_a_key_set_to_the_default_that_is_told_changes_nothing(name):
    assert read(**{name: KEYS[name].default}) == read()


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("127.0.0.1:18480", "http://localhost:18480"),
        (":80", "http://localhost"),
        ("[::1]:8080", "http://localhost:8080"),
    ],
)
def test_an_origin_that_was_not_set_has_the_port_of_the_public_listener(address, origin):
    assert read(PUBLIC_HTTP_ADDR=address).origin == texts.origin(origin)
    assert read(PUBLIC_HTTP_ADDR=address, ORIGIN="https://id.example.test").origin == "https://id.example.test"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("DATA_DIR", "/var/lib/ostiary", Path("/var/lib/ostiary")),
        ("DATA_DIR", "~/ostiary", Path.home() / "ostiary"),
        ("DATA_DIR", ".", Path.cwd()),
        ("DATABASE_URL", "postgresql://ostiary@/ostiary", "postgresql://ostiary@/ostiary"),
        ("DATABASE_URL", "postgres://127.0.0.1/x", "postgres://127.0.0.1/x"),
        ("DATABASE_URL", "", ""),
        ("PUBLIC_HTTP_ADDR", ":9000", ("", 9000)),
        ("PUBLIC_HTTP_ADDR", "[::]:9000", ("::", 9000)),
        ("PUBLIC_HTTP_ADDR", "192.0.2.1:65535", ("192.0.2.1", 65535)),
        ("INTERNAL_HTTP_ADDR", "[::1]:9001", ("::1", 9001)),
        ("INTERNAL_HTTP_ADDR", "localhost:9001", ("127.0.0.1", 9001)),
        ("INTERNAL_HTTP_ADDR", "127.0.0.9:9001", ("127.0.0.9", 9001)),
        ("ORIGIN", "https://id.example.test", "https://id.example.test"),
        ("ORIGIN", "https://id.example.test:8443", "https://id.example.test:8443"),
        ("ORIGIN", "http://id.localhost:8080", "http://id.localhost:8080"),
        ("ORIGIN", "https://xn--tr-xka.example.test", "https://xn--tr-xka.example.test"),
        ("KEK_FILE", "/etc/ostiary.kek", Path("/etc/ostiary.kek")),
        ("TRUSTED_PROXIES", "", ()),
        ("TRUSTED_PROXIES", "10.1.2.3/8, ::1,", (ip_network("10.0.0.0/8"), ip_network("::1"))),
        ("SESSION_IDLE_TIMEOUT", "90", 90 * SECOND),
        ("SESSION_IDLE_TIMEOUT", "1500ms", 1_500_000),
        ("SESSION_ABSOLUTE_TIMEOUT", "15m", HOUR // 4),
        ("SIGNING_KEY_RETENTION", "3650d", 3650 * 24 * HOUR),
        ("SESSION_SAMESITE", "strict", "Strict"),
        ("SESSION_SAMESITE", "LAX", "Lax"),
        ("SESSION_BIND_IP", "on", True),
        ("SESSION_BIND_IP", "No", False),
        ("SESSION_BIND_USER_AGENT", "1", True),
        ("GC_INTERVAL", "2h", 2 * HOUR),
    ],
)
def test_a_text_becomes_a_value(name, text, value):
    assert field(read(**{name: text}), name) == value


@pytest.mark.parametrize(
    ("name", "texts", "sentence"),
    [
        ("DATA_DIR", [""], "a path is expected"),
        ("DATA_DIR", ["/", ".."], "a folder of its own is expected"),
        ("KEK_FILE", ["", "a\0b"], "a path is expected"),
        ("DATABASE_URL", ["sqlite:///x", "mysql://h/x", "ostiary", "postgresql"], "or nothing for SQLite in OSTIARY_DATA_DIR"),
        (
            "PUBLIC_HTTP_ADDR",
            ["", ":", "8o80", "127.0.0.1", ":0", ":65536", ":-1", ": 80", ":²", ":" + "1" * 5000, "localhost:http",
                "id.example.test:80",
                "256.0.0.1:80"],
            "such as 127.0.0.1:8081 or :8080 is expected",
        ),
        (
            "ORIGIN",
            ["", "id.example.test", "ftp://id.example.test", "https://", "https://127.0.0.1", "https://[::1]:8443", "https://bücher.test"],
            "an origin such as https://id.example.test is expected, with a name and not an address",
        ),
        ("ORIGIN", ["http://id.example.test", "http://localhost.example.test"], "https origins only"),
        (
            "ORIGIN",
            [
                "https://id.example.test/",
                "https://id.example.test/path",
                "https://id.example.test?q",
                "https://ID.example.test",
                "https://id.example.test:443",
                "https://id.example.test:",
                "https://me@id.example.test",
                "HTTPS://id.example.test",
            ],
            "write it as browsers send it: https://id.example.test",
        ),
        ("ORIGIN", ["http://localhost:80"], "write it as browsers send it: http://localhost"),
        ("ORIGIN", ["https://id.example.test:99999", "https://id.example.test:x"], "Port"),
        ("TRUSTED_PROXIES", ["proxy.example.test", "10.0.0.0/33", "10.0.0.1:80", "10.0.0.1 10.0.0.2"], "does not appear to be"),
        ("INTERNAL_HOSTS", ["id.example.test:8081", "a,b:1"], "named without a port"),
        (
            "SESSION_IDLE_TIMEOUT",
            ["", "0", "0s", "-1", "1.5h", "1w", "1 h", "h", "1h\n", "3651d", "999999999d", "1" * 5000, "٣s"],
            "a duration such as 90s, 15m, 8h or 1d is expected",
        ),
        ("SESSION_SAMESITE", ["", "None", "lax "], "Lax or Strict is expected"),
        ("SESSION_BIND_IP", ["", "maybe", "2", " true"], "true or false is expected"),
    ],
)  # fmt: skip
def test_a_text_that_cannot_be_read_is_named_with_what_is_expected(name, texts, sentence):
    for text in texts:
        told = refusal(**{name: text})
        assert told.startswith(f"OSTIARY_{name}"), told
        assert sentence in told, told


@settings(deadline=None)
@given(st.sampled_from(list(KEYS)), st.text())
def test_no_text_breaks_the_reader(name, text):
    with suppress(SettingsError):
        read(**{name: text})


def test_a_password_in_a_value_is_not_shown():
    for name in ("DATABASE_URL", "ORIGIN"):
        assert "secret" not in refusal(**{name: "mysql://me:secret@db.example.test/x"})
    assert "mysql://db.example.test" in refusal(DATABASE_URL="mysql://db.example.test")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("SESSION_IDLE_TIMOUT", "SESSION_IDLE_TIMEOUT"),
        ("IDLE_TIMEOUT", "SESSION_IDLE_TIMEOUT"),
        ("TRUSTED_PROXY", "TRUSTED_PROXIES"),
        ("DATABASE", "DATABASE_URL"),
        ("KEK", "KEK_FILE"),
        ("", None),
        ("X", None),
    ],
)
def test_an_unknown_key_stops_the_start_and_names_its_nearest(name, nearest, tmp_path):
    told = refusal(**{name: "1"})
    assert told.startswith(f"unknown setting OSTIARY_{name}: did you mean OSTIARY_")
    assert nearest is None or told.endswith(f" OSTIARY_{nearest}?")
    (tmp_path / "ostiary.toml").write_text(f'"{name.lower()}" = 1\n')
    told = refusal(tmp_path)
    assert told.startswith(f"unknown setting {name.lower()} in {tmp_path / 'ostiary.toml'}: did you mean ")
    assert nearest is None or told.endswith(f" {nearest.lower()}?")


def test_the_name_of_the_file_is_a_neighbour_too():
    assert refusal(CONFIGURATION="x") == "unknown setting OSTIARY_CONFIGURATION: did you mean OSTIARY_CONFIG?"


def test_what_is_not_ours_is_left_alone():
    settings = read_settings({"PATH": "/bin", "ostiary_origin": "x", "OSTIARY_TEST_POSTGRES_URL": "x"}, HERE)
    assert settings == read()


TOML = """
origin = "https://file.example.test"
session_idle_timeout = 600
session_bind_ip = true
trusted_proxies = ["10.0.0.0/8", "::1"]
OSTIARY_SESSION_SAMESITE = "Strict"
"""


def test_the_file_is_read_and_the_environment_wins(tmp_path):
    (tmp_path / "ostiary.toml").write_text(TOML)
    settings = read(tmp_path)
    assert settings.origin == "https://file.example.test"
    assert (settings.sessions.idle, settings.sessions.bind_address) == (600 * SECOND, True)
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("::1"))
    assert settings.sessions.samesite == "Strict"
    settings = read(tmp_path, ORIGIN="https://env.example.test", TRUSTED_PROXIES="")
    assert (settings.origin, settings.trusted_proxies) == ("https://env.example.test", ())
    assert settings.sessions.idle == 600 * SECOND


def test_another_file_can_be_named(tmp_path):
    (tmp_path / "ostiary.toml").write_text("origin = 'https://near.example.test'")
    named = tmp_path / "other.toml"
    named.write_text("origin = 'https://named.example.test'")
    assert read(tmp_path, CONFIG=str(named)).origin == "https://named.example.test"
    assert refusal(tmp_path, CONFIG=str(tmp_path / "absent.toml")).startswith(
        f"cannot read {tmp_path / 'absent.toml'}: "
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"origin = ", "cannot read"),
        (b"origin = 'https://a.test'\norigin = 'https://b.test'", "cannot read"),
        (b"\xff = 1", "cannot read"),
        (b"[session]\nidle_timeout = 1", "unknown setting session"),
        (b"session_idle_timeout = 1.5", "session_idle_timeout: a text, a number, true, false or a list"),
        (b"session_idle_timeout = 2026-01-01", "session_idle_timeout: a text, a number"),
        (b"[origin]\na = 1", "origin: a text, a number"),
        (b"session_idle_timeout = true", "OSTIARY_SESSION_IDLE_TIMEOUT='True': a duration"),
        (b"session_idle_timeout = -5", "OSTIARY_SESSION_IDLE_TIMEOUT='-5': a duration"),
        (b"gc_interval = 1\nGC_INTERVAL = 2", "sets gc_interval twice"),
        (b"gc_interval = 1\nostiary_gc_interval = 2", "sets gc_interval twice"),
    ],
)
def test_a_file_that_cannot_be_read_stops_the_start(tmp_path, text, sentence):
    (tmp_path / "ostiary.toml").write_bytes(text)
    assert sentence in refusal(tmp_path)


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"SESSION_ABSOLUTE_TIMEOUT": "25h"}, "OSTIARY_SIGNING_KEY_RETENTION is shorter than"),
        ({"SIGNING_KEY_RETENTION": "7h"}, "OSTIARY_SIGNING_KEY_RETENTION is shorter than"),
        ({"INTERNAL_HTTP_ADDR": ":8081"}, "must be a loopback address"),
        ({"INTERNAL_HTTP_ADDR": "0.0.0.0:8081"}, "must be a loopback address"),
        ({"INTERNAL_HTTP_ADDR": "[::]:8081"}, "must be a loopback address"),
        ({"INTERNAL_HTTP_ADDR": "192.0.2.1:8081"}, "must be a loopback address"),
        ({"PUBLIC_HTTP_ADDR": "127.0.0.1:8081"}, "name one port"),
        ({"PUBLIC_HTTP_ADDR": ":8081"}, "name one port"),
        ({"DATA_DIR": "/d", "KEK_FILE": "/d/kek"}, "OSTIARY_KEK_FILE lies inside OSTIARY_DATA_DIR"),
        ({"DATA_DIR": "/d", "KEK_FILE": "/d/a/b/kek"}, "OSTIARY_KEK_FILE lies inside OSTIARY_DATA_DIR"),
        ({"DATA_DIR": "/d/../e", "KEK_FILE": "/e/kek"}, "OSTIARY_KEK_FILE lies inside OSTIARY_DATA_DIR"),
    ],
)
def test_settings_that_contradict_each_other_stop_the_start(environ, sentence):
    assert sentence in refusal(**environ)


def test_a_key_behind_a_link_is_still_inside(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere").symlink_to(tmp_path / "data")
    assert "lies inside" in refusal(DATA_DIR=str(tmp_path / "data"), KEK_FILE=str(tmp_path / "elsewhere" / "kek"))


@pytest.mark.parametrize("folder", ["/var/lib/ostiary", "/var/lib/ostiary/", "data", "."])
def test_the_key_lies_beside_the_data_folder_where_nothing_else_is_said(folder):
    settings = read(DATA_DIR=folder)
    assert settings.kek.resolve() == Path(f"{settings.data_dir.resolve()}.kek")


def test_last_seen_times_are_written_at_least_ten_times_in_the_idle_time():
    for idle in ("1ms", "10s", "1m", "1h", "30d"):
        sessions = read(SESSION_IDLE_TIMEOUT=idle).sessions
        assert 0 < sessions.flush <= sessions.idle // 10


def test_the_internal_listener_answers_for_the_origins_host_too():
    hosts = read(ORIGIN="https://id.example.test", INTERNAL_HOSTS="Check.Internal, [fd00::1]").gateway.hosts
    assert hosts == {"127.0.0.1", "localhost", "[::1]", "id.example.test", "check.internal", "[fd00::1]"}
