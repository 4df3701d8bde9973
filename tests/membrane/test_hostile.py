"""What an attacker tried at the membrane, each by its name."""

import pytest

from ostiary.access import clients
from ostiary.access import service as access
from ostiary.kernel.clock import SECOND
from ostiary.kernel.values import Caller, Factor, Mode
from ostiary.limits import service as limits
from ostiary.limits.model import Policy
from ostiary.login.service import remove_passkey
from ostiary.presence import store as presence_store
from ostiary.presence.model import Purpose
from tests.login.gatehouse import OPERATOR
from tests.membrane.stage import SCOPES, Person, Stage, code, good

ELSEWHERE = "device_binding:somewhere_else"


def removed(stage, binding):
    """The owner removes a passkey at the account's page: its own use case, from a browser session, with presence."""
    person, passkey = stage.person.id, binding.partition(":")[2]
    session, _ = stage.home.open(person)
    proof = {"id": "hp-" + "A" * 22, "person_id": person, "session_id": session.id, "subject": passkey}
    kind = {"purpose": Purpose.PASSKEY_REMOVE.value, "factor": Factor.PASSKEY.value, "user_verified": 1}

    def use_case(tx):
        presence_store.add_presence(tx, **proof, **kind, expires_at=tx.now + 60 * SECOND)
        caller = Caller(actor=person, session=session.id)
        return remove_passkey(tx, {"passkey": stage.home.method("passkey")}, caller, passkey, proof["id"])

    assert stage.act(use_case) is None


def answered(stage, passkey):
    """A login that a passkey has answered: (the start, the ref of the proof)."""
    start = good(stage.start())
    return start, good(stage.verify(start, passkey)).json["body"]["human_presence_receipt"]


def test_a_token_that_a_removed_passkey_opened_ends_with_it(live):
    thief, binding = live.person.new_passkey()
    token = good(live.finish(*answered(live, thief))).json["body"]["bearer_token"]
    removed(live, binding)
    assert code(live.inspect(token)) == "session_revoked"


def test_a_refreshed_token_of_a_removed_passkey_ends_with_it_too(live):
    thief, binding = live.person.new_passkey()
    token = good(live.finish(*answered(live, thief))).json["body"]["bearer_token"]
    token = good(live.refresh(token, live.presence("auth.session.refresh"))).json["body"]["bearer_token"]
    removed(live, binding)
    assert code(live.inspect(token)) == "session_revoked"


def test_a_login_that_a_removed_passkey_answered_is_not_finished(live):
    thief, binding = live.person.new_passkey()
    start, proof = answered(live, thief)
    removed(live, binding)
    assert code(live.finish(start, proof)) == "auth_login_human_presence_invalid"


def test_a_proof_of_a_removed_passkey_adds_no_other(live):
    thief, binding = live.person.new_passkey()
    token = live.login()["bearer_token"]
    proof = live.presence("passkey.add", passkey=thief)
    offered = good(live.send(live.offering(token)))
    removed(live, binding)
    assert live.send(live.registering(token, offered, human_presence_receipt=proof)).status == 403


@pytest.mark.parametrize("act", ["passkey.add", "auth.session.issue", "auth.session.refresh"])
def test_a_proof_for_one_device_serves_no_other(live, act):
    token, proof = live.login()["bearer_token"], live.presence(act, device_binding=ELSEWHERE)
    if act == "passkey.add":
        heard = live.send(live.registering(token, good(live.send(live.offering(token))), human_presence_receipt=proof))
    else:
        heard = (live.issue if act.endswith("issue") else live.refresh)(token, proof)
    assert code(heard) == "auth_session_device_mismatch"


def test_a_session_of_a_client_that_is_gone_is_not_refreshed(live):
    live.client, kept = live.act(lambda tx: clients.add(tx, OPERATOR, "client", "to_go", SCOPES)), live.client
    token, live.client = live.login()["bearer_token"], kept
    assert live.act(lambda tx: clients.remove(tx, OPERATOR, "to_go")) is None
    assert code(live.refresh(token, live.presence("auth.session.refresh"))) == "auth_session_scope_not_allowed"


