"""The example gateway as its own process, a Redis of the test's own, and the projection's writes as plain commands."""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path

from ostiary_client.device import DeviceKey
from tests.rigs import redises

ROOT = Path(__file__).parents[2]
EVENTS = "gateway:session_events"
PATIENCE_S = 20
_NUMBERS = count()


class RedisServer(redises.RedisServer):
    """A server that keeps what it acknowledged; `redis` is a client of the test's own."""

    def __init__(self, folder):
        super().__init__(folder, lasting=True)
        self.url = f"redis://{self.addr}"
        self.redis = self.client()
        self.start()

    def signal(self, number):
        self.process.send_signal(number)

    def publish(self, told, **options):
        """What the projection does for one snapshot, both in one step."""
        with self.redis.pipeline(transaction=True) as both:
            both.set(f"gateway:session:{told['device_session_id']}", json.dumps(told))
            both.xadd(EVENTS, told, **options)
            both.execute()

    def close(self):
        self.redis.close()
        if self.process is not None:
            self.signal(signal.SIGCONT)
            self.kill()


class Device:
    """A device, and the session that the projection tells of."""

    def __init__(self):
        self.key, self.session = DeviceKey.make(), f"dev-{next(_NUMBERS)}"

    def told(self, status="active"):
        """The snapshot, every value a string."""
        named = {"device_session_id": self.session, "user_id": "user-1", "client_public_key": self.key.public}
        return named | {"status": status} | ({"revoked_at_ms": "1775121700000"} if status == "revoked" else {})

    def signed(self, kind="lobby.join", payload=b"{}", request="", ahead=0):
        at = time.time_ns() // 1_000_000 + ahead
        name = request or f"request-{next(_NUMBERS)}"
        return self.key.sign(self.session, kind, payload, request_id=name, timestamp_ms=at).json()


class Gateway:
    """The running process, as its clients see it."""

    def __init__(self, port, printed):
        self.port, self.printed, self.streams = port, printed, []

    def send(self, method, path, body=None, headers=None):
        """Status and JSON of one answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def ask(self, body):
        """Status, and the word of a refusal."""
        status, told = self.send("POST", "/request", json.dumps(body))
        return status, told.get("error", {}).get("code", "")

    def health(self):
        return self.send("GET", "/healthz")

    def stream(self, device):
        return self.streamed(device.signed("stream.open", b""))

    def streamed(self, envelope):
        """What that envelope opens."""
        self.streams.append(Stream(self.port, envelope))
        return self.streams[-1]

    def close(self):
        for one in self.streams:
            one.answer.close()
            one.connection.close()

    def trusted(self):
        try:
            return self.health()[0] == 200
        except (OSError, HTTPException):
            return False


class Stream:
    """An open push stream."""

    def __init__(self, port, envelope):
        self.connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        shown = b64encode(json.dumps(envelope).encode()).decode()
        self.connection.request("GET", "/stream", headers={"Device-Envelope": shown})
        self.answer = self.connection.getresponse()
        self.status = self.answer.status

    def event(self):
        """Name and data of the next event, None at the end of the stream."""
        named = ""
        while line := self.answer.readline().decode():
            name, _, data = line.rstrip("\n").partition(": ")
            if name == "event":
                named = data
            elif name == "data":
                return named, data
        return None


@contextmanager
def running(redis, bound, command=("-m", "examples.gateway")):
    """The gateway for the block, once it trusts its feed."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    options = ["--redis", redis.url, "--port", "0", "--bound", str(bound)]
    process = subprocess.Popen([sys.executable, *command, *options], cwd=ROOT, env=environ, stdout=subprocess.PIPE)
    try:
        words = process.stdout.readline().split()
        assert words[:1] == [b"ready"], words
        made = Gateway(int(words[1]), process.stdout)
        until(made.trusted)
        with closing(made):
            yield made
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        process.stdout.close()


def until(seen):
    """Wait for something that must come; how long it takes decides nothing."""
    deadline = time.monotonic() + PATIENCE_S
    while not seen():
        assert time.monotonic() < deadline, f"{seen} never came"
        time.sleep(0.01)
