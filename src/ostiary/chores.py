"""What runs beside the requests, each at its own pace; one that breaks keeps none of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from ostiary.enrolment import service as enrolment
from ostiary.gateway import landing
from ostiary.house import House
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import OstiaryError
from ostiary.keys import service as keys
from ostiary.limits import service as limits
from ostiary.login.methods.email_code import challenges
from ostiary.mail import service as mail
from ostiary.membrane import upkeep as membrane
from ostiary.presence import service as presence
from ostiary.receipts.publishing import HeadPublisher, sequence
from ostiary.receipts.refusals import RefusalLog
from ostiary.receipts.sequencer import DELAY
from ostiary.recovery import upkeep as recovery
from ostiary.sessions import service as sessions
from ostiary.sessions.device import requests as device_requests
from ostiary.sessions.device import service as device_sessions
from ostiary.sessions.seen import Seen
from ostiary.storage import outbox, snapshots
from ostiary.storage.tx import UseCase

__all__ = ["Beside", "attempt", "collect", "expire", "run", "write_seen"]

_LOG = structlog.get_logger("ostiary.app")
_BATCH = 500

Beside = Callable[[asyncio.Event], Awaitable[None]]
"""What has a pace of its own until the event is set, and bears its own faults."""


async def run(
    house: House,
    seen: Seen,
    refusals: RefusalLog,
    heads: HeadPublisher,
    beside: Sequence[Beside],
    often: dict[str, Callable[[], Awaitable[None]]],
    stop: asyncio.Event,
) -> None:
    """Run what must happen beside the requests until `stop` is set, then write out what memory still holds."""
    settings = house.settings.sessions
    flush = partial(write_seen, house, seen)
    await asyncio.gather(
        _every(stop, settings.flush, "last_seen", flush),
        _every(stop, SECOND, "refusals", refusals.flush),
        *(_every(stop, SECOND, name, chore) for name, chore in often.items()),
        _every(stop, SECOND, "expiry", partial(expire, house, stop)),
        _every(stop, settings.collect_every, "collection", partial(collect, house, stop)),
        _every(stop, DELAY // 2, "sequencing", partial(sequence, house.vault, house.scope)),
        _every(stop, house.settings.log.head_every, "heads", heads.publish),
        *(one(stop) for one in beside),
    )
    await attempt("last_seen", flush)
    await attempt("refusals", refusals.flush)
    await attempt("heads", heads.publish)


async def _every(stop: asyncio.Event, period: int, name: str, chore: Callable[[], Awaitable[Any]]) -> None:
    """Run a chore at once and then once a period; a server that restarts often collects too."""
    while not stop.is_set():
        await attempt(name, chore)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), period / SECOND)


async def attempt(name: str, chore: Callable[[], Awaitable[Any]]) -> None:
    """Run a chore once; what it raises is logged and goes no further."""
    try:
        await chore()
    except OstiaryError as fault:
        _LOG.warning("chore_failed", chore=name, fault=str(fault))
    except Exception:  # noqa: BLE001 - one broken chore must not end the others, nor itself for good
        _LOG.exception("chore_broke", chore=name)


async def write_seen(house: House, seen: Seen) -> None:
    """Write last-seen times behind, and the server's own: no clock set back while it is down revives a session."""
    items = list(seen.drain().items())
    for start in range(0, max(1, len(items)), _BATCH):
        part = items[start : start + _BATCH]
        await house.vault.transact(house.scope, partial(sessions.write_seen, batch=part))
    seen.written()


async def expire(house: House, stop: asyncio.Event) -> None:
    """Revoke the device sessions whose time has come; a look costs nothing where there are none."""
    while not stop.is_set() and await house.vault.read(house.scope, device_sessions.has_expired):
        await house.vault.transact(house.scope, device_sessions.expire)


async def collect(house: House, stop: asyncio.Event) -> None:
    """Delete what has expired, a batch at a time, each batch with its own event."""
    unused_keys = partial(keys.collect, retention=house.settings.signing_key_retention)
    collectors: tuple[UseCase[int], ...] = (
        sessions.collect,
        presence.collect,
        enrolment.collect,
        unused_keys,
        landing.collect,
        mail.collect,
        outbox.collect,
        limits.collect,
        membrane.collect,
        recovery.collect,
        device_requests.collect,
        challenges.collect,
        device_sessions.collect,
        *([] if house.settings.projection.addr else [snapshots.drop_all]),  # nobody will ever publish them
    )
    for collector in collectors:
        while not stop.is_set() and await house.vault.transact(house.scope, collector) > 0:
            pass
