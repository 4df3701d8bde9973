"""The whole chain by real processes: a device, Ostiary, Redis, a gateway. What was revoked is refused at the gateway.

The second show kills Redis and the gateway over and over while people sign in and sessions are revoked: at the end
truth, projection and gateway agree, and while the feed was up nothing that was revoked was let in beyond the bound.
"""

import http.client
import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import pytest

from ostiary.house import open_house
from ostiary.mail import service as mail
from ostiary.settings import read_settings
from tests.examples.gateway import ROOT, Device, Gateway, until
from tests.flows.server import serving
from tests.login.email_code.handset import CONFIRM, INTERNAL, SEND, SYSTEM
from tests.projection.test_served import agrees, ready
from tests.rigs.counterparts import free_port
from tests.rigs.redises import redis_server

pytestmark = [pytest.mark.redis]

BOUND_S = 2.0
PUBLISHED_S = 1.0
INACTIVE, ACCEPTED = (401, "device_session_inactive"), (200, "")


class Line:
    """One keep-alive connection to a listener."""

    def __init__(self, port):
        self.port, self.connection = port, HTTPConnection("127.0.0.1", port, timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def post(self, path, body, **headers):
        sent = {"content-type": "application/json", "host": f"localhost:{self.port}", **headers}
        self.connection.request("POST", path, json.dumps(body), sent)
        answer = self.connection.getresponse()
        told = json.loads(answer.read())
        assert answer.status == 200, told
        return told


class Letters:
    """Reads the letters of a server that keeps them, from a process beside it."""

    def __init__(self, served):
        self.house, self.lock = open_house(read_settings(served.environ, served.folder)), threading.Lock()

    def code(self, email):
        """The newest code that was sent to an address."""

        def newest(tx):
            kept = mail.captured(tx, self.house.keyring, 1, email)
            waiting = mail.waiting(tx, self.house.keyring, 1, email)
            found = kept or [mail.unpack(tx, self.house.keyring, one.id) for one in waiting]
            return found[0].letter.code if found and not isinstance(found[0], str) else ""

        while True:  # for a moment it stands in neither place: it is on its way from the one to the other
            with self.lock:
                code = self.house.vault.read_now(self.house.scope, newest)
            if code:
                return code

    def close(self):
        self.house.close()


def signed_in(public, letters, email):
    """Sign a device in; return it."""
    device = Device()
    challenge = public.post(SEND, {"email": email}, **place_of(email))["challenge_id"]
    body = {"challenge_id": challenge, "code": letters.code(email), "client_public_key": device.key.public}
    device.session = public.post(CONFIRM, body, **place_of(email))["device_session_id"]
    return device


def place_of(email):
    """Whoever has that address asks from a place of their own: from one place only so many letters may leave."""
    number = int("".join(sign for sign in email if sign.isdigit()))
    return {"x-forwarded-for": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"}


class Gateways:
    """A gateway on one port that is started, killed and started again."""

    def __init__(self, redis):
        self.redis, self.port, self.process = redis, free_port(), None

    def start(self):
        options = ["--redis", f"redis://{self.redis.addr}", "--port", str(self.port), "--bound", str(BOUND_S)]
        environ = os.environ | {"PYTHONPATH": str(ROOT)}
        words = [sys.executable, "-m", "examples.gateway", *options]
        self.process = subprocess.Popen(words, cwd=ROOT, env=environ, stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def asked(self, device):
        """What the gateway says to a signed request of that device; None where it is not there."""
        try:
            return Gateway(self.port, "").ask(device.signed())
        except (OSError, http.client.HTTPException):
            return None


def served_with(folder, redis):
    """Ostiary beside that Redis, behind a proxy on this machine."""
    return serving(folder, OSTIARY_REDIS_ADDR=redis.addr, OSTIARY_TRUSTED_PROXIES="127.0.0.1")


@contextmanager
def scene(folder):
    """Redis, Ostiary, who reads its letters, and a gateway."""
    with redis_server(lasting=True) as redis, served_with(folder, redis) as served:
        gateways = Gateways(redis)
        gateways.start()
        try:
            with closing(Letters(served)) as letters:
                yield redis, served, letters, gateways
        finally:
            gateways.kill()


def test_session_revocation_stops_gateway_from_routing_commands(tmp_path):
    with scene(tmp_path) as (_, served, letters, gateways):
        with Line(served.public_port) as public:
            lobby = [signed_in(public, letters, f"pilot{number}@example.com") for number in range(2)]
        gateway = Gateway(gateways.port, "")
        with closing(gateway), Line(served.internal_port) as internal:
            until(gateway.trusted)
            assert [gateway.ask(one.signed()) for one in lobby] == [ACCEPTED] * 2, "ready when the answer has come"
            stream = gateway.stream(lobby[0])
            assert stream.event() == ("open", lobby[0].session)
            internal.post(f"{INTERNAL}/sessions/{lobby[0].session}/revoke", SYSTEM)
            assert stream.event() == ("end", "device_session_inactive")
            assert gateway.ask(lobby[0].signed()) == INACTIVE
            assert gateway.ask(lobby[1].signed()) == ACCEPTED
            block = {
                "email": "pilot1@example.com",
                "reason_code": "policy_blocked",
                "actor": {"type": "admin", "id": "a"},
            }
            assert internal.post(f"{INTERNAL}/user-blocks", block)["affected_session_count"] == 1
            until(lambda: gateway.ask(lobby[1].signed()) == INACTIVE)
        until(lambda: agrees(served))


class Chaos:
    """Logins and revocations by several threads, while Redis and the gateway are killed and started again."""

    def __init__(self, scene, logins, revocations, workers=16):
        self.redis, self.served, self.letters, self.gateways = scene
        self.logins, self.revocations, self.workers = logins, revocations, workers
        self.living, self.ended, self.lock = [], [], threading.Lock()
        self.cuts, self.over, self.faults = [], threading.Event(), []
        self.watched = self.refused = 0
        self.numbers, self.turns = itertools.count(), itertools.count()

    def run(self):
        """Do everything; return when all that was to be done is done."""
        workers = self._together([self._sign_in] * self.workers + [self._revoke] * 2)
        others = self._together([self._break, self._watch])
        for thread in workers:
            thread.join()
        self.over.set()
        for thread in others:
            thread.join()
        if self.faults:
            raise self.faults[0]

    def _together(self, works):
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        return threads

    def _guarded(self, work):
        try:
            work()
        except BaseException as fault:  # noqa: BLE001 - told at the end
            self.faults.append(fault)

    def _sign_in(self):
        with Line(self.served.public_port) as public:
            while (number := next(self.numbers)) < self.logins and not self.faults:
                device = signed_in(public, self.letters, f"pilot{number}@example.com")
                with self.lock:
                    self.living.append(device)

    def _revoke(self):
        chance = random.Random(7)
        with Line(self.served.internal_port) as internal:
            while next(self.turns) < self.revocations and not self.faults:
                device = self._one(chance)
                told = internal.post(f"{INTERNAL}/sessions/{device.session}/revoke", SYSTEM)
                assert told["outcome"] == "revoked"
                with self.lock:
                    self.ended.append((time.monotonic(), device))

    def _one(self, chance):
        """Take any device that is signed in, when there are more than were revoked so far."""
        while True:
            with self.lock:
                if self.living and len(self.ended) * self.logins <= len(self.living) * self.revocations * 2:
                    return self.living.pop(chance.randrange(len(self.living)))
            if self.faults:
                raise RuntimeError("the others have stopped")
            time.sleep(0.01)

    def _break(self):
        """Kill Redis, then the gateway, then both; each time for a while, and note when the feed was not up."""
        for which in itertools.cycle(("redis", "gateway", "both")):
            if self.over.wait(2.0):
                return
            began = time.monotonic()
            if which in {"redis", "both"}:
                self.redis.kill()
            if which in {"gateway", "both"}:
                self.gateways.kill()
            self.over.wait(1.0)
            if which in {"redis", "both"}:
                self.redis.start()
                until(lambda: ready(self.served)["projection"] != "unavailable")
                until(lambda: ready(self.served)["projection_waiting"] == 0 or self.over.is_set())
            if which in {"gateway", "both"}:
                self.gateways.start()
            with self.lock:
                self.cuts.append((began, time.monotonic()))

    def _watch(self):
        """Ask the gateway for sessions whose revocation was acknowledged longer ago than the bound, while it is up."""
        chance, patience = random.Random(8), BOUND_S + PUBLISHED_S
        while not self.over.wait(0.02):
            with self.lock:
                due = [(at, device) for at, device in self.ended if at + patience < time.monotonic()]
            if not due:
                continue
            at, device = due[chance.randrange(len(due))]
            asked = time.monotonic()
            answer = self.gateways.asked(device)
            self.watched += 1
            self.refused += answer == INACTIVE
            if answer == ACCEPTED:
                with self.lock:
                    cut = [one for one in self.cuts if one[1] > at - 1 and one[0] < time.monotonic()]
                assert cut, f"let in {asked - at:.2f} s after its revocation, and the feed was up all the while"
                assert asked < max(end for _, end in cut) + patience, "let in long after the feed was back"


def proved(folder, logins, revocations):
    """Run the show, and hold truth, projection and gateway against one another."""
    with scene(folder) as parts:
        chaos = Chaos(parts, logins, revocations)
        began = time.monotonic()
        chaos.run()
        spent = time.monotonic() - began
        _, served, _, gateways = parts
        until(lambda: ready(served)["projection"] == "ok")
        until(lambda: agrees(served))
        until(Gateway(gateways.port, "").trusted)
        assert len(chaos.ended) == revocations
        assert len(chaos.living) == logins - revocations
        assert chaos.cuts, "nothing was killed: the show was too short"
        sample = random.Random(9)
        gone = sample.sample([device for _, device in chaos.ended], min(300, revocations))
        alive = sample.sample(chaos.living, min(300, len(chaos.living)))
        assert {gateways.asked(device) for device in gone} == {INACTIVE}
        assert {gateways.asked(device) for device in alive} == {ACCEPTED}
        print(
            f"{logins} logins and {revocations} revocations in {spent:.0f} s, {len(chaos.cuts)} outages; "
            f"{chaos.watched} looks at revoked sessions, {chaos.refused} refused, none let in beyond the bound"
        )


def test_redis_and_the_gateway_killed_while_people_sign_in_and_out(tmp_path):
    proved(tmp_path, 600, 120)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_redis_and_the_gateway_killed_during_ten_thousand_logins(tmp_path):
    proved(tmp_path, 10_000, 2_000)
