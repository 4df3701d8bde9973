"""The error envelope of the device dialect: `{"error":{"code","message"}}`. NOTE: wire format."""

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from ostiary.kernel.refusals import Code, Refusal
from ostiary.web.catalogue import FAULT, entry_of
from ostiary.web.entry import Entry
from ostiary.web.problems import INTERNAL_ERROR, dressed, json_answer

__all__ = ["DeviceProblem", "device_code", "device_fault", "device_misrouted", "device_problem", "speaks_device"]

_WORDS = {
    Code.REQUEST_MALFORMED: "invalid_request",
    Code.STORE_UNAVAILABLE: "service_unavailable",
}
"""The codes that the contract calls otherwise."""


_WHY = {
    "bad_address": "That is no e-mail address that a letter could reach.",
    "bad_content_length": "Content-Length is no number.",
    "bad_fields": "A field is missing, empty, unknown or of another type.",
    "bad_json": "The body is not one JSON value in UTF-8, or holds a name twice or a NUL.",
    "bad_time_zone": "There is no such time zone.",
    "not_json": "Send Content-Type: application/json.",
    "one_subject": "Name one of user_id and email, and not both.",
}
"""What a request that cannot be read lacks, by the word in its receipt; none says anything of what is stored."""

_NOT_FOUND = 404
_ABOVE = ("/api/v1/public/", "/api/v1/internal/", "/check/device/")


class DeviceError(msgspec.Struct, frozen=True):
    """A stable code, and a sentence for people."""

    code: str
    message: str


class DeviceProblem(msgspec.Struct, frozen=True):
    """The error body of the device dialect."""

    error: DeviceError


def device_code(code: Code) -> str:
    """Return what the device dialect calls a refusal."""
    return _WORDS.get(code, code.value)


def speaks_device(path: str) -> bool:
    """Tell whether what is wrong at a path is said in this dialect, whatever is there."""
    return f"{path}/".startswith(_ABOVE)


def device_misrouted(status: int, headers: Mapping[str, str]) -> Response:
    """Answer for a path that is not there, or a method that it does not take (404 and 405, with its Allow)."""
    made = device_problem(Refusal(Code.ROUTE_UNKNOWN if status == _NOT_FOUND else Code.METHOD_NOT_ALLOWED))
    made.headers.update(headers)
    return made


def device_problem(refusal: Refusal) -> Response:
    """Answer a refusal: status, envelope, and the headers that its status demands."""
    entry = entry_of(refusal)
    said = _why(refusal) or f"{entry.message} {_remedy(refusal.code, entry)}"
    return dressed(refusal, _body(device_code(refusal.code), said))


def _why(refusal: Refusal) -> str:
    """Return what a request that cannot be read lacks, and which field is meant; "" for every other refusal."""
    word, *field = refusal.reasons or ("",)
    if refusal.code is not Code.REQUEST_MALFORMED or word not in _WHY:
        return ""
    return f"{_WHY[word].removesuffix('.')}: {field[0]}." if field else _WHY[word]


def _remedy(code: Code, entry: Entry) -> str:
    """Return what to do next; the contract's page describes what no OpenAPI document of ours does."""
    here = {Code.REQUEST_MALFORMED, Code.METHOD_NOT_ALLOWED, Code.ROUTE_UNKNOWN}
    return "See docs/contracts/device-sessions.md." if code in here else entry.remedy


def device_fault() -> Response:
    """Answer for a broken contract of ours. It says nothing of what broke."""
    return json_answer(FAULT.status, _body(INTERNAL_ERROR, f"{FAULT.message} {FAULT.remedy}"))


def _body(code: str, message: str) -> bytes:
    return msgspec.json.encode(DeviceProblem(DeviceError(code, message)))
