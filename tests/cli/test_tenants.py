"""`ostiary tenants`, and every command that works in one."""

import json

import pytest

from ostiary_client import verifier
from tests.cli.shell import kinds

ORIGIN = "https://gestalt.local"
FIXTURE = ("tenants", "add", "rheinwerk_calibration", "--mode", "fixture", "--origin", ORIGIN, "--fixture-seed")
MINE = ("--tenant", "rheinwerk_calibration")


@pytest.fixture
def seeded(settled):
    settled.made = settled.rows(*FIXTURE)[0]
    return settled


def test_a_tenant_is_added_with_two_keys_shown_once(settled):
    made = settled.rows("tenants", "add", "rhein", "--origin", "https://a.rhein.test", "--scope", "reports.read")[0]
    assert kinds(made) == {
        "tenant": "str",
        "mode": "str",
        "rp_id": "str",
        "origins": "list",
        "seeded": "bool",
        "methods": "list",
        "client_key": "str",
        "operator_key": "str",
    }
    assert (made["mode"], made["rp_id"], made["origins"]) == ("live", "a.rhein.test", ["https://a.rhein.test"])
    assert (made["client_key"][:4], made["operator_key"][:4]) == ("ock-", "ook-")
    listed = settled.done("tenants", "keys", "rhein")
    assert made["client_key"] not in listed
    assert [(row["kind"], row["scopes"]) for row in settled.rows("tenants", "keys", "rhein")] == [
        ("client", ["reports.read"]),
        ("operator", []),
    ]
    assert [row["tenant"] for row in settled.rows("tenants", "list")] == ["default", "rhein"]


def test_it_says_what_to_do_next(settled):
    out = settled.done("tenants", "add", "rhein", "--origin", "https://rhein.test")
    assert "added rhein (live), whose passkeys belong to rhein.test" in out
    assert "ostiary people add --tenant rhein" in out
    assert "https://rhein.test" in settled.done("tenants", "list")


def test_the_first_command_of_all_may_add_one(shell):
    shell.done("init")
    shell.done("tenants", "add", "rhein", "--origin", "https://rhein.test")
    assert len(shell.rows("tenants", "list")) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Rhein", "--origin", ORIGIN), "A name is"),
        (("r" * 41, "--origin", ORIGIN), "A name is"),
        (("rhein",), "An origin is"),
        (("rhein", "--origin", "https://[/"), "An origin is"),
        (("rhein", "--origin", "http://rhein.test"), "An origin is"),
        (("rhein", "--origin", ORIGIN, "--rp-id", "other.test"), "The relying party is"),
        (("rhein", "--origin", ORIGIN, "--fixture-seed"), "add --mode fixture"),
    ],
)
def test_what_is_malformed_makes_nothing(settled, words, said):
    code, out, err = settled("tenants", "add", *words)
    assert (code, out, said in err, err.endswith("(tenant_malformed)\n")) == (1, "", True, True)
    assert [row["tenant"] for row in settled.rows("tenants", "list")] == ["default"]
    assert len(settled.rows("keys", "list")) == 9


@pytest.mark.parametrize(
    "words",
    [
        ("default", "--origin", ORIGIN),
        ("rheinwerk_calibration", "--origin", ORIGIN),
        ("rheinwerk_calibration", "--origin", ORIGIN, "--mode", "fixture"),
        ("rheinwerk_calibration", "--origin", "https://b.test", "--mode", "fixture", "--fixture-seed"),
    ],
)
def test_a_taken_name_is_refused_and_no_key_is_made(seeded, words):
    before = seeded.rows("tenants", "list"), seeded.rows("tenants", "keys", "rheinwerk_calibration")
    code, out, err = seeded("tenants", "add", *words)
    assert (code, out, "tenant_taken" in err) == (1, "", True)
    assert (seeded.rows("tenants", "list"), seeded.rows("tenants", "keys", "rheinwerk_calibration")) == before


