"""The SDK of the membrane: a method for each operation, the same on both clients, and types that mypy sees."""

import asyncio
import dataclasses
import json
import threading
from pathlib import Path
from typing import assert_type

import httpx2
import pytest

from ostiary_client.membrane import AsyncMembrane, Membrane
from ostiary_client.membrane.answers import Answer
from ostiary_client.membrane.logins import LoginStarted
from ostiary_client.membrane.operations import Operations
from ostiary_client.membrane.sessions import SessionInspected, SessionRevoked
from tests.ostiary_client.membrane.askers import KINDS, OPERATIONS, Asker, filled
from tests.ostiary_client.membrane.fake import CLIENT, FakeMembrane, envelope, served

CONTRACT = json.loads((Path(__file__).parents[2] / "wire" / "membrane.json").read_text(encoding="utf-8"))["operations"]
REQUIRED_BY_THE_PAGE = {
    "auth_login_start": "tenant subject passkey_binding relying_party_id origin scopes policy_ref source_ip_hash "
    "device_binding window_seconds attempt_count soft_limit lockout_threshold lockout_seconds fixture production_login "
    "contains_customer_data contains_biometric_material",
    "auth_login_finish": "tenant session actor vessel standing scopes human_presence_receipt login_challenge "
    "auth_rate_limit_evaluation passkey_binding holder_key device_binding expires_in_seconds fixture production_login "
    "production_session",
    "auth_session_exchange": "",
    "auth_session_issue": "tenant session actor vessel standing scopes human_presence_receipt holder_key device_binding "
    "expires_in_seconds fixture production_session",
    "auth_session_inspect": "tenant session",
    "auth_session_refresh": "tenant session scopes human_presence_receipt holder_key device_binding expires_in_seconds "
    "fixture production_session",
    "m13_session_revoke": "tenant session enforce_runtime_overlay",
    "auth_rate_limit_evaluate": "tenant policy_ref subject route action source_ip_hash device_binding window_seconds "
    "attempt_count soft_limit lockout_threshold lockout_seconds fixture production_login enforce_runtime_overlay "
    "contains_customer_data",
    "auth_recovery_policy": "tenant actor vessel standing passkey_binding human_presence_receipt recovery_policy_ref "
    "recovery_policy_hash recovery_contact_hashes recovery_methods fixture production_login contains_customer_data "
    "contains_biometric_material create_standing_from_recovery",
    "auth_recovery_execute": "tenant actor vessel standing recovery_policy recovery_execution_ref "
    "replacement_passkey_binding human_presence_receipt recovery_contact_hash device_binding fixture production_login "
    "contains_customer_data contains_biometric_material create_identity_binding_from_recovery "
    "create_standing_from_recovery create_company_authority_from_recovery",
    "human_auth_passkey_registration_options": "tenant subject relying_party_id origin user_handle_hash user_name_hash "
    "user_display_name_hash attestation authenticator_attachment resident_key user_verification "
    "exclude_credential_id_hashes contains_biometric_material contains_customer_data",
    "human_auth_passkey_assertion_options": "tenant subject relying_party_id origin passkey_binding scopes "
    "user_verification contains_biometric_material contains_customer_data",
    "human_auth_register_passkey": "tenant subject challenge passkey_binding relying_party_id origin credential_id_hash "
    "public_key_algorithm public_key_uncompressed_hex authenticator_attachment synced_passkey_allowed sign_count "
    "attestation_conveyance attestation_object_hash client_data_json_hash client_data_json_b64url "
    "contains_biometric_material contains_customer_data raw_credential_id_supplied private_key_material_supplied",
    "human_auth_passkey_import": "tenant subject passkey_binding relying_party_id origin credential_id_hash "
    "public_key_algorithm public_key_uncompressed_hex authenticator_attachment synced_passkey_allowed sign_count "
    "attestation_object_hash fixture contains_biometric_material contains_customer_data",
    "human_auth_challenge": "tenant subject relying_party_id scopes",
    "human_auth_verify_passkey": "tenant challenge passkey_binding relying_party_id user_verified credential_id_hash "
    "client_data_json_b64url authenticator_data_b64url signature_b64url user_handle_b64url",
}


def test_there_is_a_method_for_each_operation_and_no_other():
    stated = {one["method"]: (one["operation"], one["path"]) for one in CONTRACT}
    assert {name: (request.operation, request.path) for name, request in OPERATIONS.items()} == stated
    assert len({path for _, path in stated.values()}) == 16 + 4


