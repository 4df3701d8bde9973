"""A device's sign-in: send a code and confirm it with a key, through the whole public application, on one core."""

import asyncio
import base64
import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from ipaddress import IPv4Address

import msgspec
from nacl.signing import SigningKey

from bench.method import Row, compared, interleaved
from bench.server import new_house, temporary
from bench.signins import issues_a_second
from ostiary import app
from ostiary.house import House
from ostiary.mail import service as mail
from ostiary.storage.tx import Tx
from ostiary.web.address import network

__all__ = ["codes"]

WANTED = 300
_CALLERS = 256
_SEND, _CONFIRM = "/api/v1/public/auth/send-email-code", "/api/v1/public/auth/confirm-email-code"


def codes(rounds: int, count: int) -> list[Row]:
    """Pairs of send and confirm a second, against what is wanted and against bare durable sign-ins on the same core."""
    with temporary() as folder, _on_one_core():
        house = new_house(folder, trusted_proxies=(network("127.0.0.1"),))
        public, numbers = app.build(house).public, itertools.count()
        costs = interleaved(
            "codes",
            {
                "pairs": lambda: asyncio.run(_pairs(house, public, count, numbers)),
                "sign-ins": partial(issues_a_second, house, house.vault, count, itertools.count(1 << 40)),
            },
            rounds,
        )
        house.close()
    note = f"{_CALLERS} callers at once, one core, SQLite"
    shown = {"unit": "pairs a second", "better": "higher"}
    wanted = [float(WANTED)] * len(costs["pairs"])
    return [
        compared("device codes", note, (costs["pairs"], wanted), base="wanted", target=1, **shown),
        compared("device codes", "the same", (costs["pairs"], costs["sign-ins"]), base="durable sign-ins", **shown),
    ]


@contextmanager
def _on_one_core() -> Iterator[None]:
    """Let this process, all threads of it, have one core for the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


async def _pairs(house: House, public: object, count: int, numbers: "itertools.count[int]") -> float:
    """Return pairs a second: the reading of letters between the two is not counted."""
    taken = 0.0
    emails = [f"pilot{next(numbers)}@example.com" for _ in range(count)]
    began = time.perf_counter()
    sent = await _all(public, [(_SEND, {"email": email}) for email in emails])
    taken += time.perf_counter() - began
    known = await house.vault.read(house.scope, partial(_codes, house=house))
    challenges = [one["challenge_id"] for one in sent]
    bodies = [(_CONFIRM, {"challenge_id": one, "code": known[one], "client_public_key": _key()}) for one in challenges]
    began = time.perf_counter()
    opened = await _all(public, bodies)
    taken += time.perf_counter() - began
    if len({one["device_session_id"] for one in opened}) != count:
        raise RuntimeError("not every pair opened a session")
    return count / taken


def _codes(tx: Tx, house: House) -> dict[str, str]:
    """Return the codes that wait to be sent, by their challenges."""
    waiting = mail.waiting(tx, house.keyring, 1 << 20)
    opened = [mail.unpack(tx, house.keyring, one.id) for one in waiting]
    return {one.letter.key: one.letter.code for one in opened if not isinstance(one, str)}


async def _all(public: object, asked: list[tuple[str, dict[str, str]]]) -> list[dict[str, str]]:
    """Ask everything, so many at once; return the answers in order."""
    answers: list[dict[str, str]] = [{}] * len(asked)
    todo = iter(enumerate(asked))

    async def caller() -> None:
        for place, (path, body) in todo:
            answers[place] = await _ask(public, path, body, place)

    await asyncio.gather(*(caller() for _ in range(_CALLERS)))
    return answers


async def _ask(public: object, path: str, body: dict[str, str], number: int) -> dict[str, str]:
    """Ask as somebody at a place of their own: from one place only so many letters may leave."""
    raw, told = msgspec.json.encode(body), []
    place = str(IPv4Address("10.0.0.0") + number % (1 << 24)).encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (b"host", b"localhost:8080"),
            (b"content-type", b"application/json"),
            (b"x-forwarded-for", place),
        ],
        "client": ("127.0.0.1", 40_000),
        "server": ("localhost", 8080),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": raw, "more_body": False}

    async def send(message: dict[str, object]) -> None:
        told.append(message)

    await public(scope, receive, send)  # type: ignore[operator]  # any ASGI application
    answer: dict[str, str] = msgspec.json.decode(b"".join(message.get("body", b"") for message in told))
    return answer


def _key() -> str:
    return base64.b64encode(bytes(SigningKey.generate().verify_key)).decode()
