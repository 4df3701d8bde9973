"""The two clients. They differ in how they send and how they wait, and in nothing else."""

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

import httpx2

from ostiary_client.membrane.answers import Answer, Body
from ostiary_client.membrane.crossing import Account, Patience, Pause, Sent, crossing
from ostiary_client.membrane.operations import Operations
from ostiary_client.membrane.reading import Lost, Reply
from ostiary_client.membrane.verbs import Awaited, Direct, Request
from ostiary_client.transport import own

__all__ = ["AsyncMembrane", "Membrane"]

BodyT = TypeVar("BodyT", bound=Body)


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


class _Client(Operations):
    """What both are made of."""

    _account: Account
    _patience: Patience
    _ticks: Callable[[], float] | None
    _ours: bool

    def bearing(self, credential: str) -> Self:
        """Return a client that shows another credential over the same connections; close the first one only."""
        made = copy.copy(self)
        made._account, made._ours = Account(credential, self._account.tenant), False  # noqa: SLF001 - its own kind
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}(tenant={self._account.tenant!r})"


class Membrane(_Client, Direct):
    """The membrane at `base`, for programs that wait.

    `credential` is a session's token, or the tenant's client or operator key. `tenant` is what requests name unless
    they say otherwise. Give a `client` (httpx2, with a base_url) for certificates or a proxy of your own: it stays
    yours to close. Usable from several threads. No redirect is followed, no cookie kept, no environment read.
    """

    def __init__(
        self,
        base: str = "http://127.0.0.1:8080",
        credential: str = "",
        *,
        tenant: str = "tenant_node:default",
        client: httpx2.Client | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        ticks: Callable[[], float] | None = None,
    ) -> None:
        self._account, self._patience = Account(credential, tenant), patience or Patience()
        self._http = client or httpx2.Client(**own(base))
        self._sleep, self._ticks, self._ours = sleep, ticks, client is None

    def carry(self, request: Request[BodyT]) -> Answer[BodyT]:
        steps = crossing(request, self._account, self._patience, self._ticks)
        came: Reply | Lost | None = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as done:
                answer: Answer[BodyT] = done.value
                return answer
            came = self._sleep(step.seconds) if isinstance(step, Pause) else self._send(step)

    def _send(self, sent: Sent) -> Reply | Lost:
        try:
            with self._http.stream("POST", sent.path, **sent.options()) as answer:
                if answer.is_stream_consumed:  # a transport that stands in for a server answers whole
                    sent.intake.take(answer.content)
                    return sent.intake.reply(answer.status_code, answer.headers)
                for chunk in answer.iter_raw():
                    if sent.intake.take(chunk):
                        break
            return sent.intake.reply(answer.status_code, answer.headers)
        except httpx2.HTTPError as error:
            return Lost(type(error).__name__)

    def close(self) -> None:
        """Hang up, unless the connections are somebody else's."""
        if self._ours:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


class AsyncMembrane(_Client, Awaited):
    """The same for programs on an event loop; its methods are awaited."""

    def __init__(
        self,
        base: str = "http://127.0.0.1:8080",
        credential: str = "",
        *,
        tenant: str = "tenant_node:default",
        client: httpx2.AsyncClient | None = None,
        patience: Patience | None = None,
        sleep: Callable[[float], Awaitable[None]] = _sleep,
        ticks: Callable[[], float] | None = None,
    ) -> None:
        self._account, self._patience = Account(credential, tenant), patience or Patience()
        self._http = client or httpx2.AsyncClient(**own(base))
        self._sleep, self._ticks, self._ours = sleep, ticks, client is None

    async def carry(self, request: Request[BodyT]) -> Answer[BodyT]:
        steps = crossing(request, self._account, self._patience, self._ticks)
        came: Reply | Lost | None = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as done:
                answer: Answer[BodyT] = done.value
                return answer
            came = await (self._sleep(step.seconds) if isinstance(step, Pause) else self._send(step))

    async def _send(self, sent: Sent) -> Reply | Lost:
        try:
            async with self._http.stream("POST", sent.path, **sent.options()) as answer:
                if answer.is_stream_consumed:  # a transport that stands in for a server answers whole
                    sent.intake.take(answer.content)
                    return sent.intake.reply(answer.status_code, answer.headers)
                async for chunk in answer.aiter_raw():
                    if sent.intake.take(chunk):
                        break
            return sent.intake.reply(answer.status_code, answer.headers)
        except httpx2.HTTPError as error:
            return Lost(type(error).__name__)

    async def close(self) -> None:
        """Hang up, unless the connections are somebody else's."""
        if self._ours:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()
