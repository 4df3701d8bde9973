"""Challenges as signed values: what is recognised, by whom, and that nothing else ever is."""

import hmac

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.kernel.clock import MINUTE
from ostiary.kernel.ids import b64url, system_secrets, unb64url
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Scope
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose as KeyPurpose
from ostiary.keys.service import make
from ostiary.presence.challenges import Asker
from ostiary.presence.model import Approval, Purpose
from tests.login.gatehouse import Clock

SCOPE, OTHER = Scope(), Scope("other")
BROWSER = "pl-AAAAAAAAAAAAAAAAAAAAAA"
LOGIN = frozenset({Purpose.LOGIN})


def key(purpose=KeyPurpose.PRELOGIN, tenant="default", version=1):
    return make(system_secrets, tenant, purpose, version, 0)


def asker(*keys):
    return Asker(Keyring(keys or [key(), key(tenant="other"), key(KeyPurpose.SESSION)]), Clock(), system_secrets)


def assert_refused(outcome, reason):
    assert outcome == Refusal(Code.LOGIN_ATTEMPT_INVALID, (reason,))


def test_a_challenge_is_recognised_whole():
    desk = asker()
    asked = desk.ask(SCOPE, Purpose.PASSKEY_REMOVE, BROWSER, "passkey", "é" * 64)
    assert desk.recognise(SCOPE, asked.token, {Purpose.PASSKEY_REMOVE}, BROWSER) == asked
    assert (asked.purpose, asked.method, asked.subject, asked.browser) == (
        Purpose.PASSKEY_REMOVE,
        "passkey",
        "é" * 64,
        BROWSER,
    )
    assert asked.expires_at == desk.clock() + 5 * MINUTE
    assert asked.id.startswith("la-")


def test_its_form_is_frozen():
    signing = key()
    asked = asker(signing).ask(SCOPE, Purpose.LOGIN, BROWSER, "passkey")
    version, payload, name, mac = asked.token.split(".")
    assert (version, name) == ("q1", signing.id)
    fields = [asked.id, "login", "passkey", "", BROWSER, asked.expires_at]
    assert payload == b64url(msgspec.json.encode(fields))
    covered = f"q1.default.{payload}.{name}".encode()
    assert mac == b64url(hmac.digest(signing.secret, b"challenge\0" + covered, "sha256"))
    assert asked.nonce == hmac.digest(signing.secret, b"nonce\0" + covered, "sha256")


APPROVAL = Approval("invoice.pay", "x", "sha256:" + "a" * 64, "Pay 1 €")


def test_a_challenge_for_presence_carries_what_it_approves_in_a_form_that_is_frozen():
    desk = asker()
    asked = desk.ask_presence(SCOPE, APPROVAL, BROWSER, "passkey")
    assert desk.recognise(SCOPE, asked.token, {Purpose.PRESENCE}, BROWSER) == asked
    assert (asked.act, asked.subject, asked.commitment) == ("invoice.pay", "x", APPROVAL.commitment)
    fields = [asked.id, "presence", "passkey", "x", BROWSER, asked.expires_at, "invoice.pay", APPROVAL.commitment]
    assert asked.token.split(".")[1] == b64url(msgspec.json.encode(fields))


def test_a_challenge_for_presence_serves_nothing_else_whatever_its_purpose_is_called():
    desk = asker()
    for name in Purpose:
        token = desk.ask_presence(SCOPE, Approval(name.value), BROWSER, "passkey").token
        others = set(Purpose) - {Purpose.PRESENCE}
        assert_refused(desk.recognise(SCOPE, token, others, BROWSER), "challenge_of_another_purpose")


def test_what_is_approved_cannot_be_changed_under_the_signature():
    desk = asker()
    version, payload, *rest = desk.ask_presence(SCOPE, APPROVAL, BROWSER, "passkey").token.split(".")
    fields = msgspec.json.decode(unb64url(payload))
    for place, value in ((6, "invoice.send"), (7, ""), (7, "sha256:" + "b" * 64)):
        forged = b64url(msgspec.json.encode([*fields[:place], value, *fields[place + 1 :]]))
        token = ".".join((version, forged, *rest))
        assert_refused(desk.recognise(SCOPE, token, {Purpose.PRESENCE}, BROWSER), "challenge_forged")


