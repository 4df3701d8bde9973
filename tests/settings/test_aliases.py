"""The source's environment names: what each sets, what differs, and what stops the start."""

import pytest

from ostiary.aliases import ALIASES
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import SettingsError
from ostiary.settings import bare_environment, read_settings
from tests.settings.test_read import HERE, field

REST = {
    "AUTHSESSION_USER_SERVICE_MODE": "rest",
    "AUTHSESSION_USER_SERVICE_BASE_URL": "https://users.example.test",
    "AUTHSESSION_MAIL_SERVICE_MODE": "rest",
    "AUTHSESSION_MAIL_SERVICE_BASE_URL": "https://mail.example.test",
}


def read(**environ):
    return read_settings(environ, HERE)


def refusal(**environ):
    with pytest.raises(SettingsError) as caught:
        read(**environ)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("AUTHSESSION_PUBLIC_HTTP_ADDR", ":9080", ("", 9080)),
        ("AUTHSESSION_PUBLIC_HTTP_ADDR", "127.0.0.1:9080", ("127.0.0.1", 9080)),
        ("AUTHSESSION_INTERNAL_HTTP_ADDR", ":9081", ("127.0.0.1", 9081)),
        ("AUTHSESSION_INTERNAL_HTTP_ADDR", "localhost:9081", ("127.0.0.1", 9081)),
        ("AUTHSESSION_INTERNAL_HTTP_ADDR", "[::1]:9081", ("::1", 9081)),
        ("AUTHSESSION_USER_SERVICE_MODE", "rest", "rest"),
        ("AUTHSESSION_USER_SERVICE_MODE", "stub", "local"),
        ("AUTHSESSION_USER_SERVICE_BASE_URL", "https://u.example.test/x", "https://u.example.test/x"),
        ("AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT", "1s", SECOND),
        ("AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT", "1.5s", 3 * SECOND // 2),
        ("AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT", "0.25s", SECOND // 4),
        ("AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT", "0m30s250ms", 30 * SECOND + SECOND // 4),
        ("AUTHSESSION_MAIL_SERVICE_MODE", "rest", "rest"),
        ("AUTHSESSION_MAIL_SERVICE_BASE_URL", "https://m.example.test", "https://m.example.test"),
        ("AUTHSESSION_MAIL_SERVICE_REQUEST_TIMEOUT", "1m0s", 60 * SECOND),
    ],
)
def test_each_sets_its_key(name, text, value):
    others = {} if text == "stub" else REST
    assert field(read(**others | {name: text}), ALIASES[name].key) == value


def test_a_deployment_of_the_source_starts_as_it_is():
    given = {
        "AUTHSESSION_PUBLIC_HTTP_ADDR": ":8080",
        "AUTHSESSION_INTERNAL_HTTP_ADDR": ":8081",
        "AUTHSESSION_USER_SERVICE_MODE": "stub",
        "AUTHSESSION_MAIL_SERVICE_MODE": "stub",
        "AUTHSESSION_REDIS_REPLICA_ADDRS": "replica:6379",
        "AUTHSESSION_OTEL_STDOUT_TRACES_ENABLED": "false",
        "AUTHSESSION_OTEL_STDOUT_METRICS_ENABLED": "F",
        "OTEL_SERVICE_NAME": "galaxy-authsession",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "not ours to judge",
    }
    assert read(**given) == read()


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "OTEL_TRACES_EXPORTER: only none is possible"),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, "OTEL_METRICS_EXPORTER: only none is possible"),
        ({"AUTHSESSION_OTEL_STDOUT_TRACES_ENABLED": "true"}, "_TRACES_ENABLED: only false is possible"),
        ({"AUTHSESSION_OTEL_STDOUT_METRICS_ENABLED": "1"}, "_METRICS_ENABLED: only false is possible"),
        ({"AUTHSESSION_OTEL_STDOUT_METRICS_ENABLED": "maybe"}, "true or false is expected"),
        ({"AUTHSESSION_REDIS_TLS_ENABLED": "false"}, "AUTHSESSION_REDIS_TLS_ENABLED: it may not be set"),
        ({"AUTHSESSION_REDIS_USERNAME": ""}, "AUTHSESSION_REDIS_USERNAME: it may not be set"),
        ({"AUTHSESSION_INTERNAL_HTTP_ADDR": "0.0.0.0:8081"}, "must be a loopback address"),
        ({"AUTHSESSION_PUBLIC_HTTP_ADDR": "8o80"}, "AUTHSESSION_PUBLIC_HTTP_ADDR='8o80': an address such as"),
        (
            {"AUTHSESSION_USER_SERVICE_MODE": "rest"},
            "set OSTIARY_USER_SERVICE_BASE_URL (AUTHSESSION_USER_SERVICE_BASE_URL) too",
        ),
        (REST | {"AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT": "1s1"}, "='1s1': a duration such as"),
        (REST | {"AUTHSESSION_USER_SERVICE_REQUEST_TIMEOUT": "0.0001ms"}, "a duration such as"),
        (REST | {"AUTHSESSION_USER_SERVICE_BASE_URL": "http://users:8090"}, "an https address is expected"),
    ],
)
def test_what_cannot_be_had_stops_the_start(environ, says):
    assert says in refusal(**environ)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("AUTHSESSION_PUBLIC_HTTP_ADDRESS", "AUTHSESSION_PUBLIC_HTTP_ADDR"),
        ("AUTHSESSION_MAIL_SERVICE_TIMEOUT", "AUTHSESSION_MAIL_SERVICE_REQUEST_TIMEOUT"),
        ("AUTHSESSION_", None),
    ],
)
def test_an_unknown_name_stops_the_start_and_names_its_nearest(name, nearest):
    told = refusal(**{name: "x"})
    assert told.startswith(f"unknown setting {name}: did you mean ")
    assert nearest is None or told.endswith(f" {nearest}?")


