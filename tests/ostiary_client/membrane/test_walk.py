"""The guide's whole walk, by the example, with both clients, over real connections, against the fake."""

import json

import pytest

from tests.flows.membrane_walk import walk
from tests.ostiary_client.membrane.fake import CLIENT, ENROLMENT, OPERATOR, FakeMembrane, refused, served
from tests.rigs.counterparts import free_port


@pytest.fixture
def fake():
    return FakeMembrane()


@pytest.mark.parametrize("sync", [True, False], ids=["sync", "async"])
@pytest.mark.parametrize(
    "more", [(), ("--enrolment-token", ENROLMENT), ("--fixture",)], ids=["import", "enrol", "fixture"]
)
def test_the_whole_walk(fake, tmp_path, sync, more):
    with served(fake) as url:
        walked = walk(url, tmp_path, client_key=CLIENT, operator_key=OPERATOR, sync=sync, more=more)
    walked.whole().secret(ENROLMENT, *fake.sessions)
    bodies = [json.loads(raw) for _, _, raw in fake.seen]
    assert len(bodies) == 19 + ("--enrolment-token" in more)
    assert {body["tenant"] for body in bodies} == {"tenant_node:default"}
    assert any("fixture" in body for body in bodies) is ("--fixture" in more)
    assert not [name for body in bodies for name in body if name.startswith("raw_") and body[name] is not False]


def test_both_walks_cross_in_the_same_order(fake, tmp_path):
    paths = []
    for sync in (True, False):
        fake = FakeMembrane()
        with served(fake) as url:
            walk(url, tmp_path, client_key=CLIENT, operator_key=OPERATOR, sync=sync).whole()
        paths.append([path for path, _, _ in fake.seen])
    assert paths[0] == paths[1]


def test_without_an_operator_key_the_limiter_is_left_out_and_said_so(fake, tmp_path):
    with served(fake) as url:
        walked = walk(url, tmp_path, client_key=CLIENT, more=("--enrolment-token", ENROLMENT))
    assert walked.status == 0
    assert "left out: that takes an operator key" in walked.said


def test_without_whoever_reads_the_mail_recovery_is_left_out_and_said_so(fake, tmp_path):
    with served(fake) as url:
        walked = walk(url, tmp_path, client_key=CLIENT, operator_key=OPERATOR)
    assert "left out: that takes whoever reads the mail" in walked.said
    assert not [path for path, _, _ in fake.seen if "contact" in path]


@pytest.mark.parametrize("sync", [True, False], ids=["sync", "async"])
def test_a_refusal_is_told_in_a_line_and_nothing_else(fake, tmp_path, sync):
    with served(fake) as url:
        fake.next += [(429, {"retry-after": "60"}, refused("auth_rate_limit_throttled"))]
        walked = walk(url, tmp_path, client_key=CLIENT, operator_key=OPERATOR, sync=sync)
    assert walked.status == 1
    assert walked.complained.splitlines()[-1].startswith(
        "The membrane said no. humanAuth.passkeyImport: auth_rate_limit_throttled"
    )
    assert "Traceback" not in walked.complained
    walked.secret()


@pytest.mark.parametrize("sync", [True, False], ids=["sync", "async"])
def test_a_server_that_lets_a_revoked_token_in_is_found_out(fake, tmp_path, sync):
    fake.as_session = lambda: fake.sessions[fake.bearer]
    with served(fake) as url:
        walked = walk(url, tmp_path, client_key=CLIENT, operator_key=OPERATOR, sync=sync)
    assert (walked.status, "a revoked token was let in" in walked.complained) == (1, True)


def test_a_login_that_creates_a_standing_is_found_out(fake, tmp_path):
    finish = FakeMembrane.session
    fake.session = lambda *given: finish(fake, *given) | {"standing_created": True}
    with served(fake) as url:
        walked = walk(url, tmp_path, client_key=CLIENT, operator_key=OPERATOR)
    assert (walked.status, "created nothing" in walked.complained) == (1, True)


def test_a_walk_that_skips_a_step_is_not_whole(fake, tmp_path):
    with served(fake) as url:
        walked = walk(url, tmp_path, client_key=CLIENT, more=("--enrolment-token", ENROLMENT))
    with pytest.raises(AssertionError, match="rateLimitEvaluate"):
        walked.whole()


def test_nobody_there_is_told_in_a_line(tmp_path):
    walked = walk(f"http://localhost:{free_port()}", tmp_path, client_key=CLIENT, operator_key=OPERATOR, sync=True)
    assert walked.status == 1
    assert "transport_failed ConnectError" in walked.complained
