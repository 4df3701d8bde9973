"""The middleware in front of real frameworks, beside a real server: who calls, who is refused, and nothing fails open."""

import asyncio
import contextlib
import math
import os
import signal
import subprocess

import fastapi
import httpx2
import litestar
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from ostiary_client.authority import Authority, Known
from ostiary_client.caller import Caller, Refused, without_ours
from ostiary_client.middleware import Ostiary, Rule, requires
from tests.flows.browser import CSRF, SESSION, Browser
from tests.flows.seed import seed
from tests.flows.server import OSTIARY, Served, serving

REFERENCE = 32


async def seen(request):
    """What an application sees of a request."""
    found = request.scope["ostiary"]
    caller = found.reference if isinstance(found, Caller) else ""
    headers = [[name.decode(), value.decode()] for name, value in request.scope["headers"]]
    return JSONResponse({"caller": caller, "headers": headers})


@requires()
async def guarded(request):
    return PlainTextResponse(request.scope["ostiary"].kind)


@requires("admin.read")
async def scoped(request):
    return PlainTextResponse("never without the scope")


ROUTES = [Route("/", seen), Route("/guarded", guarded), Route("/scoped", scoped), Route("/admin/x", seen)]


async def until(happens):
    """Wait for something of which nobody tells."""
    for _ in range(20_000):
        if happens():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never happened")


class Service:
    """A service behind the middleware, in this process; `authority` is asked over HTTP."""

    def __init__(self, served, app=None, **given):
        self.authority = Authority(served.internal)
        self.middleware = Ostiary(app or Starlette(routes=ROUTES), authority=self.authority, **given)
        transport = httpx2.ASGITransport(self.middleware, client=("127.0.0.1", 9))
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://app.example.test")

    async def get(self, path="/", cookie="", **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(path, headers=sent | ({"cookie": cookie} if cookie else {}))

    async def held(self):
        """Wait until the feed is held."""
        await until(lambda: self.authority.until)

    async def close(self):
        await self.client.aclose()
        await self.middleware.close()


@contextlib.asynccontextmanager
async def service(served, app=None, **given):
    made = Service(served, app, **given)
    try:
        yield made
    finally:
        await made.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("served")) as made:
        made.person = Browser(made)
        assert made.person.enrol(made.token).status == 200
        yield made


def cookie_of(browser):
    return f"a=b; {SESSION}={browser.cookies[SESSION]}; {CSRF}=c"


def checks(served):
    """How many checks the server has answered so far."""
    text = httpx2.get(f"{served.internal}/metrics", trust_env=False).text
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("ostiary_checks_total"))


async def test_a_living_session_is_an_opaque_caller_and_is_asked_about_once(served):
    async with service(served) as one:
        await one.get()
        await one.held()
        first = (await one.get(cookie=cookie_of(served.person))).json()
        assert len(first["caller"]) == REFERENCE
        before = checks(served)
        for _ in range(20):
            assert (await one.get(cookie=cookie_of(served.person))).json()["caller"] == first["caller"]
        assert checks(served) == before, "memory answered"


async def test_the_application_sees_no_cookie_of_ours_and_no_forged_header(served):
    async with service(served) as one:
        forged = {"ostiary_caller": "f" * 32, "ostiary_scopes": "admin.read", "ostiary_made_up": "x"}
        for _ in range(3):
            told = (await one.get(cookie=cookie_of(served.person), **forged)).json()
            names = [name for name, _ in told["headers"]]
            assert not [name for name in names if name.startswith("ostiary")]
            assert [value for name, value in told["headers"] if name == "cookie"] == ["a=b"]
            assert told["caller"] != "f" * 32
        bare = (await one.get(cookie=f"{SESSION}={served.person.cookies[SESSION]}")).json()
        assert "cookie" not in [name for name, _ in bare["headers"]]


