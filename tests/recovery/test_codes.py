"""Every refusal of recovery, provoked over HTTP; what is refused changes nothing but its counter and its receipt."""

from contextlib import closing

import pytest

from tests.membrane.stage import Person, Stage, code
from tests.recovery.story import DAY, OTHER, Story, hashed
from tests.sessions.home import Home

NO = {
    "create_identity_binding_from_recovery": True,
    "create_standing_from_recovery": True,
    "create_company_authority_from_recovery": True,
}


@pytest.fixture
def insured(live):
    """A signed-in person: (story, token, a fresh proof of presence)."""
    return Story(live), live.login()["bearer_token"], live.presence("auth.recovery.policy")


@pytest.fixture
def ready(lost):
    """A recovery that has waited and registered its replacement."""
    lost.begin()
    lost.wait()
    assert lost.register().status == 200
    return lost


def answered(heard):
    return heard.status, code(heard)


@pytest.mark.parametrize(
    ("fields", "status", "word"),
    [
        ({"fixture": True}, 403, "tenant_mode_mismatch"),
        ({"raw_recovery_contact": ""}, 400, "auth_recovery_policy_raw_material_refused"),
        ({"raw_recovery_secret": "x"}, 400, "auth_recovery_policy_raw_material_refused"),
        ({"create_standing_from_recovery": True}, 403, "auth_recovery_policy_cannot_create_standing"),
        ({"standing": "standing:of_nobody"}, 403, "auth_recovery_policy_standing_mismatch"),
        ({"recovery_policy_hash": "cd" * 32}, 400, "auth_recovery_policy_hash_required"),
        ({"recovery_contact_hashes": []}, 400, "auth_recovery_policy_hash_required"),
        ({"recovery_contact_hashes": ["sha256:" + "AB" * 32]}, 400, "auth_recovery_policy_hash_required"),
        ({"passkey_binding": "passkey_binding:none"}, 404, "auth_recovery_policy_passkey_unknown"),
        ({"recovery_methods": ["sms_otp"]}, 400, "auth_recovery_method_unsupported"),
        ({"recovery_methods": []}, 400, "auth_recovery_method_unsupported"),
        ({"human_presence_receipt": ""}, 403, "m13_human_presence_missing"),
        ({"actor": "human_person:user-none"}, 403, "m13_wrong_actor"),
        ({"vessel": "vessel:of_nobody"}, 403, "m13_wrong_vessel"),
        ({"contains_biometric_material": True}, 400, "human_auth_biometric_material_refused"),
        ({"contains_customer_data": True}, 400, "customer_data_refused"),
        ({"recovery_policy_ref": "passkey_binding:x"}, 409, "ref_taken"),
        ({"recovery_policy_ref": "auth_recovery_policy:rp-AAAAAAAAAAAAAAAAAAAAAA"}, 409, "ref_taken"),
    ],
)
def test_a_policy_is_refused(insured, fields, status, word):
    lost, token, presence = insured
    assert answered(lost.policy(token, presence, **fields)) == (status, word)
    assert lost.policy(token, presence).status == 200, "the proof was not used up"


def test_a_fixtures_policy_says_that_it_is_one(fixture):
    lost = Story(fixture)
    token, presence = fixture.login()["bearer_token"], fixture.presence("auth.recovery.policy")
    for fields in ({"fixture": False}, {"production_login": True}):
        assert answered(lost.policy(token, presence, **fields)) == (403, "auth_recovery_policy_fixture_only")


def test_somebody_elses_passkey_and_presence_set_no_policy(insured):
    lost, token, presence = insured
    other = Person(lost.stage)
    heard = lost.policy(token, presence, passkey_binding=other.binding)
    assert answered(heard) == (403, "auth_recovery_policy_passkey_subject_mismatch")
    theirs = lost.stage.presence("auth.recovery.policy", subject=other.ref, passkey=other.passkey)
    assert answered(lost.policy(token, theirs)) == (403, "m13_human_presence_subject_mismatch")


