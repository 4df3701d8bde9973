"""The contract's two public operations: send a code, confirm it with a device's key. NOTE: wire format."""

import asyncio
from functools import partial
from typing import Annotated

import msgspec

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName
from ostiary.login.methods.email_code.challenges import Asking
from ostiary.login.methods.email_code.device import Confirmation, DeviceFlow
from ostiary.login.methods.email_code.model import Flow, is_time_zone, locale_of
from ostiary.login.pace import Paced
from ostiary.sessions.device.keys import can_verify
from ostiary.web.decode import malformed
from ostiary.web.operation import Audience, Dialect, Exchange, Operation, Reply

__all__ = ["operations", "paced"]

_Text = Annotated[str, msgspec.Meta(max_length=1024)]


class DeviceCodeWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address, exact but for white space around it."""

    email: _Text

    def __repr__(self) -> str:
        """Show no address, whoever prints it."""
        return "DeviceCodeWanted()"


class DeviceCodeSent(msgspec.Struct, frozen=True):
    """The challenge, whatever became of the letter."""

    challenge_id: str


class DeviceCodeTyped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code from the letter, and the device's raw Ed25519 public key (RFC 8032) in padded base64."""

    challenge_id: _Text
    code: _Text
    client_public_key: _Text
    time_zone: _Text | None = None

    def __repr__(self) -> str:
        """Show no code, whoever prints it."""
        return "DeviceCodeTyped()"


class DeviceOpened(msgspec.Struct, frozen=True):
    """The session of the device; it is ready when this arrives."""

    device_session_id: str


async def paced(pace: Paced, flow: DeviceFlow, x: Exchange) -> Reply | Refusal:
    """Send a code, and answer when every class of address is answered."""
    began = asyncio.get_running_loop().time()
    try:
        return await _send(flow, x)
    finally:
        await pace.until(began)


async def _send(flow: DeviceFlow, x: Exchange) -> Reply | Refusal:
    asking = Asking(Flow.DEVICE, x.body.email.strip(), locale_of(x.headers.get("accept-language", "")))
    if not asking.readable:
        return malformed("bad_address")
    sent = await flow.send(x.scope, x.caller, asking)
    return sent if isinstance(sent, Refusal) else Reply(DeviceCodeSent(sent))


async def _confirm(flow: DeviceFlow, x: Exchange) -> Reply | Refusal:
    typed, zone = x.body, (x.body.time_zone or "").strip()
    challenge, code = typed.challenge_id.strip(), typed.code.strip()
    if not challenge or not code:
        return malformed("bad_fields", "code" if challenge else "challenge_id")
    if (typed.time_zone is not None and not zone) or (zone and not is_time_zone(zone)):
        return malformed("bad_time_zone")
    key = typed.client_public_key.strip()
    if not can_verify(key):
        return Refusal(Code.INVALID_CLIENT_PUBLIC_KEY)
    given = Confirmation(challenge, code, key, zone)
    opened = await flow.confirm(x.scope, x.caller, given)
    return opened if isinstance(opened, Refusal) else Reply(DeviceOpened(opened.id))


def operations(flow: DeviceFlow, pace: Paced) -> tuple[Operation, ...]:
    """Return the two operations; nobody need be known to ask."""
    return (
        Operation(
            name="device.code.send",
            method="POST",
            path="/api/v1/public/auth/send-email-code",
            summary="Send a code by mail; the answer is the same for every address, at the same pace.",
            audience=Audience.PUBLIC,
            event=EventName.CODE_SEND,
            handler=partial(paced, pace, flow),
            request=DeviceCodeWanted,
            response=DeviceCodeSent,
            refusals=(Code.METHOD_NOT_OFFERED,),
            secrets=("email",),
            dialect=Dialect.DEVICE,
        ),
        Operation(
            name="device.code.confirm",
            method="POST",
            path="/api/v1/public/auth/confirm-email-code",
            summary="Confirm a code with the device's public key: a session of the device, ready at once.",
            audience=Audience.PUBLIC,
            event=EventName.CODE_CONFIRM,
            handler=partial(_confirm, flow),
            request=DeviceCodeTyped,
            response=DeviceOpened,
            refusals=(
                Code.METHOD_NOT_OFFERED,
                Code.CHALLENGE_NOT_FOUND,
                Code.CHALLENGE_EXPIRED,
                Code.INVALID_CODE,
                Code.INVALID_CLIENT_PUBLIC_KEY,
                Code.BLOCKED_BY_POLICY,
                Code.SESSION_LIMIT_EXCEEDED,
            ),
            secrets=("code",),
            dialect=Dialect.DEVICE,
        ),
    )
