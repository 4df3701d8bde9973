"""The OpenAPI 3.1 document and its readable rows, both made from the table of operations."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ostiary.kernel.refusals import Code
from ostiary.web.catalogue import CATALOGUE, codes_of
from ostiary.web.cookies import PRELOGIN, SESSION
from ostiary.web.device import DeviceProblem, device_code
from ostiary.web.envelope import Envelope, Refused
from ostiary.web.operation import Audience, Dialect, Operation
from ostiary.web.problems import Problem
from ostiary.web.schemas import Schema, schemas_of, shape_of

__all__ = ["document", "rows"]

_WORDS = {
    Audience.PUBLIC: "everyone",
    Audience.PRELOGIN: "browsers that have begun to sign in",
    Audience.SESSION: "people who are signed in",
    Audience.LEAVING: "people who are signed in",
    Audience.CLIENT: "a tenant's client, or the browser of an attempt",
    Audience.TOKEN: "the bearer of a session's token",
    Audience.REGISTRANT: "the bearer of a session's token, or whoever has a one-time link",
    Audience.OPERATOR: "a tenant's operator",
    Audience.FIXTURE: "the bearer of a seeded fixture tenant's word",
}
_PARAMETER = re.compile(r"\{(\w+)\}")


def document(operations: Sequence[Operation], version: str, origin: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document (OpenAPI Specification 3.1.0) of these operations."""
    answered = [op.response for op in operations if op.response is not None]
    problems = [_PROBLEMS[dialect] for dialect in Dialect if dialect in {op.dialect for op in operations}]
    found, components = schemas_of([op.request for op in operations if op.request is not None], [*answered, *problems])
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        item = _item(operation, found)
        paths.setdefault(operation.path, {})[operation.method.lower()] = item
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ostiary", "version": version, "description": _ABOUT, "license": _LICENCE},
        "servers": [{"url": origin}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": _SCHEMES},
    }


_ABOUT = (
    "A session authority. Bodies are JSON in UTF-8 of at most 64 KiB and 32 levels; no name stands twice in an object, "
    "no text holds NUL or a lone surrogate, numbers are finite. An unsafe request that names an Origin names ours."
)
_LICENCE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
_SCHEMES = {
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION},
    "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
    "browser": {"type": "apiKey", "in": "cookie", "name": PRELOGIN},
    "bearer": {"type": "http", "scheme": "bearer"},
}
_PROBLEMS: dict[Dialect, Any] = {
    Dialect.MANAGEMENT: Problem,
    Dialect.MEMBRANE: Envelope[Refused],
    Dialect.DEVICE: DeviceProblem,
}
_BEARER: dict[str, list[str]] = {"bearer": []}
_SEEN: dict[Audience, list[dict[str, list[str]]]] = {
    Audience.PUBLIC: [{}],
    Audience.PRELOGIN: [{"browser": []}],
    Audience.SESSION: [{"session": []}],
    Audience.LEAVING: [{}],
    Audience.CLIENT: [_BEARER, {"browser": []}, {}],
    Audience.TOKEN: [_BEARER],
    Audience.REGISTRANT: [_BEARER, {"browser": []}],
    Audience.OPERATOR: [_BEARER],
    Audience.FIXTURE: [_BEARER, {}],
}
_CHANGED = _SEEN | {
    Audience.SESSION: [{"session": [], "csrf": []}],
    Audience.LEAVING: [{}, {"session": [], "csrf": []}],
}
_HEADERS = {
    "401": {"WWW-Authenticate": {"description": "What is wanted, and why a session is not alive.", "required": True}},
    "429": {"Retry-After": {"description": "Whole seconds.", "required": True}},
    "503": {"Retry-After": {"description": "Whole seconds.", "required": True}},
}
_TEXT = {"type": "string", "minLength": 1}


