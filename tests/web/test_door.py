"""The door alone: a made-up guard, recorder and operations. What is refused before any rule is asked, and how."""

import json

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from structlog.testing import capture_logs

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Scope
from ostiary.web.door import Admitted, Door, same_origin
from ostiary.web.front import REQUEST_ID
from ostiary.web.operation import Audience, Operation, Record, Reply
from tests.web.asgi import JSON, ask

ORIGIN = "https://id.example.test"
LARGEST = 65_536
CALLER = Caller(actor="anonymous", digest="d")
KNOWN = Caller(actor="user-A", session="ses-A", digest="d")


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an operation wants."""

    name: str
    code: str = ""


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a query says."""

    keep: str


class Porter:
    """A guard that does as the test says, and remembers."""

    def __init__(self, outcome=None):
        self.outcome = outcome or Admitted(KNOWN, session="alive", browser="b")
        self.knocks, self.heard = [], []

    def identify(self, knock):
        self.knocks.append(knock)
        return CALLER

    async def admit(self, knock, caller):
        return self.outcome

    def succeeded(self, admitted):
        self.heard.append(admitted)


class Ledger:
    """A recorder that remembers, or cannot."""

    def __init__(self, fault=None):
        self.fault, self.noted = fault, []

    async def refused(self, scope, event, caller, refusal):
        if self.fault:
            raise self.fault
        self.noted.append((event, caller, refusal.code, refusal.reasons))


class House:
    """An application of some operations, each answered by `handler`."""

    def __init__(self, handler, *, guard=None, recorder=None, patience=10.0, **given):
        self.guard, self.recorder, self.seen = guard or Porter(), recorder or Ledger(), []

        async def handle(exchange):
            self.seen.append(exchange)
            return handler(exchange)

        wanted = {"audience": Audience.SESSION, "event": EventName.SESSION_END, "handler": handle, "summary": "-"}
        operations = [
            Operation(**(wanted | {"name": "act", "method": "POST", "path": "/act", "request": Given} | given)),
            Operation(**(wanted | {"name": "read", "method": "GET", "path": "/read/{id}", "query": Wanted})),
            Operation(**(wanted | {"name": "end", "method": "DELETE", "path": "/read/{id}", "status": 204})),
        ]
        door = Door(ORIGIN, Scope(), self.guard, self.recorder, patience)
        routed = Starlette(routes=door.routes(operations))
        self.app = lambda scope, receive, send: routed(scope | {REQUEST_ID: "AQEBAQEBAQEBAQEB"}, receive, send)

    async def act(self, body=b'{"name": "x"}', headers=(JSON,), **given):
        return await ask(self.app, "POST", "/act", headers=headers, chunks=given.pop("chunks", (body,)), **given)


def fine(_):
    return Reply(Given("done"), ("a=1", "b=2"))


def breaks(fault):
    def handler(_):
        raise fault

    return handler


async def test_a_request_that_passes_reaches_its_handler_and_the_guard_hears_of_it():
    house = House(fine)
    answer = await house.act(headers=(JSON, (b"user-agent", b"Agent/1"), (b"x-y", b"z")))
    assert (answer.status, answer.json) == (200, {"name": "done", "code": ""})
    assert answer.headers["set-cookie"] == ["a=1", "b=2"]
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-type") == "application/json"
    [exchange] = house.seen
    assert (exchange.body, exchange.query, exchange.path) == (Given("x"), None, {})
    assert (exchange.caller, exchange.session, exchange.browser) == (KNOWN, "alive", "b")
    assert (exchange.agent, exchange.headers["x-y"]) == ("Agent/1", "z")
    assert house.guard.heard == [house.guard.outcome]
    assert not house.recorder.noted


async def test_an_answer_without_a_body_has_its_status_and_no_type():
    answer = await ask(House(lambda _: Reply(None, ("a=1",))).app, "DELETE", "/read/7")
    assert (answer.status, answer.body, answer.header("content-type")) == (204, b"", None)
    assert (answer.headers["set-cookie"], answer.header("cache-control")) == (["a=1"], "no-store")


async def test_query_and_path_reach_the_handler_and_head_is_a_get_without_a_body():
    house = House(fine)
    for method in ("GET", "HEAD"):
        assert (await ask(house.app, method, "/read/a%20b?keep=c%2Bd")).status == 200
    assert [(x.path, x.query) for x in house.seen] == [({"id": "a b"}, Wanted("c+d"))] * 2


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        ("/act", "GET", {"POST"}),
        ("/read/7", "PUT", {"GET", "HEAD", "DELETE"}),
        ("/read/7", "OPTIONS", {"GET", "HEAD", "DELETE"}),
    ],
)
async def test_a_wrong_method_hears_every_right_one(path, method, allow):
    answer = await ask(House(fine).app, method, path)
    assert answer.status == 405
    assert set(answer.header("allow").split(", ")) == allow


