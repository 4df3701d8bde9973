"""What came back over HTTP, and what it means: an answer, or a refusal as a value. Nothing here raises."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ostiary_client.membrane.answers import Answer, Body, Odd, Receipt, decoded
from ostiary_client.membrane.refusals import LOST, ODD, MembraneRefusal, Unavailable, refusal
from ostiary_client.membrane.verbs import Request
from ostiary_client.transport import seconds

__all__ = ["Intake", "Lost", "Reply", "meaning"]

BodyT = TypeVar("BodyT", bound=Body)

_LARGEST = 1 << 20
_LONGEST_WORDS = 500
_TOO_LONG = "AnswerTooLong"
_NO = frozenset({"refused", "failed"})
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\U0010ffff]+")


@dataclass(frozen=True)
class Reply:
    """One HTTP answer, its bytes as they came."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    raw: bytes = field(repr=False)


@dataclass(frozen=True)
class Lost:
    """No whole answer came; `why` names the kind of failure."""

    why: str


class Intake:
    """Takes an answer's bytes in: at most 1 MiB, and none after `until` (ticks). `full` says that no more is wanted."""

    def __init__(self, until: float, ticks: Callable[[], float]) -> None:
        self._until, self._ticks, self._raw = until, ticks, bytearray()
        self.full = False

    def take(self, chunk: bytes) -> bool:
        """Keep a chunk; return whether that was the last one wanted."""
        self._raw += chunk
        self.full = len(self._raw) > _LARGEST or self._ticks() > self._until
        return self.full

    def reply(self, status: int, headers: Mapping[str, str]) -> Reply | Lost:
        """Return what was taken in."""
        return Lost(_TOO_LONG) if self.full else Reply(status, headers, bytes(self._raw))


def meaning(came: Reply | Lost, request: Request[BodyT], secret: str) -> Answer[BodyT] | MembraneRefusal:
    """Read what came as the answer to a request. `secret` is hidden where a refusal's words repeat it."""
    if isinstance(came, Lost):
        return Unavailable(ODD if came.why == _TOO_LONG else LOST, came.why, operation=request.operation)
    try:
        told = _object(came)
        if told["outcome"] in _NO:
            return _refused(came, _without(told, secret) if secret else told, request.operation)
        if came.status not in range(200, 300):
            raise Odd("not refused, but no success either")
        body: Any = decoded(request.answers, told["body"])
        more = {name: value for name, value in told.items() if name not in {"operation", "outcome", "body", "receipt"}}
        return Answer(
            operation=told["operation"], outcome=told["outcome"], body=body, receipt=_receipt(told), more=more
        )
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, Odd) else "no JSON"
    after = seconds(came.headers.get("retry-after", ""))
    return Unavailable(ODD, why, status=came.status, operation=request.operation, retry_after=after)


def _object(came: Reply) -> dict[str, Any]:
    """Return the envelope. Raises Odd, or whatever reading JSON raises."""
    if came.status in range(300, 400):
        raise Odd("a redirect, and none is followed")
    if came.headers.get("content-encoding", "identity") != "identity":
        raise Odd("encoded, and that was not asked for")
    told = json.loads(came.raw)
    if not isinstance(told, dict):
        raise Odd("no envelope")
    for name, kind in (("operation", str), ("outcome", str), ("body", dict)):
        if not isinstance(told.get(name), kind):
            raise Odd(f"an envelope without {name}")
    return told


def _receipt(told: dict[str, Any]) -> Receipt:
    return decoded(Receipt, told.get("receipt") or {})


def _refused(came: Reply, told: dict[str, Any], operation: str) -> MembraneRefusal:
    body = dict(told["body"])
    code = body.pop("stable_code", None) or body.pop("failed_gate", None)
    words = {name: _plain(body.pop(name, "")) for name in ("message", "remedy_hint", "request_id")}
    told_in_body, header = body.pop("retry_after_seconds", 0), came.headers.get("retry-after", "")
    body.pop("failed_gate", None)
    return refusal(came.status)(
        _plain(code) or told["outcome"],
        words["message"],
        remedy=words["remedy_hint"],
        retry_after=seconds(header) or seconds(str(told_in_body)),
        receipt=_receipt(told),
        status=came.status,
        operation=operation,
        request_id=words["request_id"],
        more=body,
    )


def _plain(text: object) -> str:
    """Return words fit for a log line: one line, and not long."""
    return _UNPRINTABLE.sub(" ", text)[:_LONGEST_WORDS] if isinstance(text, str) else ""


def _without(told: Any, secret: str) -> Any:  # noqa: ANN401 - JSON is any value
    """Return a JSON value without the caller's own credential, which a refusal may repeat."""
    if isinstance(told, str):
        return told.replace(secret, "[hidden]")
    if isinstance(told, list):
        return [_without(item, secret) for item in told]
    if isinstance(told, dict):
        return {name: _without(value, secret) for name, value in told.items()}
    return told
