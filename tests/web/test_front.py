"""What stands before the public application: hosts, headers on every answer, faults that nobody caught."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from ostiary.kernel.ids import system_secrets
from ostiary.web.front import POLICY, Front
from tests.web.asgi import ask

ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


async def breaks(scope, receive, send):
    raise ValueError("inner words")


async def breaks_late(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise ValueError("inner words")


fine = PlainTextResponse("fine", headers={"x-frame-options": "ALLOWALL"})
routed = Starlette(routes=[Route("/", lambda _: fine)])


@pytest.mark.parametrize("app", [fine, routed, breaks, breaks_late, StreamingResponse(iter("ab"))])
@pytest.mark.parametrize("path", ["/", "/nowhere"])
@pytest.mark.parametrize("hosts", [1, 2])
async def test_every_answer_has_the_security_headers_once(app, path, hosts):
    answer = await ask(Front(app, system_secrets, secure=False), path=path, headers=[(b"host", b"localhost")] * hosts)
    assert {name: answer.headers.get(name) for name in ALWAYS} == {name: [value] for name, value in ALWAYS.items()}
    assert "strict-transport-security" not in answer.headers
    assert "publickey-credentials-get=(self)" in answer.header("permissions-policy")


async def test_an_https_origin_is_for_ever_https():
    answer = await ask(Front(fine, system_secrets, secure=True))
    assert answer.headers["strict-transport-security"] == ["max-age=31536000"]


def test_the_policy_lets_in_nothing_from_elsewhere_and_nothing_inline():
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert {rules[name] for name in rules if name.endswith("-src") and name != "default-src"} == {"'self'"}
    assert rules["form-action"] == "'self'"
    assert not any(word in POLICY for word in ("unsafe", "http:", "https:", "data:", "*", "blob:"))


@pytest.mark.parametrize(
    ("version", "hosts", "passes"),
    [
        ("1.1", ["id.example.test"], True),
        ("1.1", [], False),
        ("1.1", [""], False),
        ("1.1", ["id.example.test", "id.example.test"], False),
        ("1.1", ["id.example.test", "evil.test"], False),
        ("1.1", ["", "evil.test"], False),
        ("1.0", [], True),
        ("1.0", [""], True),
        ("1", [""], True),
        ("1.0", ["id.example.test"], True),
        ("1.0", ["id.example.test", "evil.test"], False),
    ],
)
async def test_a_request_names_one_host(version, hosts, passes):
    headers = [(b"host", host.encode()) for host in hosts] or [(b"accept", b"*/*")]

    async def bare(scope, receive, send):
        await Front(fine, system_secrets, secure=False)({**scope, "headers": headers}, receive, send)

    answer = await ask(bare, version=version)
    assert answer.status == (200 if passes else 400)
    assert passes or answer.code == "request_malformed"


async def test_a_fault_that_nobody_caught_is_logged_and_told_to_nobody():
    with capture_logs() as logged:
        answer = await ask(Front(breaks, system_secrets, secure=False), path="/some/path")
    assert (answer.status, answer.code) == (500, "internal_error")
    assert b"inner words" not in answer.body
    [entry] = logged
    assert (entry["event"], entry["path"], entry["exc_info"]) == ("page_broke", "/some/path", True)


async def test_a_fault_behind_the_start_of_an_answer_adds_no_second_one():
    with capture_logs() as logged:
        answer = await ask(Front(breaks_late, system_secrets, secure=False))
    assert (answer.status, answer.body) == (200, b"")
    assert [entry["event"] for entry in logged] == ["page_broke"]


async def test_what_is_no_request_passes_by():
    """Servers tell an application of their start and end (ASGI lifespan)."""
    heard = []

    async def app(scope, receive, send):
        heard.append(scope["type"])

    await Front(app, system_secrets, secure=True)({"type": "lifespan"}, None, None)
    assert heard == ["lifespan"]