async def test_nobody_is_nobody_and_costs_the_authority_nothing(served):
    async with service(served) as one:
        before = checks(served)
        assert (await one.get()).json()["caller"] == ""
        assert (await one.get(cookie="a=b")).json()["caller"] == ""
        assert checks(served) == before
        refused = await one.get("/guarded")
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, 'Bearer realm="ostiary"')
        forged = await one.get("/guarded", cookie=f"{SESSION}=v1.ses-forged")
        assert forged.status_code == 401
        assert "invalid_token" in forged.headers["www-authenticate"]


async def test_a_missing_scope_is_forbidden_and_says_which(served):
    async with service(served, rules={"/admin": Rule(frozenset({"admin.read"}))}) as one:
        for path in ("/scoped", "/admin/x", "/admin"):
            answer = await one.get(path, cookie=cookie_of(served.person))
            assert answer.status_code == 403
            assert 'error="insufficient_scope", scope="admin.read"' in answer.headers["www-authenticate"]
        assert (await one.get("/guarded", cookie=cookie_of(served.person))).text == "browser"
        assert (await one.get("/admin/x")).status_code == 401


# The law: an end that was acknowledged is never ignored, however warm the memory is


@pytest.fixture
def either(tmp_path, database_url):
    """A real server of three workers, on each database."""
    served = Served(tmp_path, {"OSTIARY_DATABASE_URL": database_url} if database_url else {})
    served.cli("init")
    served.cli("migrate")
    served.start("--workers", "3")
    yield served
    served.stop()