def test_no_two_challenges_share_anything():
    desk = asker()
    asked = [desk.ask(SCOPE, Purpose.LOGIN, BROWSER) for _ in range(100)]
    assert len({one.id for one in asked}) == len({one.nonce for one in asked}) == 100


def test_it_is_for_one_purpose_and_one_browser():
    desk = asker()
    token = desk.ask(SCOPE, Purpose.LOGIN, BROWSER).token
    assert_refused(desk.recognise(SCOPE, token, {Purpose.ENROLMENT}, BROWSER), "challenge_of_another_purpose")
    for browser in ("", "pl-AAAAAAAAAAAAAAAAAAAAAg", BROWSER[:-1], BROWSER.lower(), "é"):
        assert_refused(desk.recognise(SCOPE, token, LOGIN, browser), "challenge_of_another_browser")


def test_a_challenge_for_no_browser_is_for_nobody():
    desk = asker()
    token = desk.ask(SCOPE, Purpose.LOGIN, "").token
    assert_refused(desk.recognise(SCOPE, token, LOGIN, ""), "challenge_of_another_browser")


def test_a_challenge_of_another_tenant_is_forged():
    desk = asker()
    token = desk.ask(OTHER, Purpose.LOGIN, BROWSER).token
    assert_refused(desk.recognise(SCOPE, token, LOGIN, BROWSER), "challenge_forged")
    assert not isinstance(desk.recognise(OTHER, token, LOGIN, BROWSER), Refusal)


@pytest.mark.parametrize("is_really", [{"purpose": KeyPurpose.SESSION}, {"tenant": "other"}])
def test_a_key_of_another_purpose_or_tenant_signs_no_challenge(is_really):
    signing = key()
    token = asker(signing).ask(SCOPE, Purpose.LOGIN, BROWSER).token
    owner = asker(msgspec.structs.replace(signing, **is_really))
    assert_refused(owner.recognise(SCOPE, token, LOGIN, BROWSER), "challenge_forged")


def test_a_retired_key_is_still_recognised_and_signs_no_more():
    old = key()
    token = asker(old).ask(SCOPE, Purpose.LOGIN, BROWSER).token
    desk = asker(msgspec.structs.replace(old, retired_at=1), key(version=2))
    assert not isinstance(desk.recognise(SCOPE, token, LOGIN, BROWSER), Refusal)
    assert desk.ask(SCOPE, Purpose.LOGIN, BROWSER).token.split(".")[2] != old.id


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'["la-a","login","m","","pl-a"]',
        b'["la-a","nothing","m","","pl-a",1]',
        b'["la-a","login","m","","pl-a","1"]',
    ],
)
def test_a_payload_that_nobody_wrote_is_forged_even_under_a_good_mac(payload):
    signing = key()
    covered = f"q1.default.{b64url(payload)}.{signing.id}".encode()
    mac = b64url(hmac.digest(signing.secret, b"challenge\0" + covered, "sha256"))
    token = f"q1.{b64url(payload)}.{signing.id}.{mac}"
    assert_refused(asker(signing).recognise(SCOPE, token, LOGIN, BROWSER), "challenge_forged")


DESK = asker()
TOKEN = DESK.ask(SCOPE, Purpose.LOGIN, BROWSER).token


@given(st.text() | st.text("q1.-_AZaz09=", max_size=300))
def test_no_text_is_a_challenge(text):
    assert_refused(DESK.recognise(SCOPE, text, LOGIN, BROWSER), "challenge_forged")


@given(st.integers(0, len(TOKEN)), st.integers(0, len(TOKEN)), st.text(max_size=4))
def test_no_part_of_a_challenge_can_be_replaced(start, end, text):
    bent = TOKEN[:start] + text + TOKEN[end:]
    if bent != TOKEN:
        assert_refused(DESK.recognise(SCOPE, bent, LOGIN, BROWSER), "challenge_forged")
