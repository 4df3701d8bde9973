"""Redis that comes back without what it had acknowledged is filled anew, by one of several processes."""

import asyncio

import structlog

from ostiary.kernel.errors import OstiaryError
from ostiary.projection.model import Mirror
from ostiary.projection.rebuilding import fill
from ostiary.projection.truth import Truth

__all__ = ["Restorer"]

_LOG = structlog.get_logger("ostiary.projection")
_LIFE_MS = 5_000
"""For how long a rebuild that says nothing is believed to go on; its process may have died."""


class Restorer:
    """Looks whether Redis runs as it did when the projection lacked nothing, and else fills it, beside everything.

    A Redis that was started anew, or whose replica has taken over, may have lost revocations that it had acknowledged
    and whose marks are gone. Nothing is removed: what else stands there may be somebody's. `who` names this process.
    """

    def __init__(self, truth: Truth, mirror: Mirror, who: str) -> None:
        self._truth, self._mirror, self._who = truth, mirror, who
        self._filling: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Tell whether this process fills it now."""
        return self._filling is not None and not self._filling.done()

    async def look(self) -> None:
        """Ask Redis, and begin to fill it where that is needed. Raises MirrorUnavailable."""
        about = await self._mirror.about()
        if about.run != about.whole and not self.busy and await self._mirror.claim(self._who, _LIFE_MS):
            self._filling = asyncio.create_task(self._fill(about.run))

    async def stop(self) -> None:
        """Leave off; whoever starts next begins anew."""
        if self._filling is not None:
            self._filling.cancel()
            await asyncio.wait([self._filling])

    async def _fill(self, run: str) -> None:
        _LOG.info("projection_filling")
        try:
            filled = await fill(self._truth, self._mirror, self._go_on)
            whole = await self._mirror.declare(run, self._who)
        except OstiaryError as fault:
            _LOG.warning("projection_not_filled", fault=str(fault))
        else:
            _LOG.info("projection_filled" if whole else "projection_emptied_meanwhile", changed=filled.changed)
            if filled.stuck:  # only a rebuild by hand names them
                _LOG.warning("projection_stuck", sessions=len(filled.stuck))

    async def _go_on(self, looked: int) -> None:
        await self._mirror.keep(self._who, _LIFE_MS)
