"""After a full run over all operations: nothing raw in any byte that is kept, logged, exported or answered."""

import http.client
import json
import subprocess
from contextlib import closing

import pytest

from ostiary.kernel.ids import b64url
from ostiary.kernel.values import Event, EventName, Mode
from ostiary.membrane.table import ROWS
from tests.flows.server import OSTIARY, Served
from tests.login.gatehouse import OPERATOR
from tests.membrane.stage import FIXTURE_ONLY, Stage, good
from tests.membrane.test_invariants import ISSUING, tokens_of
from tests.sessions.home import Home

AGENT = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Scanner/131.0 of-nobody"


def run(stage):
    """Every operation, admitted and refused, and every way in which a secret may stand where it should not."""
    stage.always = {"user-agent": AGENT}
    for name in (row.operation.name for row in ROWS):
        admitted = name not in FIXTURE_ONLY or (stage.seeded if name == "auth.session.exchange" else stage.fixture)
        if not admitted:
            continue
        asking = stage.anew().whole(name)
        token, link = stage.login()["bearer_token"], stage.invited()
        for odd in (
            {"no_such_field": token},
            {"session": f"auth_session:{token[:60]}"},
            {"subject": stage.person.email},
            {"actor": stage.person.email},
            {"device_binding": stage.person.email},
            {"raw_ip_address": stage.address},
            {"raw_credential_id": b64url(stage.person.passkey.id)},
            {"passkey_binding": f"passkey_binding:{b64url(stage.person.passkey.id)}"},
            {"challenge": token},
            {"human_presence_receipt": link},
            {"enrolment_token": link + "x"},
            {"tenant": stage.address},
        ):
            stage.send(asking.but(**odd))
        stage.send(asking.but(key=token[:-1] + "x"))
        stage.send(asking.but(key=None, headers={"authorization": f"Bearer {token}, Bearer {token}"}))
        good(stage.send(stage.whole(name)))
    offered = good(stage.send(stage.offering(None, enrolment_token=stage.invited())))
    good(stage.send(stage.registering(None, offered, enrolment_token=stage.links[-1])))


def needles(stage):
    """What must be found nowhere: (what it is, its bytes)."""
    for token in tokens_of(stage):
        yield "token", token.rpartition(".")[2].encode()
    for address in stage.addresses:
        yield "address", address.encode()
    for passkey in (one for person in stage.people for one in person.passkeys):
        yield "credential id", passkey.id
        yield "credential id", b64url(passkey.id).encode()
        yield "credential id", passkey.id.hex().encode()
    for person in stage.people:
        yield "e-mail address", person.email.encode()
    for link in stage.links:
        yield "enrolment token", link.encode()
    for key in (stage.client, stage.operator):
        yield "key", key.partition("-")[2].encode()
    yield "user agent", AGENT.encode()
    yield "user agent", b"Scanner/131.0"


def stored(home):
    """Every byte that the database and the data folder hold."""
    files = b"".join(one.read_bytes() for one in home.folder.rglob("*") if one.is_file())
    if not home.url:
        return files
    tables = home.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()")
    values = (value for (name,) in tables for row in home.rows(f'SELECT * FROM "{name}"') for value in row)
    return files + b"\n".join(one if isinstance(one, bytes) else str(one).encode() for one in values)


def searched(where, haystack, stages):
    """Search; return what was found, in words."""
    return sorted({f"{what} in {where}" for stage in stages for what, needle in needles(stage) if needle in haystack})


@pytest.fixture
def home(tmp_path, database_url):
    with closing(Home(tmp_path, url=database_url, TRUSTED_PROXIES="127.0.0.1")) as made:
        yield made


def test_nothing_raw_is_kept_logged_or_answered(home, capfd):
    stages = [
        Stage(home),
        Stage(home, "rehearsal", Mode.FIXTURE),
        Stage(home, "calibration", Mode.FIXTURE, seeded=True),
    ]
    for stage in stages:
        run(stage)
    home.flush()
    assert searched("what is stored", stored(home), stages) == []
    assert searched("the log", "".join(capfd.readouterr()).encode(), stages) == []
    errors = b"\n".join(
        one.headers.body + str(one.headers.headers).encode()
        for stage in stages
        for one in stage.heard
        if one.json["operation"] not in ISSUING or one.status != 200
    )
    assert searched("an answer", errors, stages) == []
    assert len(errors) > 100_000


def test_the_scanner_finds_what_it_looks_for(home):
    stage = Stage(home)
    stage.login()
    for what, needle in needles(stage):
        assert searched("a test", b"..." + needle + b"...", [stage]) == [f"{what} in a test"]
    stage.act(lambda tx: planted(tx, stage))
    assert searched("what is stored", stored(home), [stage]) == ["address in what is stored"]


def planted(tx, stage):
    """Write an address where it has no business to be."""
    tx.emit(Event(EventName.SESSION_INSPECT, OPERATOR, stage.address))


def test_nor_by_a_real_server_nor_in_the_export_of_the_log(tmp_path, capfd):
    with closing(Home(tmp_path, TRUSTED_PROXIES="127.0.0.1")) as home:
        stage = Stage(home, "rhein")
        run(stage)
        asking = stage.whole("auth.sessionRefresh")
        served = Served(tmp_path, {"OSTIARY_TRUSTED_PROXIES": "127.0.0.1"}).start()
        try:
            for one in (asking, asking, asking.but(no_such_field=asking.key), asking.but(key=asking.key + "x")):
                path, raw, sent = stage.said(one)
                connection = http.client.HTTPConnection("localhost", served.public_port, timeout=10)
                connection.request("POST", path, raw, sent | {"host": f"localhost:{served.public_port}"})
                answer = connection.getresponse()
                body = json.loads(answer.read())
                stage.heard.append(type(stage.heard[0])(answer.status, body, answer, raw))
                connection.close()
            assert stage.heard[-4].status == 200, stage.heard[-4].json
            metrics = served_metrics(served)
        finally:
            served.stop()
        export = subprocess.run(
            [*OSTIARY, "receipts", "export"], env=served.environ, cwd=tmp_path, capture_output=True, check=True
        )
        assert export.stdout.count(b"\n") > 100
        assert searched("the export", export.stdout + export.stderr, [stage]) == []
        assert searched("the server's log", (served.stderr() + served.printed).encode(), [stage]) == []
        assert searched("the metrics", metrics, [stage]) == []
        assert searched("what is stored", stored(home), [stage]) == []


def served_metrics(served):
    """What the internal listener shows of itself."""
    connection = http.client.HTTPConnection("127.0.0.1", served.internal_port, timeout=10)
    shown = b""
    for path in ("/metrics", "/health", "/ready", "/stats"):
        connection.request("GET", path)
        shown += connection.getresponse().read()
    connection.close()
    return shown