def test_another_key_and_its_end(seeded):
    words = ("tenants", "key", "rheinwerk_calibration", "--kind", "client", "--name", "sdk")
    key = seeded.done(*words, "--scope", "invoice.issue").strip()
    assert key.startswith("ock-")
    assert seeded.rows("tenants", "keys", "rheinwerk_calibration")[-1]["scopes"] == ["invoice.issue"]
    assert [seeded(*words)[0], "ref_taken" in seeded(*words)[2]] == [1, True]
    assert "scope_malformed" in seeded(*words[:-1], "more", "--scope", "Invoice")[2]
    assert seeded.rows("tenants", "key-remove", "rheinwerk_calibration", "sdk")[0]["removed"] is True
    code, _, err = seeded("tenants", "key-remove", "rheinwerk_calibration", "sdk")
    assert (code, "client_key_unknown" in err) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("people", "list"),
        ("people", "add", "--email", "a@example.test"),
        ("people", "show", "user-a"),
        ("people", "invite", "user-a"),
        ("people", "grant", "user-a", "a.read"),
        ("people", "withdraw", "user-a", "a.read"),
        ("sessions", "list"),
        ("sessions", "show", "tok-a"),
        ("sessions", "issue", "--person", "user-a", "--label", "x"),
        ("sessions", "revoke", "tok-a"),
        ("standings", "add", "user-a", "n"),
        ("standings", "list", "user-a"),
        ("devices", "add", "user-a", "n"),
        ("devices", "list", "user-a"),
        ("receipts", "list"),
        ("receipts", "show", "rcp-a"),
        ("keys", "list"),
        ("keys", "rotate"),
        ("keys", "revoke", "sk-a", "--now", "--yes"),
    ],
)
def test_an_unknown_tenant_is_a_clear_refusal(settled, words):
    code, out, err = settled(*words, "--tenant", "nobody")
    assert (code, out) == (2, "")
    assert err == "ostiary: there is no tenant 'nobody': `ostiary tenants list` shows those that there are\n"


def test_a_seeded_tenant_holds_what_the_examples_call_for(seeded):
    anna = seeded.rows("people", "list", *MINE)[0]
    scopes = ["auth.session.inspect", "auth.session.refresh", "invoice.issue"]
    assert (anna["name"], anna["scopes"]) == ("Anna", scopes)
    session = seeded.rows("sessions", "list", *MINE)[0]
    assert (session["person"], session["state"], session["scopes"]) == (anna["id"], "alive", scopes)
    assert seeded.made["session_token"] == "fixture-session-token"
    names = [seeded.rows(group, "list", anna["id"], *MINE) for group in ("standings", "devices")]
    assert [[row["ref"] for row in rows] for rows in names] == [
        ["standing:anna_geschaeftsfuehrer_fixture"],
        ["vessel:anna_browser_fixture", "vessel:fixture_sdk"],
    ]
    assert seeded.rows("people", "list") == []
    assert seeded.rows("sessions", "list") == []
    assert seeded("devices", "list", anna["id"])[0] == 1


def test_seeding_again_makes_what_is_gone_and_nothing_else(seeded):
    assert seeded.rows(*FIXTURE) == [{"tenant": "rheinwerk_calibration", "seeded": []}]
    anna, old = seeded.rows("people", "list", *MINE)[0]["id"], seeded.rows("sessions", "list", *MINE)[0]["id"]
    seeded.done("sessions", "revoke", old, *MINE)
    seeded.done("people", "withdraw", anna, "invoice.issue", *MINE)
    assert seeded.rows(*FIXTURE)[0]["seeded"] == ["scope invoice.issue", "auth_session:fixture_valid"]
    states = {row["id"]: row["state"] for row in seeded.rows("sessions", "list", *MINE)}
    assert (states.pop(old), list(states.values())) == ("ended", ["alive"])
    assert len(seeded.rows("people", "list", *MINE)) == 1
    assert "nothing is gone" in seeded.done(*FIXTURE)


def test_people_of_a_tenant_that_no_page_serves_are_handed_a_token(seeded):
    made = seeded.rows("people", "add", "--email", "ann@example.test", *MINE)[0]
    assert kinds(made) == {"person": "str", "email": "str", "token": "str", "expires_in": "int"}
    assert "enrolment_token" in seeded.done("people", "invite", made["person"], *MINE)
    assert "link" in seeded.rows("people", "add", "--email", "ann@example.test")[0], "the address is free elsewhere"


