"""A service elsewhere: asked within a bound of time, over a line of its own each time, left alone while it is down."""

import asyncio
import ssl
from contextlib import aclosing

import httpx2

from ostiary.kernel.clock import SECOND
from ostiary.remote.breaker import Breaker, Turn
from ostiary.remote.model import LONGEST_BODY, Answer, Fault, Place, Question

__all__ = ["MOST_LINES", "Peer"]

MOST_LINES = 32
"""How many questions one service is asked at once; more wait, within their own bound of time."""

_DOWN = {502, 503, 504}
_HEADERS = {"accept": "application/json", "accept-encoding": "identity", "connection": "close", "user-agent": "ostiary"}


class Peer:
    """One service. Raises OSError where the system's certificates cannot be read.

    No redirect is followed, no cookie kept, nothing decoded, no proxy of the environment used. Each question has a line
    of its own: what stands behind an answer can never be taken for the next one. A failure is a value.
    """

    def __init__(self, place: Place, breaker: Breaker) -> None:
        self._breaker, self._base, self._timeout = breaker, place.base_url.rstrip("/"), place.timeout / SECOND
        self._headers = _HEADERS | ({"authorization": f"Bearer {place.token}"} if place.token else {})
        self._lines = httpx2.AsyncHTTPTransport(
            verify=_tls(),
            trust_env=False,
            limits=httpx2.Limits(max_keepalive_connections=0),
        )
        self._turns = asyncio.Semaphore(MOST_LINES)

    async def ask(self, question: Question) -> Answer | Fault:
        """Ask once, within the place's bound of time from waiting for a line to the last byte; see `Fault`."""
        turn = self._breaker.admits()
        if turn is None:
            return Fault("circuit_open")
        try:
            said = await self._bounded(question)
        except BaseException:
            self._breaker.returned(turn)
            raise
        self._learn(turn, question, said)
        return said

    async def close(self) -> None:
        """Let go of the lines; nobody asks any more."""
        await self._lines.aclose()

    def _learn(self, turn: Turn, question: Question, said: Answer | Fault) -> None:
        """Tell the breaker. A 500 does not count: it may be about one address, which must not shut out all others.

        Nor does a wait for our own lines: who asks for much at once must not make a service look dead to everybody.
        """
        ours = isinstance(said, Fault) and said.ours
        if not ours and (isinstance(said, Fault) or said.status in _DOWN):
            self._breaker.failed(turn)
        elif ours or question.glance:
            self._breaker.returned(turn)
        else:
            self._breaker.succeeded(turn)

    async def _bounded(self, question: Question) -> Answer | Fault:
        waits, asked = self._turns.locked(), False
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                asked = True
                return await self._exchange(question)
        except TimeoutError:
            return Fault("timeout" if asked else "busy", ours=waits)

    async def _exchange(self, question: Question) -> Answer | Fault:
        given = {"content-type": "application/json"} if question.body else {}
        request = httpx2.Request(
            question.method,
            self._base + question.path,
            headers=self._headers | given | question.headers,
            content=question.body or None,
        )
        try:
            answer = await self._lines.handle_async_request(request)
            async with aclosing(answer):
                return await _read(answer)
        except httpx2.ConnectError as fault:
            return Fault("tls" if _is_tls(fault) else "unreachable")
        except httpx2.TransportError:
            return Fault("line_broken")


async def _read(answer: httpx2.Response) -> Answer | Fault:
    """Read the body as it was sent: we asked for no coding, and take none."""
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > LONGEST_BODY:
            return Fault("answer_malformed")
    return Answer(answer.status_code, bytes(body))


def _tls() -> ssl.SSLContext:
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def _is_tls(fault: BaseException) -> bool:
    """Tell whether what kept a line from opening was a certificate or a handshake."""
    cause: BaseException | None = fault
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None
