"""Refreshing at the membrane: a retry gets the same answer, and whatever else uses a token twice ends its family."""

import pytest

from ostiary.kernel.clock import SECOND
from tests.membrane.stage import code, good

GRACE = 61 * SECOND


@pytest.fixture
def refreshed(both):
    """A first token, the asking that refreshed it, and the body of its answer."""
    token = both.login()["bearer_token"]
    asking = both.refreshing(token, both.presence("auth.session.refresh"))
    return token, asking, good(both.send(asking)).json["body"]


def reused(stage):
    """The receipts that tell of a reuse."""
    return stage.home.rows(
        f"SELECT id FROM receipts WHERE tenant_id = '{stage.name}' AND operation = 'session.refresh'"
        " AND reasons LIKE '%token_reused%'"
    )


def test_a_retry_within_the_grace_gets_the_same_token(both, refreshed):
    _, asking, body = refreshed
    sessions = "SELECT count(*) FROM sessions"
    before = both.home.rows(sessions)
    for _ in range(3):
        again = good(both.send(asking)).json["body"]
        different = {name for name in body if again[name] != body[name]}
        assert different <= {"durable_commit"}, different
    assert both.home.rows(sessions) == before
    assert good(both.inspect(body["bearer_token"]))
    assert not reused(both)


def test_the_old_token_opens_nothing_meanwhile(both, refreshed):
    token, _, _ = refreshed
    assert code(both.inspect(token)) == "session_revoked"
    assert not reused(both)


def test_a_retry_after_the_grace_ends_the_family(both, refreshed):
    _, asking, body = refreshed
    both.home.clock.turn(GRACE)
    late = both.send(asking)
    assert (late.status, code(late)) == (401, "token_reused")
    assert late.json["receipt"]["ref"].partition(":")[2] in {one for (one,) in reused(both)}
    assert code(both.inspect(body["bearer_token"])) == "session_revoked"


@pytest.mark.parametrize(
    "change", [{"expires_in_seconds": 60}, {"scopes": ["invoice.read"]}, {"human_presence_receipt": None}]
)
def test_another_request_with_a_used_token_ends_the_family(both, refreshed, change):
    _, asking, body = refreshed
    odd = both.send(asking.but(**change))
    assert (odd.status, code(odd)) == (401, "token_reused")
    assert len(reused(both)) == 1
    assert code(both.inspect(body["bearer_token"])) == "session_revoked"


@pytest.mark.parametrize("operation", ["auth.sessionInspect", "auth.sessionIssue", "authority.sessionRevoke"])
def test_a_rotated_out_token_used_anywhere_after_the_grace_ends_the_family(both, refreshed, operation):
    token, _, body = refreshed
    bystander = both.login()["bearer_token"]
    both.home.clock.turn(GRACE)
    late = both.send(both.whole(operation).but(key=token))
    assert (late.status, code(late)) == (401, "token_reused")
    assert len(reused(both)) == 1
    assert code(both.inspect(body["bearer_token"])) == "session_revoked"
    assert good(both.inspect(bystander))
    again = both.inspect(token)
    assert (again.status, code(again)) == (401, "token_reused")


def test_a_family_ends_whole(both, refreshed):
    first, _, body = refreshed
    tokens = [body["bearer_token"]]
    for _ in range(3):
        fresh = good(both.refresh(tokens[-1], both.presence("auth.session.refresh")))
        tokens.append(fresh.json["body"]["bearer_token"])
    both.home.clock.turn(GRACE)
    assert code(both.inspect(first)) == "token_reused"
    assert both.inspect(tokens[-1]).status == 401


def test_the_session_ref_of_a_refresh_is_the_new_sessions(fixture):
    token = fixture.login()["bearer_token"]
    body = good(fixture.refresh(token, fixture.presence("auth.session.refresh"), session="auth_session:fixture_new"))
    assert body.json["body"]["session"] == "auth_session:fixture_new"
    assert good(fixture.inspect(body.json["body"]["bearer_token"], session="auth_session:fixture_new"))
