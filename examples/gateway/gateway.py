"""A gateway that lets requests in by what Ostiary publishes, and never asks Ostiary. See README.md.

python -m examples.gateway --redis redis://127.0.0.1:6379 --port 9090
"""

import argparse
import base64
import binascii
import json
import queue
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

if not __package__:  # run as a file: its neighbours are found from the folder above `examples`
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.gateway.feed import Feed
from examples.gateway.snapshots import Snapshots
from examples.gateway.streams import END, Streams
from ostiary_client.device import Envelope, Misshapen, RequestRefused, Snapshot, verify

SESSION = "gateway:session:"
REQUEST = "gateway:request:"
OPEN = "stream.open"
LARGEST = 64 * 1024
TICK_S, BEAT = 0.1, 50
SHORTEST, LONGEST = 0.1, 60.0


class Refused(Exception):
    """No, with a status and the contract's word."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


class Gateway:
    """The rules. `bound` is for how many seconds at most somebody revoked may still be let in."""

    def __init__(self, redis: Redis, ears: Redis, bound: float) -> None:
        self.redis, self.snapshots, self.streams = redis, Snapshots(), Streams()
        self.feed = Feed(ears, self.snapshots, self.streams.end, bound)

    def admit(self, envelope: Envelope) -> Snapshot:
        """Let a request in, by the order of the contract. Raises Refused."""
        self.stand(None)
        session = self._find(envelope.device_session_id)
        try:
            judged = verify(envelope, session, time.time_ns() // 1_000_000)
        except RequestRefused as refused:
            raise Refused(401, refused.code) from None
        if not self._reserve(envelope, judged.remember_ms):
            raise Refused(401, "device_request_replayed")
        self.stand(envelope.device_session_id)  # what came to light meanwhile counts
        return judged.session

    def stand(self, session: str | None) -> None:
        """Refuse while the feed is not trusted, and a session that has been revoked. Raises Refused."""
        if not self.feed.trusted:
            raise Refused(503, "service_unavailable")
        known = self.snapshots.get(session) if session else None
        if known and not known.active:
            raise Refused(401, "device_session_inactive")

    def _find(self, session: str) -> Snapshot | None:
        """Return the snapshot of a session: ours, else that of Redis, which is remembered."""
        generation, known = self.snapshots.generation, self.snapshots.get(session)
        if known:
            return known
        try:
            raw = self.redis.get(SESSION + session)
            found = Snapshot.read(raw) if raw else None
        except RedisError:
            raise Refused(503, "service_unavailable") from None
        except ValueError:
            return None  # what cannot be read lets nobody in
        if found and found.device_session_id == session:
            self.snapshots.learn(found, generation)
        return found

    def _reserve(self, envelope: Envelope, remember_ms: int) -> bool:
        session, request = envelope.device_session_id, envelope.request_id
        try:
            return bool(self.redis.set(f"{REQUEST}{len(session)}:{session}:{request}", 1, nx=True, px=remember_ms))
        except RedisError:
            raise Refused(503, "service_unavailable") from None


class Desk(BaseHTTPRequestHandler):
    """`POST /request`, `GET /stream`, `GET /healthz`."""

    protocol_version, timeout, wbufsize, disable_nagle_algorithm = "HTTP/1.1", 10, -1, True
    gateway: Gateway

    def do_POST(self) -> None:
        self.answer({"/request": self.request_in})

    def do_GET(self) -> None:
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # a body that nobody reads is not the next request (RFC 9112 section 6)
        self.answer({"/stream": self.stream, "/healthz": self.healthz, "/request": self.posted_only})

    def answer(self, routes: dict) -> None:
        try:
            routes.get(self.path, self.nothing)()
        except Misshapen:
            self.refuse(400, "device_request_malformed")
        except Refused as refused:
            self.refuse(refused.status, refused.code)

    def nothing(self) -> None:
        self.close_connection = True  # whatever body came with it stays unread
        raise Refused(404, "route_unknown")

    def posted_only(self) -> None:
        self.close_connection = True
        raise Refused(405, "method_not_allowed")

    def request_in(self) -> None:
        """Answer a signed request with what it said; its session's open streams hear of it too."""
        envelope = Envelope.read(self.body())
        self.gateway.admit(envelope)
        told = {
            "device_session_id": envelope.device_session_id,
            "message_type": envelope.message_type,
            "request_id": envelope.request_id,
            "payload_bytes": base64.b64encode(envelope.payload_bytes).decode(),
        }
        self.gateway.streams.push(envelope.device_session_id, event("request", json.dumps(told)))
        self.tell(200, told)

    def stream(self) -> None:
        """Push events (server-sent) until the session ends, or the feed can no longer say that it has not."""
        envelope = Envelope.read(self.shown())
        if envelope.message_type != OPEN:
            raise Misshapen("message_type")
        session = self.gateway.admit(envelope).device_session_id
        with self.gateway.streams.opened(session) as events:
            self.gateway.stand(session)  # revoked before this stream was there to be ended
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Connection", "close")
            self.end_headers()
            self.connection.settimeout(self.gateway.feed.bound / 2)  # who does not read keeps nothing open
            self.wfile.flush()
            self.push(event("open", session))
            self.follow(session, events)

    def follow(self, session: str, events: "queue.Queue[bytes]") -> None:
        beats = 0
        while True:
            try:
                told = events.get(timeout=TICK_S)
            except queue.Empty:
                beats += 1
                told = b": alive\n\n" if beats % BEAT == 0 else None
            try:
                self.gateway.stand(session)
            except Refused as refused:
                self.push(event("end", refused.code))
                return
            if told == END:  # everything was forgotten: whoever still lives opens a new one
                self.push(event("end", "open_again"))
                return
            if told:
                self.push(told)

    def healthz(self) -> None:
        gateway, trusted = self.gateway, self.gateway.feed.trusted
        told = {"trusted": trusted, "sessions": len(gateway.snapshots), "streams": len(gateway.streams)}
        self.tell(200 if trusted else 503, told)

    def body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()) or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise Refused(411, "invalid_request")
        if len(length) > len(str(LARGEST)) or int(length) > LARGEST:
            self.close_connection = True
            raise Refused(413, "request_too_large")
        return self.rfile.read(int(length))

    def shown(self) -> bytes:
        """Return the envelope that a request without a body carries in a header, in base64."""
        try:
            return base64.b64decode(self.headers.get("Device-Envelope", ""), validate=True)
        except (binascii.Error, ValueError):
            raise Misshapen("base64") from None

    def refuse(self, status: int, code: str) -> None:
        self.tell(status, {"error": {"code": code, "message": code.replace("_", " ")}})

    def tell(self, status: int, told: dict) -> None:
        raw = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        if status == 405:  # noqa: PLR2004 - Method Not Allowed
            self.send_header("Allow", "POST")
        if status == 503:  # noqa: PLR2004 - Service Unavailable
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.put(raw)

    def put(self, raw: bytes) -> None:
        self.wfile.write(raw)
        self.wfile.flush()

    def push(self, raw: bytes) -> None:
        """Write to a stream, all of it within the socket's timeout. Raises TimeoutError for a client too slow."""
        self.connection.sendall(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing for each request."""


class Server(ThreadingHTTPServer):
    """A thread for each connection; a client that has gone is no event."""

    daemon_threads, request_queue_size = True, 128

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()


def connected(url: str, patience: float) -> Redis:
    """A connection that reports each failure: the feed must know that it was cut off. No bytes fail to be a text."""
    waits = {"socket_timeout": patience, "socket_connect_timeout": patience}
    return Redis.from_url(url, decode_responses=True, encoding_errors="replace", retry=Retry(NoBackoff(), 0), **waits)


def main() -> None:
    asked = argparse.ArgumentParser(
        "python -m examples.gateway",
        description="A gateway that follows Ostiary's projection.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    asked.add_argument("--redis", default="redis://127.0.0.1:6379", help="where the projection is")
    asked.add_argument("--host", default="127.0.0.1", help="where to listen")
    asked.add_argument("--port", type=int, default=9090, help="on which port; 0 takes one that is free")
    asked.add_argument("--bound", type=float, default=2.0, help="seconds for which a revoked session may be let in")
    given = asked.parse_args()
    if not SHORTEST <= given.bound <= LONGEST:
        asked.error(f"--bound: {SHORTEST} to {LONGEST} seconds are expected")
    try:
        gateway = Gateway(connected(given.redis, 0.5), connected(given.redis, given.bound / 2), given.bound)
        server = Server((given.host, given.port), type("Desk", (Desk,), {"gateway": gateway}))
    except ValueError as fault:
        asked.error(f"--redis: {fault}")
    except (OSError, OverflowError) as fault:
        asked.error(f"cannot listen on {given.host}:{given.port}: {fault}")
    gateway.feed.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"ready {server.server_port}", flush=True)
    server.serve_forever(0.1)


if __name__ == "__main__":
    main()
