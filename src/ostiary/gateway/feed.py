"""The feed: lets a service keep answers of the check in its own memory without ever using one that has been ended.

`POST /feed` is asked again and again by the service's middleware. It is answered at once when something was ended,
else after HOLD, and gives leave to trust memory for LEASE from the moment at which the question was *sent*. The
next question confirms what the last answer said. Whoever ends a session waits until every such leave has confirmed
it or has run out (storage/pledges.py), so the law of the check holds for these memories too (ruling 17).

On PostgreSQL a node confirms for those who follow it: it waits for them before it confirms anything itself, and no
leave outlasts its own lease (decision 0013). Another node may still answer from its memory what this one has told its
services to forget, so what they will remember is asked at `/feed/check`, which asks the truth.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Annotated, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ostiary.gateway.check import CHECK, Check
from ostiary.gateway.guarded import guarded
from ostiary.gateway.teller import Teller, wanted
from ostiary.kernel.clock import SECOND, Clock, Ticks
from ostiary.kernel.ids import Secrets, new_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.storage.outbox import Change
from ostiary.web.decode import decode_body, parse_json
from ostiary.web.door import read_body
from ostiary.web.problems import problem

__all__ = ["TRUTH", "Asked", "Feed", "Followed", "Pledged", "TruthfulCheck"]

LEASE = 0.3
HOLD = 0.1
_NAP = 0.002
_MOST = 1000
_LARGEST = 4096

TRUTH = f"/feed{CHECK}"
"""Where answers are never from a node's memory (PostgreSQL)."""
_PATIENCE_S = 10.0


class Followed(Protocol):
    """The cache that follows the store (sessions.cache, sessions.leased)."""

    counted: int
    position: int

    @property
    def look(self) -> Callable[[], float]:
        """What makes sure that no end is overlooked."""

    def since(self, position: int) -> list[Change] | None:
        """Return what was announced after that position; None where not all of it is known."""


class Pledged(Protocol):
    """Where leave is put on record before it is given (storage.pledges, sessions.leased)."""

    def pledge(self, until: float, confirmed: int) -> None:
        """Put it on record. Raises StoreUnavailable."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question. `feed` and `count` are those of the last answer; without them the memory is empty."""

    service: Annotated[str, msgspec.Meta(max_length=64)] = "default"
    feed: Annotated[str, msgspec.Meta(max_length=64)] = ""
    count: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)] = 0


class Told(msgspec.Struct, frozen=True):
    """One answer. `ended` are caller references to forget, `all` means every one; `lease` and `again` are seconds.

    `again` is how long an answer of the check may be repeated before it is asked anew, so that the idle time
    slides; `now` is the server's time in seconds since 1970; `check` is where to ask for answers that may be repeated.
    """

    feed: str
    count: int
    ended: list[str]
    all: bool
    lease: float
    again: float
    now: float
    check: str = CHECK


class _Holder:
    """One memory out there. `sent` is the count of its last answer, `confirmed` that of the last it has taken in."""

    __slots__ = ("confirmed", "position", "sent", "service", "until")

    def __init__(self, service: int, position: int, count: int) -> None:
        self.service, self.position, self.until = service, position, 0.0
        self.sent = self.confirmed = count


