"""Refreshing a bearer token: one successor, the same for a retry, and the end of the family for a thief."""

import pytest

from ostiary.kernel.clock import SECOND
from ostiary.sessions import service as sessions
from tests.login.gatehouse import OPERATOR
from tests.sessions.home import HOUR, cause
from tests.sessions.test_bearer import asked, check, forged, issued

PATH = "/api/v1/auth/token/refresh"


def refresh(home, token, path=PATH):
    return asked(home, "POST", path, token)


def test_the_fresh_token_lives_and_the_old_one_ends(anywhere):
    session, token = issued(anywhere, life=HOUR)
    answer = refresh(anywhere, token)
    assert answer.status == 200, answer.body
    anywhere.clock.turn(10_000)
    assert check(anywhere, answer.json["token"]).status == 200
    old = check(anywhere, token)
    assert (old.status, cause(old)) == (401, "token_refreshed")
    names = [(one.operation, one.subject) for one in anywhere.receipts()[-2:]]
    assert names == [("session.refresh", session.id), ("session.open", answer.json["id"])]
    assert answer.json["token"].rpartition(".")[2] not in str(anywhere.rows("SELECT * FROM sessions"))


def test_a_replay_within_the_grace_gives_the_same_token_and_later_none(homes):
    home = homes(SESSION_REFRESH_GRACE="5s")
    token = issued(home)[1]
    fresh = refresh(home, token).json
    home.clock.turn(3 * SECOND)
    assert refresh(home, token).json == fresh
    assert check(home, fresh["token"]).status == 200
    home.clock.turn(3 * SECOND)
    assert refresh(home, token).code == "token_reused"
    home.clock.turn(10_000)
    answer = check(home, fresh["token"])
    assert (answer.status, cause(answer)) == (401, "token_reused")


def test_another_request_with_a_used_token_ends_the_family(anywhere):
    home = anywhere
    person = home.enrolled().person
    token, bystander = issued(home, person)[1], issued(home, person)[1]
    second = refresh(home, token).json["token"]
    third = refresh(home, second).json["token"]
    reused = refresh(home, token, f"{PATH}?again")
    assert (reused.status, reused.code) == (401, "token_reused")
    assert home.last().reasons == ("token_reused",)
    home.clock.turn(10_000)
    assert [check(home, one).status for one in (token, second, third, bystander)] == [401, 401, 401, 200]


def test_of_two_refreshes_at_once_one_makes_the_successor(anywhere):
    home, token = anywhere, issued(anywhere)[1]
    headers = {"authorization": f"Bearer {token}"}
    answers = home.together(*(home.visitor().asked("POST", PATH, headers=headers) for _ in range(4)))
    assert {one.status for one in answers} == {200}
    assert len({one.json["token"] for one in answers}) == 1
    assert len(home.rows("SELECT id FROM sessions WHERE attempt_id LIKE 'refresh:%'")) == 1


@pytest.mark.parametrize("how", ["revoked", "idle", "too old"])
def test_a_dead_token_is_not_refreshed(anywhere, how):
    home = anywhere
    session, token = issued(home, life=HOUR // 2 if how == "too old" else 0)
    if how == "revoked":
        home.act(lambda tx: sessions.end(tx, OPERATOR, session.id, sessions.EndReason.ENDED_BY_OPERATOR))
    else:
        home.clock.turn(HOUR // 2 if how == "too old" else HOUR)
    home.clock.hold()  # all within one second, however slow the machine
    before = len(home.receipts())
    assert [refresh(home, token).status for _ in range(50)] == [401] * 50
    assert home.rows("SELECT id FROM sessions WHERE attempt_id LIKE 'refresh:%'") == []
    assert len(home.receipts()) - before == 20, "a flood is counted at the door, for it changes nothing"


def test_no_forged_token_and_no_cookie_is_refreshed(home):
    session, token = issued(home)
    values = {**forged(home, session, token), "cookie value": home.open()[1]}
    for name, value in values.items():
        assert refresh(home, value).status == 401, name
    assert check(home, token).status == 200
    assert home.visitor().send("POST", PATH).status == 401


def test_it_never_lives_longer_than_its_issuer_wished(home):
    token = issued(home, life=HOUR)[1]
    fresh = refresh(home, token).json["token"]
    home.clock.turn(HOUR // 2)
    assert check(home, fresh).status == 200
    home.clock.turn(HOUR // 2)
    assert check(home, fresh).status == 401
