"""The toy as a login method: name and word go to a doorkeeper in the world, who says whose they are."""

from collections.abc import Awaitable
from typing import Annotated, Protocol

import msgspec

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Factor, Proof
from ostiary.login.method import Ask, Verdict
from ostiary.presence.model import CHALLENGE_LIFE, Challenge
from ostiary.storage.tx import Tx

__all__ = ["Doorkeeper", "ToyMethod"]

Text = Annotated[str, msgspec.Meta(max_length=64)]


class ToyBegin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing need be said yet."""


class ToyAsked(msgspec.Struct, frozen=True):
    """The question; `expires_in` is in seconds."""

    attempt: str
    question: str
    expires_in: int


class ToyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who it is, and their word."""

    attempt: str
    name: Text
    word: Text


class Doorkeeper(Protocol):
    """The world that the toy asks."""

    def whose(self, name: str, word: str) -> Awaitable[str]:
        """Return the person's id, "" where name or word is wrong. Raises StoreUnavailable."""

    def knows(self, person: str) -> bool:
        """Tell whether a person has a word."""


class ToyMethod:
    """See `login.method.Method`."""

    name = "toy"
    factor = Factor.OIDC
    guesses = 3
    secrets: tuple[str, ...] = ("word",)
    quantum = 0.0
    lasting = True
    Begin = ToyBegin
    Asked = ToyAsked
    Answer = ToyAnswer

    def __init__(self, doorkeeper: Doorkeeper) -> None:
        self._doorkeeper = doorkeeper

    def begin(self, tx: Tx, caller: Caller, challenge: Challenge, begin: ToyBegin | None, languages: str) -> ToyAsked:
        """Ask for name and word; whoever proves presence is known already."""
        question = "Who is there?" if begin is not None else f"Is it still you, {caller.actor}?"
        return ToyAsked(challenge.token, question, CHALLENGE_LIFE // 1_000_000)

    def finish(self, tx: Tx, caller: Caller, challenge: Challenge, answer: ToyAnswer) -> Verdict:
        """Refuse what nobody need be asked about; else ask the doorkeeper."""
        if not answer.word.strip():
            return Refusal(Code.LOGIN_REFUSED, ("word_empty",))
        return Ask("doorkeeper.whose", (answer.name, answer.word))

    def resume(self, tx: Tx, caller: Caller, challenge: Challenge, ask: Ask, told: str) -> Verdict:
        """Turn what the doorkeeper said into a proof; "wrong word" and "never heard of" are one answer."""
        if not told:
            return Refusal(Code.LOGIN_REFUSED, ("doorkeeper_declined",))
        return Proof(told, self.factor, tx.now, challenge.id)

    async def perform(self, ask: Ask) -> str:
        """Ask the doorkeeper."""
        return await self._doorkeeper.whose(*ask.payload)

    def ways_in(self, tx: Tx, person: str) -> int:
        """Count the person's word, if they have one."""
        return int(self._doorkeeper.knows(person))
