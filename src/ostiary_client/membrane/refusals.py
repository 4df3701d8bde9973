"""A refused crossing as an exception, one class for each thing that a caller can do about it.

None of them shows a credential: not in its words, not in its arguments, not by what it was raised from.
"""

from collections.abc import Mapping
from typing import Any

from ostiary_client.membrane.answers import Receipt

__all__ = [
    "LOST",
    "ODD",
    "Conflict",
    "Forbidden",
    "Malformed",
    "MembraneRefusal",
    "NotFound",
    "Throttled",
    "Unauthenticated",
    "Unavailable",
    "refusal",
]


LOST, ODD = "transport_failed", "answer_odd"
"""The two codes of this client's own: no whole answer came, or one that no contract knows."""

_PASSING = frozenset({502, 503, 504})


class MembraneRefusal(Exception):
    """The membrane said no, or could not be asked.

    `code` is the stable word, `message` and `remedy` are for people, `retry_after` are seconds (0: not told), `receipt`
    is the refusal's own, `status` the HTTP status (0: no answer came), `more` whatever else the body said.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        remedy: str = "",
        retry_after: int = 0,
        receipt: Receipt | None = None,
        status: int = 0,
        operation: str = "",
        request_id: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, message)
        self.code, self.message, self.remedy = code, message, remedy
        self.retry_after, self.receipt, self.status = retry_after, receipt or Receipt(), status
        self.operation, self.request_id, self.more = operation, request_id, more or {}

    def __str__(self) -> str:
        words = [f"{self.operation or 'membrane'}: {self.code}"]
        words += [self.message] if self.message else []
        words += [f"({self.remedy})"] if self.remedy else []
        words += [f"[again in {self.retry_after} s]"] if self.retry_after else []
        return " ".join(words)


class Malformed(MembraneRefusal):
    """400, 413, 415 or 422: the program sent what the contract does not take. Mend the program."""


class Unauthenticated(MembraneRefusal):
    """401: the credential is unknown, expired or ended. Get another one: sign in again."""


class Forbidden(MembraneRefusal):
    """403: a rule says no to this caller. Asking again changes nothing; `remedy` says what would."""


class NotFound(MembraneRefusal):
    """404: what was named is not there, or not for this caller."""


class Conflict(MembraneRefusal):
    """409 or 410: already used, or past its time. Begin the ceremony anew."""


class Throttled(MembraneRefusal):
    """429: slow down. Tell the person how long (`retry_after`), and what still works: a valid passkey."""


class Unavailable(MembraneRefusal):
    """503, no answer, or an odd one: nobody knows whether the act was done. Look (inspect), or begin anew."""

    @property
    def passing(self) -> bool:
        """Whether the same question may soon be answered: nobody was reached, or whoever was is busy."""
        return self.code == LOST or self.status in _PASSING


_BY_STATUS: Mapping[int, type[MembraneRefusal]] = {
    400: Malformed,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Conflict,
    413: Malformed,
    415: Malformed,
    422: Malformed,
    429: Throttled,
}
_SERVER = 500


def refusal(status: int) -> type[MembraneRefusal]:
    """Return the class of a refusal by its HTTP status; a refusal told with a 200 is of none."""
    return Unavailable if status >= _SERVER else _BY_STATUS.get(status, MembraneRefusal)