async def test_several_services_and_workers_feel_every_end_at_the_first_request_after_its_line(either):
    sessions = await asyncio.to_thread(seed, either, 24)
    async with service(either) as one, service(either) as two:
        for each in (one, two):
            await each.get()
            await each.held()
        process = await asyncio.create_subprocess_exec(
            *OSTIARY, "sessions", "revoke", "--stdin", env=either.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        from_memory = 0
        for session, value in sessions.items():
            cookie = f"{SESSION}={value}"
            for _ in range(3):
                for each in (one, two):
                    assert (await each.get("/guarded", cookie=cookie)).status_code == 200
                    from_memory += each.authority.repeated(cookie.encode()) is not None
            busy = [asyncio.ensure_future(again(each, cookie)) for each in (one, two) for _ in range(2)]
            process.stdin.write(f"{session}\n".encode())
            assert session in (await process.stdout.readline()).decode()
            after = [await each.get("/guarded", cookie=cookie) for each in (one, two)]
            assert {answer.status_code for answer in after} == {401}
            await asyncio.gather(*busy)
        assert from_memory > len(sessions), "proves nothing"
        process.stdin.close()
        assert await process.wait() == 0


async def test_an_end_waits_for_a_service_that_has_fallen_asleep_until_its_leave_is_over(either):
    """Whoever does not follow any more still answers from memory: only the clock ends that."""
    sessions = await asyncio.to_thread(seed, either, 4)
    process = await asyncio.create_subprocess_exec(
        *OSTIARY, "sessions", "revoke", "--stdin", env=either.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    (first, _), *others = sessions.items()
    process.stdin.write(f"{first}\n".encode())
    assert first in (await process.stdout.readline()).decode(), "the command is awake"
    async with service(either) as sleeper:
        await sleeper.get()
        await sleeper.held()
        authority = sleeper.authority
        for session, value in others:
            cookie = f"{SESSION}={value}"
            while authority.repeated(cookie.encode()) is None or authority.until - authority._ticks() < 0.25:
                assert (await sleeper.get("/guarded", cookie=cookie)).status_code == 200
            sleeper.middleware._following.cancel()
            process.stdin.write(f"{session}\n".encode())
            assert session in (await process.stdout.readline()).decode()
            assert authority.repeated(cookie.encode()) is None
            assert (await sleeper.get("/guarded", cookie=cookie)).status_code == 401  # and it follows again
    process.stdin.close()
    assert await process.wait() == 0


async def again(each, cookie):
    """Ask until refused."""
    for _ in range(100_000):
        if (await each.get("/guarded", cookie=cookie)).status_code != 200:
            return
        await asyncio.sleep(0)
    raise AssertionError("it was never refused")


async def test_what_is_kept_is_asked_where_the_feed_says():
    asked = []

    def answer(request):
        asked.append(request.url.path)
        return httpx2.Response(200, headers=ALIVE)

    authority = Authority(client=httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://a.test"))
    for told in ({}, TOLD | {"all": True, "check": "/feed/check"}, TOLD | {"all": True}):
        if told:
            authority._take(told, authority._ticks())
        assert isinstance(await authority.ask((b"cookie", b""), {}), Caller)
    assert asked == ["/check/default", "/feed/check/default", "/check/default"]
    await authority.close()


async def test_an_end_by_a_command_is_felt_by_the_first_request_after_its_line(server):
    person = Browser(server)
    assert person.enrol(server.token).status == 200
    async with service(server) as one:
        await one.get()
        await one.held()
        process = await asyncio.create_subprocess_exec(
            *OSTIARY, "sessions", "revoke", "--stdin", env=server.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for _ in range(10):
            cookie = cookie_of(person)
            for _ in range(3):
                assert (await one.get("/guarded", cookie=cookie)).status_code == 200
            process.stdin.write(f"{person.session}\n".encode())
            assert person.session in (await process.stdout.readline()).decode()
            assert (await one.get("/guarded", cookie=cookie)).status_code == 401
            await asyncio.to_thread(person.sign_in)
        process.stdin.close()
        assert await process.wait() == 0


async def test_an_end_by_the_person_is_felt_by_the_first_request_after_the_answer(served):
    other = Browser(served, served.person.passkey)
    async with service(served) as one:
        await one.get()
        await one.held()
        for _ in range(5):
            await asyncio.to_thread(other.sign_in)
            cookie = cookie_of(other)
            for _ in range(2):
                assert (await one.get("/guarded", cookie=cookie)).status_code == 200
            assert (await asyncio.to_thread(other.send, "POST", "/auth/logout")).status == 204
            assert (await one.get("/guarded", cookie=cookie)).status_code == 401


ALIVE = {
    "ostiary-session": "browser",
    "ostiary-caller": "c" * 32,
    "ostiary-epoch": "1",
    "ostiary-expires": str(10**12),
    "ostiary-scopes": "-",
    "ostiary-disclosed": "-",
}
TOLD = {"all": False, "ended": [], "feed": "fd-1", "count": 1, "again": 36, "now": 0, "lease": 60}


@pytest.mark.parametrize(
    ("meanwhile", "kept"), [([], 1), (["another"], 0), (["c" * 32], 0)], ids=["nothing", "another", "this"]
)
async def test_an_answer_that_was_on_its_way_when_something_ended_is_not_remembered(meanwhile, kept):
    def answer(request):
        authority._take(TOLD | {"ended": meanwhile, "count": 2}, authority._ticks())
        return httpx2.Response(200, headers=ALIVE)

    authority = Authority(client=httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="http://a.test"))
    authority._take(TOLD | {"all": True}, authority._ticks())
    assert isinstance(await authority.ask((b"cookie", b""), {}), Caller)
    assert len(authority.known) == kept
    await authority.close()


async def test_memory_is_trusted_for_the_lease_from_before_the_question_and_no_longer():
    now = [1000.0]
    client = httpx2.AsyncClient(
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, headers=ALIVE)), base_url="http://a.test"
    )
    authority = Authority(client=client, ticks=lambda: now[0])
    key = (b"cookie", b"")
    assert isinstance(await authority.ask(key, {}), Caller)
    assert authority.known == {}, "without a lease nothing is remembered"
    authority._take(TOLD | {"lease": 0.3}, began=999.9)
    await authority.ask(key, {})
    place = key[0]
    now[0] = 1000.199
    assert authority.repeated(place).caller.reference == "c" * 32
    now[0] = 1000.2
    assert authority.repeated(place) is None
    authority._take(TOLD | {"lease": 60}, began=1000.2)
    assert authority.repeated(place) is not None
    now[0] = 1036.0
    assert authority.repeated(place) is None, "asked again, so that the idle time slides"
    authority._take(TOLD | {"lease": 60, "now": 10**12 - 5}, began=now[0])
    await authority.ask(key, {})
    now[0] += 4.999
    assert authority.repeated(place) is not None
    now[0] += 0.001
    assert authority.repeated(place) is None, "the session's own end, by the server's clock"
    await authority.close()


HEADERS = st.sampled_from(
    [(b"host", b"a.test"), (b"accept", b"*/*"), (b"x-odd", b"1"), (b"authorization", b"Bearer other")]
    + [(name, b"forged") for name in (b"ostiary-caller", b"ostiary-session", b"ostiary-scopes")]
    + [(b"cookie", value) for value in (b"__Host-ostiary_session=s; a=b", b"__Host-ostiary_csrf=c", b"a=b")]
)


@given(headers=st.lists(HEADERS, max_size=6))
@example(headers=[(b"cookie", b"__Host-ostiary_session=s; a=b")])
@example(headers=[(b"cookie", b"__Host-ostiary_session=s; a=b"), (b"ostiary-caller", b"forged")])
async def test_what_is_answered_from_memory_is_cleaned_like_everything_else(headers):
    nobody = httpx2.MockTransport(lambda _: httpx2.Response(401, headers={"ostiary-caller": "-"}))
    authority = Authority(client=httpx2.AsyncClient(transport=nobody, base_url="http://a.test"))
    authority.until = math.inf
    remembered = Caller("browser", "c" * 32, 1, 2)
    authority.known[b"__Host-ostiary_session=s; a=b"] = Known(remembered, b"a=b", math.inf)
    seen = []

    async def app(scope, receive, send):
        seen.append(scope)

    middleware = Ostiary(app, authority=authority)
    middleware._following = asyncio.get_running_loop().create_future()
    await middleware({"type": "http", "path": "/", "headers": headers}, None, None)
    passed = [one for one in headers if one[0] != b"cookie" and not one[0].startswith(b"ostiary")]
    cookie = without_ours(b"; ".join(value for name, value in headers if name == b"cookie"))
    assert seen[0]["headers"] == passed + ([(b"cookie", cookie)] if cookie else [])
    shown = [one for one in headers if one[0] in {b"cookie", b"authorization"}]
    alive = shown == [(b"cookie", b"__Host-ostiary_session=s; a=b")]
    assert (seen[0]["ostiary"] is remembered) == alive
    assert alive or seen[0]["ostiary"].status == 401
    await authority.close()


class Slow:
    """An authority whose answers are on their way for as long as the test likes."""

    def __init__(self):
        self.asked = []

    async def get(self, path, headers):
        self.asked.append((headers, asyncio.get_running_loop().create_future()))
        return await self.asked[-1][1]


async def test_a_request_sent_after_an_end_does_not_join_an_older_question():
    client = Slow()
    authority = Authority(client=client)
    authority._take(TOLD | {"all": True}, authority._ticks())
    key = (f"{SESSION}=v1.x".encode(), b"")
    before = asyncio.ensure_future(authority.ask(key, {}))
    twin = asyncio.ensure_future(authority.ask(key, {}))
    await asyncio.sleep(0.01)
    assert len(client.asked) == 1, "the very same question is asked once"
    authority._take(TOLD | {"ended": ["c" * 32], "count": 2}, authority._ticks())
    after = asyncio.ensure_future(authority.ask(key, {}))
    await asyncio.sleep(0.01)
    assert len(client.asked) == 2
    client.asked[0][1].set_result(httpx2.Response(200, headers=ALIVE))
    assert await before == await twin
    client.asked[1][1].set_result(httpx2.Response(401, headers={"ostiary-caller": "-"}))
    assert await after == Refused(401)


async def test_without_the_feed_nobody_shares_a_question():
    client = Slow()
    authority = Authority(client=client)
    tasks = [asyncio.ensure_future(authority.ask((b"cookie", b""), {})) for _ in range(2)]
    await asyncio.sleep(0.01)
    assert len(client.asked) == 2
    for task in tasks:
        task.cancel()


async def test_a_question_is_not_shared_by_different_clients():
    client = Slow()
    authority = Authority(client=client)
    authority._take(TOLD | {"all": True}, authority._ticks())
    tasks = [
        asyncio.ensure_future(authority.ask((b"cookie", b""), {b"user-agent": who})) for who in (b"owner", b"thief")
    ]
    await asyncio.sleep(0.01)
    assert [dict(headers)[b"user-agent"] for headers, _ in client.asked] == [b"owner", b"thief"]
    for task in tasks:
        task.cancel()


# An authority that is away: nothing fails open


@pytest.mark.parametrize("away", [signal.SIGKILL, signal.SIGSTOP])
async def test_without_the_authority_memory_serves_for_the_lease_and_then_it_is_503(server, away):
    person = Browser(server)
    assert person.enrol(server.token).status == 200
    async with service(server) as one:
        await one.get()
        await one.held()
        for _ in range(3):
            assert (await one.get("/guarded", cookie=cookie_of(person))).status_code == 200
        os.kill(server.process.pid, away)
        over = one.authority.until + 0.5
        await until(lambda: one.authority._ticks() > over)
        answer = await one.get("/guarded", cookie=cookie_of(person))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert (await one.get("/guarded")).status_code == 401, "who shows nothing needs nobody's word"
        if away == signal.SIGSTOP:
            os.kill(server.process.pid, signal.SIGCONT)
            answers = [503]
            while answers[-1] != 200:
                answers.append((await one.get("/guarded", cookie=cookie_of(person))).status_code)
            assert set(answers) == {200, 503}


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(200),
        httpx2.Response(200, headers={"ostiary-session": "browser", "ostiary-caller": "x"}),
        httpx2.Response(302, headers={"location": "/sign-in"}),
        httpx2.Response(401),
        httpx2.Response(403),
        httpx2.Response(500),
        httpx2.Response(
            200, headers={**dict.fromkeys(["ostiary-session", "ostiary-caller"], "x"), "ostiary-epoch": "y"}
        ),
    ],
    ids=lambda one: f"{one.status_code}-{len(one.headers)}",
)
async def test_an_answer_that_the_authority_would_not_give_is_503(answer):
    client = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer), base_url="http://authority.test")
    authority = Authority(client=client)
    assert await authority.ask((f"{SESSION}=x".encode(), b""), {}) == Refused(503)
    await authority.close()


