"""No setting that does nothing: for every key the test that shows its effect, and those that stand nowhere else."""

import ast
import json
import re
import stat
import time
from pathlib import Path

import pytest

from ostiary.settings import KEYS
from tests.flows.browser import CSRF, SESSION, Browser
from tests.flows.server import serving
from tests.flows.test_postgres import on_postgres
from tests.receipts.test_heads import receiver
from tests.rigs.counterparts import free_port
from tests.rigs.databases import postgres_url

ROOT = Path(__file__).parents[2]
PATIENCE_S = 20

SHOWN = {
    "DATA_DIR": "tests/settings/test_effects.py::test_the_data_lies_in_the_folder_and_opens_for_its_key_only",
    "DATABASE_URL": "tests/settings/test_effects.py::test_everything_is_stored_in_the_database_that_is_named",
    "DATABASE_DIRECT_URL": "tests/flows/test_nodes.py::test_a_node_listens_on_the_direct_connection_and_lives_without_it",
    "PUBLIC_HTTP_ADDR": "tests/settings/test_effects.py::test_each_listener_answers_at_its_address_only",
    "INTERNAL_HTTP_ADDR": "tests/settings/test_effects.py::test_each_listener_answers_at_its_address_only",
    "INTERNAL_HOSTS": "tests/settings/test_effects.py::test_the_check_answers_for_the_hosts_that_are_named",
    "ORIGIN": "tests/settings/test_effects.py::test_the_origin_is_the_relying_party_the_only_caller_and_https",
    "KEK_FILE": "tests/settings/test_effects.py::test_the_data_lies_in_the_folder_and_opens_for_its_key_only",
    "TRUSTED_PROXIES": "tests/sessions/test_bugs_of_the_source.py::test_one_function_decides_the_address_at_sign_in_at_the_door_and_at_the_check",
    "SESSION_IDLE_TIMEOUT": "tests/settings/test_effects.py::test_a_session_that_is_not_used_ends_by_itself",
    "SESSION_ABSOLUTE_TIMEOUT": "tests/settings/test_effects.py::test_a_session_in_use_grows_old",
    "SESSION_BEARER_TIMEOUT": "tests/sessions/test_bearer.py::test_it_lives_for_the_smallest_of_maximum_and_wish",
    "SESSION_DEVICE_TIMEOUT": "tests/login/email_code/test_contract.py::test_a_session_expires_when_the_setting_says",
    "SESSION_REFRESH_TIMEOUT": "tests/sessions/test_commitment.py::test_no_refresh_moves_the_end_of_the_family",
    "SESSION_REFRESH_GRACE": "tests/sessions/test_refresh.py::test_a_replay_within_the_grace_gives_the_same_token_and_later_none",
    "SESSION_SAMESITE": "tests/settings/test_effects.py::test_the_cookies_say_what_the_settings_say",
    "SESSION_BIND_IP": "tests/sessions/test_negatives.py::test_ip_bind",
    "SESSION_BIND_USER_AGENT": "tests/sessions/test_negatives.py::test_ua_bind",
    "SIGNING_KEY_RETENTION": "tests/sessions/test_negatives.py::test_retired_past_retention_on_the_wire",
    "HEAD_FILE": "tests/settings/test_effects.py::test_signed_heads_are_appended_as_often_as_is_set",
    "HEAD_WEBHOOK": "tests/settings/test_effects.py::test_signed_heads_are_posted",
    "HEAD_INTERVAL": "tests/settings/test_effects.py::test_signed_heads_are_appended_as_often_as_is_set",
    "MAIL_SERVICE_MODE": "tests/mail/test_settings.py::test_letters_leave_as_the_mode_says",
    "MAIL_SERVICE_BASE_URL": "tests/mail/test_settings.py::test_the_mail_service_is_asked_at_its_address_with_its_token",
    "MAIL_SERVICE_TOKEN_FILE": "tests/mail/test_settings.py::test_the_mail_service_is_asked_at_its_address_with_its_token",
    "RECOVERY_WAITING": "tests/recovery/test_codes.py::test_a_recovery_waits_as_long_as_was_set",
    "MAIL_SERVICE_REQUEST_TIMEOUT": "tests/mail/test_smtp.py::test_a_server_that_hangs_is_given_up_in_time",
    "MAIL_FROM": "tests/mail/test_settings.py::test_letters_come_from_who_is_named",
    "MAIL_SMTP_ADDR": "tests/mail/test_settings.py::test_letters_leave_as_the_mode_says",
    "MAIL_SMTP_TLS": "tests/mail/test_smtp.py::test_each_way_of_encrypting_works",
    "MAIL_SMTP_CA_FILE": "tests/mail/test_settings.py::test_without_the_authority_the_server_is_not_believed",
    "MAIL_SMTP_USER": "tests/mail/test_settings.py::test_a_server_that_wants_a_sign_in_gets_user_and_password",
    "MAIL_SMTP_PASSWORD_FILE": "tests/mail/test_settings.py::test_a_server_that_wants_a_sign_in_gets_user_and_password",
    **dict.fromkeys(
        (
            "USER_SERVICE_MODE",
            "USER_SERVICE_BASE_URL",
            "USER_SERVICE_TOKEN_FILE",
            "USER_SERVICE_REQUEST_TIMEOUT",
        ),
        "tests/identities/test_rest_directory.py::test_the_user_service_is_asked_where_and_as_is_set",
    ),
    "SIGNING_KEY_ROTATION": "tests/keys/test_schedule.py::test_a_key_that_is_due_is_rotated_once",
    "REDIS_ADDR": "tests/projection/test_settings.py::test_sessions_are_written_to_the_redis_that_is_named",
    "REDIS_USERNAME": "tests/projection/test_settings.py::test_redis_is_used_signed_in",
    "REDIS_PASSWORD_FILE": "tests/projection/test_settings.py::test_redis_is_used_signed_in",
    "REDIS_PASSWORD": "tests/projection/test_settings.py::test_redis_is_used_signed_in",
    "REDIS_TLS": "tests/projection/test_settings.py::test_the_line_is_encrypted_and_the_server_known",
    "REDIS_TLS_CA_FILE": "tests/projection/test_settings.py::test_the_line_is_encrypted_and_the_server_known",
    "REDIS_DB": "tests/projection/test_settings.py::test_keys_stand_under_the_prefix_in_the_database_and_the_stream_has_the_length",
    "REDIS_KEY_PREFIX": "tests/projection/test_settings.py::test_keys_stand_under_the_prefix_in_the_database_and_the_stream_has_the_length",
    "REDIS_STREAM_MAXLEN": "tests/projection/test_settings.py::test_keys_stand_under_the_prefix_in_the_database_and_the_stream_has_the_length",
    "REDIS_OPERATION_TIMEOUT": "tests/projection/test_settings.py::test_one_step_takes_no_longer_than_is_set",
    "REDIS_CLUSTER": "tests/projection/test_settings.py::test_on_a_cluster_a_tagged_prefix_is_required_and_works",
    "GC_INTERVAL": "tests/settings/test_effects.py::test_what_has_expired_is_swept_away",
}