def rows(operations: Iterable[Operation]) -> list[dict[str, Any]]:
    """Return what the readable page shows of each operation."""
    return [
        {
            "id": operation.name,
            "method": operation.method,
            "path": operation.path,
            "summary": operation.summary,
            "audience": _WORDS[operation.audience],
            "request": _fields(operation.request),
            "response": _fields(operation.response),
            "refusals": [_said(operation, code) for code in codes_of(operation)],
        }
        for operation in operations
    ]


def _item(operation: Operation, schemas: dict[Any, Schema]) -> dict[str, Any]:
    item: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": (_CHANGED if operation.unsafe else _SEEN)[operation.audience],
        "parameters": _parameters(operation),
        "responses": _responses(operation, schemas),
    }
    if operation.request is not None:
        item["requestBody"] = {"required": not _may_be_empty(operation), "content": _json(schemas[operation.request])}
    return item


def _may_be_empty(operation: Operation) -> bool:
    """Tell whether nothing at all may be sent: at the membrane, where no field is required."""
    if operation.dialect is not Dialect.MEMBRANE:
        return False
    return all(one.required is False for one in msgspec.structs.fields(operation.request))


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    text = _TEXT | {"maxLength": 128}
    made = [
        {"name": name, "in": "path", "required": True, "schema": text} for name in _PARAMETER.findall(operation.path)
    ]
    made += [{"name": name, "in": "header", "required": False, "schema": text} for name in operation.headers]
    if operation.query is not None:
        shape = shape_of(operation.query)
        made += [
            {"name": name, "in": "query", "required": name in shape.get("required", ()), "schema": inner}
            for name, inner in shape["properties"].items()
        ]
    return made


def _responses(operation: Operation, schemas: dict[Any, Schema]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done."}
    if operation.response is not None:
        success["content"] = _json(schemas[operation.response])
    answers = {str(operation.status): success}
    by_status: dict[int, list[Code]] = {}
    for code in codes_of(operation):
        by_status.setdefault(CATALOGUE[code].status, []).append(code)
    for status, codes in sorted(by_status.items()):
        words = "; ".join(f"`{_said(operation, code)}`: {CATALOGUE[code].message}" for code in codes)
        headers = {name: shape | {"schema": _TEXT} for name, shape in _HEADERS.get(str(status), {}).items()}
        body = _narrowed(operation.dialect, schemas[_PROBLEMS[operation.dialect]], codes)
        answers[str(status)] = {"description": words, "headers": headers, "content": _json(body)}
    return answers


def _said(operation: Operation, code: Code) -> str:
    return device_code(code) if operation.dialect is Dialect.DEVICE else code.value


def _narrowed(dialect: Dialect, problem: Schema, codes: list[Code]) -> Schema:
    """Return the schema of a refusal that has one of these codes."""
    among = {"type": "string", "enum": [code.value for code in codes]}
    match dialect:
        case Dialect.MANAGEMENT:
            return {"allOf": [problem, _having(code=among)]}
        case Dialect.MEMBRANE:
            return {"allOf": [problem, _having(body=_having(failed_gate=among, stable_code=among))]}
        case Dialect.DEVICE:
            told = {"type": "string", "enum": [device_code(code) for code in codes]}
            return {"allOf": [problem, _having(error=_having(code=told))]}


def _having(**members: Schema) -> Schema:
    return {"type": "object", "required": list(members), "properties": members}


def _json(schema: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON Schema is any value
    return {"application/json": {"schema": schema}}


def _fields(struct: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - a msgspec struct type or None
    if struct is None:
        return []
    shape = shape_of(struct)
    required = shape.get("required", ())
    return [
        {"name": name, "type": _type(inner), "required": name in required, "text": inner.get("description", "")}
        for name, inner in shape["properties"].items()
    ]


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"])
    if "anyOf" in schema:
        return " or ".join(_type(inner) for inner in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if isinstance(schema.get("items"), dict) else "list"
    return str(schema.get("type") or " or ".join(map(str, schema.get("enum", ["any"]))))
