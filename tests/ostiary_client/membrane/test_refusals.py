"""Refusals are exceptions of a few classes, with all that the membrane told, and never a credential."""

import json
import pickle
import traceback

import httpx2
import pytest

from ostiary_client.membrane import (
    AsyncMembrane,
    Conflict,
    Forbidden,
    Malformed,
    Membrane,
    MembraneRefusal,
    NotFound,
    Throttled,
    Unauthenticated,
    Unavailable,
)
from tests.ostiary_client.membrane.askers import KINDS, OPERATIONS, Asker, filled
from tests.ostiary_client.membrane.fake import FakeMembrane, envelope, refused, sha

TOKEN = "v1.tok-THESECRET.THESIGNATURE"
CLASSES = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Conflict,
    413: Malformed,
    415: Malformed,
    422: Malformed,
    429: Throttled,
    500: Unavailable,
    503: Unavailable,
}

both = pytest.mark.parametrize("kind", KINDS)


def asked(kind, *replies, name="auth_session_inspect", credential=TOKEN):
    fake = FakeMembrane()
    fake.next += list(replies) * 3
    with pytest.raises(MembraneRefusal) as raised:
        getattr(Asker(kind, fake, credential), name)(**filled(OPERATIONS[name]))
    return raised.value


@both
@pytest.mark.parametrize("status", CLASSES)
def test_each_status_has_its_class_and_all_that_was_told_is_kept(kind, status):
    told = asked(kind, (status, {}, refused("some_code", retry_after_seconds=7, policy="a:b")))
    assert type(told) is CLASSES[status]
    assert (told.code, told.message, told.remedy, told.status) == ("some_code", "No.", "Do it otherwise.", status)
    assert (told.retry_after, told.request_id, told.operation) == (7, "req-1", "auth.sessionInspect")
    assert (told.receipt.ref, told.receipt.outcome, told.receipt.reasons) == (
        "receipt:rcp-1",
        "refused",
        ("some_code",),
    )
    assert told.more == {"policy": "a:b"}
    assert str(told) == "auth.sessionInspect: some_code No. (Do it otherwise.) [again in 7 s]"


@both
def test_a_refusal_told_with_a_200_is_one_all_the_same(kind):
    told = asked(kind, (200, {}, refused("m13_wrong_actor")))
    assert (type(told), told.code) == (MembraneRefusal, "m13_wrong_actor")


@both
def test_what_failed_is_no_answer_either(kind):
    told = asked(kind, (200, {}, envelope("x", {"session": "a:b", "revoked": False}, "failed")))
    assert (type(told), told.code) == (MembraneRefusal, "failed")


@both
def test_the_header_counts_before_the_body(kind):
    assert asked(kind, (429, {"retry-after": "30"}, refused("a", retry_after_seconds=7))).retry_after == 30


@both
@pytest.mark.parametrize(
    "body", [{}, {"stable_code": 7, "message": [], "retry_after_seconds": "soon"}, {"failed_gate": None}]
)
def test_a_refusal_that_says_nothing_is_one_all_the_same(kind, body):
    told = asked(kind, (403, {}, {"operation": "x", "outcome": "refused", "body": body, "receipt": None}))
    assert (type(told), told.code, told.message, told.retry_after) == (Forbidden, "refused", "", 0)
    assert told.receipt.ref is None


@both
def test_a_failed_gate_stands_for_a_missing_stable_code(kind):
    told = asked(kind, (429, {}, envelope("x", {"failed_gate": "auth_rate_limit_locked"}, "refused")))
    assert (told.code, told.more) == ("auth_rate_limit_locked", {})


@both
@pytest.mark.parametrize(
    "fault", [httpx2.ConnectError(TOKEN), httpx2.ReadTimeout(TOKEN), httpx2.LocalProtocolError(TOKEN)]
)
def test_no_answer_is_unavailable_and_shows_nothing_of_the_failure_but_its_kind(kind, fault):
    told = asked(kind, fault)
    assert (type(told), told.code, told.message, told.status) == (
        Unavailable,
        "transport_failed",
        type(fault).__name__,
        0,
    )
    assert TOKEN not in shown(told)


def shown(told):
    """All that a log, a debugger's page or an error tracker would print of an exception and what led to it."""
    seen = traceback.TracebackException.from_exception(told, capture_locals=True)
    lines = [line for line in seen.format() if "tests/ostiary_client" not in line.split("\n")[0]]
    chain, one = [], told
    while one is not None:
        chain += [repr(one), str(one), repr(one.args), repr(vars(one))]
        one = one.__cause__ or one.__context__
    return "\n".join(lines + chain)


