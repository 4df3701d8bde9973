"""The error envelope of the device dialect: `{"error":{"code","message"}}`. NOTE: wire format."""

import msgspec
from starlette.responses import Response

from ostiary.kernel.refusals import Code, Refusal
from ostiary.web.catalogue import FAULT, entry_of
from ostiary.web.problems import INTERNAL_ERROR, dressed, json_answer

__all__ = ["DeviceProblem", "device_code", "device_fault", "device_problem"]

_WORDS = {
    Code.REQUEST_MALFORMED: "invalid_request",
    Code.STORE_UNAVAILABLE: "service_unavailable",
}
"""The codes that the contract calls otherwise."""


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


def device_problem(refusal: Refusal) -> Response:
    """Answer a refusal: status, envelope, and the headers that its status demands."""
    entry = entry_of(refusal)
    return dressed(refusal, _body(device_code(refusal.code), f"{entry.message} {entry.remedy}"))


def device_fault() -> Response:
    """Answer for a broken contract of ours. It says nothing of what broke."""
    return json_answer(FAULT.status, _body(INTERNAL_ERROR, f"{FAULT.message} {FAULT.remedy}"))


def _body(code: str, message: str) -> bytes:
    return msgspec.json.encode(DeviceProblem(DeviceError(code, message)))