def test_a_tenants_log_is_its_own_and_proves_itself_with_the_rest(seeded, tmp_path):
    mine, ours = seeded.rows("receipts", "list", *MINE), seeded.rows("receipts", "list")
    assert {row["tenant"] for row in mine} == {"rheinwerk_calibration"}
    assert {row["tenant"] for row in ours} == {"default"}
    assert all(row["signature_holds"] for row in mine)
    assert seeded.rows("receipts", "verify", "--signatures")[0]["good"] is True
    assert seeded.rows("receipts", "verify")[0]["size"] == len(mine) + len(ours)
    file = tmp_path / "receipt.json"
    file.write_text(json.dumps(seeded.rows("receipts", "show", mine[0]["id"], *MINE)[0]))
    assert seeded.rows("receipts", "verify", "--receipt", str(file))[0]["good"] is True
    file.write_text(json.dumps({**json.loads(file.read_text()), "tenant": "nobody"}))
    assert seeded("receipts", "verify", "--receipt", str(file))[0] == 1
    assert seeded("receipts", "show", mine[0]["id"])[0] == 1


def test_an_export_of_several_tenants_is_verified_elsewhere(seeded, tmp_path):
    file = tmp_path / "log.ndjson"
    assert seeded("receipts", "export", "--out", str(file))[0] == 0
    assert verifier.main([str(file)]) == 0
    assert {json.loads(line).get("tenant") for line in file.read_text().splitlines()[1:]} == {
        "default",
        "rheinwerk_calibration",
    }


def test_keys_are_listed_rotated_and_revoked_by_tenant(seeded):
    rows = seeded.rows("keys", "list", *MINE)
    assert len(rows) == len(seeded.rows("keys", "list")) == 9
    assert not {row["id"] for row in rows} & {row["id"] for row in seeded.rows("keys", "list")}
    signing = next(row["id"] for row in rows if row["purpose"] == "session")
    assert seeded("keys", "revoke", signing, "--now", "--yes")[0] == 1
    assert seeded.rows("keys", "revoke", signing, "--now", "--yes", *MINE)[0]["sessions_ended"] == 1
    assert seeded.rows("keys", "rotate", *MINE)[0]["version"] == 3


def test_the_ways_to_sign_in_are_shown_and_set_also_of_the_default_tenant(settled):
    assert settled.done("tenants", "methods", "default") == "passkey email_code\n"
    settled.done("tenants", "methods", "default", "passkey")
    assert settled.rows("tenants", "methods", "default") == [{"tenant": "default", "methods": ["passkey"]}]
    settled.done("tenants", "add", "rhein", "--origin", "https://rhein.test")
    settled.done("tenants", "methods", "rhein", "email_code")
    listed = {row["tenant"]: row["methods"] for row in settled.rows("tenants", "list")}
    assert listed == {"default": ["passkey"], "rhein": ["email_code"]}
    (last,) = [
        row for row in settled.rows("receipts", "list", "--tenant", "rhein") if row["operation"] == "tenant.change"
    ]
    assert (last["outcome"], last["reasons"]) == ("admitted", ["offers:email_code"])


@pytest.mark.parametrize("odd", [["password"], ["passkey", "passkey"], ["passkey", "oidc"], [""]])
def test_a_tenant_that_offers_nothing_this_release_knows_is_refused(settled, odd):
    code, _, err = settled("tenants", "methods", "default", *odd)
    assert (code, "tenant_malformed" in err, "passkey, email_code" in err) == (1, True, True)
    assert settled.done("tenants", "methods", "default") == "passkey email_code\n"


def test_a_seeded_tenant_is_sown_again_whatever_it_offers(seeded):
    seeded.done("tenants", "methods", "rheinwerk_calibration", "passkey")
    assert seeded.rows(*FIXTURE) == [{"tenant": "rheinwerk_calibration", "seeded": []}]