def test_a_client_of_few_scopes_gets_no_more_by_leaving_its_key_at_home(live):
    live.act(lambda tx: clients.remove(tx, OPERATOR, clients.BROWSER))
    start = good(live.start(key=None))
    jar = {"cookie": start.headers.header("set-cookie").partition(";")[0]}
    proof = good(live.verify(start, key=None, headers=jar)).json["body"]["human_presence_receipt"]
    heard = live.finish(start, proof, key=None, headers=jar, scopes=["invoice.issue"])
    assert code(heard) == "auth_session_scope_not_allowed"


def test_a_token_of_few_scopes_of_an_administrator_ends_nobody_elses_session(live):
    victim, other = live.login(), Person(live)
    live.act(lambda tx: access.grant(tx, OPERATOR, other.id, access.ADMINISTRATOR))
    live.client, live.person = live.key("client", ("invoice.read", "auth.session.revoke")), other
    live.act(lambda tx: access.grant_scope(tx, OPERATOR, other.id, "auth.session.revoke"))
    few = live.login(scopes=["invoice.read"])["bearer_token"]
    assert code(live.revoke(few, victim["session"])) == "m13_wrong_actor"
    fit = live.login(scopes=["auth.session.revoke"])["bearer_token"]
    assert live.revoke(fit, victim["session"]).status == 200


def test_who_is_locked_out_is_not_let_in_by_naming_another_policy(live):
    live.act(lambda tx: limits.set_policy(tx, OPERATOR, Policy("kiosk", 300 * SECOND, 1000, 2000, 900 * SECOND)))
    heard = [live.start(key=None) for _ in range(11)]
    assert code(heard[-1]) == "auth_rate_limit_locked"
    assert live.start(key=None, policy_ref="auth_rate_limit_policy:kiosk").status == 429


def test_the_people_of_one_program_do_not_lock_each_other_out(live):
    def one(number):
        return live.start(subject=f"human_person:nobody{number}", device_binding=f"device_binding:theirs{number}")

    assert {one(number).status for number in range(220)} == {200}


def test_a_page_of_the_tenants_own_origin_is_let_in_and_no_other(live):
    there = Stage(live.home, "elsewhere", Mode.LIVE)
    mine = {"origin": there.origin, "sec-fetch-site": "same-origin"}
    assert good(there.start(key=None, headers=mine))
    assert code(there.start(key=None, headers=mine | {"origin": "https://evil.test"})) == "origin_refused"
    assert code(live.start(key=None, headers=mine)) == "origin_refused"


def test_the_receipt_of_an_issue_is_about_what_was_issued_though_the_oldest_ended_for_it(live):
    token, proof = live.login()["bearer_token"], live.presence("auth.session.issue")
    for _ in range(99):
        live.home.open(live.person.id)
    issued = good(live.issue(token, proof)).json
    receipt = live.home.receipts(id=issued["receipt"]["ref"].partition(":")[2])
    assert [one.operation for one in receipt] == ["session.open"]


def test_a_session_beside_ends_with_the_family_of_a_stolen_token(live):
    token = live.login()["bearer_token"]
    beside = good(live.issue(token, live.presence("auth.session.issue"))).json["body"]["bearer_token"]
    good(live.refresh(token, live.presence("auth.session.refresh")))
    live.home.clock.turn(60 * SECOND)
    assert code(live.inspect(token)) == "token_reused"
    assert code(live.inspect(beside)) == "session_revoked"


def test_a_name_that_spells_an_id_is_refused_and_no_outage(live):
    token, proof = live.login()["bearer_token"], live.presence("passkey.add")
    offered = good(live.send(live.offering(token)))
    name = "passkey_binding:pk-" + "A" * 22
    heard = live.send(live.registering(token, offered, human_presence_receipt=proof, passkey_binding=name))
    assert (heard.status, code(heard)) == (409, "human_auth_passkey_binding_taken")


def test_a_hash_that_is_not_ascii_is_no_internal_fault(live):
    token, proof = live.login()["bearer_token"], live.presence("passkey.add")
    offered = good(live.send(live.offering(token)))
    for name in ("attestation_object_hash", "client_data_json_hash"):
        heard = live.send(live.registering(token, offered, human_presence_receipt=proof, **{name: "sha256:ü"}))
        assert heard.status == 400, heard.json


def test_a_raw_address_is_no_name_of_a_device(live):
    assert code(live.start(device_binding="device_binding:192.0.2.7")) == "request_malformed"
