"""A stolen signing key: it verifies nothing from the acknowledgement on, and what it signed is over."""

import pytest

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Scope
from ostiary.keys import service as keys
from ostiary.keys.model import ROTATABLE, Purpose
from ostiary.receipts.ledger import signature_holds
from ostiary.sessions import wire
from ostiary.sessions.revocation import revoke_key
from tests.flows.browser import SESSION, Browser
from tests.keys.test_rotation import Stranger
from tests.login.gatehouse import OPERATOR
from tests.sessions.home import HOUR, Home, cause

REASON = "signing_key_revoked"


def revoke(place, key_id, scope=None):
    house = place.house
    return house.vault.transact_now(
        scope or house.scope, lambda tx: revoke_key(tx, house.sealer, house.keyring, OPERATOR, key_id)
    )


def test_every_session_that_it_signed_is_over_at_the_next_check_on_every_node(anywhere):
    home = anywhere
    cookies, stolen = [home.open()[1] for _ in range(3)], home.key()
    assert {home.check(cookie).status for cookie in cookies} == {200}
    done = revoke(home.beside(), stolen.id)
    home.clock.turn(10_000)
    answers = [home.check(cookie) for cookie in cookies]
    assert [(one.status, cause(one)) for one in answers] == [(401, REASON)] * 3
    assert (done.sessions, done.key.state) == (3, "revoked")
    assert [row[0] for row in home.rows("SELECT end_reason FROM sessions")] == [REASON] * 3


def test_a_fresh_key_is_in_service_at_once_and_it_is_on_record(anywhere):
    home, stolen = anywhere, anywhere.key()
    home.open()
    neighbour = home.beside()
    revoke(neighbour, stolen.id)
    fresh = neighbour.house.keyring.active("default", Purpose.SESSION)
    (receipt,) = home.receipts(operation="key.revoke")
    assert (receipt.subject, receipt.actor) == (stolen.id, OPERATOR.actor)
    assert receipt.reasons == ("session", f"replaced_by:{fresh.id}", "sessions:1")
    assert (fresh.version, fresh.retired_at) == (2, 0)
    home.crash()
    assert home.check(home.open()[1]).status == 200


def test_a_forged_cookie_of_a_stolen_key_opens_nothing(anywhere):
    home, stolen = anywhere, anywhere.key()
    session = home.open()[0]
    revoke(home.beside(), stolen.id)
    forged = wire.seal(session.id, stolen)
    assert home.check(forged).status == 401
    later = home.crash() or home.open()[0]
    assert home.check(wire.seal(later.id, stolen)).status == 401


def test_what_a_node_that_has_not_heard_still_signs_is_dead(anywhere):
    home, stolen = anywhere, anywhere.key()
    revoke(home.beside(), stolen.id)
    assert home.key().id == stolen.id, "this node has not heard"
    cookie = home.open()[1]
    answer = home.check(cookie)
    assert (answer.status, cause(answer)) == (401, REASON)
    again = revoke(home.beside(), stolen.id)
    assert (again.sessions, home.last().reasons) == (1, (REASON, "sessions:1"))


def test_a_retired_key_is_revoked_without_a_new_one(home):
    cookie, old = home.open()[1], home.key()
    neighbour = home.beside()
    fresh = neighbour.rotate()
    revoke(neighbour, old.id)
    assert home.check(cookie).status == 401
    assert neighbour.house.keyring.active("default", Purpose.SESSION).id == fresh.id
    assert home.last().reasons == ("session", "sessions:1")


def test_sessions_of_another_key_are_untouched(home):
    neighbour = home.beside()
    old = home.key()
    neighbour.rotate()
    neighbour.act(lambda tx: keys.load(tx, neighbour.house.sealer, neighbour.house.keyring))
    kept = Home.open(Stranger(home, neighbour.house))[1]
    revoke(neighbour, old.id)
    assert home.check(kept).status == 200


def test_a_second_revocation_changes_nothing_and_promises_the_same(home):
    neighbour, key = home.beside(), home.key()
    first = revoke(neighbour, key.id)
    before = len(home.receipts()), home.rows("SELECT id FROM keys")
    again = revoke(neighbour, key.id)
    assert (again.key.revoked_at, again.sessions) == (first.key.revoked_at, 0)
    assert (len(home.receipts()), home.rows("SELECT id FROM keys")) == before


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - ROTATABLE))
def test_what_does_not_name_its_key_is_not_revoked(home, purpose):
    refused = revoke(home, home.key(purpose).id)
    assert isinstance(refused, Refusal)
    assert refused.code is Code.KEY_NOT_REVOCABLE
    assert home.rows("SELECT * FROM revoked_keys") == []


def test_a_key_of_another_tenant_and_an_unknown_one_are_refused_alike(home):
    unknown = revoke(home, "sk-AAAAAAAAAAAAAAAAAAAAAA")
    house = home.house
    house.vault.transact_now(Scope("other"), lambda tx: keys.ensure(tx, house.sealer, house.keyring))
    foreign = house.keyring.active("other", Purpose.SESSION)
    refused = revoke(home, foreign.id)
    assert (unknown.code, refused.code) == (Code.KEY_UNKNOWN, Code.KEY_UNKNOWN)
    assert home.rows("SELECT * FROM revoked_keys") == []


def test_old_receipts_verify_for_ever_after_their_key_was_revoked(home):
    old = home.key(Purpose.RECEIPT)
    revoke(home, old.id)
    home.clock.turn(1000 * HOUR)
    home.collect()
    home.crash()
    every = home.receipts()
    assert all(signature_holds(one, home.house.keyring.find(one.key).public) for one in every)
    revoked = next(one for one in every if one.operation == "key.revoke")
    assert revoked.key == home.key(Purpose.RECEIPT).id != old.id, "signed by the fresh key"
    assert home.house.keyring.find(old.id).state == "revoked"


def test_a_revoked_session_key_is_deleted_after_its_retention_and_stays_dead(home):
    cookie, key = home.open()[1], home.key()
    revoke(home, key.id)
    home.clock.turn(25 * HOUR)
    home.collect()
    home.crash()
    assert home.house.keyring.find(key.id) is None
    assert home.check(cookie).status == 401


def test_a_sign_in_begun_under_a_stolen_prelogin_key_ends_nowhere(home):
    visitor = home.enrolled()
    visitor.send("POST", "/auth/logout")
    begun = visitor.begin()
    revoke(home, home.key(Purpose.PRELOGIN).id)
    assert visitor.finish(begun).status == 401


def test_a_revoked_key_is_accepted_by_nobody_at_the_next_check(server):
    browser = Browser(server)
    assert browser.enrol(server.token).status == 200
    assert browser.check().status == 200
    key = browser.cookies[SESSION].split(".")[2]
    assert "1 living sessions ended" in server.cli("keys", "revoke", key, "--now", "--yes")
    answer = browser.check()
    assert (answer.status, cause(answer)) == (401, REASON)
