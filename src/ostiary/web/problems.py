"""Refusals and errors as answers: the one place where a code gets its envelope, and internal text stays inside."""

import msgspec
import structlog
from starlette.responses import Response

from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.web.catalogue import CATALOGUE, FAULT, cause, entry_of

__all__ = [
    "INTERNAL_ERROR",
    "Problem",
    "challenge",
    "dressed",
    "internal_fault",
    "json_answer",
    "problem",
    "unable",
    "unavailable",
]

INTERNAL_ERROR = "internal_error"
_STATUS_TEXT = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_LOG = structlog.get_logger("ostiary.problems")
_LATER = {429, 503}
_REALM = 'Bearer realm="ostiary"'


class Problem(msgspec.Struct, frozen=True):
    """The error body of the management dialect."""

    error: str
    message: str
    code: str
    request_id: str


def challenge(refusal: Refusal) -> str:
    """Return the WWW-Authenticate value of a 401 (RFC 6750 section 3, RFC 9470 section 3)."""
    if refusal.code is Code.SESSION_MISSING:
        return _REALM
    if refusal.code is Code.PRESENCE_REQUIRED:
        return f'{_REALM}, error="insufficient_user_authentication", error_description="presence required"'
    return f'{_REALM}, error="invalid_token", error_description="{cause(refusal)}"'


def problem(refusal: Refusal, request_id: str) -> Response:
    """Answer a refusal: status, envelope, and the headers that its status demands."""
    entry = entry_of(refusal)
    body = _body(entry.status, f"{entry.message} {entry.remedy}", refusal.code.value, request_id)
    return dressed(refusal, body)


def dressed(refusal: Refusal, body: bytes) -> Response:
    """Answer a refusal with this body of JSON: its status, and the headers that its status demands."""
    status = CATALOGUE[refusal.code].status
    made = json_answer(status, body)
    if status == 401:  # noqa: PLR2004 - the status Unauthorized
        made.headers["www-authenticate"] = challenge(refusal)
    if status in _LATER or refusal.retry_after:
        made.headers["retry-after"] = str(refusal.retry_after or 1)
    return made


def unable(fault: StoreUnavailable, **place: str) -> Refusal:
    """Log what cannot answer, and at what `place`; return the refusal, whose reason is a service elsewhere."""
    if not fault.service:
        _LOG.warning("store_unavailable", **place)
        return Refusal(Code.STORE_UNAVAILABLE, retry_after=fault.retry_after)
    _LOG.warning("service_unavailable", why=fault.service, **place)
    return Refusal(Code.STORE_UNAVAILABLE, reasons=(fault.service,), retry_after=fault.retry_after)


def unavailable(request_id: str, retry_after: int = 1) -> Response:
    """Answer for a store that cannot: 503 with Retry-After, never a 401."""
    return problem(Refusal(Code.STORE_UNAVAILABLE, retry_after=retry_after), request_id)


def internal_fault(request_id: str) -> Response:
    """Answer for a broken contract of ours. It says nothing of what broke."""
    body = _body(FAULT.status, f"{FAULT.message} {FAULT.remedy}", INTERNAL_ERROR, request_id)
    return json_answer(FAULT.status, body)


def _body(status: int, message: str, code: str, request_id: str) -> bytes:
    return msgspec.json.encode(Problem(_STATUS_TEXT[status], message, code, request_id))


def json_answer(status: int, body: bytes) -> Response:
    """Answer with a body of JSON that nobody may keep."""
    return Response(body, status, {"cache-control": "no-store"}, media_type="application/json")
