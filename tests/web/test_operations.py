"""The table of operations as it is served: what holds for each of them, driven through the door one by one."""

import re
from collections import Counter

import msgspec
import pytest

from ostiary.kernel.refusals import Code
from ostiary.web.catalogue import CATALOGUE, codes_of
from ostiary.web.operation import MEMBRANE_AUDIENCES, Audience, Dialect
from tests.flows.browser import CSRF, PRELOGIN, SESSION
from tests.login.gatehouse import opened

EVIL = "https://evil.test"

# Who needs no living session. A new line here is a new way in for strangers: it is seen, and it is meant (ruling 46).
PUBLIC = {
    "device.code.confirm",
    "device.code.send",
    "enrolment.begin",
    "login.email_code.begin",
    "login.passkey.begin",
    "session.refresh",
}
PRELOGIN_ONLY = {"enrolment.finish", "login.email_code.finish", "login.passkey.finish"}
LEAVING = {"session.logout"}
PAGES = {
    "/",
    "/sign-in",
    "/enrol",
    "/account",
    "/presence",
    "/signed-out",
    "/recovery",
    "/recovery/code",
    "/recovery/cancel",
    "/recovery/contest",
    "/docs",
    "/docs/api",
    "/docs/refusals",
    "/openapi.json",
}
STATIC = "/static/{name}"


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """One application for all: nothing here leaves a change behind."""
    with opened(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture(scope="module")
def operations(house):
    return house.application.operations


@pytest.fixture(scope="module")
def person(house):
    return house.enrolled()


def of(operations, *audiences):
    return [op for op in operations if op.audience in audiences]


def knock(visitor, op, **headers):
    """Send an operation's request, filled with what passes for its fields."""
    path = re.sub(r"\{\w+\}", "ses-AAAAAAAAAAAAAAAAAAAAAA", op.path)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return visitor.send(op.method, path, {} if op.request is not None else None, headers=given)


def refused(answer, status, code):
    assert (answer.status, answer.code) == (status, code), answer.body
    assert (answer.header("www-authenticate") is not None) is (status == 401)
    assert answer.header("cache-control") == "no-store"
    assert answer.json.get("request_id") or set(answer.json) == {"error"}
    return True


def test_who_may_come_without_a_session_is_a_pinned_list(operations, house):
    named = {audience: {op.name for op in of(operations, audience)} for audience in Audience}
    assert (named[Audience.PUBLIC], named[Audience.PRELOGIN]) == (PUBLIC, PRELOGIN_ONLY)
    assert named[Audience.LEAVING] == LEAVING
    entrance = house.application.public._app
    assert set(entrance._table) == {"/.ostiary/sign-in", "/.ostiary/land", "/.ostiary/sign-out"}
    starlette = entrance._public
    every = (*operations, *house.application.membrane)
    assert {route.path for route in starlette.routes} - {op.path for op in every} == PAGES | {STATIC}


def test_names_and_addresses_are_told_apart(operations):
    for key in (lambda op: op.name, lambda op: (op.method, op.path), lambda op: op.summary):
        twice = [value for value, count in Counter(map(key, operations)).items() if count > 1]
        assert not twice
    shapes = Counter((op.method, re.sub(r"\{\w+\}", "{}", op.path)) for op in operations)
    assert max(shapes.values()) == 1


def test_each_row_is_whole(operations):
    for op in operations:
        assert re.fullmatch(r"[a-z]+(\.[a-z_]+){1,2}", op.name), op.name
        assert re.fullmatch(r"(/[a-z0-9_-]+|/\{id\})+", op.path), op.path
        assert re.fullmatch(r"[A-Z].*\.", op.summary), op.summary
        assert op.method in {"GET", "POST", "PATCH", "DELETE"}
        assert op.dialect is (Dialect.DEVICE if op.name.startswith("device.") else Dialect.MANAGEMENT)
        assert (op.status == 204) is (op.response is None), op.name
        assert op.status in {200, 201, 204}
        assert op.method in {"POST", "PATCH"} or op.request is None, op.name
        assert not (op.unsafe and op.status == 200 and op.response is None)


def test_each_row_refuses_with_codes_that_have_words(operations):
    for op in operations:
        codes = codes_of(op)
        assert set(codes) <= set(CATALOGUE)
        assert codes == sorted(set(codes))
        assert len(op.refusals) == len(set(op.refusals))
        assert {Code.REQUEST_MALFORMED, Code.REQUEST_TOO_LARGE, Code.REQUEST_TOO_SLOW, Code.STORE_UNAVAILABLE} <= set(
            codes
        )
        assert (Code.SESSION_MISSING in codes) is (op.audience is Audience.SESSION)
        assert (Code.ORIGIN_REFUSED in codes) is op.unsafe
        assert (Code.CSRF_REFUSED in codes) is (op.unsafe and op.audience in {Audience.SESSION, Audience.LEAVING})


def test_nothing_unknown_is_taken_and_no_secret_is_misspelt(operations):
    for op in operations:
        for struct in (op.request, op.query):
            assert struct is None or struct.__struct_config__.forbid_unknown_fields, op.name
        fields = {field.encode_name for field in msgspec.structs.fields(op.request)} if op.request else set()
        assert set(op.secrets) <= fields, op.name
        for field in fields & {"credential", "token", "code", "password"}:
            assert field in op.secrets or op.name.startswith("presence"), (
                f"{op.name}: {field} would stand in the digest"
            )


def test_every_number_that_is_taken_has_its_bounds(operations):
    """An integer of JSON has no end; a column has."""
    shapes = msgspec.json.schema_components([op.request for op in operations if op.request], ref_template="{name}")[1]
    for name, shape in shapes.items():
        for field, schema in shape.get("properties", {}).items():
            for one in schema.get("anyOf", [schema]):
                if one.get("type") in {"integer", "number"}:
                    assert {"minimum", "maximum"} <= set(one), f"{name}.{field}"


def test_structs_of_one_name_are_one_struct(operations):
    """Two of one name rename each other in the OpenAPI document (ruling 50)."""
    structs = {struct for op in operations for struct in (op.request, op.query, op.response) if struct}
    assert not [name for name, count in Counter(s.__name__ for s in structs).items() if count > 1]


def test_without_a_session_every_operation_of_a_session_is_401(house, operations):
    for op in of(operations, Audience.SESSION):
        assert refused(knock(house.visitor(), op), 401, "session_missing"), op.name


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: "x",
        lambda cookie: cookie[:-1],
        lambda cookie: cookie[:-1] + ("A" if cookie[-1] != "A" else "E"),
        lambda cookie: cookie + "A",
        lambda cookie: cookie.replace("v1.", "v2."),
        lambda cookie: cookie.replace("ses-", "pl-"),
        lambda cookie: cookie.replace("ses-", "dev-"),
        lambda cookie: cookie.replace(".sk-", ".sk-A", 1),
        lambda cookie: cookie.upper(),
        lambda cookie: f'"{cookie}"',
        lambda cookie: cookie + ".x",
        lambda cookie: cookie.replace(".", "%2E"),
        lambda _: "v1." * 20_000,
        lambda _: "\xff\xfe\x80",
        lambda cookie: f"{cookie}; {SESSION}={cookie}",
        lambda cookie: f"{cookie}; {SESSION}=x",
    ],
)  # fmt: skip
def test_with_a_broken_session_every_operation_of_a_session_is_401(house, operations, person, spoil):
    visitor = house.visitor()
    visitor.cookies = {SESSION: spoil(person.cookies[SESSION]), CSRF: person.cookies[CSRF]}
    for op in of(operations, Audience.SESSION):
        assert refused(knock(visitor, op), 401, "session_invalid"), op.name
    page = visitor.send("GET", "/account")
    assert (page.status, page.header("location")) == (303, "/sign-in?reason=invalid_token")
    assert visitor.send("GET", "/sign-in").status == 200
    assert visitor.check().status == 401


