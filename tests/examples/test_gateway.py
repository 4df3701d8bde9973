"""The example gateway for real: by the projection alone it lets in, refuses, and ends what is open."""

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.examples.gateway import EVENTS, ROOT, Device, RedisServer, running, until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(120)]

BOUND = 1.0
INACTIVE, UNAVAILABLE = (401, "device_session_inactive"), (503, "service_unavailable")


@pytest.fixture
def redis(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def gateway(redis):
    with running(redis, BOUND) as made:
        yield made


@pytest.fixture
def device(redis):
    """A device whose session is published already."""
    made = Device()
    redis.publish(made.told())
    return made


def test_session_revocation_stops_gateway_and_tears_its_stream_down(redis, device, gateway):
    other = Device()
    redis.publish(other.told())
    stream, others = gateway.stream(device), gateway.stream(other)
    assert (stream.event(), others.event()) == (("open", device.session), ("open", other.session))
    body = device.signed(payload=b"hello", request="request-hello")
    assert gateway.ask(body) == (200, "")
    name, data = stream.event()
    assert (name, json.loads(data)["request_id"]) == ("request", "request-hello")

    redis.publish(device.told("revoked"))
    assert stream.event() == ("end", "device_session_inactive")
    assert stream.event() is None
    assert gateway.ask(device.signed()) == INACTIVE
    assert gateway.stream(device).status == 401

    redis.publish(device.told())  # a late active snapshot, which no publisher should have let through
    redis.publish(other.told())
    assert gateway.ask(other.signed()) == (200, "")
    assert others.event()[0] == "request", "what is after the late one in the stream was seen"
    assert gateway.ask(device.signed()) == INACTIVE


def test_a_session_is_found_by_its_event_and_by_its_key(redis, device, gateway):
    before = gateway.health()[1]["sessions"]
    assert before == 0, "what was told before it came is not in its store"
    assert gateway.ask(device.signed()) == (200, "")
    assert gateway.health()[1]["sessions"] == 1
    later = Device()
    redis.redis.xadd(EVENTS, later.told())
    until(lambda: gateway.health()[1]["sessions"] == 2)
    assert gateway.ask(later.signed()) == (200, "")


def test_missing_revoked_and_garbled_records_let_nobody_in(redis, gateway):
    missing, revoked, garbled, foreign = (Device() for _ in range(4))
    redis.redis.set(f"gateway:session:{revoked.session}", json.dumps(revoked.told("revoked")))
    redis.redis.set(f"gateway:session:{garbled.session}", "[" * 50_000)
    redis.redis.set(f"gateway:session:{foreign.session}", json.dumps(missing.told()))
    assert [gateway.ask(one.signed()) for one in (missing, revoked, garbled, foreign)] == [INACTIVE] * 4
    redis.redis.xadd(EVENTS, {"device_session_id": "x"})
    redis.publish(missing.told())
    assert gateway.ask(missing.signed()) == (200, ""), "an entry that is no snapshot stops nothing"


def test_each_refusal(device, gateway):
    good = device.signed()
    for body, verdict in (
        (good | {"protocol_version": "v2"}, (400, "device_request_malformed")),
        (good | {"payload_bytes": "b3RoZXI="}, (401, "device_request_hash_mismatch")),
        (good | {"message_type": "lobby.leave"}, (401, "device_request_signature_invalid")),
        (device.signed(ahead=-301_000), (401, "device_request_stale")),
        (device.signed(ahead=301_000), (401, "device_request_stale")),
        (good, (200, "")),
        (good, (401, "device_request_replayed")),
    ):
        assert gateway.ask(body) == verdict
    assert gateway.send("POST", "/request", "{}")[0] == 400
    assert gateway.send("POST", "/request", "x" * 70_000)[0] == 413
    assert gateway.send("POST", "/elsewhere", "{}")[0] == 404
    assert gateway.send("GET", "/request")[0] == 405
    assert gateway.send("GET", "/stream")[0] == 400
    assert gateway.send("GET", "/stream", headers={"Device-Envelope": "é"})[0] == 400


def test_a_signed_request_opens_no_stream(device, gateway):
    assert gateway.stream(device).status == 200
    assert gateway.streamed(device.signed("lobby.join")).status == 400


def test_of_equal_requests_at_once_one_is_let_in(device, gateway):
    with ThreadPoolExecutor(16) as pool:
        for _ in range(5):
            answers = list(pool.map(gateway.ask, [device.signed()] * 16))
            assert sorted(answers) == [(200, "")] + [(401, "device_request_replayed")] * 15


def test_how_long_an_id_is_remembered(redis, device, gateway):
    assert gateway.ask(device.signed(ahead=-200_000)) == (200, "")
    (key,) = redis.redis.scan_iter("gateway:request:*")
    assert 395_000 < redis.redis.pttl(key) <= 400_000


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_redis_gone_or_deaf_the_bound_holds(redis, device, gateway, how):
    stream = gateway.stream(device)
    assert stream.event() == ("open", device.session)
    redis.signal(how)
    last = cut = time.monotonic()
    while time.monotonic() < cut + BOUND + 0.5:
        asked = time.monotonic()
        status, _ = gateway.health()
        last = asked if status == 200 else last
    assert last < cut + BOUND
    assert gateway.ask(device.signed()) == UNAVAILABLE
    assert stream.event() == ("end", "service_unavailable")
    if how == signal.SIGKILL:
        redis.process.wait()
        redis.start()
    else:
        redis.signal(signal.SIGCONT)
    until(gateway.trusted)
    assert gateway.ask(device.signed()) == (200, "")


def test_what_was_revoked_while_redis_was_away_from_it_is_refused_when_it_is_back(redis, device, gateway):
    assert gateway.ask(device.signed()) == (200, "")
    redis.kill()
    until(lambda: not gateway.trusted())
    redis.start()
    redis.publish(device.told("revoked"))
    until(gateway.trusted)
    assert gateway.ask(device.signed()) == INACTIVE


def test_it_reads_on_where_it_was_and_forgets_when_that_is_gone(redis, device, gateway):
    other = Device()
    redis.publish(other.told())
    until(lambda: gateway.health()[1]["sessions"] == 1)
    redis.kill()
    until(lambda: not gateway.trusted())
    redis.start()
    until(gateway.trusted)
    assert gateway.health()[1]["sessions"] == 1, "nothing is lost, so nothing was forgotten"

    stream = gateway.stream(other)
    assert stream.event() == ("open", other.session)
    revoked = other.told("revoked")
    redis.redis.set(f"gateway:session:{other.session}", json.dumps(revoked))
    with redis.redis.pipeline(transaction=True) as both:
        both.xadd(EVENTS, revoked)
        both.xadd(
            EVENTS, device.told(), maxlen=1, approximate=False
        )  # the revocation is trimmed away before anybody reads it
        both.execute()
    assert stream.event() == ("end", "open_again")
    assert gateway.ask(other.signed()) == INACTIVE
    assert gateway.ask(device.signed()) == (200, "")


def test_an_entry_that_is_no_text_ends_neither_the_feed_nor_a_session(redis, device, gateway):
    stream = gateway.stream(device)
    assert stream.event() == ("open", device.session)
    redis.redis.execute_command("XADD", EVENTS, "*", b"device_session_id", b"\xff\xfe")
    assert stream.event() == ("end", "open_again"), "it may have told of anybody"
    assert gateway.ask(device.signed()) == (200, "")
    redis.publish(device.told("revoked"))
    until(lambda: gateway.ask(device.signed()) == INACTIVE)


def test_a_redis_that_was_emptied_and_began_anew_below_is_noticed(redis, device, gateway):
    """As after FLUSHALL on a machine whose clock went back: the revocation stands under the last entry that was seen."""
    assert gateway.ask(device.signed()) == (200, "")
    stream = gateway.stream(device)
    assert stream.event() == ("open", device.session)
    revoked = device.told("revoked")
    with redis.redis.pipeline(transaction=True) as both:
        both.flushall()
        both.set(f"gateway:session:{device.session}", json.dumps(revoked))
        both.xadd(EVENTS, revoked, id="1000-0")
        both.execute()
    assert stream.event()[0] == "end"
    assert gateway.ask(device.signed()) == INACTIVE


def test_it_says_once_that_redis_is_away_and_once_that_it_is_back(redis, gateway):
    for _ in range(2):
        redis.kill()
        until(lambda: not gateway.trusted())
        redis.start()
        away, back = (gateway.printed.readline().decode() for _ in range(2))
        assert away.startswith("feed: ")
        assert away.endswith("trying again until Redis is back\n")
        assert back == "feed: Redis is back\n"


def test_its_help_says_how_it_is_called():
    words = [sys.executable, "-m", "examples.gateway", "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("usage: python -m examples.gateway [-h]")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bound", "-1"], "0.1 to 60.0 seconds are expected"),
        (["--bound", "0"], "0.1 to 60.0 seconds are expected"),
        (["--redis", "nonsense"], "--redis: Redis URL must specify"),
        (["--port", "99999"], "cannot listen on 127.0.0.1:99999"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:9090"),
    ],
)
def test_what_it_cannot_do_is_said_in_one_sentence(words, said):
    command = [sys.executable, "-m", "examples.gateway", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, said in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_it_runs_as_a_file_too(redis, device):
    with running(redis, BOUND, command=("examples/gateway/gateway.py",)) as gateway:
        assert gateway.ask(device.signed()) == (200, "")
