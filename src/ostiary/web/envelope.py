"""The membrane's dialect: every answer is an envelope of operation, outcome, body and receipt; a refusal too."""

from typing import Generic, TypeVar

import msgspec
from starlette.responses import Response

from ostiary.kernel.refs import ref
from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Mode, Outcome
from ostiary.web.catalogue import CATALOGUE
from ostiary.web.problems import dressed

__all__ = ["Envelope", "FixtureEnvelope", "ReceiptShown", "Refused", "envelope", "refused"]

Body = TypeVar("Body")


class ReceiptShown(msgspec.Struct, frozen=True):
    """The receipt of a crossing. `ref` is null where a flood of refusals is counted in one receipt (ruling 20)."""

    ref: str | None
    outcome: str
    reasons: list[str]
    fixture: bool


class Envelope(msgspec.Struct, Generic[Body], frozen=True):
    """One answer."""

    operation: str
    outcome: str
    body: Body
    receipt: ReceiptShown


class FixtureEnvelope(Envelope[Body], Generic[Body], frozen=True):
    """An answer of something that is there in fixture tenants only, and says so first."""

    fixture: bool = True


class Refused(msgspec.Struct, frozen=True):
    """The body of a refusal: which gate, what to do next, and when."""

    failed_gate: str
    stable_code: str
    message: str
    remedy_hint: str
    retry_after_seconds: int
    request_id: str


def envelope(
    operation: str, outcome: Outcome, body: Body, receipt: str, mode: Mode, reasons: tuple[str, ...] = ()
) -> Envelope[Body]:
    """Put an answer and the id of its receipt into an envelope."""
    shown = ReceiptShown(ref("receipt", receipt), outcome.value, list(reasons), mode is Mode.FIXTURE)
    return Envelope(operation, outcome.value, body, shown)


def refused(operation: str, refusal: Refusal, mode: Mode, request_id: str) -> Response:
    """Answer a refusal: its status, the envelope, and the headers that its status demands."""
    entry, code = CATALOGUE[refusal.code], refusal.code.value
    body = Refused(code, code, entry.message, entry.remedy, refusal.retry_after, request_id)
    receipt = ref("receipt", refusal.receipt) if refusal.receipt else None
    shown = ReceiptShown(receipt, Outcome.REFUSED.value, [code, *refusal.reasons], mode is Mode.FIXTURE)
    made = Envelope(operation, Outcome.REFUSED.value, body, shown)
    return dressed(refusal, msgspec.json.encode(made))