# Frameworks


def kind_of(request):
    return request.scope["ostiary"].kind


def fast():
    app = fastapi.FastAPI()

    @app.get("/guarded")
    @requires()
    async def guarded(request: fastapi.Request) -> str:
        return kind_of(request)

    @app.get("/scoped")
    @requires("admin.read")
    async def scoped(request: fastapi.Request) -> str:
        return "never without the scope"

    return app


def star():
    @litestar.get("/guarded")
    @requires()
    async def guarded(request: litestar.Request) -> str:
        return kind_of(request)

    @litestar.get("/scoped")
    @requires("admin.read")
    async def scoped(request: litestar.Request) -> str:
        return "never without the scope"

    return litestar.Litestar([guarded, scoped])


@pytest.mark.parametrize(
    "make", [lambda: Starlette(routes=ROUTES), fast, star], ids=["starlette", "fastapi", "litestar"]
)
async def test_the_decorator_speaks_each_frameworks_language(served, make):
    async with service(served, make()) as one:
        alive = await one.get("/guarded", cookie=cookie_of(served.person))
        assert (alive.status_code, alive.text.strip('"')) == (200, "browser")
        nobody = await one.get("/guarded")
        assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, 'Bearer realm="ostiary"')
        assert (await one.get("/scoped", cookie=cookie_of(served.person))).status_code == 403


async def test_a_handler_without_the_middleware_is_a_mistake_and_not_open():
    transport = httpx2.ASGITransport(Starlette(routes=ROUTES))
    async with httpx2.AsyncClient(transport=transport, base_url="http://app.example.test") as client:
        with pytest.raises(RuntimeError, match="not installed"):
            await client.get("/guarded")