FAULTS = {
    "refused": (403, {}, refused("a_code")),
    "echoed": (
        403,
        {},
        refused(TOKEN, message=f"bad token {TOKEN}", remedy_hint=TOKEN, request_id=TOKEN, newer=[{"a": TOKEN}]),
    ),
    "odd": (200, {}, TOKEN.encode()),
    "odd JSON": (200, {}, envelope("x", {"session": [TOKEN]})),
    "transport": httpx2.ConnectError(f"cannot reach with {TOKEN}"),
    "redirect": (302, {"location": f"https://evil.test/?{TOKEN}"}, b""),
}


@both
@pytest.mark.parametrize("fault", FAULTS)
def test_token_not_in_repr_not_in_words_not_in_a_traceback_with_its_locals(kind, fault):
    assert TOKEN not in shown(asked(kind, FAULTS[fault]))


@both
def test_a_token_that_came_in_an_answer_too_odd_to_read_is_not_shown_either(kind):
    answer = envelope("auth.loginFinish", {"session": 7, "bearer_token": TOKEN, "token_commitment": sha(b"")})
    told = asked(kind, (200, {}, answer), name="auth_login_finish", credential="ock-THEKEY")
    assert (type(told), told.code, told.message) == (Unavailable, "answer_odd", "LoginFinished.session: is of type int")
    assert TOKEN not in shown(told)
    assert "ock-THEKEY" not in shown(told)


@both
@pytest.mark.parametrize(
    "name", ["auth_recovery_contact_send", "auth_recovery_contact_confirm", "auth_recovery_cancel"]
)
@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"odd JSON"}))
def test_code_address_and_link_not_in_a_traceback_with_its_locals(kind, name, fault):
    fake = FakeMembrane()
    fake.next.append(FAULTS[fault])
    said = {"auth_recovery_contact_send": "contact_address", "auth_recovery_contact_confirm": "code"}
    given = said.get(name, "cancel_token")
    with pytest.raises(MembraneRefusal) as raised:
        getattr(Asker(kind, fake, TOKEN), name)(**{given: "THESECRET-OF-MAIL"})
    assert b"THESECRET-OF-MAIL" in fake.seen[0][2]
    assert "THESECRET-OF-MAIL" not in shown(raised.value)


def test_what_shows_everything_would_show_a_token():
    """The rig finds what it looks for."""

    def leaking():
        token = TOKEN
        raise MembraneRefusal("a_code", str(len(token)))

    with pytest.raises(MembraneRefusal) as raised:
        leaking()
    seen = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    assert TOKEN in "".join(seen.format())
    assert TOKEN in shown(MembraneRefusal("a_code", TOKEN))


def test_token_not_in_repr_of_a_client():
    for kind in (Membrane, AsyncMembrane):
        assert TOKEN not in repr(vars(kind(credential=TOKEN)))
        assert repr(kind(credential=TOKEN)) == f"{kind.__name__}(tenant='tenant_node:default')"


@pytest.mark.parametrize("credential", ["v1.tok-a\r\nx: y", "v1.tok-ä", "v1 tok", "v1.tok\x00", "v1.tok\n"])
def test_a_credential_that_no_header_can_carry_is_refused_unseen(credential):
    for make in (Membrane(), AsyncMembrane()):
        with pytest.raises(ValueError, match="printable ASCII") as raised:
            make.bearing(credential)
        assert "tok" not in repr(raised.value)


@both
def test_words_for_people_fit_a_log_line(kind):
    told = asked(kind, (403, {}, refused("a\ncode", message="one\r\nINFO forged\x1b[31m" + "x" * 5000)))
    assert told.code == "a code"
    assert len(told.message) == 500
    assert not set("\r\n\x1b") & set(str(told))


def test_a_refusal_survives_a_trip_to_another_process():
    told = asked("sync", (429, {"retry-after": "30"}, refused("auth_rate_limit_throttled")))
    back = pickle.loads(pickle.dumps(told))
    assert type(back) is Throttled
    assert (back.code, back.retry_after, back.receipt, str(back)) == (told.code, 30, told.receipt, str(told))


def test_secrets_of_a_request_are_not_in_its_repr():
    secret = {"enrolment_token", "code", "contact", "token"}
    for name, request in OPERATIONS.items():
        given = filled(request, all_fields=True)
        given |= {one: f"SECRET-{one}" for one in secret & set(given)}
        made = request(**given)
        assert "SECRET" not in repr(made), name
        assert json.loads(made.content("") or b"{}").items() >= {one: given[one] for one in secret & set(given)}.items()