# What is refused.


def refusal_of(answer):
    assert answer.headers["content-type"] == ["application/json"]
    assert answer.header("cache-control") == "no-store"
    assert set(answer.json) == {"error", "message", "code", "request_id"}
    return answer.status, answer.code


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ("bad_json",)),
        (b"{", ("bad_json",)),
        (b"\xff", ("bad_json",)),
        (b"[]", ("bad_fields",)),
        (b"{}", ("bad_fields", "name")),
        (b'{"name": 1}', ("bad_fields", "name")),
        (b'{"name": "x", "y": 1}', ("bad_fields",)),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_and_on_record(body, words):
    house = House(fine)
    assert refusal_of(await house.act(body)) == (400, "request_malformed")
    assert house.recorder.noted == [(EventName.SESSION_END, KNOWN, Code.REQUEST_MALFORMED, words)]
    assert not house.seen
    assert not house.guard.heard


async def test_without_its_content_type_a_body_is_not_read():
    assert refusal_of(await House(fine).act(headers=())) == (400, "request_malformed")


@pytest.mark.parametrize("query", ["", "?keep=a&keep=b", "?keep=a&more=1", "?keep=%ff", "?keep=%00"])
async def test_a_query_that_cannot_be_read_is_refused(query):
    assert refusal_of(await ask(House(fine).app, "GET", f"/read/7{query}")) == (400, "request_malformed")


async def test_a_nul_in_the_path_is_refused_before_any_store_meets_it():
    house = House(fine)
    assert refusal_of(await ask(house.app, "DELETE", "/read/a%00b")) == (400, "request_malformed")
    assert house.recorder.noted[0][3] == ("bad_path",)


async def test_the_guard_is_asked_before_a_stranger_learns_what_is_wrong_with_a_body():
    house = House(fine, guard=Porter(Refusal(Code.SESSION_MISSING)))
    assert refusal_of(await house.act(b"{")) == (401, "session_missing")
    assert house.recorder.noted == [(EventName.SESSION_END, CALLER, Code.SESSION_MISSING, ())]


@pytest.mark.parametrize(
    ("size", "status"), [(LARGEST - len('{"name": ""}'), 200), (LARGEST + 1 - len('{"name": ""}'), 413)]
)
async def test_a_body_has_a_largest_size_to_the_byte(size, status):
    body = json.dumps({"name": "x" * size}).encode()
    assert (await House(fine).act(body)).status == status
    assert (await House(fine).act(chunks=[body[:7], body[7:40_000], body[40_000:]])).status == status
    assert (await House(fine).act(body, (JSON, (b"content-length", b"%d" % len(body))))).status == status


@pytest.mark.parametrize("declared", ["65537", "10000000", "0099999", "9" * 30, "9" * 5000])
async def test_a_body_that_is_declared_too_large_is_not_read(declared):
    answer = await House(fine).act(headers=(JSON, (b"content-length", declared.encode())))
    assert refusal_of(answer) == (413, "request_too_large")
    assert answer.taken == 0


async def test_a_body_that_grows_too_large_is_read_no_further():
    answer = await House(fine).act(chunks=[b" " * 40_000] * 50)
    assert refusal_of(answer) == (413, "request_too_large")
    assert answer.taken == 2


@pytest.mark.parametrize("declared", ["-1", "+13", "13, 13", "x", "1e3", "0x0d", "\xb2", " "])
async def test_a_length_that_is_no_number_is_malformed(declared):
    answer = await House(fine).act(headers=(JSON, (b"content-length", declared.encode("latin-1"))))
    assert refusal_of(answer) == (400, "request_malformed")


async def test_a_body_that_does_not_come_is_not_waited_for():
    house = House(fine, patience=0.05)
    assert refusal_of(await house.act(chunks=[b'{"name":'], stall=True)) == (408, "request_too_slow")
    assert house.recorder.noted[0][2] is Code.REQUEST_TOO_SLOW


async def test_a_client_that_leaves_is_no_fault_of_ours():
    with capture_logs() as logged:
        assert (await House(breaks(ClientDisconnect())).act()).status == 400
    assert not logged


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ([], True),
        ([("origin", ORIGIN)], True),
        ([("origin", ORIGIN), ("origin", ORIGIN)], True),
        ([("origin", ORIGIN), ("sec-fetch-site", "same-origin")], True),
        ([("sec-fetch-site", "none")], True),
        ([("origin", "https://evil.test")], False),
        ([("origin", ORIGIN), ("origin", "https://evil.test")], False),
        ([("origin", ORIGIN + "/")], False),
        ([("origin", ORIGIN + ":443")], False),
        ([("origin", ORIGIN.upper())], False),
        ([("origin", "http://id.example.test")], False),
        ([("origin", "https://id.example.test.evil.test")], False),
        ([("origin", "null")], False),
        ([("origin", "")], False),
        ([("sec-fetch-site", "cross-site")], False),
        ([("sec-fetch-site", "same-site")], False),
        ([("origin", ORIGIN), ("sec-fetch-site", "cross-site")], False),
        ([("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")], False),
        ([("sec-fetch-site", "")], False),
    ],
)
async def test_an_unsafe_request_comes_from_our_own_page_or_from_no_browser(headers, ours):
    raw = [(name.encode(), value.encode()) for name, value in headers]
    assert same_origin(Headers(raw=raw), ORIGIN) is ours
    house = House(fine)
    answer = await house.act(headers=(JSON, *raw))
    assert answer.status == 200 if ours else refusal_of(answer) == (403, "origin_refused")
    assert bool(house.seen) is ours


