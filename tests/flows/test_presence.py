"""A bill is paid behind a served Ostiary: asked for, approved, done once, and still done once after a power cut."""

import asyncio
from urllib.parse import parse_qs, urlsplit

import httpx2

from tests.flows.browser import SESSION, Browser
from tests.login.gatehouse import call
from tests.ostiary_client.test_presence import example


def pay(served, visitor, receipt=""):
    """Send one request to the service of the example, which asks over the network."""

    async def asked():
        async with httpx2.AsyncClient(base_url=served.internal, timeout=10) as ostiary:
            service = example().build(ostiary, f"{served.origin}/presence")
            headers = {"cookie": f"{SESSION}={visitor.cookies[SESSION]}", "ostiary-presence": receipt}
            return await call(service, "POST", "/pay", b'{"bill": 7}', headers)

    return asyncio.run(asked())


def approve(visitor, asked):
    wanted = {name: values[0] for name, values in parse_qs(urlsplit(asked["page"]).query).items()}
    begun = visitor.send("POST", "/api/v1/auth/presence/passkey/begin", wanted).json
    answer = {"attempt": begun["attempt"], "credential": visitor.passkey.get(begun["options"])}
    return visitor.send("POST", "/api/v1/auth/presence/passkey/finish", answer).json["presence"]


def test_a_bill_is_paid_once_and_a_power_cut_does_not_pay_it_again(server):
    server.cli("purposes", "add", "bill.pay", "--title", "Pay a bill", "--commits-operation")
    visitor = Browser(server)
    assert visitor.enrol(server.token).status == 200
    answer = pay(server, visitor)
    assert (answer.status, answer.code) == (401, "presence_required")
    first, second = (approve(visitor, answer.json["presence"]) for _ in range(2))
    assert pay(server, visitor, first).status == 200
    server.kill()
    server.start()
    assert pay(server, visitor, first).code == "presence_refused"
    done = pay(server, visitor, second)
    assert done.status == 200
    told = server.json("receipts", "show", done.json["record"])[0]
    assert (told["operation"], told["outcome"], told["subject"]) == ("presence.consume", "admitted", second)
    server.cli("purposes", "remove", "bill.pay")
    assert pay(server, visitor, second).code == "purpose_unknown"
    server.stop()
    away = pay(server, visitor, second)
    assert (away.status, away.code) == (503, "presence_unavailable")
