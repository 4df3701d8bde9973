"""The two clients of a device: ask for a code, confirm it, sign requests. Needs the extra `ostiary[client]` (httpx2).

They differ in how they send, and in nothing else. Nothing is sent twice by itself: a code that was asked for again is
another code, and whether a lost confirm came through is seen by sending the same one again, which the server allows.
"""

import time
from collections.abc import Callable
from typing import Any, Self

import httpx2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ostiary_client.device.envelope import Envelope
from ostiary_client.device.key import DeviceKey
from ostiary_client.transport import own, seconds

__all__ = ["AsyncDevice", "Device", "DeviceRefusal"]

_SEND, _CONFIRM = "/api/v1/public/auth/send-email-code", "/api/v1/public/auth/confirm-email-code"
_ID_BITS = 128
_LOST, _ODD = "transport_failed", "answer_odd"


class DeviceRefusal(Exception):
    """The server said no, or could not be asked.

    `code` is the contract's word, or one of ours: `transport_failed` (no answer came), `answer_odd` (one that no
    contract knows). `status` is 0 where no answer came, `retry_after` are seconds (0: not told).
    """

    def __init__(self, code: str, message: str = "", *, status: int = 0, retry_after: int = 0) -> None:
        super().__init__(code, message)
        self.code, self.message, self.status, self.retry_after = code, message, status, retry_after

    def __str__(self) -> str:
        return f"{self.code}: {self.message}" if self.message else self.code


def _wall() -> int:
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1_000_000


def _unique() -> str:
    """Return 32 hex digits that no other request bears."""
    return AESGCM.generate_key(_ID_BITS).hex()


class _Device:
    """What both are made of."""

    def __init__(self, key: DeviceKey, session: str, clock: Callable[[], int], ids: Callable[[], str]) -> None:
        self.key, self.session = key, session
        self._clock, self._ids = clock, ids

    def sign(self, message_type: str, payload: bytes, *, request_id: str = "", trace_id: str = "") -> Envelope:
        """Return the signed envelope of one request of this session, under an id of its own unless one is given.

        Raises ValueError before a code was confirmed, and where a field cannot be sent.
        """
        return self.key.sign(
            self.session,
            message_type,
            payload,
            request_id=request_id or self._ids(),
            timestamp_ms=self._clock(),
            trace_id=trace_id,
        )

    def _confirmation(self, challenge: str, code: str, time_zone: str) -> dict[str, str]:
        zone = {"time_zone": time_zone} if time_zone else {}
        return {"challenge_id": challenge, "code": code, "client_public_key": self.key.public, **zone}

    def __repr__(self) -> str:
        return f"{type(self).__name__}(session={self.session!r})"


class Device(_Device):
    """A device for programs that wait. `session` is the id that an earlier confirm returned, "" before the first.

    `base` is the public listener's address. Give a `client` (httpx2, with a base_url) for certificates or a proxy of
    your own: it stays yours to close. No redirect is followed, no cookie kept, no environment read.
    """

    def __init__(
        self,
        base: str,
        key: DeviceKey,
        session: str = "",
        *,
        client: httpx2.Client | None = None,
        clock: Callable[[], int] = _wall,
        ids: Callable[[], str] = _unique,
    ) -> None:
        super().__init__(key, session, clock, ids)
        self._http, self._ours = client or httpx2.Client(**own(base)), client is None

    def send_email_code(self, email: str, language: str = "") -> str:
        """Ask for a code by mail; return the challenge that it answers. Raises DeviceRefusal."""
        return self._post(_SEND, {"email": email}, "challenge_id", _spoken(language))

    def confirm_email_code(self, challenge: str, code: str, time_zone: str = "") -> str:
        """Confirm a code; keep and return the id of the session. Raises DeviceRefusal."""
        body = self._confirmation(challenge, code, time_zone)
        self.session = self._post(_CONFIRM, body, "device_session_id", {})
        return self.session

    def _post(self, path: str, body: dict[str, str], wanted: str, headers: dict[str, str]) -> str:
        try:
            answer = self._http.post(path, **_options(body, headers))
        except httpx2.HTTPError as error:
            raise DeviceRefusal(_LOST, type(error).__name__) from None
        return _told(answer, wanted)

    def close(self) -> None:
        """Hang up, unless the connections are somebody else's."""
        if self._ours:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


class AsyncDevice(_Device):
    """The same for programs on an event loop; what sends is awaited."""

    def __init__(
        self,
        base: str,
        key: DeviceKey,
        session: str = "",
        *,
        client: httpx2.AsyncClient | None = None,
        clock: Callable[[], int] = _wall,
        ids: Callable[[], str] = _unique,
    ) -> None:
        super().__init__(key, session, clock, ids)
        self._http, self._ours = client or httpx2.AsyncClient(**own(base)), client is None

    async def send_email_code(self, email: str, language: str = "") -> str:
        """Ask for a code by mail; return the challenge that it answers. Raises DeviceRefusal."""
        return await self._post(_SEND, {"email": email}, "challenge_id", _spoken(language))

    async def confirm_email_code(self, challenge: str, code: str, time_zone: str = "") -> str:
        """Confirm a code; keep and return the id of the session. Raises DeviceRefusal."""
        body = self._confirmation(challenge, code, time_zone)
        self.session = await self._post(_CONFIRM, body, "device_session_id", {})
        return self.session

    async def _post(self, path: str, body: dict[str, str], wanted: str, headers: dict[str, str]) -> str:
        try:
            answer = await self._http.post(path, **_options(body, headers))
        except httpx2.HTTPError as error:
            raise DeviceRefusal(_LOST, type(error).__name__) from None
        return _told(answer, wanted)

    async def close(self) -> None:
        """Hang up, unless the connections are somebody else's."""
        if self._ours:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()


def _options(body: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
    """Return what httpx2 is told beside the path: nobody else's credential, and no redirect."""
    return {"json": body, "headers": headers, "auth": None, "follow_redirects": False}


def _spoken(language: str) -> dict[str, str]:
    return {"accept-language": language} if language else {}


def _told(answer: httpx2.Response, wanted: str) -> str:
    """Return the one text that a success tells. Raises DeviceRefusal."""
    body = _object(answer)
    found = body.get(wanted)
    if answer.status_code == httpx2.codes.OK and isinstance(found, str) and found:
        return found
    error = body.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    if answer.is_success or not isinstance(error, dict) or not isinstance(code, str):
        raise DeviceRefusal(_ODD, status=answer.status_code)
    wait = seconds(answer.headers.get("retry-after", ""))
    raise DeviceRefusal(code, str(error.get("message", "")), status=answer.status_code, retry_after=wait)


def _object(answer: httpx2.Response) -> dict[str, Any]:
    try:
        told = answer.json()
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
