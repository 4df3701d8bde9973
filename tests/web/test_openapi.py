"""What generated clients need of the document: names that are read, members that are told apart, closed requests."""

import json
import re

import msgspec
import pytest

from ostiary.membrane.table import ROWS
from ostiary.web.envelope import Envelope
from ostiary.web.openapi import document, rows
from ostiary.web.schemas import schemas_of, shape_of
from tests.login.gatehouse import opened


class Inner(msgspec.Struct):
    text: str
    more: str | None = None


class Asking(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    mode: str = "required"
    many: list[str] = []
    count: int | None = None
    told: bool = False


@pytest.fixture(scope="module")
def operations(tmp_path_factory):
    with opened(tmp_path_factory.mktemp("house")) as house:
        return (*house.application.operations, *(row.operation for row in ROWS))


@pytest.fixture(scope="module")
def made(operations):
    return document(operations, "0", "http://localhost:8080")


def component(schema):
    return schema["$ref"].rpartition("/")[2]


def test_a_generic_struct_is_called_as_a_person_would_call_it():
    found, components = schemas_of([], [Envelope[Inner]])
    assert found[Envelope[Inner]] == {"$ref": "#/components/schemas/InnerEnvelope"}
    assert components["InnerEnvelope"]["title"] == "InnerEnvelope"
    assert components["InnerEnvelope"]["properties"]["body"] == {"$ref": "#/components/schemas/Inner"}
    assert shape_of(Envelope[Inner])["properties"]["body"] == {"$ref": "Inner"}


def test_of_an_answer_every_member_is_there():
    _, components = schemas_of([], [Inner])
    assert components["Inner"]["required"] == ["text", "more"]
    assert json.loads(msgspec.json.encode(Inner("x"))).keys() == components["Inner"]["properties"].keys()


def test_of_a_request_what_may_be_left_out_is_not_promised_and_what_it_then_is_is_said():
    shape = schemas_of([Asking], [])[1]["Asking"]
    assert (shape["required"], shape["additionalProperties"]) == (["name"], False)
    assert not [member for member in shape["properties"].values() if "default" in member]
    said = {name: member.get("description", "") for name, member in shape["properties"].items()}
    assert said == {
        "name": "",
        "mode": 'Left out, it is `"required"`.',
        "many": "",
        "count": "",
        "told": "Left out, it is `false`.",
    }


def test_no_component_has_a_name_or_a_title_that_only_a_machine_would_give(made):
    for name, shape in made["components"]["schemas"].items():
        assert re.fullmatch(r"[A-Z][A-Za-z]+", name)
        assert shape["title"] == name
        assert not shape["description"].startswith(f"{name}("), "a docstring that nobody wrote"


def test_every_request_is_closed_and_no_answer_is(made, operations):
    requests = set()
    for operation in operations:
        item = made["paths"][operation.path][operation.method.lower()]
        if operation.request is not None:
            requests.add(component(item["requestBody"]["content"]["application/json"]["schema"]))
    for name, shape in made["components"]["schemas"].items():
        if "properties" in shape and (name in requests or name.endswith("Envelope")):
            assert (shape.get("additionalProperties") is False) is (name in requests), name


def test_only_what_the_membrane_takes_without_a_body_has_an_optional_one(made):
    for row in ROWS:
        item = made["paths"][row.operation.path]["post"]
        assert item["requestBody"]["required"] is not row.empty, row.operation.name


def test_the_readable_rows_name_what_the_document_names(operations):
    shown = {row["id"]: row for row in rows(operations)}
    types = {field["name"]: field["type"] for field in shown["auth.loginStart"]["response"]}
    assert types["body"] == "Started"