class Feed:
    """`references` gives the caller reference of (service scope, session id), `idle` is in microseconds.

    `trusted` tells until which ticks this node's own memory may be trusted, where that ends (PostgreSQL).
    """

    def __init__(
        self,
        teller: Teller,
        followed: Followed,
        pledged: Pledged,
        references: Callable[[int, str], str],
        clocks: tuple[Clock, Ticks],
        secrets: Secrets,
        idle: int,
        *,
        trusted: Callable[[], float] | None = None,
    ) -> None:
        self._teller = teller
        self._followed, self._pledged, self._references = followed, pledged, references
        self._clock, self._ticks = clocks
        self._secrets, self._again = secrets, idle / SECOND / 100
        self._trusted = trusted or (lambda: math.inf)
        self._check = TRUTH if trusted else CHECK
        self._holders: dict[str, _Holder] = {}

    def routes(self) -> tuple[Route, ...]:
        """Return the route of the internal listener."""
        return (guarded("/feed", self.answer, ("POST",)),)

    async def answer(self, request: Request) -> Response:
        """Answer `POST /feed`. Raises StoreUnavailable."""
        asked = await _read(request)
        if isinstance(asked, Refusal):
            return problem(asked, "-")
        given = wanted(request.scope, asked.service)
        service = given if isinstance(given, Refusal) else await self._teller.admit(given)
        if isinstance(service, Refusal):
            return problem(service, "-")
        told = await self.ask(asked, service.scope_id)
        return JSONResponse(msgspec.to_builtins(told), headers={"cache-control": "no-store"})

    async def ask(self, asked: Asked, service: int) -> Told:
        """Take in what is confirmed, wait for news, put the leave on record, and give it. Raises StoreUnavailable.

        Whoever does not repeat what it was last told (the answer was lost, the server is another) begins anew,
        and its old leave stays outstanding until it runs out.
        """
        self._followed.look()
        self._forget_lapsed()
        holder = self._holders.get(asked.feed)
        if holder is not None and (holder.service, holder.sent) == (service, asked.count):
            holder.confirmed = asked.count
            self._record()
            await self._news(holder)
            if holder.sent == asked.count and self._ticks() <= holder.until and self._lasting() > 0:
                self._holders[asked.feed] = holder
                return self._tell(asked.feed, holder, fresh=False)
        if len(self._holders) >= _MOST or not self._lasting() > 0:
            return Told("", 0, [], all=True, lease=0, again=0, now=self._clock() / SECOND)
        name = new_id("fd", self._secrets)
        holder = self._holders[name] = _Holder(service, self._followed.position, self._followed.counted)
        return self._tell(name, holder, fresh=True)

    async def _news(self, holder: _Holder) -> None:
        due = self._ticks() + HOLD
        while self._followed.counted == holder.sent and self._ticks() < due:
            await asyncio.sleep(_NAP)
            self._followed.look()

    def _tell(self, name: str, holder: _Holder, *, fresh: bool) -> Told:
        changes = self._followed.since(holder.position)
        every = fresh or changes is None or any(change.kind != "session" for change in changes)
        ended = [] if every else [self._references(holder.service, change.subject) for change in changes or ()]
        holder.position, holder.sent = self._followed.position, self._followed.counted
        if fresh:
            holder.confirmed = holder.sent  # there is nothing in its memory yet that could be wrong
        lease = self._lasting()
        holder.until = self._ticks() + lease
        self._record()
        return Told(name, holder.sent, ended, every, lease, self._again, self._clock() / SECOND, self._check)

    def _lasting(self) -> float:
        """Return for how many seconds leave can be given now."""
        return min(LEASE, self._trusted() - self._ticks())

    def _forget_lapsed(self) -> None:
        now = self._ticks()
        for name in [name for name, holder in self._holders.items() if holder.until < now]:
            del self._holders[name]

    def _record(self) -> None:
        held = self._holders.values()
        until, confirmed = max(one.until for one in held), min(one.confirmed for one in held)
        self._pledged.pledge(until, confirmed)


class TruthfulCheck:
    """ASGI application of `/feed/check/{service}`: a check that asks the truth, under another path."""

    def __init__(self, check: Check) -> None:
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one check."""
        await self._check({**scope, "path": scope["path"].removeprefix("/feed")}, receive, send)


async def _read(request: Request) -> Asked | Refusal:
    body = await read_body(request, _PATIENCE_S)
    if isinstance(body, Refusal):
        return body
    if len(body) > _LARGEST:
        return Refusal(Code.REQUEST_TOO_LARGE)
    asked: Asked | Refusal = decode_body(parse_json(body, request.headers.get("content-type", "")), Asked)
    return asked
