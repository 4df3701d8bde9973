"""Letters leave through a mail service over HTTP (device-sessions contract, section 9); never tried twice."""

from typing import Any

import msgspec

from ostiary.kernel.clock import Ticks
from ostiary.mail.model import MailSettings, Parcel, Sent, Verdict
from ostiary.remote.breaker import Breaker
from ostiary.remote.lately import Lately
from ostiary.remote.model import Answer, Fault, Place, Question
from ostiary.remote.peer import Peer
from ostiary.remote.secret import read_token
from ostiary.web.decode import decode_body, parse_json

__all__ = ["RestSender"]

_CODES, _LETTERS = "/api/v1/internal/login-code-deliveries", "/api/v1/internal/letter-deliveries"
_OK, _SERVERS_FAULT = 200, 500
_LOOKED_AT = {_OK, 400, 422}
"""What a service answers to an empty letter that would take a whole one."""


class _Outcome(msgspec.Struct, forbid_unknown_fields=True):
    outcome: str


class RestSender:
    """Hands letters to the mail service. Reads the bearer token at once: raises BootRefused where it cannot."""

    repeats = False

    def __init__(self, settings: MailSettings, ticks: Ticks) -> None:
        place = Place(settings.base_url, settings.timeout, read_token(settings.token_file))
        self._peer, self._lately = Peer(place, Breaker(ticks)), Lately(ticks)

    async def send(self, parcel: Parcel) -> Sent:
        path, body = _request(parcel)
        key = {"idempotency-key": parcel.letter.key or parcel.id}
        began = self._lately.ticks()
        sent = _verdict(await self._peer.ask(Question("POST", path, msgspec.json.encode(body), key)))
        self._lately.note(began, "" if sent.arrived else sent.why)
        return sent

    async def probe(self) -> str:
        """Hand over an empty login code, which the service must refuse as it would take a whole one.

        The same method, path and token as a letter's, so that what keeps letters from leaving is met here too. What
        kept the last whole letter does so for a while: a service may well refuse those alone. And it takes as long.
        """
        return await self._lately.instead(self._glance)

    async def close(self) -> None:
        """Let go of the lines."""
        await self._peer.close()

    async def _glance(self) -> str:
        said = await self._peer.ask(Question("POST", _CODES, b"{}", glance=True))
        if isinstance(said, Fault):
            return said.why
        return "" if said.status in _LOOKED_AT else f"http_{said.status}"


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


def _verdict(said: Answer | Fault) -> Sent:
    """`sent` means accepted for delivery, `suppressed` that the service keeps it from this address on purpose."""
    if isinstance(said, Fault):
        return Sent(Verdict.LATER, said.why, line=True)
    if said.status != _OK:
        later = said.status >= _SERVERS_FAULT
        return Sent(Verdict.LATER if later else Verdict.NEVER, f"http_{said.status}")
    read = decode_body(parse_json(said.body, "application/json"), _Outcome)
    if not isinstance(read, _Outcome) or read.outcome not in {Verdict.SENT, Verdict.SUPPRESSED}:
        return Sent(Verdict.LATER, "answer_malformed")
    return Sent(Verdict(read.outcome))
