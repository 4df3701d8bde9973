"""Operations as data: the router, OpenAPI, the refusal catalogue and the contract tests come from this table."""

from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Scope

__all__ = [
    "MEMBRANE_AUDIENCES",
    "Audience",
    "Dialect",
    "Exchange",
    "Handler",
    "Operation",
    "Record",
    "Reply",
]


class Audience(StrEnum):
    """Who may knock: anybody; a browser with a pre-login cookie; a living browser session; one that may be gone.

    At the membrane: a tenant's client or the browser of an attempt; a bearer of a session token; whoever may register
    a passkey for somebody; a tenant's operator; the bearer of a fixture tenant's own word.
    """

    PUBLIC = "public"
    PRELOGIN = "prelogin"
    SESSION = "session"
    LEAVING = "leaving"
    CLIENT = "client"
    TOKEN = "token"
    REGISTRANT = "registrant"
    OPERATOR = "operator"
    FIXTURE = "fixture"


MEMBRANE_AUDIENCES = frozenset(
    {Audience.CLIENT, Audience.TOKEN, Audience.REGISTRANT, Audience.OPERATOR, Audience.FIXTURE}
)


class Dialect(StrEnum):
    """The shape of an error body (ruling 56).

    `management` is `{"error","message","code","request_id"}`, `membrane` the envelope of `web.envelope`, `device`
    `{"error":{"code","message"}}`.
    """

    MANAGEMENT = "management"
    MEMBRANE = "membrane"
    DEVICE = "device"


class Record(StrEnum):
    """Which crossings leave a receipt at the door, besides those that the use case itself records."""

    REFUSALS = "refusals"
    NEVER = "never"


class Exchange(msgspec.Struct, frozen=True):
    """One decoded request. `browser` is the pre-login cookie's id, or ""; `agent` the raw user agent, never kept."""

    scope: Scope
    caller: Caller
    body: Any
    query: Any
    path: Mapping[str, str]
    headers: Mapping[str, str]
    browser: str
    agent: str
    session: Any = None


class Reply(msgspec.Struct, frozen=True):
    """What a handler answers: a struct (or nothing), Set-Cookie values, a status where it is not the declared one."""

    body: Any = None
    cookies: tuple[str, ...] = ()


Handler = Callable[[Exchange], Awaitable[Reply | Refusal]]


class Operation(msgspec.Struct, frozen=True):
    """One thing that can be asked over HTTP.

    `request` and `query` are the structs to decode, `response` the struct of a success with `status`.
    `refusals` lists the codes of the use case; those of the door are added by `web.catalogue`. `secrets`
    are body fields that the request digest leaves out. An unsafe method of audience `session` needs the
    CSRF token. `event` names the act in the receipts of refusals at the door.
    """

    name: str
    method: str
    path: str
    summary: str
    audience: Audience
    event: EventName
    handler: Handler
    request: Any = None
    query: Any = None
    response: Any = None
    status: int = 200
    refusals: tuple[Code, ...] = ()
    secrets: tuple[str, ...] = ()
    record: Record = Record.REFUSALS
    dialect: Dialect = Dialect.MANAGEMENT
    headers: tuple[str, ...] = ()

    @property
    def unsafe(self) -> bool:
        """Whether the method may change something (RFC 9110 section 9.2.1)."""
        return self.method not in {"GET", "HEAD", "OPTIONS"}
