"""The guide's walk with the Python SDK against a running server, awaited and waited for, in a fixture and a live tenant."""

import json

import pytest

from tests.flows.membrane_walk import walk

ORIGIN = "https://gestalt.local"
SCOPE = ("--scope", "invoice.issue")
FIXTURE = ("--fixture", "--subject", "human_person:anna", "--origin", ORIGIN, "--rp-id", "gestalt.local", *SCOPE)


@pytest.fixture(scope="module")
def seeded(shared_server):
    """A seeded fixture tenant: its keys as they were printed."""
    words = ("tenants", "add", "rheinwerk_calibration", "--mode", "fixture", "--fixture-seed", "--origin", ORIGIN)
    return json.loads(shared_server.cli(*words, "--json"))


@pytest.mark.parametrize("sync", [False, True], ids=["awaited", "waited for"])
def test_the_walk_in_a_seeded_fixture_tenant(shared_server, seeded, tmp_path, sync):
    keys = {"client_key": seeded["client_key"], "operator_key": seeded["operator_key"]}
    tenant = "tenant_node:rheinwerk_calibration"
    walk(shared_server.public, tmp_path, **keys, tenant=tenant, sync=sync, more=FIXTURE).whole()


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
    more = ("--subject", f"human_person:{invited['person']}", "--enrolment-token", invited["token"])
    party = ("--origin", "https://id.example.test", "--rp-id", "id.example.test", *SCOPE)
    walk(shared_server.public, tmp_path, **given, sync=sync, more=(*more, *party)).whole()
