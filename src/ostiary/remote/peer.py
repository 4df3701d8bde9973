"""A service elsewhere: asked within one bound of time, over lines that are kept, and left alone while it is down."""

import asyncio
import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2

from ostiary.kernel.clock import SECOND
from ostiary.remote.breaker import Breaker
from ostiary.remote.model import LONGEST_BODY, Answer, Fault, Place, Question

__all__ = ["IDLE_S", "MOST_LINES", "Peer"]

MOST_LINES = 32
"""How many questions one service is asked at once; more wait, within their own bound of time."""

IDLE_S = 1.0
"""How long a line is kept without use: less than any usual server keeps one, so that it is rarely given up under us."""

_DOWN = {502, 503, 504}


class Peer:
    """One service. Raises OSError where the system's certificates cannot be read.

    No redirect is followed, no cookie kept, nothing decoded, no proxy of the environment used. A failure is a value.
    """

    def __init__(self, place: Place, breaker: Breaker) -> None:
        self._breaker, self._timeout = breaker, place.timeout / SECOND
        self._client = _client(place)
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

    async def close(self) -> None:
        """Let go of the lines that are kept; nobody asks any more."""
        await self._client.aclose()

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
        waits, asked = self._turns.locked(), False
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                asked = True
                return await self._exchange(question)
        except TimeoutError:
            return Fault("timeout" if asked else "busy", ours=waits)

    async def _exchange(self, question: Question) -> Answer | Fault:
        """Ask, and once more over another line where the first broke and asking again changes nothing."""
        said = await self._tried(question)
        if question.again and isinstance(said, Fault) and said.why == "line_broken":
            said = await self._tried(question)
        return said

    async def _tried(self, question: Question) -> Answer | Fault:
        given = {"content-type": "application/json"} if question.body else {}
        asked = self._client.stream(
            question.method, question.path, content=question.body or None, headers=given | question.headers
        )
        try:
            async with asked as answer:
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


def _client(place: Place) -> httpx2.AsyncClient:
    tls = ssl.create_default_context()
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    headers = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "ostiary"}
    return httpx2.AsyncClient(
        base_url=place.base_url,
        headers=headers | ({"authorization": f"Bearer {place.token}"} if place.token else {}),
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        limits=httpx2.Limits(max_connections=MOST_LINES, keepalive_expiry=IDLE_S),
        timeout=None,  # ours covers the whole
        trust_env=False,
        verify=tls,
    )


def _is_tls(fault: BaseException) -> bool:
    """Tell whether what kept a line from opening was a certificate or a handshake."""
    cause: BaseException | None = fault
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None
