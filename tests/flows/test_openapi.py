"""The OpenAPI document of a running server, and the server against it: schemathesis, with and without a session.

Its coverage phase runs to its end for a person; fuzzing and the stateful phase are bounded in time. For longer:
`OSTIARY_TEST_SCHEMATHESIS_S=60 pytest tests/flows/test_openapi.py`.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from ostiary.membrane.table import ROWS
from ostiary.web.catalogue import CATALOGUE, codes_of
from ostiary.web.device import device_code
from ostiary.web.operation import Audience, Dialect
from tests.flows.browser import CSRF, SESSION, Browser
from tests.login.gatehouse import opened

ST = str(Path(sys.executable).with_name("st"))
SECONDS = int(os.environ.get("OSTIARY_TEST_SCHEMATHESIS_S", "5"))
STRANGERS_ONLY = {
    "POST /login/email_code/finish",
    "POST /login/passkey/finish",
    "POST /enrolment/finish",
    "POST /enrolment/begin",
    "POST /api/v1/auth/passkeys/finish",
    "POST /api/v1/auth/presence/email_code/finish",
    "POST /api/v1/auth/presence/passkey/finish",
    "POST /api/v1/auth/token/refresh",
    "POST /api/v1/auth/token/issue",
    *(f"POST {row.operation.path}" for row in ROWS if row.operation.audience is not Audience.CLIENT),
}
"""What a browser's session alone does not open: the browser, the link, the proof of presence or the token is made up."""
UNSAYABLE = ("session.issue", "login.email_code.begin", "device.code.send", "device.code.confirm")
"""A label must be printable, an address one that mail can reach, a key one that verifies: no schema can say that."""

ALL = 26 + len(ROWS)
"""The operations of the pages and of devices, and those of the membrane."""
SHAPES = {"/v1/": 'schemas/RefusedEnvelope"', "/api/v1/public/": 'schemas/DeviceProblem"'}
STATUS = {name: entry.status for code, entry in CATALOGUE.items() for name in (code.value, device_code(code))}
REFUSED = [400, 401, 403, 404, 405, 408, 409, 410, 413, 429]


@pytest.fixture(scope="module")
def document(shared_server):
    answer = Browser(shared_server).send("GET", "/openapi.json")
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    return answer.json


@pytest.fixture(scope="module")
def person(shared_server):
    """Somebody who is signed in, with a passkey."""
    made = Browser(shared_server)
    assert made.enrol(shared_server.token).status == 200
    return made


def items(document):
    return [(path, method, item) for path, table in document["paths"].items() for method, item in table.items()]


def test_the_document_is_openapi_3_1_and_its_schemas_are_json_schemas(document):
    assert document["openapi"] == "3.1.0"
    assert [str(fault) for fault in OPENAPI_31_VALIDATOR.iter_errors(document)] == []
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate(schema)
        jsonschema_rs.Draft202012Validator({**whole, "$ref": f"#/components/schemas/{name}"})