def test_no_cookie_of_before_the_login_opens_a_session(house, operations):
    visitor = house.visitor()
    visitor.begin()
    visitor.cookies[SESSION] = visitor.cookies[PRELOGIN]
    for op in of(operations, Audience.SESSION):
        assert refused(knock(visitor, op), 401, "session_invalid"), op.name


def test_without_its_token_no_unsafe_operation_of_a_session_is_let_in(house, operations, person):
    other = house.enrolled()
    unsafe = [op for op in of(operations, Audience.SESSION, Audience.LEAVING) if op.unsafe]
    assert len(unsafe) >= 8
    for op in unsafe:
        for token in (None, "", "x", other.cookies[CSRF]):
            assert refused(knock(person, op, x_csrf_token=token), 403, "csrf_refused"), op.name
    assert person.check().status == other.check().status == 200


def test_from_a_foreign_page_no_unsafe_operation_is_let_in(operations, person):
    unsafe = [op for op in operations if op.unsafe]
    assert {op.audience for op in unsafe} == set(Audience) - MEMBRANE_AUDIENCES
    for op in unsafe:
        assert refused(knock(person, op, origin=EVIL), 403, "origin_refused"), op.name
        assert refused(knock(person, op, origin="null"), 403, "origin_refused"), op.name
        assert refused(knock(person, op, sec_fetch_site="cross-site"), 403, "origin_refused"), op.name
        assert refused(knock(person, op, sec_fetch_site="same-site", origin=None), 403, "origin_refused"), op.name
    assert person.check().status == 200


