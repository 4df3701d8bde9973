"""The other answers of the internal listener: alive, ready, metrics, nothing else."""

import pytest

from tests.sessions.home import Failing


def ask(home, path, method="GET"):
    return home.visitor().send(method, path, internal=True)


def test_alive_ready_and_metrics(home):
    assert (ask(home, "/healthz").status, ask(home, "/healthz").body) == (200, b"alive\n")
    assert (ask(home, "/readyz").status, ask(home, "/readyz").json) == (200, {"ready": True, "store": "ok"})
    assert ask(home, "/metrics").header("content-type").startswith("text/plain; version=0.0.4")


def test_it_is_not_ready_but_alive_while_the_store_cannot_answer(homes):
    home = homes(vault=lambda house: Failing(house.vault))
    home.house.vault.down = True
    answer = ask(home, "/readyz")
    assert (answer.status, answer.header("retry-after")) == (503, "1")
    assert answer.json == {"ready": False, "store": "unavailable"}
    assert ask(home, "/healthz").status == ask(home, "/metrics").status == 200
    home.house.vault.down = False
    assert ask(home, "/readyz").status == 200


@pytest.mark.parametrize(
    "path", ["/", "/checks", "/checkx/default", "/CHECK", "/api/v1/auth/me", "/account", "/auth/logout"]
)
def test_there_is_nothing_else(home, path):
    assert ask(home, path).status == 404


@pytest.mark.parametrize("path", ["/check", "/check/default", "/metrics", "/readyz", "/healthz"])
def test_the_public_listener_has_none_of_it(home, path):
    answer = home.visitor().send("GET", path)
    assert answer.status == 404
    assert not [name for name in answer.headers if name.startswith("ostiary")]
