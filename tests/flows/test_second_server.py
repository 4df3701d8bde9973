"""The same stories under uvicorn: nothing of ours leans on granian (ruling 18)."""

import sys
from pathlib import Path

import pytest

from tests.flows import test_first_light as story
from tests.flows.browser import SESSION, Browser
from tests.flows.server import Served, serving

ROOT = Path(__file__).parents[2]


class Uvicorned(Served):
    """The second server in a process of its own."""

    command = (sys.executable, "-m", "tests.flows.second_server")

    def __init__(self, folder, environ):
        super().__init__(folder, environ)
        path = [str(ROOT), *self.environ.get("PYTHONPATH", "").split(":")]
        self.environ["PYTHONPATH"] = ":".join(filter(None, path))


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path, Uvicorned) as served:
        yield served


def test_the_first_story_goes_on_under_uvicorn(server):
    story.test_a_person_enrols_signs_in_and_ends_a_session_that_is_refused_at_once(server)


def test_bad_input_is_refused_under_uvicorn_too(server):
    person = Browser(server)
    assert person.enrol(server.token).status == 200
    json = {"content-type": "application/json"}
    assert person.send("POST", "/login/passkey/begin", raw=b" " * 70_000, headers=json).status == 413
    assert person.send("POST", "/login/passkey/begin", raw=b"\xff", headers=json).status == 400
    assert person.send("DELETE", "/api/v1/auth/passkeys/a%00b").code == "request_malformed"
    assert person.send("DELETE", "/api/v1/auth/passkeys/%ff%ed%a0%80").code == "passkey_unknown"
    assert person.send("GET", "/static/%ff").status == 404
    assert person.send("PUT", "/api/v1/auth/sessions").header("allow")
    assert person.send("GET", "/api/v1/auth/me", headers={"cookie": f"{SESSION}=\xff\x80"}).status == 401
    assert person.check(headers={"host": "evil.test"}).status == 403
    assert person.check().status == 200
    assert "Traceback" not in server.stderr()
