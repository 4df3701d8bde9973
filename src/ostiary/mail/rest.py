"""Letters leave through a mail service over HTTP (device-sessions contract, section 9); never tried twice."""

import asyncio
import http.client
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ostiary.kernel.clock import SECOND
from ostiary.mail.model import MailSettings, Parcel, Sent, Verdict
from ostiary.mail.smtp import read_secret

__all__ = ["RestSender"]

_LONGEST_ANSWER = 65_536
_CODES, _LETTERS = "/api/v1/internal/login-code-deliveries", "/api/v1/internal/letter-deliveries"
_OK, _SERVERS_FAULT = 200, 500


class _Answer(msgspec.Struct):
    outcome: str


class RestSender:
    """Hands letters to the mail service. Reads the bearer token at once: raises BootRefused where it cannot."""

    repeats = False

    def __init__(self, settings: MailSettings) -> None:
        self._settings, self._token = settings, read_secret(settings.token_file)

    async def send(self, parcel: Parcel) -> Sent:
        try:
            async with asyncio.timeout(self._settings.timeout / SECOND):
                status, answer = await asyncio.to_thread(self._post, parcel)
        except TimeoutError:
            return Sent(Verdict.LATER, "timeout")
        except (OSError, http.client.HTTPException):
            return Sent(Verdict.LATER, "unreachable")
        return _verdict(status, answer)

    def _post(self, parcel: Parcel) -> tuple[int, bytes]:
        """POST one letter as JSON; follows no redirect."""
        path, body = _request(parcel)
        parts = urlsplit(self._settings.base_url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=self._settings.timeout / SECOND)
        headers = {"content-type": "application/json", "idempotency-key": parcel.letter.key or parcel.id}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        try:
            connection.request("POST", parts.path.rstrip("/") + path, msgspec.json.encode(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_LONGEST_ANSWER)
        finally:
            connection.close()


def _request(parcel: Parcel) -> tuple[str, dict[str, Any]]:
    """Return path and body. NOTE: wire format; a login code goes as the contract says, without our words."""
    letter = parcel.letter
    if letter.code:
        return _CODES, {"email": letter.to, "code": letter.code, "locale": letter.locale}
    return _LETTERS, {
        "email": letter.to,
        "subject": letter.subject,
        "text": letter.text,
        "purpose": letter.purpose,
    }


def _verdict(status: int, answer: bytes) -> Sent:
    """`sent` means accepted for delivery, `suppressed` that the service keeps it from this address on purpose."""
    if status != _OK:
        return Sent(Verdict.LATER if status >= _SERVERS_FAULT else Verdict.NEVER, f"http_{status}")
    try:
        outcome = msgspec.json.decode(answer, type=_Answer).outcome
    except (ValueError, RecursionError):
        outcome = ""
    if outcome not in {Verdict.SENT.value, Verdict.SUPPRESSED.value}:
        return Sent(Verdict.LATER, "answer_malformed")
    return Sent(Verdict(outcome))
