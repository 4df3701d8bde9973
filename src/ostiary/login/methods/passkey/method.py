"""The passkey as a login method."""

from typing import Any

import msgspec

from ostiary.kernel.refusals import Refusal
from ostiary.kernel.values import Caller, Factor, Proof
from ostiary.login.method import Ask, Verdict
from ostiary.passkeys import service, webauthn
from ostiary.passkeys.ceremony import AuthenticationResponse
from ostiary.presence.model import CHALLENGE_LIFE, Challenge
from ostiary.storage.tx import Tx

__all__ = ["PasskeyMethod"]


class PasskeyBegin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing need be said: the authenticator finds the account."""


class PasskeyAsked(msgspec.Struct, frozen=True):
    """The challenge. `options` is PublicKeyCredentialRequestOptionsJSON; `expires_in` is in seconds."""

    attempt: str
    options: dict[str, Any]
    expires_in: int


class PasskeyAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signed challenge: what `toJSON()` of the assertion gives."""

    attempt: str
    credential: AuthenticationResponse


class PasskeyMethod:
    """See `login.method.Method`."""

    name = "passkey"
    factor = Factor.PASSKEY
    guesses = 5
    secrets: tuple[str, ...] = ("credential",)
    quantum = 0.0
    lasting = True
    Begin = PasskeyBegin
    Asked = PasskeyAsked
    Answer = PasskeyAnswer

    def __init__(self, rules: service.Rules) -> None:
        self._rules = rules

    def begin(
        self, tx: Tx, caller: Caller, challenge: Challenge, begin: PasskeyBegin | None, languages: str
    ) -> PasskeyAsked:
        """Ask for an assertion over the challenge's nonce."""
        options = webauthn.request_options(self._rules.relying_party, challenge.nonce)
        return PasskeyAsked(challenge.token, options, CHALLENGE_LIFE // 1_000_000)

    def finish(self, tx: Tx, caller: Caller, challenge: Challenge, answer: PasskeyAnswer) -> Verdict:
        """Verify the assertion and name the person."""
        found = service.assert_passkey(tx, self._rules, challenge.nonce, answer.credential)
        if isinstance(found, Refusal):
            return found
        return Proof(found.person, self.factor, tx.now, challenge.id, found.id, user_verified=True)

    def resume(self, tx: Tx, caller: Caller, challenge: Challenge, ask: Ask, told: object) -> Verdict:
        """Never happens: a passkey asks nothing of the world."""
        raise NotImplementedError

    async def perform(self, ask: Ask) -> object:
        """Never happens: a passkey asks nothing of the world."""
        raise NotImplementedError

    def ways_in(self, tx: Tx, person: str) -> int:
        """Count the person's passkeys."""
        return len(service.list_of(tx, person))
