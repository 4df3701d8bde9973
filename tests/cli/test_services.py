"""`ostiary services` and the scopes of people: what is printed, and that the key is printed once."""

import pytest

from tests.cli.shell import kinds
from tests.flows.browser import Browser


def test_a_service_is_added_listed_shown_and_removed(settled):
    printed = settled.done(
        "services", "add", "app", "--host", "app.example.test", "--host", "localhost:3000", "--scope", "reports.read",
        "--discloses", "person", "--require-key",
    )  # fmt: skip
    key = printed.splitlines()[-1].strip()
    assert key.startswith("svk-")
    rows = settled.rows("services", "list")
    assert [row["name"] for row in rows] == ["default", "app"]
    assert kinds(rows[1]) == {
        "name": "str",
        "hosts": "list",
        "scopes": "list",
        "discloses": "list",
        "requires_key": "bool",
        "scope_id": "int",
        "created_at": "str",
        "old_key_ends_at": "NoneType",
    }
    assert rows[1]["hosts"] == ["app.example.test", "localhost:3000"]
    assert rows[1] == settled.rows("services", "show", "app")[0]
    for words in (("list",), ("show", "app"), ("list", "--json"), ("show", "app", "--json")):
        assert key[4:] not in settled.done("services", *words)
    assert settled.done("services", "remove", "app") == "removed app\n"
    assert [row["name"] for row in settled.rows("services", "list")] == ["default"]


def test_a_new_key_is_printed_once_and_the_old_ones_end_is_told(settled):
    old = settled.rows("services", "add", "app")[0]["key"]
    new = settled.rows("services", "rotate", "app", "--grace", "60")[0]["key"]
    assert new != old
    assert settled.rows("services", "show", "app")[0]["old_key_ends_at"]
    assert "svk-" in settled.done("services", "rotate", "app", "--now")
    assert settled.rows("services", "show", "app")[0]["old_key_ends_at"] is None
    code, _, err = settled("services", "rotate", "app", "--now", "--grace", "60")
    assert (code, "one of the two" in err) == (2, True)
    for seconds in ("0", "-1", "99999999", "x"):
        assert settled("services", "rotate", "app", "--grace", seconds)[0] == 2


def test_what_is_not_stated_anew_is_taken_away(settled):
    settled.done("services", "add", "app", "--host", "a.test", "--scope", "a.a", "--discloses", "name")
    assert settled.done("services", "change", "app", "--discloses", "person") == "changed app\n"
    row = settled.rows("services", "show", "app")[0]
    assert (row["hosts"], row["scopes"], row["discloses"]) == (["a.test"], [], ["person"])
    assert settled.rows("services", "change", "app", "--scope", "b.b")[0]["scopes"] == ["b.b"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "App"), "name 'App': A name is lower-case letters"),
        (("add", "app", "--host", "https://app.test"), "host 'https://app.test': A host is a name"),
        (("add", "app", "--host", "https://a/"), "no https://, no /. (service_malformed)"),
        (("add", "app", "--host", "app.test:65536"), "host 'app.test:65536': A host is"),
        (("add", "app", "--host", "app.test:99999"), "its port (1 to 65535)"),
        (("add", "app", "--scope", "all"), "scope 'all': A scope is words"),
        (("add", "app", "--discloses", "password"), "fact 'password': A service may learn person, factor,"),
        (("add", "app", *("--scope", "a.b") * 33), "at most 32"),
        (("add", "App", "--scope", "all"), ". scope 'all': "),
        (("change", "taken", "--scope", "all"), "scope 'all': A scope is words"),
        (("add", "default"), "always there"),
        (("add", "taken"), "registered already"),
        (("change", "nobody"), "No such service"),
        (("change", "default"), "always there"),
        (("rotate", "nobody"), "No such service"),
        (("show", "nobody"), "No such service"),
        (("remove", "default"), "always there"),
        (("remove", "nobody"), "No such service"),
    ],
)
def test_a_refusal_says_what_is_wrong(settled, words, says):
    settled.done("services", "add", "taken")
    code, out, err = settled("services", *words)
    assert (code, out) == (1, "")
    assert says in err


def test_the_highest_port_is_one(settled):
    settled.done("services", "add", "app", "--host", "app.test:65535", "--host", "app.test:1")


def test_scopes_are_granted_and_withdrawn(settled):
    person = settled.rows("people", "add", "--email", "ann@example.test")[0]["person"]
    assert settled.done("people", "grant", person, "reports.read") == f"reports.read: granted to {person}\n"
    assert settled.done("people", "grant", person, "reports.read") == f"reports.read: held already by {person}\n"
    assert settled.rows("people", "withdraw", person, "reports.read") == [
        {"person": person, "scope": "reports.read", "changed": True}
    ]
    assert settled.done("people", "withdraw", person, "reports.read") == f"reports.read: not held by {person}\n"
    for words, says in (
        (("grant", "user-x", "reports.read"), "no such person"),
        (("grant", person, "administrator"), "not a scope"),
        (("withdraw", person, "administrator"), "not a scope"),
    ):
        code, out, err = settled("people", *words)
        assert (code, out, says in err) == (1, "", True)


def test_a_running_server_feels_what_the_command_line_does(server):
    browser = Browser(server)
    assert browser.enrol(server.invite("ann@example.test")).status == 200
    person = browser.send("GET", "/api/v1/auth/me").json["actor_id"]
    assert browser.check("/app").status == 403
    server.cli("services", "add", "app", "--scope", "reports.read", "--discloses", "email")
    for _ in range(5):
        assert browser.check("/app").code == "scope_missing"
        server.cli("people", "grant", person, "reports.read")
        answer = browser.check("/app", headers={"caller-disclose": "email"})
        assert (answer.status, answer.header("ostiary-scopes")) == (200, "reports.read")
        assert answer.header("ostiary-disclosed") != "-"
        assert browser.check("/app").status == 200
        server.cli("people", "withdraw", person, "reports.read")
    server.cli("services", "remove", "app")
    assert browser.check("/app").code == "service_unknown"
