"""A whole life of a server, then a search of everything that it left behind for what must stand nowhere."""

import base64
import json

import pytest
from structlog.testing import capture_logs

from ostiary import chores
from ostiary.kernel.errors import ContractBroken, StoreUnavailable
from ostiary.sessions.service import Opened
from tests.flows.browser import CSRF, PRELOGIN, SESSION, Browser
from tests.flows.server import serving

AGENT = "Quizzical/77.7 (Linux; only-this-browser-says-so)"
ADDRESS = "198.51.100.77"
EMAIL = "very.private.address@somewhere-secret.example"
NAME = "Zebediah Wintergreen"
LABEL = "the key on my left hand"


class Witness(Browser):
    """A browser that remembers every secret that it was ever given."""

    def __init__(self, served, secrets, passkey=None):
        super().__init__(served, passkey, agent=AGENT)
        self.secrets = secrets

    def send(self, method, path, body=None, *, headers=None, **given):
        answer = super().send(method, path, body, headers={"x-forwarded-for": ADDRESS} | (headers or {}), **given)
        for name, value in self.cookies.items():
            self.secrets[f"cookie {name} of {value[:32]}"] = value
            self.secrets[f"MAC of {name} {value[:32]}"] = value.rpartition(".")[2]
        return answer


@pytest.fixture(scope="module")
def remains(tmp_path_factory):
    """(secrets by name, what was left behind by name) after a run with every kind of act and refusal."""
    folder, secrets = tmp_path_factory.mktemp("served"), {"agent": AGENT, "address": ADDRESS}
    with serving(folder, OSTIARY_TRUSTED_PROXIES="127.0.0.1") as served:
        live(served, secrets)
        left = {"output of the commands": "\n".join(run(served)).encode()}
    left["stderr"] = served.stderr().encode()
    left |= {path.name: path.read_bytes() for path in (folder / "data").iterdir()}
    return secrets, left


def live(served, secrets):
    secrets["key-encryption key"] = next(served.folder.glob("*.kek")).read_text().strip()
    secrets["first link"] = served.token
    first = Witness(served, secrets)
    assert first.enrol(served.token, LABEL).status == 200
    token = served.invite(EMAIL)
    secrets |= {"invitation": token, "e-mail": EMAIL, "label": LABEL}
    person = Witness(served, secrets)
    assert person.enrol(token, LABEL).status == 200
    secrets["credential id"] = person.passkey.id
    secrets["private key"] = person.passkey.key.private_numbers().private_value.to_bytes(32, "big")
    assert person.check().status == 200
    wrong = {"attempt": person.begin()["attempt"], "credential": person.passkey.get(person.begin()["options"])}
    assert person.send("POST", "/login/passkey/finish", wrong).status == 401
    receipt = person.presence("passkey.add")
    secrets["presence"] = receipt
    asked = person.send("POST", "/api/v1/auth/passkeys/begin", {}).json
    secrets["challenge"] = asked["options"]["challenge"]
    secrets["attempt"] = asked["attempt"]
    person.send("POST", "/enrolment/begin", {"token": "wrong-token-of-somebody-guessing"})
    secrets["a wrong token"] = "wrong-token-of-somebody-guessing"
    for cookie in (person.cookies[SESSION][:-1] + "!", person.cookies[SESSION][:-2] + "AA", "garbage-in-the-cookie"):
        person.send("GET", "/api/v1/auth/me", headers={"cookie": f"{SESSION}={cookie}"})
        secrets[f"broken cookie {cookie}"] = cookie
    person.send("DELETE", "/api/v1/auth/sessions?except=current", headers={"x-csrf-token": "forged-csrf-token-value"})
    secrets["a forged CSRF token"] = "forged-csrf-token-value"
    person.send(
        "POST",
        "/login/passkey/finish",
        raw=b'{"oops": "malformed-body-text"',
        headers={"content-type": "application/json"},
    )
    secrets["a malformed body"] = "malformed-body-text"
    second = Witness(served, secrets, person.passkey)
    assert second.sign_in().status == 200
    assert person.send("DELETE", f"/api/v1/auth/sessions/{second.session}").status == 204
    assert person.send("POST", "/auth/logout").status == 204
    served.cli("keys", "rotate")
    served.cli("people", "add", "--email", EMAIL, check=False)


def run(served):
    for words in (["receipts", "list"], ["sessions", "list"], ["keys", "list"]):
        yield served.cli(*words, "--json")
    yield served.cli("receipts", "list")


def forms(secret):
    """The spellings in which a secret could stand somewhere."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    yield raw
    yield raw.hex().encode()
    yield base64.b64encode(raw).rstrip(b"=")
    yield base64.urlsafe_b64encode(raw).rstrip(b"=")
    if isinstance(secret, str):
        yield json.dumps(secret).strip('"').encode()
        try:
            yield base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4)) or raw
        except ValueError:
            return


def found(secrets, left):
    """Which secret stands where, in which form."""
    return [
        (name, place)
        for name, secret in secrets.items()
        for form in forms(secret)
        for place, content in left.items()
        if len(form) > 7 and form in content
    ]


PUBLIC = {"presence"}
"""The id of a proof of presence is kept in the row that it names; it is of use to its own session only, and once."""


def test_no_secret_stands_in_database_log_receipts_or_output(remains):
    secrets, left = remains
    searched = {name: secret for name, secret in secrets.items() if name not in PUBLIC}
    assert len(searched) > 20
    assert {PRELOGIN, SESSION, CSRF} <= {name.split()[1] for name in searched if name.startswith("cookie")}
    assert found(searched, left) == []


def test_the_search_would_find_them(remains):
    secrets, left = remains
    for name, secret in secrets.items():
        for form in forms(secret):
            if len(form) > 7:
                assert (name, "planted") in found({name: secret}, {"planted": b"before " + form + b" after"})
    assert "ostiary.sqlite" in left
    assert b"session.open" in left["ostiary.sqlite"] + left.get("ostiary.sqlite-wal", b"")
    assert b"session.open" in left["output of the commands"]


def test_what_may_be_seen_is_there_so_the_run_was_real(remains):
    _, left = remains
    log = left["output of the commands"]
    for word in (
        b"session_invalid",
        b"csrf_refused",
        b"login_refused",
        b"invitation_refused",
        b"request_malformed",
        b"key.rotate",
    ):
        assert word in log, word


def test_a_chore_that_fails_names_itself_and_prints_no_settings(home):
    async def fail():
        raise StoreUnavailable("disk I/O error")

    async def break_down():
        raise ContractBroken("a change without its event")

    async def crash():
        raise ValueError("something else")

    with capture_logs() as logs:
        for chore in (fail, break_down, crash):
            home.run(chores.attempt("collection", chore))
    assert [(one["event"], one["chore"]) for one in logs] == [
        ("chore_failed", "collection"),
        ("chore_failed", "collection"),
        ("chore_broke", "collection"),
    ]


def test_no_value_shows_its_secret_when_it_is_printed(home):
    session, cookie = home.open()
    assert repr(Opened(session, cookie)) == f"Opened({session.id!r})"
    shown = repr(home.house.keyring.all()) + repr(home.house.keyring) + repr(home.house.sealer) + repr(home.sessions())
    shown += repr(home.house)
    for key in home.house.keyring.all():
        assert repr(key.secret) not in shown
        assert key.secret.hex() not in shown
    assert cookie not in shown
    visitor = home.enrolled()
    opened = repr(home.receipts())
    for value in visitor.cookies.values():
        assert value not in shown + opened
