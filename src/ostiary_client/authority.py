"""Asking the authority: one check over HTTP, and the memory that may repeat its answers while the feed is held.

The law: no request that was sent after the end of its session was acknowledged is let in. So an answer is repeated
only within a lease that the authority has on record, counted from before the question that won it was sent; whatever
the feed names is forgotten before it is confirmed; and an answer that was on its way meanwhile is not remembered.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import httpx2

from ostiary_client.caller import Caller, Refused, caller_from, without_ours

__all__ = ["Authority", "Key", "Known", "place_of"]

Key = tuple[bytes, ...]
"""What a request shows: its Cookie header and its Authorization header, as they came; the host where that counts."""

_Question = tuple[Key, tuple[tuple[bytes, bytes], ...], int]
"""What is asked, on whose behalf, and after how many announcements: only the very same may share an answer."""

_MOST = 100_000
_PATIENCE_S = 1.0
_LONGEST = 1024
_MOST_SPELLINGS = 16
"""So many different headers of one caller are remembered: nobody fills the memory by dressing one cookie anew."""

_CHECK = "/check"


def place_of(key: Key) -> bytes | Key:
    """Return under what an answer is kept: one object less to fetch where nothing but a Cookie header was shown."""
    return key if any(key[1:]) else key[0]


class Known:
    """An answer that may be repeated until `until` (ticks).

    `cookie` is the header with what the application may see of the cookies, if anything.
    """

    __slots__ = ("caller", "cookie", "until")

    def __init__(self, caller: Caller, cookie: bytes, until: float) -> None:
        self.caller, self.until = caller, until
        self.cookie = (b"cookie", cookie) if cookie else None


class Authority:
    """One authority and one service. `base` is the address of its internal listener, `key` the service's own key.

    Lives on one event loop. `ticks` are seconds that go on while the machine sleeps.
    """

    def __init__(
        self,
        base: str = "http://127.0.0.1:8081",
        service: str = "default",
        key: str = "",
        *,
        client: httpx2.AsyncClient | None = None,
        ticks: Callable[[], float] | None = None,
    ) -> None:
        self._client = client or httpx2.AsyncClient(base_url=base, timeout=_PATIENCE_S, trust_env=False)
        self._service, self._key = service, key
        self._ticks = ticks or partial(time.clock_gettime, time.CLOCK_BOOTTIME)
        self.known: dict[bytes | Key, Known] = {}
        self.until = 0.0
        self._names: dict[str, dict[Key, None]] = {}
        self._asking: dict[_Question, asyncio.Task[Caller | Refused]] = {}
        self._generation, self._feed, self._count = 0, "", 0
        self._again, self._ahead, self._path = 0.0, 0.0, _CHECK

    def repeated(self, place: bytes | Key) -> Known | None:
        """Return what was answered to the same request before (`place_of`), while that may be repeated."""
        found = self.known.get(place)
        if found is None:
            return None
        now = self._ticks()
        return found if now < self.until and now < found.until else None

    async def ask(self, key: Key, more: dict[bytes, bytes]) -> Caller | Refused:
        """Ask the check; the same question of several requests at once is asked once. `more` are headers to send.

        Without the feed nobody shares an answer: an end may have been acknowledged since the question was sent.
        """
        if self._ticks() >= self.until:
            return await self._asked(key, more)
        same = (key, tuple(sorted(more.items())), self._generation)
        if self._asking.get(same) is None:
            self._asking[same] = asyncio.ensure_future(self._asked(key, more))
            self._asking[same].add_done_callback(lambda _: self._asking.pop(same, None))
        return await asyncio.shield(self._asking[same])

    async def _asked(self, key: Key, more: dict[bytes, bytes]) -> Caller | Refused:
        noted = self._generation
        sent = {b"cookie": key[0], b"authorization": key[1]} | more  # as they came: cookies of others may be UTF-8
        if self._key:
            sent[b"ostiary-service-key"] = self._key.encode()
        try:
            answer = await self._client.get(
                f"{self._path}/{self._service}", headers=[(name, value) for name, value in sent.items() if value]
            )
            if answer.status_code == httpx2.codes.OK:
                caller = caller_from(answer.headers)
                if noted == self._generation:
                    self._remember(key, caller)
                return caller
        except (httpx2.HTTPError, ValueError):
            return Refused(503)
        if answer.status_code in {401, 403} and answer.headers.get("ostiary-caller") == "-":
            return Refused(answer.status_code, answer.headers.get("www-authenticate", ""))
        return Refused(503)

    def _remember(self, key: Key, caller: Caller) -> None:
        now = self._ticks()
        if now >= self.until or sum(map(len, key)) > _LONGEST:
            return
        if len(self.known) >= _MOST:
            self._forget_all()
        until = min(now + self._again, caller.expires - self._ahead)
        self.known[place_of(key)] = Known(caller, without_ours(key[0]), until)
        spellings = self._names.setdefault(caller.reference, {})
        spellings[key] = None
        if len(spellings) > _MOST_SPELLINGS:
            oldest = next(iter(spellings))
            del spellings[oldest]
            self.known.pop(place_of(oldest), None)

    def _forget_all(self) -> None:
        self.known.clear()
        self._names.clear()

    async def follow(self) -> None:
        """Hold the feed until cancelled. Where there is none, every request is asked about."""
        while True:
            try:
                await self._followed()
            except (httpx2.HTTPError, ValueError, KeyError, TypeError):
                self.until = 0.0
                self._forget_all()
                self._feed, self._count, self._path = "", 0, _CHECK
                await asyncio.sleep(_PATIENCE_S)

    async def _followed(self) -> None:
        began = self._ticks()
        asked = {"service": self._service, "feed": self._feed, "count": self._count}
        sent = {"ostiary-service-key": self._key} if self._key else {}
        answer = await self._client.post("/feed", json=asked, headers=sent)
        if answer.status_code != httpx2.codes.OK:
            raise ValueError(f"the feed answered {answer.status_code}")
        self._take(answer.json(), began)
        if not self.until > began:
            await asyncio.sleep(_PATIENCE_S)

    def _take(self, told: dict[str, Any], began: float) -> None:
        """Forget what was ended, then trust the rest for as long as was granted, from before the question was sent."""
        if told["all"] or told["ended"]:
            self._generation += 1
        if told["all"]:
            self._forget_all()
        for reference in told["ended"]:
            for key in self._names.pop(reference, ()):
                self.known.pop(place_of(key), None)
        self._feed, self._count = told["feed"], told["count"]
        self._path = str(told.get("check", _CHECK))
        self._again, self._ahead = float(told["again"]), float(told["now"]) - began
        self.until = began + float(told["lease"])

    async def close(self) -> None:
        """Hang up."""
        with suppress(httpx2.HTTPError):
            await self._client.aclose()
