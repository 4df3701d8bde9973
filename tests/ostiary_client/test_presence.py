"""`require_presence` in front of a real Ostiary: the application is reached with a good proof, and never without."""

import importlib.util
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from ostiary.presence import purposes
from ostiary.presence.model import PurposeRule
from ostiary_client.presence import require_presence
from tests.flows.browser import SESSION
from tests.login.gatehouse import OPERATOR, call

ROOT = Path(__file__).parents[2]
PAGE = "http://localhost:8080/presence"


def example():
    spec = importlib.util.spec_from_file_location("approvals", ROOT / "examples" / "approvals.py")
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


class Service:
    """A service behind that gatehouse; `post` is what a proxy hands on."""

    def __init__(self, gatehouse, app=None, transport=None):
        self.gatehouse = gatehouse
        transport = transport or httpx2.ASGITransport(app=gatehouse.application.internal)
        self.ostiary = httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8081")
        self.app = example().build(self.ostiary, PAGE) if app is None else app(self.ostiary)

    def post(self, body=b'{"bill": 7}', visitor=None, receipt=None, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if visitor:
            sent["cookie"] = f"{SESSION}={visitor.cookies[SESSION]}"
        if receipt:
            sent["ostiary-presence"] = receipt
        return self.gatehouse.run(call(self.app, "POST", "/pay", body, sent))


@pytest.fixture
def person(gatehouse):
    rule = PurposeRule("bill.pay", "Pay a bill", commits_operation=True)
    assert gatehouse.act(lambda tx: purposes.add(tx, OPERATOR, rule)) is None
    return gatehouse.enrolled()


@pytest.fixture
def service(gatehouse, person):
    return Service(gatehouse)


def approve(visitor, asked):
    """Do what the page does with the address that the service answered."""
    wanted = {name: values[0] for name, values in parse_qs(urlsplit(asked["page"]).query).items()}
    begun = visitor.send("POST", "/api/v1/auth/presence/passkey/begin", wanted).json
    answer = {"attempt": begun["attempt"], "credential": visitor.passkey.get(begun["options"])}
    return visitor.send("POST", "/api/v1/auth/presence/passkey/finish", answer).json["presence"]


def test_a_page_can_act_on_the_answer_and_the_operation_is_done_once(gatehouse, person, service):
    answer = service.post(visitor=person)
    assert (answer.status, answer.code) == (401, "presence_required")
    assert answer.header("www-authenticate").endswith('max_age="300", acr_values="phr"')
    asked = answer.json["presence"]
    assert (asked["purpose"], asked["says"]) == ("bill.pay", "Pay 120.00 € to Bakery Huber")
    assert asked["page"].startswith(f"{PAGE}?purpose=bill.pay&operation=sha256%3A")
    shown = person.send(
        "GET", "/presence?" + urlsplit(asked["page"]).query + "&return_to=/", headers={"accept": "text/html"}
    )
    assert shown.status == 200
    receipt = approve(person, asked)
    done = service.post(visitor=person, receipt=receipt)
    assert (done.status, done.json["paid"], done.json["by"]) == (200, 7, "passkey")
    assert gatehouse.receipts()[-1].id == done.json["record"]
    again = service.post(visitor=person, receipt=receipt)
    assert (again.status, again.code) == (403, "presence_refused")
    assert again.json["presence"] == asked


def test_the_reference_of_the_check_stands_for_the_cookie(person, service):
    reference = person.check().header("ostiary-caller")
    receipt = approve(person, service.post(ostiary_caller=reference).json["presence"])
    assert service.post(receipt=receipt, ostiary_caller="0" * 32).status == 403
    assert service.post(receipt=receipt, ostiary_caller=reference).status == 200


def test_a_proof_for_another_bill_pays_nothing(gatehouse, person):
    module = example()
    module.BILLS[8] = {"to": "Mallory", "cents": 12_000}
    service = Service(gatehouse, lambda ostiary: module.build(ostiary, PAGE))
    receipt = approve(person, service.post(visitor=person).json["presence"])
    assert service.post(b'{"bill": 8}', visitor=person, receipt=receipt).code == "presence_refused"
    module.BILLS[7] = {"to": "Bakery Huber", "cents": 99_999}
    assert service.post(visitor=person, receipt=receipt).code == "presence_refused"


def test_a_dead_session_is_told_and_nobody_is_sent_to_the_page(gatehouse, person, service):
    answer = service.post()
    assert (answer.status, answer.code) == (401, "session_missing")
    assert "presence" not in answer.json
    assert answer.header("www-authenticate") == 'Bearer realm="ostiary"'


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"[]", b'{"bill": 9}', b'{"bill": [7]}', b"\xff", b"[" * 100_000])
def test_what_is_no_operation_is_refused_before_ostiary_is_asked(gatehouse, service, body):
    before = len(gatehouse.receipts())
    assert service.post(body).code == "operation_malformed"
    assert len(gatehouse.receipts()) == before


