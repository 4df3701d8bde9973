"""A service behind Ostiary in which paying a bill needs a passkey, for exactly that bill. See docs/presence.md.

    ostiary purposes add bill.pay --title "Pay a bill" --commits-operation
    pip install '.[client]' granian
    OSTIARY_SERVICE=app OSTIARY_PAGE=http://localhost:8000/presence \
        granian --interface asgi --host 127.0.0.1 --port 9000 examples/approvals.py:app

A proxy has let the request through already, by the check of the service `app` (docs/check.md, examples/README.md).
"""

import json
import os

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ostiary_client.operations import Operation, operation
from ostiary_client.presence import require_presence

BILLS = {7: {"to": "Bakery Huber", "cents": 12_000}}


def bill_of(scope: Scope, body: bytes) -> Operation:
    """Read off the request what it would do: the digest covers it, and the sentence is made from the same bill."""
    number = json.loads(body)["bill"]
    bill = BILLS[number]
    euros = f"{bill['cents'] // 100}.{bill['cents'] % 100:02}"
    return operation({"bill": number, **bill}, f"Pay {euros} € to {bill['to']}")


async def pay(scope: Scope, receive: Receive, send: Send) -> None:
    """Reached with a proof only; the same bill cannot be paid by the same proof twice."""
    number = (await Request(scope, receive).json())["bill"]
    proof = scope["ostiary.presence"]
    done = {"paid": number, "by": proof["factor"], "at": proof["proved_at"], "record": proof["recorded"]}
    await JSONResponse(done)(scope, receive, send)


def build(ostiary: httpx2.AsyncClient, page: str, service: str = "default") -> Starlette:
    """Return the service; `ostiary` reaches the internal listener, `page` is where people prove presence.

    `service` is the name that the proxy asks the check by.
    """
    guarded = require_presence("bill.pay", ostiary=ostiary, page=page, describe=bill_of, service=service)(pay)
    return Starlette(routes=[Route("/pay", guarded, methods=["POST"])])


app = build(
    httpx2.AsyncClient(base_url=os.environ.get("OSTIARY_INTERNAL", "http://127.0.0.1:8081"), timeout=2),
    os.environ.get("OSTIARY_PAGE", "http://localhost:8080/presence"),
    os.environ.get("OSTIARY_SERVICE", "default"),
)
