"""Who must not get an account by recovery, and what recovery must not do, each by its rule's name."""

import hashlib
import time
from contextlib import closing

import pytest

from ostiary.access import service as access
from ostiary.identities import service as identities
from ostiary.kernel.values import Mode
from ostiary.membrane.recovery_table import PACE
from tests.login.gatehouse import OPERATOR
from tests.membrane.stage import Asking, Person, Stage, code
from tests.recovery.between import Between
from tests.recovery.story import DAY, OTHER, Story, hashed
from tests.sessions.home import Home


def answered(heard):
    return heard.status, code(heard)


def test_a_thief_of_the_mailbox_gets_nothing_within_the_waiting_period(lost):
    """The thief reads the mail; the owner, who still signs in, hears of it and cancels."""
    thief = Story(lost.stage)
    thief.begin()
    lost.stage.home.clock.turn(DAY // 2)
    assert answered(thief.options()) == (403, "auth_recovery_waiting")
    assert lost.cancel().status == 200
    lost.stage.home.clock.turn(DAY)
    assert answered(thief.options()) == (409, "auth_recovery_cancelled")
    assert lost.signs_in(lost.person.passkey) == ""


def test_a_thief_who_has_registered_is_turned_out_by_the_cancel_link(lost):
    lost.begin()
    token = lost.token()
    lost.wait()
    assert lost.register().status == 200
    presence = lost.presence()
    assert lost.cancel(token).status == 200
    assert answered(lost.execute(presence)) == (409, "auth_recovery_cancelled")
    assert lost.signs_in(lost.passkey) != ""
    assert lost.signs_in(lost.person.passkey) == ""


def test_a_thief_who_waited_is_undone_by_the_old_passkey(lost):
    thief = Story(lost.stage)
    thief.recovered()
    start = lost.stage.start()
    proof = lost.stage.verify(start, thief.passkey).json["body"]["human_presence_receipt"]
    token = lost.stage.finish(start, proof).json["body"]["bearer_token"]
    assert lost.stage.inspect(token).status == 200
    undone = lost.contest()
    assert (undone.status, undone.json["body"]["sessions_ended"]) == (200, 1), undone.json
    assert code(lost.stage.inspect(token)) == "session_revoked"
    assert lost.signs_in(thief.passkey) == "passkey_quarantined"
    assert lost.signs_in(lost.person.passkey) == ""
    assert answered(thief.contest(thief.passkey, presence="human_presence_receipt:none"))[0] == 403


def test_a_thief_who_recovers_twice_cannot_contest_the_owner_away(lost):
    """The second recovery sets the thief's first passkey aside: its contest leaves the owner's where it is."""
    first, second = Story(lost.stage), Story(lost.stage)
    first.recovered()
    lost.stage.home.clock.turn(DAY // 100)
    second.recovered()
    assert first.contest(first.passkey).status == 200
    assert lost.contest().status == 200, "the owner's passkey still contests the first"
    assert lost.signs_in(lost.person.passkey) == ""
    assert lost.signs_in(first.passkey) == lost.signs_in(second.passkey) == "passkey_quarantined"


def test_the_cancel_link_works_once(lost):
    lost.begin()
    token = lost.token()
    assert lost.cancel(token).status == 200
    assert answered(lost.cancel(token)) == (409, "auth_recovery_cancelled")
    assert answered(lost.cancel("x" * 43)) == (403, "auth_recovery_code_refused")


def test_the_cancel_link_comes_too_late_after_the_execution(lost):
    lost.begin()
    token = lost.token()
    lost.wait()
    assert lost.register().status == 200
    assert lost.execute().status == 200
    assert answered(lost.cancel(token)) == (409, "auth_recovery_policy_consumed")


def test_the_code_of_another_person_is_refused(lost):
    other = Story(lost.stage, Person(lost.stage))
    mine, theirs = lost.send(), other.send()
    their_code = other.code(other.own)
    assert answered(lost.confirm(mine, their_code)) == (403, "auth_recovery_code_refused")
    assert other.confirm(theirs, their_code).status == 200


def test_a_code_is_good_once(lost):
    sent = lost.send()
    right = lost.code()
    assert lost.confirm(sent, right).status == 200
    assert answered(lost.confirm(sent, right)) == (403, "auth_recovery_code_refused")


def test_an_execution_is_not_replayed(lost):
    lost.begin()
    lost.wait()
    lost.register()
    said = lost.executing()
    assert lost.execute(**said).status == 200
    assert answered(lost.execute(**said)) == (409, "auth_recovery_policy_consumed")


def test_of_two_executions_at_once_one_wins(anywhere):
    anywhere.begin()
    anywhere.wait()
    anywhere.register()
    stage, one, two = anywhere.stage, anywhere.executing(), anywhere.executing()
    heard = stage.together(*(Asking("auth.recoveryExecute", stage.client, said) for said in (one, two)))
    assert sorted(one.status for one in heard) == [200, 409]
    assert {code(one) for one in heard if one.status == 409} == {"auth_recovery_policy_consumed"}


def test_nothing_of_one_tenant_serves_in_another(lost):
    there = Story(Stage(lost.stage.home, "elsewhere", Mode.LIVE))
    there.insured(recovery_contact_hashes=[hashed(there.contact)])
    here, sent = lost.begin(), there.send()
    theirs = there.code(there.contact)
    assert answered(lost.confirm(sent, theirs)) == (403, "auth_recovery_code_refused")
    assert answered(there.cancel(lost.token())) == (403, "auth_recovery_code_refused")
    there.begin()
    moved = {name: here[name] for name in ("recovery_token", "auth_recovery_execution")}
    said = {"recovery_token": moved["recovery_token"], "recovery_execution_ref": moved["auth_recovery_execution"]}
    assert answered(there.options(**said)) == (404, "auth_recovery_policy_unknown")
    assert answered(there.options(key=lost.stage.client)) == (403, "cross_tenant_access")


def test_another_tenant_has_no_contacts_by_default(lost):
    there = Story(Stage(lost.stage.home, "elsewhere", Mode.LIVE))
    sent = there.send()
    assert sent.status == 200
    assert there.letters("recovery_code") == []


def test_a_recovery_grants_nothing(lost):
    """All roles, scopes, standings, bindings of identity and refs, before and after."""
    lost.stage.act(lambda tx: access.grant(tx, OPERATOR, lost.person.id, "administrator"))
    before = granted(lost)
    lost.recovered()
    assert granted(lost) == before
    assert lost.contest().status == 200
    assert granted(lost) == before


@pytest.mark.parametrize("what", ["identity_binding", "standing", "company_authority"])
def test_creation_flags_are_refused(lost, what):
    lost.begin()
    lost.wait()
    lost.register()
    heard = lost.execute(**{f"create_{what}_from_recovery": True})
    assert answered(heard) == (403, "auth_recovery_cannot_create_authority")


def test_nobody_learns_whether_an_address_has_an_account(lost):
    """Known, unknown, and known with its letters used up: one answer, and the same rows in the same tables."""
    known, unknown = lost.send(), lost.send("nobody@example.test")
    assert shape(known) == shape(unknown)
    flags = ("raw_recovery_secret_stored", "raw_recovery_contact_stored")
    assert [known.json["body"][flag] for flag in flags] == [False, False]
    rows = lost.stage.home.rows("SELECT purpose, length(sealed) > 0 FROM mail_outbox")
    assert len(rows) == 2
    assert len(set(rows)) == 1
    assert [one.to for one in lost.letters("recovery_code")] == [lost.own]
    for sent in (known, unknown):
        heard = lost.confirm(sent, "00000000")
        assert answered(heard) == (403, "auth_recovery_code_refused")
    told = [one for one in lost.stage.home.receipts() if one.operation.startswith("recovery.")]
    assert {tuple(one.reasons) for one in told if one.operation == "recovery.send"} == {("email_link",)}


def test_how_long_it_takes_tells_nothing(lost):
    """The work for an address that nobody has is less; the answer waits for its time all the same."""
    took = {}
    for address in (lost.own, "nobody@example.test", lost.own, "nobody@example.test"):
        begun = time.monotonic()
        assert lost.send(address).status == 200
        took.setdefault(address, []).append(time.monotonic() - begun)
    assert min(map(min, took.values())) >= PACE


def test_an_address_that_has_had_its_letters_gets_no_more_and_the_answer_stays(lost):
    heard = []
    for _ in range(22):
        heard.append(lost.send())
        lost.letters()
        lost.stage.home.clock.turn(1000 * 1_000_000)
    assert {one.status for one in heard} == {200}
    assert len(lost.letters("recovery_code")) == 20


def test_letters_that_fold_into_one_another_open_no_other_mailbox(lost):
    """What is typed is never where mail goes: the Kelvin sign folds to k, and is another mailbox's letter."""
    keyring = lost.stage.home.house.keyring
    lost.stage.act(lambda tx: identities.add_person(tx, keyring, OPERATOR, email="kelvin@example.test"))
    assert lost.send("\u212aelvin@example.test").status == 200
    assert lost.send("KELVIN@EXAMPLE.TEST").status == 200
    assert {one.to for one in lost.letters("recovery_code")} == {"kelvin@example.test"}


def test_wrong_codes_are_bounded_over_all_letters_of_a_day(lost):
    for _ in range(4):
        sent = lost.send()
        for _ in range(5):
            lost.confirm(sent, "00000000")
        lost.stage.home.clock.turn(1000 * 1_000_000)
    sent = lost.send()
    assert answered(lost.confirm(sent, lost.code())) == (403, "auth_recovery_code_refused")
    lost.stage.home.clock.turn(DAY + 1)
    assert lost.confirm(lost.send()).status == 200


def test_a_newer_policy_replaces_the_older_and_ends_what_is_on_its_way(live):
    lost = Story(live)
    token = lost.insured()
    lost.begin()
    presence = live.presence("auth.recovery.policy")
    assert lost.policy(token, presence, recovery_contact_hashes=[hashed(OTHER)]).status == 200
    live.home.clock.turn(DAY)
    assert answered(lost.options()) == (409, "auth_recovery_cancelled")
    lost.send()
    lost.send(OTHER)
    assert lost.letters("recovery_code")[0].to == OTHER
    assert len(lost.letters("recovery_code")) == 2, "one before, and one to the new contact"


@pytest.mark.parametrize("before", [True, False], ids=["a policy stood", "the default stood"])
def test_a_policy_that_is_set_while_a_code_is_on_its_way_voids_the_code(live, before):
    lost = Story(live)
    token = lost.insured() if before else live.login()["bearer_token"]
    sent = lost.send()
    right = lost.code()
    presence = live.presence("auth.recovery.policy")
    assert lost.policy(token, presence, recovery_contact_hashes=[hashed(OTHER)]).status == 200
    assert answered(lost.confirm(sent, right)) == (404, "auth_recovery_policy_unknown")


def test_a_code_from_before_an_execution_begins_nothing_after_it(live):
    lost = Story(live)
    lost.insured()
    lost.begin()
    lost.wait()
    lost.register()
    sent = lost.send()
    right = lost.code()
    assert lost.execute().status == 200
    assert answered(lost.confirm(sent, right)) == (409, "auth_recovery_policy_consumed")


def test_after_a_policy_was_consumed_the_default_does_not_come_back(live):
    lost = Story(live)
    lost.insured()
    lost.recovered()
    before = len(lost.letters("recovery_code"))
    live.home.clock.turn(1000 * 1_000_000)
    assert lost.send().status == 200
    assert len(lost.letters("recovery_code")) == before


def test_notices_go_to_the_own_address_and_to_the_proved_one(live):
    lost = Story(live)
    lost.contact = OTHER
    lost.insured()
    lost.begin()
    assert {one.to for one in lost.letters("recovery_begun")} == {lost.own, OTHER}


def test_a_contest_is_told_to_the_account_and_to_who_recovered(live):
    lost = Story(live)
    lost.contact = OTHER
    lost.insured()
    lost.recovered()
    assert lost.letters("recovery_contested") == []
    assert lost.contest().status == 200
    assert {one.to for one in lost.letters("recovery_contested")} == {lost.own, OTHER}


@pytest.mark.parametrize("planted", [False, True])
def test_a_code_that_is_stored_as_it_is_is_told(tmp_path, planted):
    """By a store that writes the plain code, which the test knows."""
    chance = b"\7" * 16
    digits = f"{int.from_bytes(chance) % 10**8:08}"
    with closing(Home(tmp_path, vault=lambda house: Between(house.vault))) as home:
        lost, vault = Story(Stage(home)), home.house.vault
        vault.secrets = lambda count: chance[:1] * count
        if planted:
            vault.once("recovery_attempts", lambda values: values.update(code_hash=digits))
        assert lost.send().json["body"]["raw_recovery_secret_stored"] is planted
        assert lost.code() == digits


def test_nothing_raw_is_kept(lost):
    """Neither the address, nor the code, nor a secret, nor a link's token lies in the database as it is."""
    sent = lost.send()
    home = lost.stage.home
    raw = "\n".join(home.dump())
    right = lost.code()
    begun = lost.confirm(sent, right).json["body"]
    token = lost.token()
    raw += "\n".join(home.dump())
    for secret in (lost.own, right, begun["recovery_token"], token):
        assert secret not in raw
        assert secret.encode().hex().upper() not in raw.upper()
        assert hashlib.sha256(lost.own.encode()).hexdigest() not in raw


def test_proofs_of_presence_from_before_serve_nothing_after(lost):
    """Whoever answered a login with the old passkey finishes it in vain."""
    lost.begin()
    lost.wait()
    lost.register()
    start = lost.stage.start()
    proof = lost.stage.verify(start).json["body"]["human_presence_receipt"]
    assert lost.execute().status == 200
    assert code(lost.stage.finish(start, proof)) == "auth_login_human_presence_invalid"


def shape(heard):
    """An answer without what differs by chance."""
    body = {name: value for name, value in heard.json["body"].items() if name not in {"recovery_contact", "expires_at"}}
    return heard.status, body, heard.json["outcome"], sorted(heard.json["body"]), len(heard.json["receipt"]["ref"])


def granted(lost):
    """Everything that says what somebody is or may."""
    tables = ("people", "grants", "standings", "devices", "client_keys", "refs", "tenants")
    return {table: sorted(map(repr, lost.stage.home.rows(f"SELECT * FROM {table}"))) for table in tables}
