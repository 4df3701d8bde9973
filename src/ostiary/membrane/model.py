"""Values of the membrane: who calls, a question that was asked, what a session was issued for."""

from enum import StrEnum

import msgspec

from ostiary.keys.model import Key

__all__ = ["ACTS", "FIXTURE_WORD", "Asked", "Binding", "Kind", "Progress", "Question", "Who"]

FIXTURE_WORD = "fixture-session-token"
"""The bearer of a seeded fixture tenant: it opens nothing anywhere else."""


class Kind(StrEnum):
    """How a caller proves who it is."""

    BROWSER = "browser"
    CLIENT = "client"
    OPERATOR = "operator"
    SESSION = "session"


class Who(msgspec.Struct, frozen=True):
    """The caller of one crossing.

    `id` is the pre-login browser's, the client key's or the session's id; `scopes` are those that a client may ask
    for, None for no bound of its own; `key` is what signed the token, and `commitment` commits to it. `seeded` is the
    bearer of FIXTURE_WORD, who is client and operator of that tenant besides.
    """

    kind: Kind
    tenant: str
    id: str
    scopes: tuple[str, ...] | None = None
    key: Key | None = None
    commitment: str = ""
    seeded: bool = False
    token: str = ""

    def __repr__(self) -> str:
        """Show no token, whoever prints it."""
        return f"Who({self.kind.value}, {self.tenant!r}, {self.id!r})"


ACTS = frozenset(
    {
        "auth.login.start",
        "auth.login.finish",
        "auth.session.issue",
        "auth.session.refresh",
        "auth.recovery.policy",
        "auth.recovery.execute",
        "auth.recovery.contest",
        "passkey.add",
    }
)
"""What a proof of presence can serve here, by the words of its challenge's `scopes`."""


class Asked(StrEnum):
    """What a question is for; one of a kind answers nothing of another."""

    LOGIN = "login"
    ASSERTION = "assertion"
    REGISTRATION = "passkey_registration"


class Progress(StrEnum):
    """The life of a question: an answer moves it from open to answered, what it was for from answered to spent."""

    OPEN = "open"
    ANSWERED = "answered"
    SPENT = "spent"


class Question(msgspec.Struct, frozen=True):
    """A challenge on record: one login attempt, one assertion or one registration.

    `holder` is who asked and may answer (a browser's, client key's or session's id). `evaluation` is what the limits
    said of a login, `presence` the proof that the answer yielded. Times are microseconds since 1970.
    """

    id: str
    asked: Asked
    subject: str
    passkey: str
    rp_id: str
    origin: str
    scopes: str
    nonce: bytes
    holder: str
    device: str
    evaluation: str
    expires_at: int
    state: Progress = Progress.OPEN
    failures: int = 0
    presence: str = ""


class Binding(msgspec.Struct, frozen=True):
    """What a session was issued for, never changed after. `client` is the client key that asked, or ""."""

    session: str
    ref: str
    vessel: str
    standing: str
    device: str
    client: str
    presence: str
    previous: str
    expires_at: int
