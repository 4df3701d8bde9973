"""What stands before the public application: one Host, security headers on every answer, no fault that speaks."""

import structlog
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ostiary.kernel.ids import Secrets, b64url
from ostiary.web.decode import malformed
from ostiary.web.problems import internal_fault, problem

__all__ = ["POLICY", "REQUEST_ID", "Front"]

REQUEST_ID = "ostiary.request_id"
"""Where the id of a request stands in its ASGI scope."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

_FIXED = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "publickey-credentials-get=(self), publickey-credentials-create=(self), "
    "camera=(), geolocation=(), microphone=()",
}
_HSTS = {"strict-transport-security": "max-age=31536000"}
_OLD = {"1", "1.0"}  # HTTP/1.0, as granian and as ASGI name it
_LOG = structlog.get_logger("ostiary.front")


class Front:
    """ASGI wrapper. `secure` adds HSTS (RFC 6797, one year), for an origin that is https.

    A request with several Host headers, or with none in HTTP/1.1, is refused (RFC 9112 section 3.2). A fault that
    nobody caught is logged here and goes no further. Each request has an id under REQUEST_ID in its scope, by which
    a page that tells of a fault and the log meet.
    """

    def __init__(self, app: ASGIApp, secrets: Secrets, *, secure: bool) -> None:
        self._app, self._secrets = app, secrets
        self._headers = _FIXED | (_HSTS if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, request_id = False, b64url(self._secrets(12))
        scope[REQUEST_ID] = request_id

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        try:
            await (self._app if _one_host(scope) else problem(malformed("host"), request_id))(scope, receive, sending)
        except Exception:  # noqa: BLE001 - whatever broke, the caller learns nothing
            _LOG.exception("page_broke", path=scope["path"], request_id=request_id)
            if not started:
                await internal_fault(request_id)(scope, receive, sending)


def _one_host(scope: Scope) -> bool:
    """Tell whether a request names one host; granian gives an empty Host to a request that has none."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if scope["http_version"] in _OLD:
        return len(hosts) <= 1
    return len(hosts) == 1 and hosts != [b""]
