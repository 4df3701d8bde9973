"""What a login method is: it asks something, and turns the answer into a Proof, a Refusal or an Ask."""

from typing import Any, Protocol

import msgspec

from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Caller, Factor, Proof
from ostiary.presence.model import Challenge
from ostiary.storage.tx import Tx

__all__ = ["Ask", "Method", "Verdict"]


class Ask(msgspec.Struct, frozen=True):
    """Something that a method needs from the world. `name` says what and stands in the receipt, `payload` nowhere.

    It is performed outside every transaction; the dispatcher is re-entered with the answer.
    """

    name: str
    payload: Any = None


Verdict = Proof | Refusal | Ask


class Method(Protocol):
    """A login method. Its use cases run in a transaction, cannot await, and emit an event for what they change.

    `Begin` and `Answer` are the structs of the two request bodies (`Answer` has `attempt: str`), `Asked` that
    of the first answer. `secrets` are the fields of both that no digest may cover. `guesses` is how many
    wrong answers exhaust an attempt. `caller` is nobody in particular at the sign-in; where presence is
    proved, `caller.actor` is the person whose presence it must be. Where `quantum` is not 0, a beginning is
    answered at multiples of so many seconds: what it does must not show in its time. A way in that is not
    `lasting` hangs on somebody else (who carries mail), so the last passkey is never given up for it. See
    docs/login-methods.md.
    """

    name: str
    factor: Factor
    guesses: int
    secrets: tuple[str, ...]
    quantum: float
    lasting: bool
    Begin: Any
    Asked: Any
    Answer: Any

    def begin(self, tx: Tx, caller: Caller, challenge: Challenge, begin: Any, languages: str) -> Any:  # noqa: ANN401 - its own structs
        """Return the method's Asked for a fresh challenge, a Refusal, or an Ask that the world's answer turns into it.

        `begin` is None where presence is proved. `languages` is the request's Accept-Language, for who writes letters.
        """

    def finish(self, tx: Tx, caller: Caller, challenge: Challenge, answer: Any) -> Verdict:  # noqa: ANN401 - its own struct
        """Judge an answer. A wrong one and an unknown one must look alike from outside."""

    def resume(self, tx: Tx, caller: Caller, challenge: Challenge, ask: Ask, told: Any) -> Verdict:  # noqa: ANN401 - what the world said
        """Judge what the world answered to an Ask."""

    async def perform(self, ask: Ask) -> Any:  # noqa: ANN401 - what the world said
        """Ask the world; an Ask of `begin` yields the Asked, or a Refusal.

        Raises StoreUnavailable where the world cannot be reached or makes no sense: the attempt is lost.
        """

    def ways_in(self, tx: Tx, person: str) -> int:
        """Return how many ways in of this method a person has."""
