"""The whole first story without a browser's window: link, passkey, sign out, sign in, two sessions, one ended."""

import pytest

from tests.flows.browser import Browser
from tests.flows.server import Program, serving


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path, Program) as served:
        yield served


def test_a_person_enrols_signs_in_and_ends_a_session_that_is_refused_at_once(server):
    first = Browser(server)
    enrolled = first.enrol(server.token)
    assert (enrolled.status, enrolled.json["next"]) == (200, "/account")
    me = first.send("GET", "/api/v1/auth/me").json
    assert me["roles"] == ["administrator"]
    assert me["session"]["label"] == "Firefox on Linux"
    assert first.check().status == 200
    assert first.send("POST", "/auth/logout").status == 204

    assert first.sign_in().status == 200
    second = Browser(server, first.passkey, agent="Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36")
    assert second.sign_in().status == 200
    listed = second.send("GET", "/api/v1/auth/sessions").json["sessions"]
    assert [(s["label"], s["current"]) for s in listed] == [("Chrome on Windows", True), ("Firefox on Linux", False)]
    assert first.check().status == 200
    assert second.send("DELETE", f"/api/v1/auth/sessions/{first.session}").status == 204
    refused = first.check()
    assert refused.status == 401
    assert 'error_description="ended_by_person"' in refused.header("www-authenticate")
    assert first.send("GET", "/api/v1/auth/me").code == "session_ended"
    assert second.check().status == 200


def test_the_operator_lists_and_ends_sessions_and_reads_receipts(server):
    person = Browser(server)
    person.enrol(server.token)
    rows = server.json("sessions", "list")
    assert [(row["id"], row["state"]) for row in rows] == [(person.session, "alive")]
    assert person.check().status == 200
    assert person.session in server.cli("sessions", "revoke", person.session)
    assert 'error_description="ended_by_operator"' in person.check().header("www-authenticate")
    newest = server.json("receipts", "list")[0]
    assert (newest["operation"], newest["outcome"], newest["subject"]) == ("session.end", "admitted", person.session)
    assert newest["actor"].startswith("operator:")
    assert server.json("receipts", "show", newest["id"])[0]["signature_holds"] is True
