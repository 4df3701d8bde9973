"""A service elsewhere: asked within one bound of time, over lines that are kept, and left alone while it is down."""

import asyncio
import ssl
from urllib.parse import urlsplit

from ostiary.kernel.clock import SECOND
from ostiary.remote.breaker import Breaker
from ostiary.remote.line import Line, connected
from ostiary.remote.model import Answer, Fault, Place, Question
from ostiary.remote.wire import written

__all__ = ["IDLE_S", "MOST_LINES", "Peer"]

MOST_LINES = 32
"""How many questions one service is asked at once; more wait, within their own bound of time."""

IDLE_S = 1.0
"""How long a line is kept without use: less than any usual server keeps one, so that it is rarely given up under us."""

_USUAL_PORTS = {"http": 80, "https": 443}
_DOWN = {502, 503, 504}


class _NotThereError(OSError):
    """There is no line, so nothing was asked."""


class Peer:
    """One service. Raises OSError where the system's certificates cannot be read.

    No redirect is followed, no proxy of the environment used. A failure is a value.
    """

    def __init__(self, place: Place, breaker: Breaker) -> None:
        self._place, self._breaker, self._base = place, breaker, urlsplit(place.base_url)
        self._tls = _tls() if self._base.scheme == "https" else None
        self._lines: list[Line] = []
        self._turns = asyncio.Semaphore(MOST_LINES)

    async def ask(self, question: Question) -> Answer | Fault:
        """Ask once, within the place's bound of time from waiting for a line to the last byte; see `Fault`."""
        if not self._breaker.admits():
            return Fault("circuit_open")
        try:
            said = await self._bounded(question)
        except BaseException:
            self._breaker.returned()
            raise
        self._learn(question, said)
        return said

    def close(self) -> None:
        """Let go of the lines that are kept."""
        while self._lines:
            self._lines.pop().close()

    def _learn(self, question: Question, said: Answer | Fault) -> None:
        """Tell the breaker. A 500 does not count: it may be about one address, which must not shut out all others.

        Nor does a wait for our own lines: who asks for much at once must not make a service look dead to everybody.
        """
        ours = isinstance(said, Fault) and said.ours
        if not ours and (isinstance(said, Fault) or said.status in _DOWN):
            self._breaker.failed()
        elif ours or question.glance:
            self._breaker.returned()
        else:
            self._breaker.succeeded()

    async def _bounded(self, question: Question) -> Answer | Fault:
        request = written(question, self._base, self._place.token)
        waits, asked = self._turns.locked(), False
        try:
            async with asyncio.timeout(self._place.timeout / SECOND), self._turns:
                asked = True
                return await self._exchange(request, again=question.again)
        except TimeoutError:
            return Fault("timeout" if asked else "busy", ours=waits)
        except ssl.SSLError:
            return Fault("tls")
        except _NotThereError:
            return Fault("unreachable")
        except OSError:
            return Fault("line_broken")
        except ValueError:
            return Fault("answer_malformed")

    async def _exchange(self, request: bytes, *, again: bool) -> Answer:
        kept = self._kept_line()
        if kept is not None:
            try:
                return await self._over(kept, request)
            except ConnectionError:
                if not again or kept.heard:
                    raise
        return await self._over(await self._fresh_line(), request)

    async def _fresh_line(self) -> Line:
        port = self._base.port or _USUAL_PORTS[self._base.scheme]
        try:
            return await connected(self._base.hostname or "", port, self._tls)
        except ssl.SSLError:
            raise
        except OSError as fault:
            raise _NotThereError from fault

    async def _over(self, line: Line, request: bytes) -> Answer:
        answer = await line.exchange(request)
        if line.usable:
            line.park(IDLE_S)
            self._lines.append(line)
        return answer

    def _kept_line(self) -> Line | None:
        """Return the line that was used last, of those that still stand."""
        while self._lines:
            line = self._lines.pop()
            line.unpark()
            if line.usable:
                return line
        return None


def _tls() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