async def test_a_safe_request_may_come_from_anywhere():
    headers = [(b"origin", b"https://evil.test"), (b"sec-fetch-site", b"cross-site")]
    assert (await ask(House(fine).app, "GET", "/read/7?keep=a", headers=headers)).status == 200


# What is on record, and what is kept out of it.


async def test_a_refusal_that_a_use_case_has_recorded_is_not_recorded_twice():
    house = House(lambda _: Refusal(Code.SESSION_UNKNOWN, receipt="rc-1"))
    assert refusal_of(await house.act()) == (404, "session_unknown")
    assert not house.recorder.noted
    assert not house.guard.heard, "a refusal does not slide the idle time"


async def test_a_refusal_that_nobody_has_recorded_is_recorded_under_the_one_who_was_admitted():
    house = House(lambda _: Refusal(Code.SESSION_UNKNOWN, ("why",)))
    await house.act()
    assert house.recorder.noted == [(EventName.SESSION_END, KNOWN, Code.SESSION_UNKNOWN, ("why",))]


async def test_an_operation_may_keep_its_refusals_off_the_record():
    house = House(lambda _: Refusal(Code.SESSION_UNKNOWN), record=Record.NEVER)
    assert (await house.act()).status == 404
    assert not house.recorder.noted


async def covered(body=b'{"name": "x", "code": "1"}', secrets=("code",)):
    house = House(fine, secrets=secrets)
    await house.act(body)
    return house.guard.knocks[0].covered


async def test_what_the_digest_covers_leaves_out_secrets_and_knows_no_order():
    assert await covered() == await covered(b'{"name": "x", "code": "2"}')
    assert await covered(secrets=()) == await covered(b'{"code": "1", "name": "x"}', secrets=())
    assert await covered(secrets=()) != await covered(b'{"name": "x", "code": "2"}', secrets=())
    assert b"code" not in await covered()
    assert await covered() != await covered(b'{"name": "y", "code": "1"}')
    reads = []
    for path in ("/read/7?keep=a", "/read/8?keep=a", "/read/7?keep=b"):
        house = House(fine)
        await ask(house.app, "GET", path)
        reads.append(house.guard.knocks[0].covered)
    assert len(set(reads)) == 3


async def test_the_guard_is_shown_where_the_request_came_from():
    house = House(fine)
    await house.act(headers=(JSON, (b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-for", b"192.0.2.2")))
    [knock] = house.guard.knocks
    assert (knock.peer, knock.operation.name, knock.scope) == ("127.0.0.1", "act", Scope())
    assert knock.headers.getlist("x-forwarded-for") == ["192.0.2.1", "192.0.2.2"]
    assert knock.request_id == "AQEBAQEBAQEBAQEB"


# What breaks.


async def test_a_store_that_cannot_answer_is_503_and_says_when_to_come_back():
    for house in (
        House(breaks(StoreUnavailable("locked", 7))),
        House(lambda _: Refusal(Code.SESSION_UNKNOWN), recorder=Ledger(StoreUnavailable("locked", 7))),
    ):
        answer = await house.act()
        assert refusal_of(answer) == (503, "store_unavailable")
        assert answer.header("retry-after") == "7"
        assert "locked" not in answer.body.decode()
        assert not house.guard.heard


@pytest.mark.parametrize("fault", [ValueError("inner words"), KeyError("inner words"), RecursionError("inner words")])
async def test_a_fault_of_ours_is_500_and_keeps_its_words_to_itself(fault):
    with capture_logs() as logged:
        answer = await House(breaks(fault)).act()
    assert refusal_of(answer) == (500, "internal_error")
    assert "inner words" not in answer.body.decode()
    assert answer.json["request_id"] == "AQEBAQEBAQEBAQEB"
    [entry] = logged
    assert (entry["event"], entry["operation"], entry["exc_info"]) == ("internal_fault", "act", True)
    assert entry["request_id"] == "AQEBAQEBAQEBAQEB", "whoever runs the server finds it by the request id"
