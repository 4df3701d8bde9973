"""What the measurements stand on: rows written past the application are sessions like any others."""

from bench import rows
from tests.flows.browser import SESSION
from tests.login.gatehouse import call


def test_sessions_made_for_measurements_are_alive(gatehouse):
    made = rows.fill(gatehouse.house, gatehouse.house.vault.path, 3)
    for cookie in rows.cookies(gatehouse.house, made):
        sent = {"host": "localhost", "cookie": f"{SESSION}={cookie}"}
        found = gatehouse.run(call(gatehouse.application.internal, "GET", "/check", b"", sent))
        assert found.status == 200
