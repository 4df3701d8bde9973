"""Who brings the projection up to date: at once after a commit, and from what waits whenever that did not succeed."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

import structlog

from ostiary.kernel.clock import SECOND, Clock
from ostiary.kernel.errors import OstiaryError
from ostiary.kernel.ids import Secrets, new_id
from ostiary.kernel.values import Scope
from ostiary.projection.model import Mirror, MirrorUnavailable, Standing, State, entry_of
from ostiary.projection.restoring import Restorer
from ostiary.projection.truth import Truth, Waiting
from ostiary.storage import snapshots
from ostiary.storage.snapshots import Mark
from ostiary.storage.vault import Vault

__all__ = ["Publisher", "nowhere"]

_LOG = structlog.get_logger("ostiary.projection")
_AT_ONCE = 100
"""Sessions that a request publishes itself, in one step; more are the follower's, a moment later."""
_GATHER_S, _IDLE_S, _LONGEST_S = 0.02, 0.1, 1.0
_LATE = SECOND
"""Microseconds for which something may wait before the projection is called behind."""


async def nowhere(sessions: Iterable[str]) -> bool:
    """Publish nothing: where no Redis is set, nobody reads."""
    return True


class _Batch:
    """Sessions that are published together; `done` tells whether they were."""

    def __init__(self) -> None:
        self.sessions: dict[str, None] = {}
        self.begun = self.done = False


class Publisher:
    """Publishes what bears a mark, and takes the mark off only when Redis has it.

    Whoever changed a session calls `publish` after the commit; `follow` runs beside, for all that it could not do and
    for what other processes changed. What goes wrong here fails no request: the mark is durable, and `standing` tells.
    `mirror` is for requests, `patient` for the follower.
    """

    def __init__(
        self, vault: Vault, scope: Scope, clock: Clock, secrets: Secrets, mirror: Mirror, patient: Mirror
    ) -> None:
        self._vault, self._scope, self._clock, self._mirror, self._patient = vault, scope, clock, mirror, patient
        self._truth = Truth(vault, scope, clock)
        self._restorer = Restorer(self._truth, patient, new_id("node", secrets))
        self._next, self._turn, self._wake = _Batch(), asyncio.Lock(), asyncio.Event()
        self._done: list[Mark] = []
        self._why: str | None = None
        self._pause, self._looked = _IDLE_S, 0
        self._published = self._failures = 0

    async def publish(self, sessions: Iterable[str]) -> bool:
        """Publish these sessions as they are by now; tell whether that was done. Raises nothing.

        What is asked for while others are under way goes together: one waits for two steps at Redis at the most, each
        bounded by the timeout. While Redis is known to be away nothing is tried.
        """
        if self._why:
            return False
        batch = self._next
        batch.sessions.update(dict.fromkeys(sessions))
        async with self._turn:
            if not batch.begun:
                batch.begun, self._next = True, _Batch()
                batch.done = await self._tried(list(batch.sessions)[:_AT_ONCE]) and len(batch.sessions) <= _AT_ONCE
        self._wake.set()
        return batch.done

    async def follow(self, stop: asyncio.Event) -> None:
        """Publish what waits until `stop` is set, once more then, and let go of Redis."""
        waker = asyncio.ensure_future(stop.wait())
        waker.add_done_callback(lambda _: self._wake.set())
        try:
            while not stop.is_set():
                await self._round()
                await asyncio.sleep(_GATHER_S)  # marks that are done by then come off in one transaction
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._pause)
                self._wake.clear()
            await self._restorer.stop()
            await self._round()
        finally:
            waker.cancel()
            await self._restorer.stop()
            await self._mirror.close()
            await self._patient.close()

    async def standing(self) -> Standing:
        """Return how the projection stands. Raises StoreUnavailable where the truth cannot be asked."""
        waiting, since = await self._vault.read(self._scope, snapshots.waiting)
        age = max(0, self._clock() - since) if waiting else 0
        state = State.BEHIND if age > _LATE or self._why is None or self._restorer.busy else State.OK
        return Standing(State.UNAVAILABLE if self._why else state, waiting, age, self._published, self._failures)

    async def _tried(self, sessions: list[str]) -> bool:
        try:
            await self._write(self._mirror, await self._truth.waiting_of(sessions))
        except MirrorUnavailable as fault:
            self._failed(fault.why)
        except OstiaryError as fault:
            _LOG.warning("projection_waits", fault=str(fault))
        except Exception:  # noqa: BLE001 - the change is committed: no fault of ours may answer the request
            _LOG.exception("projection_broke")
        else:
            return True
        return False

    async def _round(self) -> None:
        try:
            await self._clear()
            await self._look()
            await self._drain()
        except MirrorUnavailable as fault:
            self._failed(fault.why)
        except OstiaryError as fault:
            _LOG.warning("projection_waits", fault=str(fault))
        except Exception:  # noqa: BLE001 - one broken round must not end the others
            _LOG.exception("projection_broke")
        else:
            self._pause = _IDLE_S
            return
        self._pause = min(self._pause * 2, _LONGEST_S)

    async def _look(self) -> None:
        """Ask, once a second and at every try while Redis is away, whether it is there and lacks nothing."""
        now = self._clock()
        if self._why or not 0 <= now - self._looked < SECOND:
            await self._restorer.look()
            self._looked = now
            self._reached()

    async def _drain(self) -> None:
        while found := await self._truth.waiting():
            await self._write(self._patient, found)
            await self._clear()

    async def _write(self, mirror: Mirror, found: Waiting) -> None:
        now = self._clock()
        await mirror.write([entry_of(session, now) for _, session in found if session])
        if gone := [mark.session for mark, session in found if session is None]:
            await mirror.remove(gone, now)
        self._published += len(found)
        self._done += [mark for mark, _ in found]
        self._reached()

    async def _clear(self) -> None:
        """Take off the marks of what was published; a session that changed since bears another, which stays."""
        if not self._done:
            return
        done, self._done = self._done, []
        try:
            await self._vault.transact(self._scope, partial(snapshots.clear, marks=done))
        except BaseException:
            self._done += done
            raise

    def _failed(self, why: str) -> None:
        self._failures += 1
        if why != self._why:
            _LOG.warning("projection_unavailable", why=why)
        self._why = why

    def _reached(self) -> None:
        if self._why:
            _LOG.info("projection_back")
        self._why = ""