def source(test):
    """What a test says, with what stands over it, or "" where there is no such test."""
    path, _, name = test.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    found = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name]
    return ast.unparse(found[0]) if found else ""


def test_every_key_has_a_test_of_its_effect():
    assert set(SHOWN) == set(KEYS)


@pytest.mark.parametrize("name", KEYS)
def test_the_test_that_shows_a_key_is_there_and_sets_it(name):
    assert re.search(rf"\b(OSTIARY_)?{name}\b", source(SHOWN[name])), SHOWN[name]


def until(wanted, ask):
    """Ask until the answer is the wanted one; return it."""
    deadline = time.monotonic() + PATIENCE_S
    while (answer := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    assert answer == wanted
    return answer


def test_the_data_lies_in_the_folder_and_opens_for_its_key_only(tmp_path):
    data, kek = tmp_path / "deep" / "data", tmp_path / "keys" / "kek"
    with serving(tmp_path, OSTIARY_DATA_DIR=str(data), OSTIARY_KEK_FILE=str(kek)) as served:
        assert (data / "ostiary.sqlite").exists()
        assert stat.S_IMODE(data.stat().st_mode) == 0o700
        assert stat.S_IMODE(kek.stat().st_mode) == 0o600
        kek.rename(kek.with_name("away"))
        assert "kek is missing, and the database" in served.cli("people", "list", check=False).stderr
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "keys", "stderr.log"}


@pytest.mark.postgres
def test_everything_is_stored_in_the_database_that_is_named(tmp_path):
    with postgres_url() as url, on_postgres(tmp_path, url) as served:
        assert served.environ["OSTIARY_DATABASE_URL"] == url
        assert Browser(served).enrol(served.token).status == 200
        assert served.json("sessions", "list")
        assert f"\ndatabase   {url.partition('?')[0]}\n" in served.printed
    assert not list(tmp_path.rglob("*.sqlite*"))


def test_each_listener_answers_at_its_address_only(tmp_path):
    public, internal = free_port(), free_port()
    addresses = {
        "OSTIARY_PUBLIC_HTTP_ADDR": f"127.0.0.1:{public}",
        "OSTIARY_INTERNAL_HTTP_ADDR": f"127.0.0.1:{internal}",
    }
    with serving(tmp_path, **addresses) as served:
        served.public_port, served.internal_port = public, internal
        browser = Browser(served)
        for path, there, elsewhere in (
            ("/sign-in", 200, 404),
            ("/openapi.json", 200, 404),
            ("/api/v1/auth/me", 401, 404),
            ("/check", 404, 401),
            ("/healthz", 404, 200),
            ("/readyz", 404, 200),
            ("/metrics", 404, 200),
        ):
            assert browser.send("GET", path).status == there, path
            assert browser.send("GET", path, internal=True).status == elsewhere, path


