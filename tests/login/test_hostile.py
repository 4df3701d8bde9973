"""Hostile passkeys over HTTP: each lie is refused with its status, opens nothing, and leaves one receipt with its word."""

import pytest

from ostiary_client.authenticator import Behaviour, SoftPasskey

EVIL = "https://evil.test"
UP, UV, BE, BS = 1, 4, 8, 16
LIES = {
    "origin_mismatch": Behaviour(origin=EVIL),
    "cross_origin_refused": Behaviour(cross_origin=True),
    "top_origin_refused": Behaviour(top_origin=EVIL),
    "type_mismatch": Behaviour(type="payment.get"),
    "rp_id_mismatch": Behaviour(rp_id="evil.test"),
    "user_presence_missing": Behaviour(user_present=False),
    "user_verification_missing": Behaviour(user_verified=False),
    "backup_state_inconsistent": Behaviour(backup_eligible=False, backed_up=True),
    "challenge_mismatch": Behaviour(challenge="A" * 43),
}
PRESENCE = "/api/v1/auth/presence/passkey"

pytestmark = pytest.mark.parametrize("word", list(LIES))


class Count:
    """What there was, so that a test can say that nothing more is there; and the refusals since."""

    def __init__(self, gatehouse):
        self.gatehouse = gatehouse
        self.before = self.rows()
        self.receipts = len(gatehouse.receipts())

    def rows(self):
        names = ("sessions", "passkeys", "presence", "grants", "people")
        return {name: self.gatehouse.rows(f"SELECT count(*) FROM {name}") for name in names}

    def assert_refused_once(self, operation, code, word):
        assert self.rows() == self.before
        told = self.gatehouse.receipts()[self.receipts :]
        assert [(one.operation, one.outcome, one.reasons) for one in told] == [(operation, "refused", (code, word))]


def test_no_lie_signs_in(gatehouse, word):
    passkey = gatehouse.enrolled().passkey
    passkey.behaviour = LIES[word]
    visitor = gatehouse.visitor(passkey)
    begun, count = visitor.begin(), Count(gatehouse)
    refused = visitor.finish(begun)
    assert (refused.status, refused.code) == (401, "login_refused")
    count.assert_refused_once("login.finish", "login_refused", word)
    passkey.behaviour = Behaviour()
    assert visitor.finish(begun).status == 200


def test_no_lie_proves_presence(gatehouse, word):
    visitor = gatehouse.enrolled()
    begun = visitor.send("POST", f"{PRESENCE}/begin", {"purpose": "passkey.add"}).json
    visitor.passkey.behaviour, count = LIES[word], Count(gatehouse)
    answer = {"attempt": begun["attempt"], "credential": visitor.passkey.get(begun["options"])}
    refused = visitor.send("POST", f"{PRESENCE}/finish", answer)
    assert (refused.status, refused.code) == (401, "login_refused")
    count.assert_refused_once("presence.prove", "login_refused", word)


def test_no_lie_accepts_a_link(gatehouse, word):
    _, token = gatehouse.invite()
    visitor = gatehouse.visitor()
    visitor.passkey.behaviour, count = LIES[word], Count(gatehouse)
    refused = visitor.enrol(token)
    assert (refused.status, refused.code) == (403, "passkey_refused")
    count.assert_refused_once("passkey.add", "passkey_refused", word)


def test_no_lie_adds_a_passkey(gatehouse, word):
    visitor = gatehouse.enrolled()
    presence = visitor.presence("passkey.add")
    begun = visitor.send("POST", "/api/v1/auth/passkeys/begin", {}).json
    liar, count = SoftPasskey(gatehouse.origin, behaviour=LIES[word]), Count(gatehouse)
    answer = {"attempt": begun["attempt"], "credential": liar.create(begun["options"]), "presence": presence}
    refused = visitor.send("POST", "/api/v1/auth/passkeys/finish", answer)
    assert (refused.status, refused.code) == (403, "passkey_refused")
    count.assert_refused_once("passkey.add", "passkey_refused", word)