def test_who_uses_none_of_the_other_names_is_told_none():
    given = {"OTEL_SERVICE_NAME": "x", "OSTIARY_INTERNAL_HTTP_ADDR": "0.0.0.0:9081"}
    assert "AUTHSESSION_" not in refusal(**given)


def test_two_names_of_one_setting_must_agree():
    assert read(OSTIARY_USER_SERVICE_MODE="local", AUTHSESSION_USER_SERVICE_MODE="stub") == read()
    given = {"OSTIARY_PUBLIC_HTTP_ADDR": ":9000", "AUTHSESSION_PUBLIC_HTTP_ADDR": ":9001"}
    says = "OSTIARY_PUBLIC_HTTP_ADDR and AUTHSESSION_PUBLIC_HTTP_ADDR are one setting, and differ"
    assert says in refusal(**given)


def test_the_file_knows_none_of_them_and_gives_way(tmp_path):
    (tmp_path / "ostiary.toml").write_text("public_http_addr = ':9000'")
    found = read_settings({"AUTHSESSION_PUBLIC_HTTP_ADDR": ":9001"}, tmp_path)
    assert found.public_http_addr == ("", 9001)
    (tmp_path / "ostiary.toml").write_text("authsession_public_http_addr = ':9000'")
    with pytest.raises(SettingsError, match="unknown setting authsession_public_http_addr"):
        read_settings({}, tmp_path)


def test_every_name_sets_a_key_or_says_why_not():
    assert [name for name, alias in ALIASES.items() if not (alias.key or alias.remark)] == []


def test_a_bare_environment_has_none_of_them():
    kept = {"PATH": "/bin", "OTEL_EXPORTER_OTLP_ENDPOINT": "x"}
    assert bare_environment(kept | dict.fromkeys(ALIASES, "x") | {"OSTIARY_ORIGIN": "x", "AUTHSESSION_X": "x"}) == kept
