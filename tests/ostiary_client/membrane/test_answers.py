"""Answers: what is typed, what is kept for later clients, and what no contract knows is Unavailable, never a crash."""

import gzip
import json

import httpx2
import pytest

from ostiary_client.membrane import Unavailable
from tests.ostiary_client.membrane.askers import KINDS, OPERATIONS, Asker, filled
from tests.ostiary_client.membrane.fake import CLIENT, FakeMembrane, envelope, served

GOOD = {"session": "auth_session:tok-1", "revoked": False}
DEEP = b'{"operation":"x","outcome":"y","receipt":{},"body":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001

both = pytest.mark.parametrize("kind", KINDS)


def answered(kind, reply, name="auth_session_inspect"):
    fake = FakeMembrane()
    fake.next.append(reply)
    return getattr(Asker(kind, fake, CLIENT), name)(**filled(OPERATIONS[name]))


def raw(body=GOOD, without="", **changes):
    whole = envelope("auth.sessionInspect", body) | changes
    return json.dumps({name: value for name, value in whole.items() if name != without}).encode()


ODD = {
    "nothing": (200, {}, b""),
    "no content": (204, {}, b""),
    "a page": (200, {}, b"<html>"),
    "a list": (200, {}, b"[]"),
    "a word": (200, {}, b'"admitted"'),
    "null": (200, {}, b"null"),
    "an empty object": (200, {}, b"{}"),
    "no UTF-8": (200, {}, b"\xff\xfe{"),
    "cut": (200, {}, raw()[:-1]),
    "nested deep": (200, {}, DEEP),
    "a number of many digits": (200, {}, b'{"operation":' + b"9" * 5000 + b"}"),
    "oversized": (200, {}, raw(GOOD | {"x": "x" * (1 << 20)})),
    "packed": (200, {"content-encoding": "gzip"}, gzip.compress(raw())),
    "no operation": (200, {}, raw(without="operation")),
    "no outcome": (200, {}, raw(without="outcome")),
    "an outcome that is a list": (200, {}, raw(outcome=["admitted"])),
    "no body": (200, {}, raw(without="body")),
    "a body that is a list": (200, {}, raw([])),
    "a body without its session": (200, {}, raw({"revoked": False})),
    "a session that is null": (200, {}, raw({"session": None, "revoked": False})),
    "a revocation that is a word": (200, {}, raw({"session": "a:b", "revoked": "no"})),
    "a receipt that is a list": (200, {}, raw(receipt=["a"])),
    "an admission with a 500": (500, {}, raw()),
    "an admission with a 404": (404, {}, raw()),
    "somebody else's 404": (404, {}, b'{"error": "Not Found", "message": "", "code": "route_unknown"}'),
    "moved": (301, {"location": "/v1/auth/sessions/inspect/"}, b""),
    "see other": (303, {"location": "https://evil.test"}, raw()),
    "informational": (199, {}, raw()),
}


@both
@pytest.mark.parametrize("fault", ODD)
def test_oversized_or_odd_answer_is_unavailable_and_not_a_crash(kind, fault):
    with pytest.raises(Unavailable) as raised:
        answered(kind, ODD[fault])
    assert raised.value.code == "answer_odd"
    assert raised.value.status in {ODD[fault][0], 0}
    assert raised.value.message


@both
def test_an_answer_that_was_packed_unasked_is_not_unpacked(kind):
    with pytest.raises(Unavailable, match="encoded"):
        answered(kind, ODD["packed"])


@both
def test_the_good_answer_beside_the_odd_ones_is_read(kind):
    assert answered(kind, (200, {}, raw())).body.session == GOOD["session"]


@both
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_not_followed(kind, status):
    """Whoever follows would hand the credential to another place."""
    fake = FakeMembrane()
    fake.next.append((status, {"location": "/v1/auth/session/exchange"}, b""))
    with pytest.raises(Unavailable, match="redirect"):
        Asker(kind, fake, "fixture-session-token").auth_session_exchange()
    assert len(fake.seen) == 1


def test_redirect_not_followed_by_a_client_that_would():
    fake = FakeMembrane()
    fake.next.append((307, {"location": "https://evil.test/"}, b""))
    asker = Asker("sync", fake, CLIENT)
    asker.made._http.follow_redirects = True
    with pytest.raises(Unavailable, match="redirect"):
        asker.auth_session_inspect()
    assert len(fake.seen) == 1


