"""Which headers of a request speak of a session, and which of them an application may see."""

from collections.abc import Iterable

from ostiary_client.caller import without_ours

__all__ = ["ORDINARY", "Header", "sort_out"]

Header = tuple[bytes, bytes]
ORDINARY = frozenset(
    b"accept accept-charset accept-encoding accept-language access-control-request-headers "
    b"access-control-request-method cache-control connection content-encoding content-length content-type dnt expect "
    b"forwarded host if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive origin pragma "
    b"priority range referer sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode "
    b"sec-fetch-site sec-fetch-user sec-gpc te traceparent tracestate transfer-encoding upgrade "
    b"upgrade-insecure-requests user-agent via x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto "
    b"x-real-ip x-request-id x-requested-with".split()
)
"""Names of headers that say nothing of a session: one look instead of three. What is not among them costs the look."""

_PRESENCE = b"ostiary-presence"
"""The one header of ours that is the client's to send: a proof for `require_presence` behind the middleware."""


def sort_out(headers: Iterable[Header]) -> tuple[bytes, bytes, list[Header]]:
    """Return the Cookie and the Authorization of a request, and the headers that its application may see."""
    given = list(headers)
    cookie = b"; ".join(value for name, value in given if name == b"cookie")
    authorization = b", ".join(value for name, value in given if name == b"authorization")
    kept = [header for header in given if header[0] != b"cookie" and header[0][:7] != b"ostiary"]
    kept += [header for header in given if header[0] == _PRESENCE]
    if rest := without_ours(cookie):
        kept.append((b"cookie", rest))
    return cookie, authorization, kept
