"""One request to an ASGI application, with every byte of it in the test's hands (ASGI 3, HTTP)."""

import asyncio
from urllib.parse import unquote

from tests.flows.browser import Answer

HOST = (b"host", b"localhost:8080")
JSON = (b"content-type", b"application/json")


async def ask(app, method="GET", path="/", *, headers=(), chunks=(b"",), version="1.1", stall=False):
    """Send a request; `chunks` are the pieces of its body, after which it ends, or hangs where it may `stall`."""
    bare, _, query = path.partition("?")
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if not stall:
        waiting[-1]["more_body"] = False
    told, taken = [], []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": version,
        "method": method,
        "scheme": "http",
        "path": unquote(bare),
        "raw_path": bare.encode("latin-1"),
        "root_path": "",
        "query_string": query.encode("latin-1"),
        "headers": list(headers) if any(name == b"host" for name, _ in headers) else [HOST, *headers],
        "client": ("127.0.0.1", 40_000),
        "server": ("localhost", 8080),
    }

    async def receive():
        if not waiting and stall:
            await asyncio.Event().wait()
        taken.append(waiting[0] if waiting else {"type": "http.disconnect"})
        return waiting.pop(0) if waiting else taken[-1]

    async def send(message):
        told.append(message)

    await app(scope, receive, send)
    start, *rest = told
    pairs = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
    answer = Answer(start["status"], pairs, b"".join(message.get("body", b"") for message in rest))
    answer.taken = len(taken)
    return answer
