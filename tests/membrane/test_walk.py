"""The guide's walk over HTTP, in a live and in a fixture tenant."""

from tests.membrane.stage import code, good
from tests.sessions.home import HOUR
from tests.sessions.test_bearer import check


def test_the_whole_walk(both):
    start = both.start(passkey_binding=both.person.binding)
    assert start.status == 200, start.json
    assert start.json["operation"] == "auth.loginStart"
    assert start.json["outcome"] == "admitted"
    proof = both.verify(start)
    assert (proof.status, proof.json["outcome"]) == (200, "verified")
    done = both.finish(start, proof.json["body"]["human_presence_receipt"])
    assert done.status == 200, done.json
    body = done.json["body"]
    seen = both.inspect(body["bearer_token"])
    assert seen.status == 200, seen.json
    assert seen.json["body"]["session"] == body["session"]
    issued = both.issue(body["bearer_token"], both.presence("auth.session.issue"))
    assert issued.status == 200, issued.json
    fresh = both.refresh(body["bearer_token"], both.presence("auth.session.refresh"))
    assert fresh.status == 200, fresh.json
    assert fresh.json["body"]["previous_session"] == body["session"]
    assert fresh.json["body"]["previous_session_remains_valid"] is False
    over = both.revoke(fresh.json["body"]["bearer_token"], issued.json["body"]["session"])
    assert (over.status, over.json["outcome"]) == (200, "admitted")
    dead = both.inspect(issued.json["body"]["bearer_token"])
    assert (dead.status, code(dead)) == (401, "session_revoked")


def test_use_keeps_a_session_from_falling_idle_and_a_refusal_does_not(both):
    both.life = 24 * 3600
    used, unused = both.login()["bearer_token"], both.login()["bearer_token"]
    for _ in range(3):
        both.home.clock.turn(HOUR // 2)
        good(both.inspect(used))
        both.inspect(unused, session="auth_session:nobodys")
    assert good(both.inspect(used))
    assert code(both.inspect(unused)) == "session_expired"


def test_a_browser_walks_without_any_key_and_no_other_browser_goes_on_for_it(both):
    start = good(both.start(key=None, headers={"origin": "http://localhost:8080", "sec-fetch-site": "same-origin"}))
    mine = {"cookie": start.headers.header("set-cookie").partition(";")[0]}
    other = good(both.start(key=None))
    theirs = {"cookie": other.headers.header("set-cookie").partition(";")[0]}
    assert mine != theirs
    for cookie in ({}, theirs, {"cookie": mine["cookie"] + "x"}, {"cookie": f"{mine['cookie']}; {theirs['cookie']}"}):
        assert code(both.verify(start, key=None, headers=cookie)) == "human_auth_challenge_unknown"
    assert code(both.verify(start)) == "human_auth_challenge_unknown", "a client's key is not the browser"
    proof = good(both.verify(start, key=None, headers=mine)).json["body"]["human_presence_receipt"]
    assert code(both.finish(start, proof, key=None, headers=theirs)) == "human_auth_challenge_unknown"
    body = good(both.finish(start, proof, key=None, headers=mine)).json["body"]
    assert good(both.inspect(body["bearer_token"]))


def test_a_session_opens_the_check_of_its_tenant_and_refreshes_as_it_was_issued(live):
    token = live.login()["bearer_token"]
    assert check(live.home, token).status == 200
    fresh = good(live.refresh(token, live.presence("auth.session.refresh"))).json["body"]["bearer_token"]
    live.home.clock.turn(10_000)
    assert check(live.home, token).status == 401
    assert check(live.home, fresh).status == 200
    session = good(live.inspect(fresh)).json["body"]["session"]
    good(live.revoke(fresh, session))
    assert check(live.home, fresh).status == 401