def test_the_check_answers_for_the_hosts_that_are_named(tmp_path):
    with serving(tmp_path, OSTIARY_INTERNAL_HOSTS="check.internal, [fd00::1]") as served:
        browser = Browser(served)
        for host in (
            "check.internal",
            "check.internal:8081",
            "CHECK.internal",
            "[fd00::1]:8081",
            "127.0.0.1",
            "localhost",
        ):
            assert browser.check(headers={"host": host}).status == 401, host
        for host in ("evil.test", "check.internal.evil.test", "[fd00::2]", "fd00::1", "", "check.internal@evil.test"):
            refused = browser.check(headers={"host": host})
            assert (refused.status, refused.code) == (403, "host_refused"), host


def test_the_origin_is_the_relying_party_the_only_caller_and_https(tmp_path):
    origin = "https://id.example.test"
    with serving(tmp_path, OSTIARY_ORIGIN=origin) as served:
        assert f"{origin}/enrol#" in served.printed
        browser = Browser(served)
        page = browser.send("GET", "/sign-in")
        assert page.header("strict-transport-security") == "max-age=31536000"
        assert browser.enrol(served.token).status == 200
        assert browser.begin()["options"]["rpId"] == "id.example.test"
        for other in ("https://evil.test", f"https://localhost:{served.public_port}", "http://id.example.test", "null"):
            refused = browser.send("POST", "/login/passkey/begin", {}, headers={"origin": other})
            assert (refused.status, refused.code) == (403, "origin_refused"), other
        assert browser.check(headers={"host": "id.example.test"}).status == 200


def test_without_https_there_is_no_hsts(shared_server):
    assert Browser(shared_server).send("GET", "/sign-in").header("strict-transport-security") is None


def test_the_cookies_say_what_the_settings_say(tmp_path):
    """Max-Age follows the absolute timeout; the story of a passkey goes on under Strict."""
    with serving(tmp_path, OSTIARY_SESSION_SAMESITE="Strict", OSTIARY_SESSION_ABSOLUTE_TIMEOUT="2h") as served:
        browser = Browser(served)
        assert browser.enrol(served.token).status == 200
        assert browser.send("POST", "/auth/logout").status == 204
        answer = browser.sign_in()
        given = {line.partition("=")[0]: line for line in answer.headers["set-cookie"]}
        for name in (SESSION, CSRF):
            assert "; Max-Age=7200;" in given[name]
            assert given[name].endswith("; SameSite=Strict")
        assert browser.send("DELETE", "/api/v1/auth/sessions?except=current").status == 200


def test_a_session_that_is_not_used_ends_by_itself(tmp_path):
    with serving(tmp_path, OSTIARY_SESSION_IDLE_TIMEOUT="500ms") as served:
        person = Browser(served)
        assert person.enrol(served.token).status == 200
        assert 'error_description="idle_timeout"' in until_refused(person, every=1)


def test_a_session_in_use_grows_old(tmp_path):
    with serving(tmp_path, OSTIARY_SESSION_ABSOLUTE_TIMEOUT="1500ms") as served:
        person = Browser(served)
        assert person.enrol(served.token).status == 200
        assert 'error_description="absolute_timeout"' in until_refused(person, every=0.1)
        assert [row["id"] for row in served.json("sessions", "list")] == [person.session]


def test_what_has_expired_is_swept_away(tmp_path):
    """With an hour between sweeps the row of the test above stays."""
    with serving(tmp_path, OSTIARY_SESSION_ABSOLUTE_TIMEOUT="1500ms", OSTIARY_GC_INTERVAL="100ms") as served:
        person = Browser(served)
        assert person.enrol(served.token).status == 200
        until([], lambda: served.json("sessions", "list"))
        assert person.check().status == 401


def test_signed_heads_are_appended_as_often_as_is_set(tmp_path):
    """With a minute between heads the second would not come; the last one is made at the stop."""
    file = tmp_path / "heads"
    settings = {"OSTIARY_HEAD_FILE": str(file), "OSTIARY_HEAD_INTERVAL": "50ms"}

    def sizes():
        return [json.loads(line)["size"] for line in file.read_text().splitlines()] if file.exists() else []

    with serving(tmp_path, **settings) as served:
        until(True, lambda: len(sizes()) > 0)
        first = sizes()[-1]
        assert Browser(served).enrol(served.token).status == 200
        until(True, lambda: sizes()[-1] > first)
        assert served.cli("receipts", "verify", "--json", "--signatures").count('"good": true') == 1
    last = sizes()[-1]
    assert served.json("receipts", "list", "--most", "1")[0]["seq"] == last


def test_signed_heads_are_posted(tmp_path):
    with receiver(*[200] * 20) as (url, came), serving(tmp_path, OSTIARY_HEAD_WEBHOOK=url) as served:
        until(True, lambda: len(came) > 0)
        assert json.loads(came[0][2])["format"] == "ostiary.head.v1"
        assert served.process.poll() is None


def until_refused(person, every):
    """Check until the session is refused; return the challenge."""
    deadline = time.monotonic() + PATIENCE_S
    while (answer := person.check()).status == 200 and time.monotonic() < deadline:
        time.sleep(every)
    assert answer.status == 401
    return answer.header("www-authenticate")
