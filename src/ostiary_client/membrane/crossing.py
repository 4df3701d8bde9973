"""One crossing, for both clients: what is sent, what is waited for, and what comes of it.

`crossing` is a generator: it yields what the client shall do (send, pause) and is told what came of it. It does nothing
itself, so one text serves the client that waits and the one that is awaited.
"""

import re
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias, TypeVar

from ostiary_client.membrane.answers import Answer, Body
from ostiary_client.membrane.reading import Intake, Lost, Reply, meaning
from ostiary_client.membrane.refusals import MembraneRefusal, Unavailable
from ostiary_client.membrane.verbs import Request

__all__ = ["Account", "Patience", "Pause", "Sent", "Steps", "crossing"]

BodyT = TypeVar("BodyT", bound=Body)

_CREDENTIAL = re.compile(r"[\x21-\x7e]*")
_WHOLE_ANSWER_S = 15.0


@dataclass(frozen=True)
class Account:
    """In whose name a client speaks: a session's token, or a tenant's client or operator key; and of which tenant."""

    credential: str = field(default="", repr=False)
    tenant: str = ""

    def __post_init__(self) -> None:
        if not _CREDENTIAL.fullmatch(self.credential):
            raise ValueError("a credential is printable ASCII without spaces")

    def headers(self) -> Mapping[str, str]:
        """Return the headers of a request. No encoding is asked for, so that no answer grows on its way in."""
        shown = {"authorization": f"Bearer {self.credential}"} if self.credential else {}
        return {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            **shown,
        }


@dataclass(frozen=True)
class Patience:
    """How often, and for how long, what may be sent twice is sent again.

    `within` seconds after the first sending nothing is sent any more: a refresh must come back within the server's
    grace (`SESSION_REFRESH_GRACE`, 10 s), or it ends the family. `longest` is the longest pause; a server that asks
    for a longer one (Retry-After) is not asked again.
    """

    tries: int = 3
    first: float = 0.1
    longest: float = 2.0
    within: float = 5.0

    def pause(self, told: MembraneRefusal, tried: int, passed: float) -> float | None:
        """Return the seconds until the next try, None where there is none."""
        if not isinstance(told, Unavailable) or not told.passing or tried >= self.tries:
            return None
        seconds = max(float(told.retry_after), self.first * 2 ** (tried - 1))
        return seconds if seconds <= self.longest and passed + seconds <= self.within else None


@dataclass(frozen=True)
class Sent:
    """One HTTP request to send. `intake` takes the answer."""

    path: str
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    intake: Intake = field(repr=False)

    def options(self) -> dict[str, Any]:
        """Return what httpx2 is told beside the path: nobody else's credential, and no redirect."""
        return {"content": self.content, "headers": self.headers, "auth": None, "follow_redirects": False}


@dataclass(frozen=True)
class Pause:
    """So many seconds to wait."""

    seconds: float


Steps: TypeAlias = Generator[Sent | Pause, Reply | Lost | None, Answer[BodyT]]


def crossing(
    request: Request[BodyT], account: Account, patience: Patience, ticks: Callable[[], float] | None = None
) -> Steps[BodyT]:
    """Carry a request across. Returns the answer, raises MembraneRefusal."""
    now = ticks or partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    began, tried = now(), 0
    while True:
        intake = Intake(now() + _WHOLE_ANSWER_S, now)
        came = yield Sent(request.path, request.content(account.tenant), account.headers(), intake)
        tried += 1
        told = meaning(came or Lost("NothingCame"), request, account.credential)
        if isinstance(told, Answer):
            return told
        seconds = patience.pause(told, tried, now() - began) if request.again else None
        if seconds is None:
            raise told
        yield Pause(seconds)
