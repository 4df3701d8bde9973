"""The keeper of one node's lease: reads what is new, lets memory forget it, confirms, and so renews (decision 0013)."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol, TypeVar

import psycopg
import structlog

from ostiary.kernel.clock import Ticks
from ostiary.kernel.errors import OstiaryError
from ostiary.storage.outbox import Change
from ostiary.storage.postgres import CHANNEL
from ostiary.storage.roll import LEASE_S, Leases

__all__ = ["RENEW_S", "Keeper", "Memory"]

T = TypeVar("T")

RENEW_S = 0.3
"""Seconds between two renewals where nothing wakes the keeper."""

_CONNECT_S = 2
_AGAIN_S = 1.0
_LOG = structlog.get_logger("ostiary.lease")


class Memory(Protocol):
    """The cache whose lease is kept; called on the event loop."""

    def forget(self, changes: Sequence[Change]) -> None:
        """Drop what lost authority, and what is being filled in for it."""

    def grant(self, until: float) -> None:
        """Trust memory until those ticks; begin with an empty one where it was not trusted until now."""

    def lapse(self) -> None:
        """Trust memory no more."""

    async def settled(self) -> None:
        """Return when whoever keeps answers from this memory has dropped them too; soon, for their leave is short."""

    async def over(self) -> None:
        """Return when nobody has leave any more to keep answers from this memory."""


class Keeper:
    """Keeps the lease of `node`. `direct` is libpq's address of a connection that may LISTEN."""

    def __init__(self, leases: Leases, memory: Memory, node: str, ticks: Ticks, direct: str) -> None:
        self._leases, self._memory, self._node, self._ticks, self._direct = leases, memory, node, ticks, direct
        self._followed, self._wake = "", asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "lease")

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the lease until `stop`, then give it back."""
        listening, stopping = asyncio.ensure_future(self._listen()), asyncio.ensure_future(self._wake_at(stop))
        while not stop.is_set():
            with suppress(OstiaryError):  # the lease runs out by itself; checks ask the truth meanwhile
                await self.renew()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), RENEW_S)
        listening.cancel()
        stopping.cancel()
        self._memory.lapse()
        await self._memory.over()
        with suppress(OstiaryError):
            await self._in_thread(lambda: self._leases.leave(self._node))
        self._thread.shutdown()
        self._thread = ThreadPoolExecutor(1, "lease")  # has no thread until it is used: for whoever runs this again

    async def renew(self) -> None:
        """Make one round. Raises StoreUnavailable.

        The lease counts from before the question. A snapshot becomes the one to go on from only when the renewal
        that names it is durable: else a database that crashed might use a transaction id in it again.
        """
        began = self._ticks()
        self._wake.clear()
        followed = self._followed
        news = await self._in_thread(lambda: self._leases.news(followed))
        self._memory.forget(news.changes)
        await self._memory.settled()
        await self._in_thread(lambda: self._leases.renew(self._node, news.snapshot))
        self._followed = news.snapshot
        self._memory.grant(began + LEASE_S)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _listen(self) -> None:
        """Wake up when somebody ends something; without this connection that is felt at the next renewal."""
        while True:
            try:
                await self._hear()
            except (psycopg.Error, OSError) as fault:
                _LOG.warning("listening_failed", fault=type(fault).__name__)
            await asyncio.sleep(_AGAIN_S)

    async def _hear(self) -> None:
        line = await psycopg.AsyncConnection.connect(
            self._direct, autocommit=True, connect_timeout=_CONNECT_S, application_name="ostiary-listen"
        )
        async with line:
            await line.execute(f"LISTEN {CHANNEL}")
            self._wake.set()
            async for _ in line.notifies():
                self._wake.set()
