"""`require_presence` and the middleware in one service: who is present is who calls, and presence can be shown at all."""

import asyncio

import httpx2
import pytest

from ostiary.presence import purposes
from ostiary.presence.model import PurposeRule
from ostiary.sessions import bearer
from ostiary.sessions import service as sessions
from ostiary_client.authority import Authority
from ostiary_client.caller import Caller
from ostiary_client.middleware import Ostiary
from ostiary_client.presence import require_presence
from tests.flows.browser import SESSION
from tests.login.gatehouse import OPERATOR, call

PAGE = "http://localhost:8080/presence"


class Service:
    def __init__(self, gatehouse):
        def client():
            transport = httpx2.ASGITransport(app=gatehouse.application.internal)
            return httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081")

        self.gatehouse, self.callers = gatehouse, []
        self.presence = require_presence("vault.enter", ostiary=client(), page=PAGE)
        self.authority = Authority(client=client())

    async def app(self, scope, receive, send):
        self.callers.append(scope["ostiary"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    def middleware(self, app):
        made = Ostiary(app, authority=self.authority)
        made._following = asyncio.Future(loop=self.gatehouse.loop)  # no feed: every request is asked about
        return made

    def post(self, app, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.gatehouse.run(call(app, "POST", "/", b"{}", sent))


@pytest.fixture
def service(gatehouse):
    assert gatehouse.act(lambda tx: purposes.add(tx, OPERATOR, PurposeRule("vault.enter", "Enter"))) is None
    return Service(gatehouse)


def receipt_of(visitor):
    begun = visitor.send("POST", "/api/v1/auth/presence/passkey/begin", {"purpose": "vault.enter"}).json
    answer = {"attempt": begun["attempt"], "credential": visitor.passkey.get(begun["options"])}
    return visitor.send("POST", "/api/v1/auth/presence/passkey/finish", answer).json["presence"]


def test_a_thiefs_own_presence_does_nothing_for_a_stolen_token(gatehouse, service):
    """The presence is looked at outside, the caller inside; the client writes Ostiary-Caller itself."""
    victim, thief = gatehouse.enrolled(), gatehouse.enrolled()
    rules = sessions.Rules(gatehouse.house.keyring, gatehouse.house.settings.sessions)
    wish = bearer.Wish(victim.person, "Backup job")
    token = gatehouse.act(lambda tx: bearer.issue(tx, rules, OPERATOR, wish, "operator")).cookie
    own = thief.check().header("ostiary-caller")
    app = service.presence(service.middleware(service.app))
    service.post(app, authorization=f"Bearer {token}", ostiary_presence=receipt_of(thief), ostiary_caller=own)
    reached = [one.reference for one in service.callers if isinstance(one, Caller)]
    assert reached in ([], [own]), "the victim acts, and it was the thief who was present"


def test_presence_can_be_shown_behind_the_middleware(gatehouse, service):
    person = gatehouse.enrolled()
    app = service.middleware(service.presence(service.app))
    answer = service.post(app, cookie=f"{SESSION}={person.cookies[SESSION]}", ostiary_presence=receipt_of(person))
    assert answer.status == 200, answer.body
