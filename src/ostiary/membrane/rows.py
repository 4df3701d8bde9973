"""What one operation of the membrane is: its row in the table, its rules, and what it does."""

from typing import Any

import msgspec

from ostiary.kernel.refusals import Code
from ostiary.kernel.values import EventName
from ostiary.membrane.crossing import UseCase
from ostiary.membrane.gates import Gate, claimed, one_of
from ostiary.web.envelope import Envelope
from ostiary.web.operation import Audience, Dialect, Exchange, Operation, Reply

__all__ = ["Row", "row"]

_MATERIAL = (
    "client_data_json_b64url",
    "authenticator_data_b64url",
    "signature_b64url",
    "attestation_object_b64url",
    "user_handle_b64url",
    "enrolment_token",
    "recovery_token",
    "recovery_code",
    "contact_address",
    "cancel_token",
    "code",
)


class Row(msgspec.Struct, frozen=True):
    """One operation, the rules that its request must pass, and what it does.

    `empty` takes a request without a body. No answer leaves before `pace` seconds are over: how long the work took
    tells nothing then.
    """

    operation: Operation
    gates: tuple[Gate, ...]
    use_case: UseCase
    empty: bool = False
    pace: float = 0.0


_DEVICE = claimed("device_binding", "device_binding")
_ATTACHMENT = one_of("authenticator_attachment", "platform", "cross-platform")


async def _at_its_own_door(x: Exchange) -> Reply:
    """Never called: `membrane.door` serves these operations, in a transaction each."""
    raise NotImplementedError


def row(
    name: str,
    path: str,
    summary: str,
    audience: Audience,
    event: EventName,
    use_case: UseCase,
    *,
    request: Any,  # noqa: ANN401 - a struct type
    body: Any,  # noqa: ANN401 - a struct type
    gates: tuple[Gate, ...],
    refusals: tuple[Code, ...],
    empty: bool = False,
    pace: float = 0.0,
    envelope: Any = Envelope,  # noqa: ANN401 - a generic struct type
) -> Row:
    """Return the row of an operation that is asked by POST at its path."""
    if "device_binding" in request.__struct_fields__:
        gates = (*gates, _DEVICE)
    if "authenticator_attachment" in request.__struct_fields__:
        gates = (*gates, _ATTACHMENT)
    operation = Operation(
        name=name,
        method="POST",
        path=path,
        summary=summary,
        audience=audience,
        event=event,
        handler=_at_its_own_door,
        request=request,
        response=envelope[body],
        refusals=(*(code for gate in gates for code in gate.codes), *refusals),
        secrets=_MATERIAL,
        dialect=Dialect.MEMBRANE,
    )
    return Row(operation, gates, use_case, empty, pace)