@both
def test_a_flood_is_not_taken_in_whole(kind):
    taken = []

    def flood():
        for _ in range(10_000):
            taken.append(1)
            yield b"x" * 65536

    async def flood_async():
        for chunk in flood():
            yield chunk

    class Stream(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __iter__(self):
            return flood()

        def __aiter__(self):
            return flood_async()

    fake = FakeMembrane()
    fake.handle = lambda _: httpx2.Response(200, stream=Stream())
    with pytest.raises(Unavailable, match="AnswerTooLong"):
        Asker(kind, fake, CLIENT).auth_login_finish(**filled(OPERATIONS["auth_login_finish"]))
    assert len(taken) < 20


@both
def test_an_answer_that_drips_for_ever_ends(kind):
    class Stream(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __iter__(self):
            while True:
                asker.now += 1.0
                yield b" "

        async def __aiter__(self):
            for chunk in self:
                yield chunk

    fake = FakeMembrane()
    fake.handle = lambda _: httpx2.Response(200, stream=Stream())
    asker = Asker(kind, fake, CLIENT)
    with pytest.raises(Unavailable, match="AnswerTooLong"):
        asker.auth_session_inspect()
    assert 10 < asker.now < 20


@both
def test_an_answer_that_a_stand_in_gives_whole_is_read(kind):
    fake = FakeMembrane()
    fake.handle = lambda _: httpx2.Response(200, json=envelope("x", GOOD))
    assert Asker(kind, fake, CLIENT).auth_session_inspect().body.session == GOOD["session"]


def test_odd_bytes_from_a_real_connection_are_unavailable():
    fake = FakeMembrane()
    fake.next += [(200, {}, DEEP), (200, {}, b"\xff")]
    with served(fake) as url:
        for kind in KINDS:
            asker = Asker(kind, fake, CLIENT)
            asker.made.close() if kind == "sync" else None
            real = type(asker.made)(url, CLIENT)
            asker.made = real
            with pytest.raises(Unavailable):
                asker.auth_session_inspect()


@both
def test_unknown_fields_are_kept_readable_everywhere(kind):
    body = GOOD | {"newer": {"a": [1]}, "scopes": ["a.b"], "more": 1}
    told = answered(kind, (200, {}, raw(body, fixture=True, receipt={"ref": "receipt:1", "leaf": 9})))
    assert told.body.more == {"newer": {"a": [1]}, "more": 1}
    assert (told.more, told.receipt.more, told.receipt.ref) == ({"fixture": True}, {"leaf": 9}, "receipt:1")
    assert told.body.scopes == ("a.b",)


@both
def test_an_optional_field_of_another_type_is_unset_and_kept_aside(kind):
    told = answered(kind, (200, {}, raw(GOOD | {"stale_key": "false", "scopes": "a.b", "expires_at": 7, "signer": []})))
    assert (told.body.stale_key, told.body.scopes, told.body.expires_at, told.body.signer) == (None, (), None, None)
    assert told.body.more == {"stale_key": "false", "scopes": "a.b", "expires_at": 7, "signer": []}


@both
def test_a_boundary_flag_that_was_not_told_is_none_and_not_false(kind):
    told = answered(kind, (200, {}, raw(GOOD | {"database_locator_exposed": False})))
    assert told.body.database_locator_exposed is False
    assert told.body.raw_session_token_exposed is None


@both
def test_a_number_is_no_flag_and_a_flag_no_number(kind):
    body = {"auth_rate_limit_evaluation": "a:b", "decision": "allow", "allowed": 1}
    with pytest.raises(Unavailable, match=r"LimitEvaluated\.allowed: is of type int"):
        answered(kind, (200, {}, raw(body)), "auth_rate_limit_evaluate")
    told = answered(
        kind, (200, {}, raw(body | {"allowed": True, "retry_after_seconds": True})), "auth_rate_limit_evaluate"
    )
    assert (told.body.retry_after_seconds, told.body.more) == (0, {"retry_after_seconds": True})


@both
def test_a_challenge_is_read_as_an_object_and_as_a_ref(kind):
    for told in ({"id": "human_auth_challenge:la-1", "scopes": ["a"]}, "human_auth_challenge:la-1"):
        answer = answered(kind, (200, {}, raw({"challenge": told})), "human_auth_challenge")
        assert answer.body.challenge.id == "human_auth_challenge:la-1"


@both
def test_token_not_in_repr_of_an_answer(kind):
    body = {
        "session": "a:b",
        "bearer_token": "v1.tok-SECRET.x",
        "token_commitment": "sha256:1",
        "newer_token": "SECRET",
    }
    body |= {"previous_session": "a:c"}
    for name in ("auth_login_finish", "auth_session_issue", "auth_session_refresh"):
        told = answered(kind, (200, {}, raw(body)), name)
        assert told.body.bearer_token == "v1.tok-SECRET.x"
        assert told.body.token_type == "Bearer"
        assert "SECRET" not in repr(told)
        assert "SECRET" not in str(told.body)
