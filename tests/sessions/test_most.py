"""A person has at most so many living sessions: one more ends the oldest."""

from ostiary.sessions.model import MOST_SESSIONS
from tests.flows.browser import Browser
from tests.flows.seed import opened_for


def test_one_session_more_than_the_most_ends_the_oldest(server):
    person = Browser(server)
    assert person.enrol(server.token).status == 200
    actor = person.send("GET", "/api/v1/auth/me").json["actor_id"]
    opened_for(server, [actor] * (MOST_SESSIONS - 1))
    assert person.check().status == 200
    opened_for(server, [actor])
    assert 'error_description="too_many_sessions"' in person.check().header("www-authenticate")
    living = [row for row in server.json("sessions", "list", "--person", actor) if row["state"] == "alive"]
    assert len(living) == MOST_SESSIONS