def test_a_safe_operation_of_a_session_asks_for_the_session_only(operations, person):
    for op in of(operations, Audience.SESSION):
        if not op.unsafe:
            assert knock(person, op, origin=EVIL, x_csrf_token=None).status == op.status, op.name
            assert knock(person, op).header("cache-control") == "no-store"


def test_what_follows_a_begin_asks_for_the_browser_that_began(house, operations):
    for op in of(operations, Audience.PRELOGIN):
        visitor = house.visitor()
        assert refused(knock(visitor, op), 401, "login_attempt_invalid"), op.name
        for broken in ("", "x", "v1.pl-AAAAAAAAAAAAAAAAAAAAAA.sk-AAAAAAAAAAAAAAAAAAAAAA." + "A" * 43, "\xff"):
            visitor.cookies[PRELOGIN] = broken
            assert refused(knock(visitor, op), 401, "login_attempt_invalid"), op.name


def test_no_body_of_another_shape_comes_further_than_the_door(house, operations, person):
    wanting = [op for op in operations if op.request is not None]
    assert len(wanting) >= 8
    for op in wanting:
        visitor = person
        if op.audience in {Audience.PUBLIC, Audience.PRELOGIN}:
            visitor = house.visitor()
            visitor.begin()
        path = re.sub(r"\{\w+\}", "x", op.path)
        malformed = "invalid_request" if op.dialect is Dialect.DEVICE else "request_malformed"
        for raw in (
            b"",
            b"[]",
            b"null",
            b'"x"',
            b'{"unknown": 1}',
            b"{" * 5000,
            b"\xff",
            b'{"a": 1e999}',
            b'{"a": NaN}',
        ):
            answer = visitor.send(op.method, path, raw=raw, headers={"content-type": "application/json"})
            assert refused(answer, 400, malformed), (op.name, raw)
        answer = visitor.send(op.method, path, raw=b"{}", headers={"content-type": "text/plain"})
        assert refused(answer, 400, malformed), op.name
        big = visitor.send(op.method, path, raw=b" " * 70_000, headers={"content-type": "application/json"})
        assert refused(big, 413, "request_too_large"), op.name


def test_a_wrong_method_is_405_everywhere_and_says_which_are_right(operations, person):
    tables = {}
    for op in operations:
        tables.setdefault(op.path, set()).update({op.method} | ({"HEAD"} if op.method == "GET" else set()))
    for path, table in tables.items():
        bare = path.replace("{id}", "x")
        alike = [
            re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", other), bare) and methods for other, methods in tables.items()
        ]
        taken = set().union(*filter(None, alike))
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"} - taken:
            answer = person.send(method, bare)
            assert answer.status == 405, (method, path)
            assert set(answer.header("allow").split(", ")) == table