def test_every_reference_leads_somewhere_and_every_schema_is_used(document):
    text = json.dumps(document)
    named = {part.partition('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert named == set(document["components"]["schemas"])


def test_the_document_says_of_every_operation_what_the_table_says(document, tmp_path):
    with opened(tmp_path) as house:
        operations = (*house.application.operations, *house.application.membrane)
    assert {(path, method.upper()) for path, method, _ in items(document)} == {
        (op.path, op.method) for op in operations
    }
    for op in operations:
        item = document["paths"][op.path][op.method.lower()]
        assert (item["operationId"], item["summary"]) == (op.name, op.summary)
        assert set(item["responses"]) == {str(op.status)} | {str(CATALOGUE[code].status) for code in codes_of(op)}
        for code in codes_of(op):
            said = device_code(code) if op.dialect is Dialect.DEVICE else code.value
            assert f"`{said}`" in item["responses"][str(CATALOGUE[code].status)]["description"]
        assert ("requestBody" in item) is (op.request is not None)
        assert ("content" in item["responses"][str(op.status)]) is (op.response is not None)


def test_only_what_is_refused_or_broken_has_the_problem_for_its_body(document):
    problem = document["components"]["schemas"]["Problem"]
    assert set(problem["required"]) == {"error", "message", "code", "request_id"}
    for path, method, item in items(document):
        shape = next((name for start, name in SHAPES.items() if path.startswith(start)), 'schemas/Problem"')
        for status, response in item["responses"].items():
            body = json.dumps(response.get("content", ""))
            assert (shape in body) is (int(status) >= 400), (path, method, status)
            assert sum(one in body for one in (*SHAPES.values(), 'schemas/Problem"')) <= 1
        assert set(item["responses"]["503"]["headers"]) == {"Retry-After"}
        assert "500" not in item["responses"], "a 500 is never meant"


def test_every_refusal_of_an_operation_is_typed_by_the_codes_of_its_status(document, shared_server):
    for path, method, item in items(document):
        for status, response in item["responses"].items():
            if int(status) >= 400:
                _, narrowed = response["content"]["application/json"]["schema"]["allOf"]
                members = narrowed["properties"]
                among = typed(members)
                assert among["enum"] == re.findall(r"`(\w+)`:", response["description"]), (path, method, status)
                assert {STATUS[code] for code in among["enum"]} == {int(status)}
    answer = Browser(shared_server).send("POST", "/v1/auth/sessions/inspect", {})
    schema = document["paths"]["/v1/auth/sessions/inspect"]["post"]["responses"]["401"]["content"]["application/json"]
    validator = jsonschema_rs.Draft202012Validator({**document, **schema["schema"]})
    told = answer.json
    assert (answer.status, validator.is_valid(told)) == (401, True)
    told["body"]["stable_code"] = "no_such_code"
    assert not validator.is_valid(told)


def typed(members):
    """Where a body of a refusal has its code, in each of the three dialects."""
    if "body" in members:
        return members["body"]["properties"]["stable_code"]
    return members["error"]["properties"]["code"] if "error" in members else members["code"]


def schemathesis(server, tmp_path, phases, *words, cookie=None, token=None, seconds=SECONDS):
    """Run these phases against the server; return what was said, which must be a success."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(f"""
color = false
seed = 1
max-time = {seconds}
headers = {{ Origin = "{server.origin}" }}
[generation]
max-examples = 10
database = "none"
allow-x00 = false  # the document says in words that no text holds NUL; a schema cannot say it of members that are not read
[checks.negative_data_rejection]
expected-statuses = {REFUSED}
[output.sanitization]
enabled = false
[output.truncation]
enabled = false
""")
    with config.open("a") as more:
        for name in UNSAYABLE:
            more.write(f"[[operations]]\ninclude-operation-id = {name!r}\n")
            more.write(f"checks.positive_data_acceptance.expected-statuses = {[200, *REFUSED]}\n")
        more.write('[[operations]]\ninclude-path-regex = "^/v1/"\n')  # what its gates ask, no schema can say
        more.write(f"checks.positive_data_acceptance.expected-statuses = {[200, *REFUSED]}\n")
        if cookie:
            more.write(f'[auth.openapi]\nsession.api_key = "{cookie}"\ncsrf.api_key = "{token}"\n')
    done = subprocess.run(
        [ST, "--config-file", str(config), "run", f"{server.public}/openapi.json", "--phases", phases, *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("OSTIARY_")},
        timeout=seconds + 60,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{server.stderr()}"
    assert "internal_fault" not in server.stderr()
    return done.stdout


def test_strangers_get_documented_answers_only(shared_server, tmp_path):
    said = schemathesis(shared_server, tmp_path, "coverage,fuzzing")
    assert f"{ALL} selected / {ALL} total" in said


@pytest.mark.parametrize(("phases", "seconds"), [("coverage", 60), ("fuzzing,stateful", SECONDS)])
def test_a_person_gets_documented_answers_only(shared_server, person, tmp_path, phases, seconds):
    """What would end the person's own session has its own test below."""
    words = ["--exclude-operation-id", "session.logout", "--exclude-operation-id", "session.end"]
    bearer = {"cookie": person.cookies[SESSION], "token": person.cookies[CSRF]}
    said = schemathesis(shared_server, tmp_path, phases, *words, **bearer, seconds=seconds)
    assert f"{ALL - 2} selected / {ALL} total" in said
    assert person.check().status == 200
    if phases == "coverage":
        assert "Time limit reached" not in said
        refused = said.partition("Authentication failed")[2].partition("SUMMARY")[0]
        assert set(re.findall(r"- (\S+ /\S+)", refused.partition("Missing")[0])) <= STRANGERS_ONLY


@pytest.mark.parametrize("name", ["session.end", "session.logout"])
def test_what_ends_sessions_gives_documented_answers_only(shared_server, person, tmp_path, name):
    """On a session of its own; once that has ended, its cookie is a dead one."""
    other = Browser(shared_server, person.passkey)
    assert other.sign_in().status == 200
    words = ["--include-operation-id", name]
    bearer = {"cookie": other.cookies[SESSION], "token": other.cookies[CSRF]}
    said = schemathesis(shared_server, tmp_path, "coverage", *words, **bearer)
    assert f"1 selected / {ALL} total" in said
