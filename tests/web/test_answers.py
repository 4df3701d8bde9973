"""Every kind of answer of the whole application, good or bad, page or problem: its headers, and nothing too much."""

import msgspec
import pytest
from structlog.testing import capture_logs

from ostiary import app
from ostiary.kernel.errors import StoreUnavailable
from ostiary.web.front import POLICY
from tests.login.gatehouse import opened

HTML = {"accept": "text/html"}
FIXED = ("content-security-policy", "x-content-type-options", "x-frame-options", "referrer-policy")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("house")) as made:
        yield made


class Broken:
    """A vault whose reads break as they are told; the rest is the real one's."""

    def __init__(self, vault, fault):
        self.vault, self.fault = vault, fault

    def __getattr__(self, name):
        return getattr(self.vault, name)

    async def read(self, scope, use_case):
        raise self.fault


def asset(house):
    """The address of a static file, and of the same without its version."""
    page = house.visitor().send("GET", "/sign-in").body.decode()
    named = page.partition('href="/static/')[2].partition('"')[0]
    return f"/static/{named}", f"/static/{named.partition('?')[0]}"


def secured(answer):
    assert answer.headers["content-security-policy"] == [POLICY]
    assert all(len(answer.headers[name]) == 1 for name in FIXED)
    return answer


def test_every_kind_of_answer_has_the_security_headers(house):
    person, stranger = house.enrolled(), house.visitor()
    named, bare = asset(house)
    etag = secured(stranger.send("GET", named)).header("etag")
    kinds = [
        (stranger, 200, "GET", "/sign-in", {}),
        (person, 200, "GET", "/account", {}),
        (person, 303, "GET", "/sign-in", {}),
        (stranger, 303, "GET", "/account", {}),
        (stranger, 303, "GET", "/", {}),
        (stranger, 200, "GET", "/openapi.json", {}),
        (stranger, 200, "GET", "/docs/api", {}),
        (stranger, 200, "GET", "/docs/refusals", {}),
        (stranger, 200, "HEAD", "/docs/refusals", {}),
        (stranger, 200, "GET", bare, {}),
        (stranger, 304, "GET", named, {"if-none-match": etag}),
        (stranger, 404, "GET", "/static/absent.css", {}),
        (stranger, 404, "GET", "/absent", {}),
        (stranger, 404, "GET", "/absent", HTML),
        (stranger, 404, "GET", "/account/", {}),
        (stranger, 405, "POST", "/account", {}),
        (stranger, 405, "POST", "/account", HTML),
        (person, 200, "GET", "/api/v1/auth/me", {}),
        (stranger, 401, "GET", "/api/v1/auth/me", {}),
        (person, 403, "POST", "/auth/logout", {"origin": "https://evil.test"}),
        (person, 400, "DELETE", "/api/v1/auth/sessions", {}),
        (stranger, 204, "POST", "/auth/logout", {}),
    ]
    for visitor, status, method, path, headers in kinds:
        answer = secured(visitor.send(method, path, headers=headers))
        assert answer.status == status, (method, path)
        if status == 405:
            assert set(answer.header("allow").split(", ")) == {"GET", "HEAD"}
        if status >= 400:
            assert answer.header("content-type").startswith("text/html" if headers == HTML else "application/json")


def test_what_belongs_to_one_person_is_kept_by_no_cache(house):
    person = house.enrolled()
    for path in ("/account", "/sign-in", "/api/v1/auth/me", "/api/v1/auth/sessions", "/api/v1/auth/passkeys"):
        answer = person.send("GET", path)
        assert answer.header("cache-control") == "no-store" or answer.status == 303, path
    named, bare = asset(house)
    assert "immutable" in house.visitor().send("GET", named).header("cache-control")
    assert house.visitor().send("GET", bare).header("cache-control") is None
    assert house.visitor().send("GET", bare + "?v=old").header("cache-control") is None


@pytest.mark.parametrize("path", ["/account/", "/sign-in/", "//evil.test", "/%2f%2fevil.test/", "/openapi.json/"])
def test_no_address_sends_a_browser_to_the_host_that_the_request_names(house, path):
    answer = house.visitor().send("GET", path, headers={"host": "evil.test"})
    assert (answer.status, answer.header("location")) == (404, None)
    for ours in ("/", "/account"):
        assert house.visitor().send("GET", ours, headers={"host": "evil.test"}).header("location").startswith("/")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (StoreUnavailable("inner words", 7), 503, "store_unavailable"),
        (ValueError("inner words"), 500, "internal_error"),
    ],
)
def test_a_page_and_an_operation_that_break_say_so_and_no_more(house, fault, status, code):
    person = house.enrolled()
    broken = app.build(msgspec.structs.replace(house.house, vault=Broken(house.house.vault, fault)))
    whole, house.application = house.application, broken
    with capture_logs() as logged:
        page = secured(person.send("GET", "/account", headers=HTML))
        problem = secured(person.send("GET", "/account"))
        operation = secured(person.send("GET", "/api/v1/auth/me"))
    house.application = whole
    assert (page.status, problem.status, operation.status) == (status, status, status)
    assert page.header("content-type").startswith("text/html")
    assert problem.code == operation.code == code
    assert code in page.body.decode()
    for answer in (page, problem, operation):
        assert b"inner words" not in answer.body
        assert answer.header("cache-control") == "no-store"
        assert answer.header("retry-after") == ("7" if status == 503 else None)
    assert [entry["event"] for entry in logged] == {
        503: ["store_unavailable"] * 3,
        500: ["page_broke", "page_broke", "internal_fault"],
    }[status]


def test_the_reason_on_the_sign_in_page_is_never_the_askers_own_words(house):
    page = house.visitor().send("GET", "/sign-in?reason=%3Cscript%3Ealert(1)%3C/script%3E").body
    assert b"alert(1)" not in page
