"""A TypeScript client, generated from a running server's document, checked by the compiler and then run."""

import json
import re
from pathlib import Path

import pytest

from tests.flows.browser import Browser
from tests.rigs import node

pytestmark = pytest.mark.node

TENANT = "rehearsal"
PROOF = "humanAuth.verifyPasskey verified: for"
SAID = [
    "humanAuth.passkeyImport admitted: ES256, bound to human_person:anna",
    "auth.loginStart refused: human_auth_wrong_origin",
    "auth.loginStart admitted: allow",
    f"{PROOF} auth.login.finish",
    "auth.loginFinish admitted: auth.session.inspect invoice.issue; nothing was created beside the session",
    "auth.loginFinish refused: auth_login_session_already_issued",
    "auth.sessionInspect admitted: human_person:anna, revoked: false",
    "auth.sessionIssue refused: m13_human_presence_purpose_mismatch, so presence is proved again",
    f"{PROOF} auth.session.issue",
    "auth.sessionIssue admitted: invoice.issue",
    f"{PROOF} auth.session.refresh",
    "auth.sessionRefresh refused: auth_session_refresh_scope_expansion_refused",
    "auth.sessionRefresh admitted: invoice.issue; the previous session has ended",
    "authority.sessionRevoke admitted: revoked",
    "authority.sessionRevoke verified: auth_session_already_revoked",
    "auth.sessionInspect refused: session_revoked",
    "Done.",
]
RECEIPTS = {
    "passkey.import": ["admitted"],
    "login.start": ["refused", "admitted"],
    "presence.prove": ["verified"] * 3,
    "login.finish": ["admitted", "refused"],
}
"""Of these events a walk leaves receipts with these outcomes, in this order, and no others."""


@pytest.fixture(scope="module")
def packages():
    """What the lock names, installed."""
    failed = node.install()
    if failed:
        pytest.skip(f"the packages of examples/typescript could not be installed: {failed}")


@pytest.fixture(scope="module")
def document(shared_server):
    return Browser(shared_server).send("GET", "/openapi.json").json


@pytest.fixture
def built(packages, shared_server, document, tmp_path):
    """A function that makes a copy of the example with types from the server's document, perhaps changed before."""

    def build(change=lambda text: text):
        folder = node.copied(tmp_path / "walk", Path(__file__).with_name("typescript_types.ts"))
        (folder / "document.json").write_text(change(json.dumps(document)))
        made = node.run(folder, "generate", "--", "document.json")
        assert made.returncode == 0, made
        assert (folder / "openapi.d.ts").exists()
        return folder

    return build


@pytest.fixture(scope="module")
def keys(shared_server):
    """A seeded fixture tenant of the server, and what its programs bear."""
    words = ("--mode", "fixture", "--fixture-seed", "--origin", shared_server.origin, "--json")
    made = json.loads(shared_server.cli("tenants", "add", TENANT, *words))
    return {"WALK_CLIENT_KEY": made["client_key"], "WALK_OPERATOR_KEY": made["operator_key"]}


def walk(folder, server, keys, **more):
    said = {"WALK_URL": server.public, "WALK_TENANT": f"tenant_node:{TENANT}", "WALK_ORIGIN": server.origin}
    return node.run(folder, "node", "dist/walk.js", **(said | keys | more))


def receipts(server):
    """The tenant's receipts, newest first."""
    return server.json("receipts", "list", "--most", "500", "--tenant", TENANT)


def test_the_walk_compiles_against_the_servers_own_document_and_takes_every_step(built, shared_server, keys):
    folder = built()
    for script in ("check", "build"):
        checked = node.run(folder, script)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    before = receipts(shared_server)[0]["seq"]
    done = walk(folder, shared_server, keys)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.splitlines() == SAID
    told = [row for row in reversed(receipts(shared_server)) if row["seq"] > before]
    seen = {name: [row["outcome"] for row in told if row["operation"] == name] for name in RECEIPTS}
    assert seen == RECEIPTS

    # Nobody's key: a typed refusal ends the program, and tells no key.
    lost = walk(folder, shared_server, keys, WALK_OPERATOR_KEY="ook-nobodys")
    assert (lost.returncode, lost.stdout) == (1, "")
    assert "humanAuth.passkeyImport refused with token_tampered" in lost.stderr
    assert not [key for key in keys.values() if key in lost.stderr]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda text: text.replace('"auth_session_refresh_scope_expansion_refused"', '"another_code"'), "TS2345"),
        (lambda text: text.replace('"previous_session_remains_valid"', '"previous_session_lives"'), "TS2339"),
        (lambda text: text.replace('"additionalProperties": false', '"additionalProperties": true'), "TS2578"),
        (lambda text: text.replace("/v1/auth/login/finish", "/v1/auth/login/end"), "TS2345"),
        (lambda text: text.replace('"enum": ["', '"examples": ["'), "TS2578"),
    ],
    ids=["code renamed", "member renamed", "request open", "path moved", "codes untyped"],
)
def test_a_document_that_says_something_else_does_not_compile(built, change, complaint):
    checked = node.run(built(change), "check")
    assert checked.returncode != 0
    assert complaint in set(re.findall(r"error (TS\d+)", checked.stdout)), checked.stdout


def test_the_lock_names_versions_and_hashes_and_no_place():
    lock = json.loads((node.EXAMPLE / "package-lock.json").read_text())["packages"]
    named = {name: package for name, package in lock.items() if name}
    assert len(named) > 10
    for name, package in named.items():
        assert "resolved" not in package, name
        assert package["integrity"].startswith("sha512-"), name
        assert not package.get("hasInstallScript"), name
