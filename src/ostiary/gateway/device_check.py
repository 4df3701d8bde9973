"""`POST /check/device`: whether a request is signed by the device of a living session, and comes for the first time.

The truth is asked every time; no memory answers. What a service is told of the caller is what the check tells it, in
the same headers: a reference, never the person.
"""

from functools import partial
from typing import Annotated

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ostiary.gateway.check import Check
from ostiary.gateway.guarded import given, guarded
from ostiary.gateway.model import CALLER, DEVICE_CHECK, no_caller
from ostiary.gateway.teller import Teller, wanted
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Factor, Scope
from ostiary.services.model import DEFAULT, Service
from ostiary.sessions.device import requests
from ostiary.sessions.device.envelope import Envelope
from ostiary.sessions.device.model import DeviceSession, octets
from ostiary.sessions.liveness import Answer, Entry
from ostiary.sessions.model import Living
from ostiary.storage.vault import Vault
from ostiary.web.device import device_problem

__all__ = ["Accepted", "DeviceDesk", "SignedRequest"]

_OK = 200
_KIND = "device"
_OURS = frozenset({b"content-length"})
_LOG = structlog.get_logger("ostiary.check")


class SignedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An envelope as JSON: the three byte fields in padded base64 (RFC 4648 section 4), each in its only spelling."""

    protocol_version: str
    device_session_id: str
    message_type: str
    timestamp_ms: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
    request_id: str
    payload_bytes: str
    payload_hash: str
    signature: str
    trace_id: str = ""

    @property
    def envelope(self) -> Envelope | Refusal:
        """Return what is meant."""
        payload, digest, signature = map(octets, (self.payload_bytes, self.payload_hash, self.signature))
        if payload is None or digest is None or signature is None:
            return Refusal(Code.DEVICE_REQUEST_MALFORMED, ("base64",))
        return Envelope(
            self.protocol_version,
            self.device_session_id,
            self.message_type,
            self.timestamp_ms,
            self.request_id,
            payload,
            digest,
            signature,
            self.trace_id,
        )


class Accepted(msgspec.Struct, frozen=True):
    """The request is good, and no other with its id will be. `caller` is the service's own reference of the session."""

    device_session_id: str
    caller: str


class DeviceDesk(msgspec.Struct, frozen=True):
    """Answers gateways and services. `check` counts the answers among its own."""

    vault: Vault
    scope: Scope
    check: Check
    teller: Teller

    def routes(self) -> list[Route]:
        """Return the routes of the internal listener; without a name, the service is `default`."""
        paths = (DEVICE_CHECK, f"{DEVICE_CHECK}/{{service}}")
        return [guarded(path, self._answer, ("POST",), self._counted) for path in paths]

    async def _answer(self, request: Request) -> Response:
        outcome = await self._judge(request)
        return device_problem(outcome) if isinstance(outcome, Refusal) else outcome

    def _counted(self, made: Response) -> None:
        """Count an answer among the check's; one that names no caller says so in every header."""
        if made.status_code != _OK:
            made.raw_headers.extend(no_caller())
        if made.status_code in self.check.counts:
            self.check.counts[made.status_code] += 1

    async def _judge(self, request: Request) -> Response | Refusal:
        """Go by the contract's order. The service is known, and let in, before anything is said of a device."""
        asked = wanted(request.scope, request.path_params.get("service", DEFAULT.name))
        if isinstance(asked, Refusal):
            return asked
        service = await self.teller.admit(asked)
        if isinstance(service, Refusal):
            return service
        shown = await given(request, SignedRequest)
        envelope = shown if isinstance(shown, Refusal) else shown.envelope
        if isinstance(envelope, Refusal):
            return envelope
        session = await self.vault.read(self.scope, partial(requests.judge, envelope=envelope))
        if isinstance(session, Refusal):
            return session
        told = await self._tell(session, service, asked.facts)
        refused = await self.vault.transact(self.scope, partial(requests.reserve, envelope=envelope))
        if refused is not None:
            return refused
        return told if isinstance(told, Refusal) else _accepted(session, told)

    async def _tell(self, session: DeviceSession, service: Service, facts: frozenset[str]) -> Answer | Refusal:
        """Prepare the headers before the id is taken: where that fails, the device may send the same request again."""
        return await self.teller.tell(_entry(session), service, facts, lambda: False)


def _entry(session: DeviceSession) -> Entry:
    """Return a device session as the check's teller knows sessions; 0 stands for no end."""
    living = Living(
        id=session.id,
        tenant=session.tenant,
        kind=_KIND,
        person=session.person,
        key="",
        factor=Factor.EMAIL_CODE,
        created_at=session.created_at,
        absolute_expires_at=session.expires_at,
        last_seen_at=session.created_at,
        csrf_hash="",
        csrf_epoch=0,
        ended_at=0,
        end_reason="",
    )
    return Entry(living, session.expires_at, 0)


def _accepted(session: DeviceSession, told: Answer) -> Response:
    headers = {name.decode(): value.decode() for name, value in told["headers"] if name not in _OURS}
    accepted = Accepted(session.id, headers[CALLER.decode()])
    fresh = headers | {"cache-control": "no-store"}
    return Response(msgspec.json.encode(accepted), headers=fresh, media_type="application/json")
