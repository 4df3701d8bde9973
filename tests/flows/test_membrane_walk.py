"""The guide's walk with the Python SDK against a running server, awaited and waited for, in a fixture and a live tenant."""

import json
import sys

import pytest

from tests.flows.membrane_walk import walk
from tests.flows.server import OSTIARY

ORIGIN = "https://gestalt.local"
SCOPE = ("--scope", "invoice.issue")
FIXTURE = ("--fixture", "--subject", "human_person:anna", "--origin", ORIGIN, "--rp-id", "gestalt.local", *SCOPE)


@pytest.mark.parametrize("sync", [False, True], ids=["awaited", "waited for"])
def test_the_walk_in_a_seeded_fixture_tenant(shared_server, tmp_path, sync):
    given = seeded(shared_server, f"seeded_{'sync' if sync else 'async'}")
    walk(shared_server.public, tmp_path, **given, sync=sync, more=FIXTURE).whole()


RECOVERED = (
    "auth.recoveryContactSend admitted",
    "auth.recoveryContactConfirm admitted",
    "humanAuth.registerPasskey admitted",
    "auth.recoveryExecute admitted",
)
READER = """
import json, re, subprocess, sys, time
environ = json.loads({environ!r})
def mail(*words):
    return subprocess.run([{ostiary!r}, "mail", *words, "--tenant", {tenant!r}, "--json"], env=environ, capture_output=True, text=True, check=True).stdout
def captured():
    rows = map(json.loads, mail("list", "--to", {contact!r}).splitlines())
    return next((row for row in rows if row["state"] == "captured"), None)
while not (newest := captured()):  # one that waits is sealed
    time.sleep(0.05)
print(re.search(r"\\b[0-9]{{8}}\\b", mail("show", newest["id"]))[0])
"""


@pytest.mark.parametrize("sync", [False, True], ids=["awaited", "waited for"])
def test_the_walk_goes_on_to_a_recovery_where_somebody_reads_the_mail(shared_server, tmp_path, sync):
    name = f"recovered_{'sync' if sync else 'async'}"  # a tenant for each: who was recovered stays contestable for days
    keys, contact, reader = seeded(shared_server, name), f"{name}@example.test", tmp_path / "reader.py"
    given = {"environ": json.dumps(shared_server.environ), "ostiary": OSTIARY[0], "contact": contact}
    reader.write_text(READER.format(**given, tenant=name))
    more = (*FIXTURE, "--contact", contact, "--code-command", f"{sys.executable} {reader}")
    walked = walk(shared_server.public, tmp_path, **keys, sync=sync, more=more)
    walked.whole()
    assert [step for step in RECOVERED if step not in walked.said] == []


@pytest.mark.parametrize("sync", [False, True], ids=["awaited", "waited for"])
def test_the_walk_in_a_live_tenant_by_a_one_time_link(shared_server, tmp_path, sync):
    name = f"works_{'sync' if sync else 'async'}"
    words = ("tenants", "add", name, "--origin", "https://id.example.test", "--scope", "invoice.issue", "--json")
    keys = json.loads(shared_server.cli(*words))
    invited = json.loads(
        shared_server.cli("people", "add", "--tenant", name, "--email", "walker@example.test", "--json")
    )
    shared_server.cli("people", "grant", "--tenant", name, invited["person"], "invoice.issue")
    given = {"client_key": keys["client_key"], "operator_key": keys["operator_key"], "tenant": f"tenant_node:{name}"}
    more = ("--subject", f"human_person:{invited['person']}", f"--enrolment-token={invited['token']}")
    party = ("--origin", "https://id.example.test", "--rp-id", "id.example.test", *SCOPE)
    walk(shared_server.public, tmp_path, **given, sync=sync, more=(*more, *party)).whole()


def seeded(server, name):
    """Make a seeded fixture tenant; return what a walk in it needs."""
    words = ("tenants", "add", name, "--mode", "fixture", "--fixture-seed", "--origin", ORIGIN, "--json")
    keys = json.loads(server.cli(*words))
    return {"client_key": keys["client_key"], "operator_key": keys["operator_key"], "tenant": f"tenant_node:{name}"}