def test_a_large_body_is_refused(service):
    assert service.post(b"x" * ((1 << 20) + 1)).status == 413


REACHED: list = []


async def reached(scope, receive, send):
    REACHED.append(scope)


def simple(ostiary):
    return require_presence("vault.enter", ostiary=ostiary, page=PAGE)(reached)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (httpx2.ConnectError("refused"), 503),
        (httpx2.ReadTimeout("slow"), 503),
        (httpx2.Response(500, json={}), 503),
        (httpx2.Response(503, json={"code": "store_unavailable"}), 503),
        (httpx2.Response(302, headers={"location": "/"}), 503),
        (httpx2.Response(204), 503),
        (httpx2.Response(200, text="<html>"), 503),
        (httpx2.Response(200, json=["odd"]), 503),
        (httpx2.Response(404, json={"code": "route_unknown"}), 503),
        (httpx2.Response(401, json={}), 401),
        (httpx2.Response(400, json={"code": "request_malformed"}), 400),
        (httpx2.Response(403, json={"code": "purpose_unknown"}), 403),
    ],
)
def test_whatever_ostiary_answers_but_yes_the_application_is_not_reached(gatehouse, answer, status):
    REACHED.clear()

    def tell(_):
        if isinstance(answer, Exception):
            raise answer
        return answer

    service = Service(gatehouse, simple, httpx2.MockTransport(tell))
    got = service.post(receipt="hp-AAAAAAAAAAAAAAAAAAAAAA")
    assert got.status == status
    assert got.header("cache-control") == "no-store"
    assert (got.header("retry-after") == "1") is (status == 503)
    assert REACHED == []


def test_what_is_sent_on_is_what_a_check_would_see(gatehouse):
    seen = []

    def answer(request):
        seen.append((dict(request.headers), json.loads(request.content)))
        return httpx2.Response(401, json={"code": "presence_required"})

    service = Service(gatehouse, simple, httpx2.MockTransport(answer))
    headers = {"cookie": "a=b", "user_agent": "Firefox", "x_forwarded_for": "192.0.2.1", "ostiary_caller": "-"}
    asked = service.post(**headers, origin="http://evil.test", sec_fetch_site="cross-site", host="evil.test").json
    sent, body = seen[0]
    assert (sent["cookie"], sent["user-agent"], sent["x-forwarded-for"]) == ("a=b", "Firefox", "192.0.2.1")
    assert not {"origin", "sec-fetch-site"} & set(sent)
    assert sent["host"] == "127.0.0.1:8081"
    assert body == {"purpose": "vault.enter", "operation": "", "says": "", "receipt": "", "caller": ""}
    assert asked["presence"] == {"page": f"{PAGE}?purpose=vault.enter", "purpose": "vault.enter"}


def test_only_requests_are_guarded(gatehouse):
    REACHED.clear()
    guarded = simple(None)
    gatehouse.run(guarded({"type": "lifespan"}, None, None))
    assert REACHED == [{"type": "lifespan"}]
    with pytest.raises(ValueError, match="requests only"):
        gatehouse.run(guarded({"type": "websocket"}, None, None))
    assert len(REACHED) == 1
