"""The same server on PostgreSQL: its schema by command, the first story, and a database that stops and comes back."""

import time
from contextlib import contextmanager

import pytest

from tests.flows.browser import Browser
from tests.flows.load import Load, accepted_after
from tests.flows.seed import seed
from tests.flows.server import Served
from tests.rigs.databases import postgres_url
from tests.rigs.faulty_wire import faulty

pytestmark = pytest.mark.postgres

_PATIENCE_S = 15


@contextmanager
def on_postgres(folder, url):
    """Serve on a PostgreSQL database for the block."""
    served = Served(folder, {"OSTIARY_DATABASE_URL": url})
    served.cli("init")
    served.cli("migrate")
    served.start()
    try:
        yield served
    finally:
        served.stop()


def until(wanted, ask):
    """Ask again and again until the answer has that status; return it."""
    deadline = time.monotonic() + _PATIENCE_S
    while (answer := ask()).status != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    assert answer.status == wanted, answer.body
    return answer


def test_serve_refuses_a_database_without_its_schema_and_says_what_to_do(tmp_path):
    with postgres_url() as url:
        served = Served(tmp_path, {"OSTIARY_DATABASE_URL": url})
        served.cli("init")
        refused = served.cli("serve", check=False)
        assert refused.returncode == 2
        assert "ostiary migrate" in refused.stderr


def test_the_first_story_on_postgresql(tmp_path):
    with postgres_url() as url, on_postgres(tmp_path, url) as served:
        first = Browser(served)
        assert first.enrol(served.token).status == 200
        second = Browser(served, first.passkey)
        assert second.sign_in().status == 200
        assert first.check().status == 200
        assert second.send("DELETE", f"/api/v1/auth/sessions/{first.session}").status == 204
        assert 'error_description="ended_by_person"' in first.check().header("www-authenticate")
        assert second.check().status == 200
        served.cli("sessions", "revoke", second.session)
        assert 'error_description="ended_by_operator"' in second.check().header("www-authenticate")
        assert all(
            served.json("receipts", "show", row["id"])[0]["signature_holds"] for row in served.json("receipts", "list")
        )


def test_no_check_sent_after_an_acknowledged_end_is_accepted_on_postgresql(tmp_path):
    with postgres_url() as url, on_postgres(tmp_path, url) as served:
        cookies = seed(served, 60)
        sessions = list(cookies)
        acknowledged = {}
        with Load(served.internal_port, cookies, threads=2) as load:
            for session in sessions[:4]:
                served.cli("sessions", "revoke", session)
                acknowledged[session] = time.monotonic()
            turn = len(load.checks) + 2 * len(cookies)
            while len(load.checks) < turn and not load.faults:
                time.sleep(0.01)
        assert load.faults == []
        assert accepted_after(load.checks, acknowledged) == []
        assert {c.status for c in load.checks if c.session in sessions[4:]} == {200}


@pytest.mark.parametrize("fault", ["cut", "hold"])
def test_a_database_that_stops_is_a_503_everywhere_and_heals_without_a_restart(tmp_path, fault):
    with postgres_url() as direct, faulty(direct) as (wire, url), on_postgres(tmp_path, url) as served:
        person = Browser(served)
        person.enrol(served.token)
        begun = person.begin()
        answer = person.passkey.get(begun["options"])
        getattr(wire, fault)()
        attempt = {"attempt": begun["attempt"], "credential": answer}
        for ask in (
            person.check,
            lambda: person.send("GET", "/api/v1/auth/me"),
            lambda: person.send("POST", "/login/passkey/finish", attempt),
            lambda: person.send("GET", "/account", headers={"accept": "text/html"}),
            lambda: person.send("GET", "/readyz", internal=True),
        ):
            refused = ask()
            assert refused.status == 503, refused.body
            assert int(refused.header("retry-after")) >= 1
        wire.mend()
        until(200, person.check)
        until(200, lambda: person.send("GET", "/readyz", internal=True))
        until(200, person.sign_in)