def test_presence_for_a_policy_serves_once_in_time_and_for_that_only(insured):
    lost, token, presence = insured
    wrong = lost.stage.presence("passkey.add")
    assert answered(lost.policy(token, wrong)) == (403, "auth_recovery_policy_presence_invalid")
    assert lost.policy(token, presence).status == 200
    assert answered(lost.policy(token, presence)) == (403, "auth_recovery_policy_presence_invalid")
    late = lost.stage.presence("auth.recovery.policy")
    lost.stage.home.clock.turn(DAY // 24 // 10)
    assert answered(lost.policy(token, late)) == (403, "auth_recovery_policy_presence_invalid")


def test_sending_refuses_what_is_no_address_and_what_nobody_delivers(lost):
    assert answered(lost.send("nobody")) == (400, "email_invalid")
    assert answered(lost.send(recovery_method="sms_otp")) == (400, "auth_recovery_method_unsupported")
    assert answered(lost.send(raw_recovery_contact="x")) == (400, "auth_recovery_policy_raw_material_refused")


def test_too_many_letters_are_throttled_whoever_lives_there(lost):
    for address in (lost.own, "nobody@example.test"):
        heard = [lost.send(address, key=None) for _ in range(6)]
        assert [one.status for one in heard] == [200] * 5 + [429]
        assert code(heard[-1]) == "auth_rate_limit_throttled"


def test_a_wrong_code_is_refused_and_counted(lost):
    sent = lost.send()
    right = lost.code()
    for _ in range(5):
        assert answered(lost.confirm(sent, "00000000")) == (403, "auth_recovery_code_refused")
    assert answered(lost.confirm(sent, right)) == (403, "auth_recovery_code_refused"), "five wrong ones spend it"


def test_a_code_is_late_after_fifteen_minutes(lost):
    sent = lost.send()
    right = lost.code()
    lost.stage.home.clock.turn(DAY // 96)
    assert answered(lost.confirm(sent, right)) == (403, "auth_recovery_code_refused")


def test_before_the_waiting_period_is_over_nothing_can_be_registered_or_executed(lost):
    lost.begin()
    heard = lost.options()
    assert answered(heard) == (403, "auth_recovery_waiting")
    assert 86_000 < heard.json["body"]["retry_after_seconds"] <= 86_400
    lost.binding = "passkey_binding:none"
    assert answered(lost.execute(presence="human_presence_receipt:none")) == (403, "auth_recovery_waiting")
    lost.stage.home.clock.turn(DAY - 60_000_000)
    assert answered(lost.options()) == (403, "auth_recovery_waiting")


def test_a_recovery_waits_as_long_as_was_set(tmp_path):
    with closing(Home(tmp_path, RECOVERY_WAITING="1h")) as home:
        lost = Story(Stage(home))
        assert lost.begin()["waiting_seconds"] == 3600
        home.clock.turn(DAY // 24 - 60_000_000)
        assert answered(lost.options()) == (403, "auth_recovery_waiting")
        home.clock.turn(60_000_000)
        assert lost.options().status == 200


def test_a_recovery_that_nobody_finishes_is_over_after_a_week(ready):
    ready.stage.home.clock.turn(7 * DAY)
    assert answered(ready.execute()) == (409, "auth_recovery_cancelled")


@pytest.mark.parametrize(
    ("fields", "status", "word"),
    [
        ({"recovery_policy": "auth_recovery_policy:none"}, 404, "auth_recovery_policy_unknown"),
        ({"recovery_execution_ref": "auth_recovery_execution:none"}, 404, "auth_recovery_policy_unknown"),
        ({"recovery_token": "x" * 43}, 404, "auth_recovery_policy_unknown"),
        ({"recovery_contact_hash": hashed(OTHER)}, 403, "auth_recovery_contact_mismatch"),
        ({"recovery_contact_hash": "x"}, 400, "auth_recovery_policy_hash_required"),
        ({"replacement_passkey_binding": "passkey_binding:none"}, 404, "auth_recovery_replacement_unknown"),
        ({"actor": "human_person:user-none"}, 403, "m13_wrong_actor"),
        ({"standing": "standing:none"}, 403, "auth_recovery_policy_standing_mismatch"),
        ({"vessel": "vessel:none"}, 403, "m13_wrong_vessel"),
        ({"device_binding": "device_binding:other"}, 403, "auth_session_device_mismatch"),
        ({"human_presence_receipt": "human_presence_receipt:none"}, 403, "m13_human_presence_missing"),
        ({"raw_recovery_secret": "x"}, 400, "auth_recovery_policy_raw_material_refused"),
        ({"fixture": True}, 403, "tenant_mode_mismatch"),
        *(({name: value}, 403, "auth_recovery_cannot_create_authority") for name, value in NO.items()),
    ],
)
def test_an_execution_is_refused_and_changes_nothing(ready, fields, status, word):
    presence = ready.presence()
    before = state(ready)
    heard = ready.execute(presence, **fields)
    assert answered(heard) == (status, word)
    assert state(ready) == before
    assert ready.execute(presence).status == 200, "nothing was used up"


def test_the_old_passkey_is_no_replacement(ready):
    heard = ready.execute(replacement_passkey_binding=ready.person.binding)
    assert answered(heard) == (404, "auth_recovery_replacement_unknown")


def test_presence_by_another_passkey_executes_nothing(ready):
    old = ready.presence(ready.person.passkey)
    assert answered(ready.execute(old)) == (403, "m13_human_presence_subject_mismatch")
    wrong = ready.stage.presence("passkey.add", passkey=ready.person.passkey)
    assert answered(ready.execute(wrong)) == (403, "m13_human_presence_purpose_mismatch")
    late = ready.presence()
    ready.stage.home.clock.turn(DAY // 240)
    assert answered(ready.execute(late)) == (403, "m13_human_presence_stale")


def test_a_second_replacement_is_not_registered(ready):
    assert answered(ready.options()) == (403, "human_auth_registration_not_entitled")


def test_a_replacement_proves_nothing_else_before_the_execution(ready):
    wanted = {"tenant": ready.stage.ref, "subject": ready.person.ref, "relying_party_id": ready.stage.rp}
    wanted |= {"origin": ready.stage.origin, "scopes": ["auth.recovery.execute", "passkey.add"]}
    asked = ready.stage.ask("humanAuth.passkeyAssertionOptions", ready.stage.client, **wanted)
    assert answered(ready.stage.verify(asked, ready.passkey)) == (403, "passkey_quarantined")


def test_a_chosen_ref_of_a_recovery_is_used_once(lost):
    sent = lost.send()
    chosen = {"recovery_execution_ref": "auth_recovery_execution:mine"}
    first = lost.confirm(sent, **chosen)
    assert first.json["body"]["auth_recovery_execution"] == "auth_recovery_execution:mine"
    again = lost.send()
    assert answered(lost.confirm(again, **chosen)) == (409, "ref_taken")


@pytest.mark.parametrize("name", ["rx-AAAAAAAAAAAAAAAAAAAAAA", "auth_session:x", "", "a b"])
def test_a_chosen_ref_that_spells_an_id_or_none_at_all_is_refused_and_no_outage(lost, name):
    """The code is not spent by it."""
    sent = lost.send()
    right = lost.code()
    heard = lost.confirm(sent, right, recovery_execution_ref=f"auth_recovery_execution:{name}")
    assert heard.status in {400, 409}, heard.json
    assert lost.confirm(sent, right).status == 200


def test_only_a_quarantined_passkey_contests(ready):
    assert ready.execute().status == 200
    assert answered(ready.contest(presence="human_presence_receipt:none")) == (403, "m13_human_presence_missing")
    own = ready.presence(ready.passkey, "auth.recovery.contest")
    assert answered(ready.contest(presence=own)) == (403, "auth_recovery_contest_refused")


def test_nobody_contests_after_fourteen_days(ready):
    assert ready.execute().status == 200
    ready.stage.home.clock.turn(14 * DAY)
    assert answered(ready.contest()) == (403, "auth_recovery_contest_refused")


def test_while_it_can_be_contested_the_membrane_does_nothing_sensitive(ready):
    assert ready.execute().status == 200
    stage = ready.stage
    start = stage.start()
    proof = stage.verify(start, ready.passkey).json["body"]["human_presence_receipt"]
    token = stage.finish(start, proof).json["body"]["bearer_token"]
    presence = stage.presence("auth.recovery.policy", passkey=ready.passkey)
    heard = ready.policy(token, presence, passkey_binding=ready.binding)
    assert answered(heard) == (403, "auth_recovery_contestable")
    assert heard.json["body"]["retry_after_seconds"] > 13 * 86_400
    added = ready.options(key=token, subject=ready.person.ref, recovery_execution_ref="", recovery_token="")
    assert answered(added) == (403, "auth_recovery_contestable")
    stage.home.clock.turn(14 * DAY)
    fresh = stage.start()
    proof = stage.verify(fresh, ready.passkey).json["body"]["human_presence_receipt"]
    token = stage.finish(fresh, proof).json["body"]["bearer_token"]
    presence = stage.presence("auth.recovery.policy", passkey=ready.passkey)
    assert ready.policy(token, presence, passkey_binding=ready.binding).status == 200


def state(lost):
    """All that a refused act must leave alone."""
    tables = ("recovery_policies", "recovery_runs", "passkeys", "sessions", "presence", "mail_outbox")
    return {table: sorted(map(repr, lost.stage.home.rows(f"SELECT * FROM {table}"))) for table in tables}
