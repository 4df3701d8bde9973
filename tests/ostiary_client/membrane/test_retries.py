"""What is sent again, and what never is: a read, a refresh with the very same body, a revocation; nothing else."""

import httpx2
import pytest

from ostiary_client.membrane import Patience, Throttled, Unavailable
from tests.ostiary_client.membrane.askers import KINDS, OPERATIONS, Asker, filled
from tests.ostiary_client.membrane.fake import CLIENT, FakeMembrane, envelope, refused

AGAIN = {
    "auth_session_inspect",
    "auth_session_refresh",
    "authority_session_revoke",
    "human_auth_challenge",
    "human_auth_passkey_assertion_options",
    "human_auth_passkey_registration_options",
    "m13_session_revoke",
}
BUSY = (503, {"retry-after": "1"}, refused("store_unavailable"))
PASSING = {
    "nobody listens": httpx2.ConnectError("refused"),
    "the answer does not come": httpx2.ReadTimeout("slow"),
    "the answer breaks off": httpx2.RemoteProtocolError("cut"),
    "the server is busy": BUSY,
    "a proxy's 502": (502, {}, b"<html>"),
    "a proxy's 504": (504, {}, b"<html>"),
}
LASTING = {
    "throttled": (429, {"retry-after": "1"}, refused("auth_rate_limit_throttled")),
    "refused": (403, {}, refused("m13_wrong_actor")),
    "nobody": (401, {}, refused("session_missing")),
    "broken": (500, {}, b"<html>"),
    "odd": (200, {}, b"{}"),
    "moved": (307, {"location": "/v1/elsewhere"}, b""),
}
INSPECTED: tuple = (200, {}, envelope("auth.sessionInspect", {"session": "a:b", "revoked": False}))

both = pytest.mark.parametrize("kind", KINDS)


@both
@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - AGAIN))
@pytest.mark.parametrize("fault", PASSING)
def test_what_counts_or_consumes_is_never_sent_twice(kind, name, fault):
    fake = FakeMembrane()
    fake.next += [PASSING[fault]] * 5
    asker = Asker(kind, fake, CLIENT)
    with pytest.raises(Unavailable):
        getattr(asker, name)(**filled(OPERATIONS[name]))
    assert (len(fake.seen), asker.pauses) == (1, [])


@both
def test_retry_of_finish_never_happens(kind):
    fake = FakeMembrane()
    fake.next += [httpx2.ConnectError("refused"), BUSY, BUSY]
    asker = Asker(kind, fake, CLIENT, patience=Patience(tries=100, within=1e9))
    for _ in range(2):
        with pytest.raises(Unavailable):
            asker.auth_login_finish(**filled(OPERATIONS["auth_login_finish"]))
    assert len(fake.seen) == 2


@both
@pytest.mark.parametrize("name", sorted(AGAIN))
@pytest.mark.parametrize("fault", PASSING)
def test_what_may_be_repeated_is_sent_again_with_the_very_same_body(kind, name, fault):
    fake = FakeMembrane()
    fake.next += [PASSING[fault]] * 5
    asker = Asker(kind, fake, CLIENT)
    with pytest.raises(Unavailable):
        getattr(asker, name)(**filled(OPERATIONS[name], all_fields=True))
    assert len(fake.seen) == 3
    assert len(asker.pauses) == 2
    assert len({(path, raw, headers["authorization"]) for path, headers, raw in fake.seen}) == 1


@both
@pytest.mark.parametrize("fault", LASTING)
def test_what_would_be_answered_the_same_is_not_asked_again(kind, fault):
    fake = FakeMembrane()
    fake.next += [LASTING[fault]] * 5
    asker = Asker(kind, fake, CLIENT)
    with pytest.raises(Exception):  # noqa: B017, PT011 - which one is another test's matter
        asker.auth_session_inspect()
    assert len(fake.seen) == 1


@both
def test_the_answer_of_a_second_try_is_the_answer(kind):
    fake = FakeMembrane()
    fake.next += [httpx2.ReadTimeout("slow"), INSPECTED]
    asker = Asker(kind, fake, CLIENT)
    assert asker.auth_session_inspect().body.session == "a:b"
    assert asker.pauses == [0.1]


@both
def test_retry_after_is_honoured(kind):
    fake = FakeMembrane()
    fake.next += [BUSY, INSPECTED]
    asker = Asker(kind, fake, CLIENT)
    asker.auth_session_inspect()
    assert asker.pauses == [1.0]


@both
def test_a_server_that_asks_for_a_longer_pause_is_left_alone_and_the_caller_told(kind):
    fake = FakeMembrane()
    fake.next += [(503, {"retry-after": "3600"}, refused("store_unavailable")), INSPECTED]
    asker = Asker(kind, fake, CLIENT)
    with pytest.raises(Unavailable) as raised:
        asker.auth_session_inspect()
    assert (raised.value.retry_after, asker.pauses, len(fake.seen)) == (3600, [], 1)


@both
@pytest.mark.parametrize("told", ["-1", "1e9", "Fri, 31 Dec 1999 23:59:59 GMT", "\uff19", "1" * 400, "inf", "nan"])
def test_an_odd_retry_after_is_no_pause(kind, told):
    fake = FakeMembrane()
    fake.next += [(503, {"retry-after": told.encode()}, refused("store_unavailable")), INSPECTED]
    asker = Asker(kind, fake, CLIENT)
    assert asker.auth_session_inspect().outcome == "admitted"
    assert asker.pauses == [0.1]


@both
def test_a_refresh_is_not_sent_again_when_the_servers_grace_may_be_over(kind):
    """Sent again after the grace, a refresh would end the whole family."""
    fake = FakeMembrane()
    asker = Asker(kind, fake, CLIENT)

    def slow(request):
        asker.now += 4.95
        return FakeMembrane.handle(fake, request)

    fake.handle = slow
    asker = Asker(kind, fake, CLIENT)
    fake.next += [BUSY, INSPECTED]
    with pytest.raises(Unavailable):
        asker.auth_session_refresh(**filled(OPERATIONS["auth_session_refresh"]))
    assert (len(fake.seen), asker.pauses) == (1, [])


@both
def test_pauses_grow_and_end(kind):
    fake = FakeMembrane()
    fake.next += [httpx2.ConnectError("refused")] * 20
    asker = Asker(kind, fake, CLIENT, patience=Patience(tries=20, within=60.0))
    with pytest.raises(Unavailable):
        asker.auth_session_inspect()
    assert asker.pauses == [0.1, 0.2, 0.4, 0.8, 1.6]


@both
def test_a_throttle_is_told_and_not_waited_out(kind):
    fake = FakeMembrane()
    fake.next += [LASTING["throttled"]]
    asker = Asker(kind, fake, CLIENT)
    with pytest.raises(Throttled) as raised:
        asker.human_auth_challenge()
    assert (raised.value.retry_after, asker.pauses) == (1, [])
