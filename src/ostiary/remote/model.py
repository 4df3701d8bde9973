"""Values of asking a service elsewhere: where it is, what is asked, what it said or why it said nothing."""

import re

import msgspec

from ostiary.kernel.errors import ContractBroken

__all__ = ["LONGEST_BODY", "Answer", "Fault", "Place", "Question"]

LONGEST_BODY = 65_536
"""How many bytes of an answer are read."""

_VISIBLE = re.compile(r"[!-~]+\Z")
_WRITTEN = re.compile(r"[ -~]*\Z")


class Place(msgspec.Struct, frozen=True):
    """Where a service is: its base address, how long one question may take in all (microseconds), and our token."""

    base_url: str
    timeout: int
    token: str = ""

    def __repr__(self) -> str:
        """Show no token, whoever prints it."""
        return f"Place(base_url={self.base_url!r})"


class Question(msgspec.Struct, frozen=True):
    """One request: its path below the base address, a body that is sent as JSON, further headers.

    With `glance` a good answer proves nothing about better ones: it does not close an open breaker.
    """

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    glance: bool = False

    def __post_init__(self) -> None:
        """Let nothing through that a service could read as more than one request."""
        written = all(_VISIBLE.match(name) and _WRITTEN.match(text) for name, text in self.headers.items())
        if not (_VISIBLE.match(self.path) and _VISIBLE.match(self.method) and written):
            raise ContractBroken("a request has one line and printable headers")

    def __repr__(self) -> str:
        """Show neither path nor body: they may name somebody."""
        return f"Question(method={self.method!r})"


class Answer(msgspec.Struct, frozen=True):
    """What a service said. `body` has at most 64 KiB."""

    status: int
    body: bytes = b""

    def __repr__(self) -> str:
        """Show no body: it may name somebody."""
        return f"Answer(status={self.status})"


class Fault(msgspec.Struct, frozen=True):
    """Why there is no answer, as a machine word.

    Nothing was asked: `circuit_open`, `busy` (all lines were in use), `unreachable`, `tls`. Something may have come of
    it: `timeout`, `line_broken` (no whole answer by the rules of HTTP), `answer_malformed` (a longer one than any that
    is expected). `ours`: the time went by in a wait for a line of ours, which says nothing of the service.
    """

    why: str
    ours: bool = False