@pytest.mark.parametrize("name", REQUIRED_BY_THE_PAGE)
def test_each_field_of_the_page_can_be_sent_and_none_that_is_raw(name):
    known = {one.name for one in dataclasses.fields(OPERATIONS[name])}
    assert set(REQUIRED_BY_THE_PAGE[name].split()) <= known
    assert {one for one in known if one.startswith("raw_")} <= {"raw_credential_id_supplied"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_both_clients_send_the_very_same(name):
    sent = []
    for kind in KINDS:
        fake = FakeMembrane()
        fake.next.append((400, {}, envelope("x", {"stable_code": "request_malformed"}, "refused")))
        with pytest.raises(Exception, match="request_malformed"):
            getattr(Asker(kind, fake, CLIENT), name)(**filled(OPERATIONS[name], all_fields=True))
        (path, headers, raw) = fake.seen[0]
        sent.append((path, headers, raw))
        wanted = {one.name for one in dataclasses.fields(OPERATIONS[name])}
        assert set(json.loads(raw) if raw else {}) == wanted
    assert sent[0] == sent[1]
    assert sent[0][1]["authorization"] == f"Bearer {CLIENT}"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_set_is_not_sent(kind):
    fake = FakeMembrane()
    fake.next += [(200, {}, envelope("auth.sessionInspect", {"session": "a:b", "revoked": False}))] * 2
    asker = Asker(kind, fake)
    asker.auth_session_inspect()
    asker.auth_session_inspect(tenant="tenant_node:acme", session="auth_session:tok-1")
    assert [json.loads(raw) for _, _, raw in fake.seen] == [
        {"tenant": "tenant_node:default"},
        {"tenant": "tenant_node:acme", "session": "auth_session:tok-1"},
    ]
    assert "authorization" not in fake.seen[0][1]


@pytest.mark.parametrize("kind", KINDS)
def test_flags_that_must_be_false_are_sent_as_false(kind):
    fake = FakeMembrane()
    fake.next.append((200, {}, envelope("x", {"auth_recovery_policy": "auth_recovery_policy:1"})))
    Asker(kind, fake).auth_recovery_policy(**filled(OPERATIONS["auth_recovery_policy"]))
    sent = json.loads(fake.seen[0][2])
    flags = ("contains_customer_data", "contains_biometric_material", "create_standing_from_recovery")
    assert [sent[name] for name in flags] == [False] * 3
    assert "fixture" not in sent


@pytest.mark.parametrize("kind", KINDS)
def test_the_exchange_has_no_body(kind):
    fake = FakeMembrane()
    told = Asker(kind, fake, "fixture-session-token").auth_session_exchange()
    assert (told.body.session, fake.seen[0][2]) == ("auth_session:fixture_valid", b"")
    assert "fixture-session-token" not in repr(told)


def test_a_client_that_bears_another_token_leaves_the_first_as_it_was():
    first = Membrane(credential=CLIENT, tenant="tenant_node:acme")
    second = first.bearing("v1.tok-other")
    assert (first._account.credential, second._account.credential) == (CLIENT, "v1.tok-other")
    assert second._account.tenant == "tenant_node:acme"
    second.close()
    assert not first._http.is_closed
    first.close()
    assert first._http.is_closed


def test_a_client_of_the_callers_own_is_not_closed():
    mine = httpx2.Client(base_url="http://127.0.0.1:8080")
    with Membrane(client=mine):
        pass
    assert not mine.is_closed
    mine.close()


def test_a_client_that_is_awaited_closes_too():
    async def lived():
        async with AsyncMembrane() as membrane:
            pass
        return membrane._http.is_closed

    assert asyncio.run(lived())


@pytest.mark.parametrize(
    "base", ["localhost:8080", "ftp://localhost", "https://", "https://anna:secret@id.example.test"]
)
def test_a_base_that_is_no_plain_address_is_refused(base):
    for kind in (Membrane, AsyncMembrane):
        with pytest.raises(ValueError, match="the base is an address") as raised:
            kind(base)
        assert "secret" not in str(raised.value)


def test_real_connections_keep_no_cookie_and_follow_no_environment(monkeypatch):
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fake = FakeMembrane()
    told = envelope("auth.sessionInspect", {"session": "a:b", "revoked": False})
    fake.next += [(200, {"set-cookie": "pl=1; Path=/"}, told)] * 4
    with served(fake) as url:
        with Membrane(url) as membrane:
            assert [membrane.auth_session_inspect().outcome for _ in range(2)] == ["admitted"] * 2

        async def asked():
            async with AsyncMembrane(url) as membrane:
                return [(await membrane.auth_session_inspect()).outcome for _ in range(2)]

        assert asyncio.run(asked()) == ["admitted"] * 2
    assert len(fake.seen) == 4
    assert not [headers for _, headers, _ in fake.seen if "cookie" in headers]


def test_one_client_serves_several_threads():
    fake = FakeMembrane()
    fake.next += [(200, {}, envelope("x", {"session": "a:b", "revoked": False}))] * 40
    asker = Asker("sync", fake)
    threads = [threading.Thread(target=lambda: [asker.auth_session_inspect() for _ in range(10)]) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(fake.seen) == 40


def test_a_method_can_be_read_about():
    assert "Never sent twice" in str(Operations.auth_login_finish.__doc__)
    with Membrane() as membrane:
        assert "Never sent twice" in str(membrane.auth_login_finish.__doc__)
        with pytest.raises(TypeError, match="subjekt"):
            membrane.auth_login_start(subjekt="human_person:anna")


def as_mypy_sees_it(direct: Membrane, told: SessionInspected) -> None:
    """Checked by `make check`, never run; an ignore that is not needed is an error there."""
    started = direct.auth_login_start(
        subject="a", relying_party_id="b", origin="c", source_ip_hash="d", device_binding="e"
    )
    assert_type(started, Answer[LoginStarted])
    assert_type(started.body.challenge.id, str)
    assert_type(direct.authority_session_revoke(session="a"), Answer[SessionRevoked])
    direct.m13_session_revoke()  # type: ignore[call-arg]  # the session must be named
    direct.m13_session_revoke(session=7)  # type: ignore[arg-type]  # and by a string
    direct.auth_session_refresh(human_presence_receipt="a", device_binding="b", scopes="c")  # type: ignore[arg-type]  # one string is no list
    _ = told.bearer_token  # type: ignore[attr-defined]  # an inspection tells no token


async def as_mypy_sees_it_awaited(awaited: AsyncMembrane) -> None:
    """The same for the client that is awaited."""
    assert_type(await awaited.auth_session_inspect(), Answer[SessionInspected])
    awaited.auth_session_inspect()  # type: ignore[unused-coroutine]  # one must not forget to await it
