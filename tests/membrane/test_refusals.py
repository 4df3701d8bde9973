"""Every refusal of `refusals.CASES`, over HTTP: its status, its envelope, its receipt, and that nothing changed."""

import asyncio
import json

import pytest

from ostiary.kernel.clock import SECOND
from ostiary.kernel.refusals import Code
from ostiary.membrane.table import ROWS
from ostiary.web.catalogue import CATALOGUE, codes_of
from tests.membrane.recoveries import CASES
from tests.membrane.stage import Heard, kept

STATUS = {
    400: """
        request_malformed customer_data_refused auth_login_raw_identifier_refused auth_login_source_hash_required
        auth_login_rate_limit_policy_invalid auth_login_expiry_invalid auth_session_issue_expiry_invalid
        auth_session_refresh_expiry_invalid auth_session_scopes_required auth_rate_limit_raw_identifier_refused
        auth_rate_limit_hash_required auth_rate_limit_policy_invalid human_auth_biometric_material_refused
        human_auth_raw_credential_material_refused human_auth_credential_hash_required
        human_auth_passkey_public_key_missing human_auth_registration_challenge_required
        human_auth_webauthn_assertion_missing human_auth_webauthn_client_data_invalid
        auth_recovery_policy_raw_material_refused auth_recovery_policy_hash_required
        auth_recovery_method_unsupported email_invalid""",
    401: "token_tampered session_missing session_revoked session_expired token_reused",
    404: """
        route_unknown auth_login_passkey_binding_unknown auth_login_rate_limit_missing
        human_auth_passkey_binding_unknown human_auth_challenge_unknown m13_session_unknown auth_session_unknown
        auth_recovery_policy_passkey_unknown auth_recovery_policy_unknown auth_recovery_replacement_unknown""",
    408: "request_too_slow",
    409: """
        auth_login_session_already_issued auth_session_issue_already_issued human_auth_challenge_replayed
        human_auth_passkey_binding_taken ref_taken auth_recovery_policy_consumed auth_recovery_cancelled""",
    410: "human_auth_challenge_expired",
    413: "request_too_large",
    429: "auth_rate_limit_throttled auth_rate_limit_locked",
    503: "store_unavailable",
}
"""The contract's statuses (section 3); what stands nowhere here breaks a rule: 403."""
WANTED = {word: status for status, words in STATUS.items() for word in words.split()}


def told(stage):
    """How many receipts of refusals there are in all tenants."""
    return stage.home.rows("SELECT count(*) FROM receipts WHERE outcome = 'refused'")[0][0]


async def slowly(stage, asking):
    """Send the head of a request and none of its body, while the loop's time runs ahead."""
    loop = asyncio.get_running_loop()
    path, _, sent = stage.said(asking)
    answered = []
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in {"content-length": "9", **sent}.items()],
        "client": ("127.0.0.1", 40_000),
        "server": ("localhost", 8080),
    }

    async def receive():
        real = loop.time
        loop.time = lambda: real() + 3600
        try:
            await asyncio.Event().wait()
        finally:
            loop.time = real

    async def send(message):
        answered.append(message)

    await stage.home.application.public(scope, receive, send)
    return Heard(answered[0]["status"], json.loads(answered[1]["body"]), None, b"")


def provoke(stage, case, asking):
    """Send what must be refused, under the circumstances that its code demands."""
    if case.code is Code.REQUEST_TOO_SLOW:
        return stage.home.run(slowly(stage, asking))
    stage.home.house.vault.down = case.code is Code.STORE_UNAVAILABLE
    try:
        return stage.send(asking)
    finally:
        stage.home.house.vault.down = False


EVERY = [(one, where) for one in CASES.values() for where in one.stages]


@pytest.mark.parametrize(("case", "where"), EVERY, ids=[f"{c.operation}-{c.code}-{w}" for c, w in EVERY])
def test_it_is_refused_and_nothing_changes(stages, case, where):
    stage = stages[where].anew()
    home = stage.home
    home.clock.turn(SECOND)
    asking = case.prepare(stage)
    home.clock.turn(SECOND)  # so that its receipt stands alone
    before, count = kept(home), told(stage)
    heard = provoke(stage, case, asking)
    after = kept(home)
    assert heard.status == WANTED.get(case.code, 403), heard.json
    assert (heard.json["operation"], heard.json["outcome"]) == (case.operation, "refused")
    body, receipt = heard.json["body"], heard.json["receipt"]
    assert (body["failed_gate"], body["stable_code"]) == (case.code, case.code), heard.json
    assert body["message"]
    assert body["remedy_hint"]
    assert body["request_id"]
    assert (receipt["outcome"], receipt["reasons"][0]) == ("refused", case.code)
    if case.code is Code.STORE_UNAVAILABLE:
        assert receipt["ref"] is None
        assert told(stage) == count
    else:
        assert told(stage) == count + 1
        kind, _, name = receipt["ref"].partition(":")
        assert kind == "receipt"
        found = home.rows(f"SELECT outcome FROM receipts WHERE id = '{name}'")
        assert found == [("refused",)]
    if heard.headers is not None:
        dressed(heard, body)
    allowed = {"evaluations"} if heard.status == 429 else {"sessions"} if case.code is Code.TOKEN_REUSED else set()
    assert {name for name in before if before[name] != after[name]} <= allowed


def dressed(heard, body):
    """Check the headers that a status demands."""
    assert heard.headers.header("cache-control") == "no-store"
    assert (heard.status == 401) == (heard.headers.header("www-authenticate") is not None)
    if heard.status in {429, 503}:
        assert heard.headers.header("retry-after") == str(body["retry_after_seconds"])
        assert body["retry_after_seconds"] > 0
    else:
        waits = body["stable_code"] in {"auth_recovery_waiting", "auth_recovery_contestable"}
        assert (body["retry_after_seconds"] > 0) is waits


@pytest.mark.parametrize("row", ROWS, ids=[row.operation.name for row in ROWS])
def test_every_declared_code_is_provoked_and_no_other(row):
    name = row.operation.name
    assert {code for operation, code in CASES if operation == name} == set(codes_of(row.operation))


def test_the_statuses_are_those_of_the_contract():
    for row in ROWS:
        for code in codes_of(row.operation):
            assert CATALOGUE[code].status == WANTED.get(code, 403), code
