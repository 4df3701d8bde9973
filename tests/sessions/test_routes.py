"""Who am I, my sessions, end one, end the others, sign out: over HTTP, through the assembled application."""

import pytest

from ostiary.kernel.clock import SECOND
from ostiary.kernel.values import Factor
from tests.flows.browser import CSRF, SESSION
from tests.login.gatehouse import Visitor
from tests.sessions.home import HOUR, MINUTE, cause, micros

CHROME = "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36"


def also(home, visitor, agent=CHROME):
    """The same person in a second browser."""
    made = Visitor(home, visitor.passkey, agent=agent)
    assert made.sign_in().status == 200
    return made


def test_me_says_who_in_which_session_and_how_to_write(home):
    visitor = home.enrolled()
    me = visitor.send("GET", "/api/v1/auth/me").json
    session = home.sessions()[0]
    assert (me["actor_id"], me["actor_type"], me["tenant_id"], me["roles"]) == (session.person, "User", "default", [])
    assert me["csrf_token"] == visitor.cookies[CSRF]
    assert me["session"] == {
        "id": visitor.session,
        "kind": "browser",
        "actor_id": session.person,
        "actor_type": "User",
        "label": "Firefox on Linux",
        "current": True,
        "created_at": me["session"]["created_at"],
        "last_seen_at": me["session"]["created_at"],
        "idle_expires_at": me["session"]["idle_expires_at"],
        "absolute_expires_at": me["session"]["absolute_expires_at"],
        "alive_because": "invitation",
        "ends_because": "idle_timeout",
        "scopes": [],
        "revoked": False,
    }
    created = micros(me["session"]["created_at"])
    assert created == session.created_at
    assert micros(me["session"]["idle_expires_at"]) == created + HOUR
    assert micros(me["session"]["absolute_expires_at"]) == created + 8 * HOUR


def test_the_list_has_the_callers_living_sessions_newest_first_and_nobody_elses(home):
    visitor = home.enrolled()
    home.clock.turn(SECOND)
    second = also(home, visitor)
    home.enrolled()
    ended = also(home, visitor)
    ended.send("POST", "/auth/logout")
    listed = visitor.send("GET", "/api/v1/auth/sessions").json["sessions"]
    assert [(one["id"], one["current"], one["label"], one["alive_because"]) for one in listed] == [
        (second.session, False, "Chrome on Windows", "passkey"),
        (visitor.session, True, "Firefox on Linux", "invitation"),
    ]


def test_a_session_used_a_moment_ago_is_listed_though_its_last_use_is_not_written_yet(home):
    visitor = home.enrolled()
    other = also(home, visitor)
    home.clock.turn(50 * MINUTE)
    assert visitor.check().status == other.check().status == 200
    home.clock.turn(20 * MINUTE)
    assert len(visitor.send("GET", "/api/v1/auth/sessions").json["sessions"]) == 2


def test_a_session_past_its_idle_time_is_not_listed(home):
    visitor = home.enrolled()
    also(home, visitor)
    for _ in range(2):
        home.clock.turn(40 * MINUTE)
        assert visitor.check().status == 200
    assert [one["current"] for one in visitor.send("GET", "/api/v1/auth/sessions").json["sessions"]] == [True]


def test_ending_one_is_felt_at_the_next_request_and_may_be_repeated(home):
    visitor = home.enrolled()
    other = also(home, visitor)
    assert other.check().status == 200
    before = len(home.receipts())
    for _ in range(2):
        assert visitor.send("DELETE", f"/api/v1/auth/sessions/{other.session}").status == 204
        assert cause(other.check()) == "ended_by_person"
    assert [one.operation for one in home.receipts()[before:]] == ["session.end"], "the repetition changed nothing"
    assert (home.last().actor, home.last().session) == (visitor.person, visitor.session)


def test_ending_the_current_one_is_allowed(home):
    visitor = home.enrolled()
    assert visitor.send("DELETE", f"/api/v1/auth/sessions/{visitor.session}").status == 204
    assert cause(visitor.check()) == "ended_by_person"


@pytest.mark.parametrize(
    "wanted", ["ses-AAAAAAAAAAAAAAAAAAAAAA", "ses-", "x", "a%2Fb", "ses-AAAAAAAAAAAAAAAAAAAAAA%0A"]
)
def test_an_unknown_session_is_404_and_on_record(home, wanted):
    visitor = home.enrolled()
    answer = visitor.send("DELETE", f"/api/v1/auth/sessions/{wanted}")
    if wanted == "a%2Fb":
        assert answer.status == 404, "no such address"
        return
    assert (answer.status, answer.code) == (404, "session_unknown")
    assert (home.last().operation, home.last().reasons) == ("session.end", ("session_unknown",))


def test_somebody_elses_session_is_as_unknown_as_one_that_never_was(home):
    visitor, stranger = home.enrolled(), home.enrolled()
    mine = visitor.send("DELETE", f"/api/v1/auth/sessions/{stranger.session}").json
    never = visitor.send("DELETE", "/api/v1/auth/sessions/ses-AAAAAAAAAAAAAAAAAAAAAA").json
    assert {**mine, "request_id": ""} == {**never, "request_id": ""}
    assert stranger.check().status == 200


def test_ending_the_others_keeps_this_one_and_counts_the_living(home):
    visitor = home.enrolled()
    others = [also(home, visitor) for _ in range(3)]
    others[0].send("POST", "/auth/logout")
    stranger = home.enrolled()
    before = len(home.receipts())
    assert visitor.send("DELETE", "/api/v1/auth/sessions?except=current").json == {"revoked_count": 2}
    ended = home.receipts()[before:]
    assert {one.subject for one in ended} == {others[1].session, others[2].session}
    assert {(one.operation, one.reasons) for one in ended} == {("session.end", ("ended_by_person",))}
    assert {cause(one.check()) for one in others[1:]} == {"ended_by_person"}
    assert visitor.check().status == stranger.check().status == 200


@pytest.mark.parametrize(
    "query", ["", "?except=", "?except=all", "?except=current&except=current", "?keep=current", "?except=current&x=1"]
)
def test_ending_the_others_asks_for_exactly_one_word(home, query):
    visitor = home.enrolled()
    other = also(home, visitor)
    answer = visitor.send("DELETE", f"/api/v1/auth/sessions{query}")
    assert (answer.status, answer.code) == (400, "request_malformed")
    assert (home.last().reasons[0], home.last().actor) == ("request_malformed", visitor.person)
    assert other.check().status == 200


def test_signing_out_ends_this_session_and_no_other(home):
    visitor = home.enrolled()
    other = also(home, visitor)
    cookie = visitor.cookies[SESSION]
    assert visitor.send("POST", "/auth/logout").status == 204
    assert cause(home.check(cookie)) == "signed_out"
    assert other.check().status == 200
    assert (home.last().operation, home.last().actor) == ("session.logout", other.person)


def test_an_operator_sees_how_each_session_began(home):
    for factor in Factor:
        home.open(factor=factor)
    assert {one.factor for one in home.sessions()} == {factor.value for factor in Factor}
