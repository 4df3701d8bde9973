"""`ostiary people`: a link that works once, and who is there."""

import pytest

from tests.cli.shell import kinds
from tests.flows.browser import Browser

PERSON = {
    "id": "str",
    "email": "str",
    "name": "str",
    "roles": "list",
    "scopes": "list",
    "created_at": "str",
    "blocked": "bool",
    "blocked_since": "NoneType",
    "blocked_because": "list",
}


def test_a_person_is_added_and_listed(settled):
    made = settled.rows("people", "add", "--email", " Ann@Example.test ", "--name", "Ann")[0]
    assert kinds(made) == {"person": "str", "email": "str", "link": "str", "expires_in": "int"}
    assert made["expires_in"] == 24 * 3600
    rows = settled.rows("people", "list")
    assert kinds(rows[0]) == PERSON
    assert (rows[0]["id"], rows[0]["email"], rows[0]["name"]) == (made["person"], "Ann@Example.test", "Ann")
    assert "Ann" in settled.done("people", "list")


def test_what_each_may_is_listed_and_shown(settled):
    ann, bob = (
        settled.rows("people", "add", "--email", f"{name}@example.test")[0]["person"] for name in ("ann", "bob")
    )
    for scope in ("reports.write", "reports.read"):
        settled.done("people", "grant", ann, scope)
    first, second = settled.rows("people", "list")
    assert (first["roles"], first["scopes"]) == ([], ["reports.read", "reports.write"])
    assert (second["id"], second["roles"], second["scopes"]) == (bob, [], [])
    assert settled.rows("people", "show", ann) == [first]
    head, line, _ = settled.done("people", "list").splitlines()
    assert head.split() == ["ID", "EMAIL", "NAME", "ROLE", "SCOPES", "ADDED", "BLOCKED"]
    assert line.split()[:6] == [ann, "ann@example.test", "-", "-", "reports.read", "reports.write"]
    assert "scopes           reports.read reports.write\n" in settled.done("people", "show", ann)
    code, out, err = settled("people", "show", "user-nobody")
    assert (code, out, "no such person" in err) == (1, "", True)


def test_an_administrator_is_seen(server):
    Browser(server).enrol(server.token)
    (row,) = server.json("people", "list")
    assert (row["roles"], row["scopes"]) == (["administrator"], [])
    assert " administrator " in server.cli("people", "list")


def test_nobody_yet_says_what_to_type(settled):
    assert "ostiary people add" in settled.done("people", "list")
    assert settled.rows("people", "list") == []


@pytest.mark.parametrize(
    ("email", "says"), [("no address", "not an e-mail address"), ("ann@example.test", "Somebody has")]
)
def test_an_odd_or_taken_address_is_refused(settled, email, says):
    settled.done("people", "add", "--email", "ann@example.test")
    code, out, err = settled("people", "add", "--email", email)
    assert (code, out) == (1, "")
    assert says in err


def test_somebody_who_is_known_is_invited_again(settled):
    person = settled.rows("people", "add", "--email", "ann@example.test")[0]
    again = settled.rows("people", "invite", person["person"])[0]
    assert kinds(again) == {"person": "str", "link": "str", "expires_in": "int"}
    assert again["link"] != person["link"]
    assert "/enrol#" in settled.done("people", "invite", person["person"])
    code, out, err = settled("people", "invite", "user-nobody")
    assert (code, out) == (1, "")
    assert "no such person" in err


def test_the_link_works_once(server):
    printed = server.cli("people", "add", "--email", "ann@example.test")
    link = printed.splitlines()[-1].strip()
    assert link.startswith(f"{server.origin}/enrol#")
    token = link.partition("#")[2]
    assert Browser(server).enrol(token).status == 200
    assert Browser(server).enrol(token).code == "invitation_refused"
