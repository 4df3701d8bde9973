"""The e-mail code as a way to sign in at the browser, for people who exist; nobody is made here.

The challenge of a code has an id that is derived from the attempt: whoever cannot answer the attempt (another browser,
another tenant, a device) cannot even name it.
"""

from functools import partial
from typing import Annotated

import msgspec

from ostiary.identities import people
from ostiary.identities import service as identities
from ostiary.identities.directory import Directory, Kind, Resolved
from ostiary.kernel.clock import SECOND
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.ids import b64url
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Factor, Proof, Scope
from ostiary.login.method import Ask, Verdict
from ostiary.login.methods.email_code import challenges
from ostiary.login.methods.email_code.challenges import Asking, Rules, Sending
from ostiary.login.methods.email_code.device import METHOD, Courier, MayHaveLeft, deliver
from ostiary.login.methods.email_code.model import BUDGETS, DIGITS, MOST_FAILURES, QUANTUM_S, Flow, State, locale_of
from ostiary.presence.model import CHALLENGE_LIFE, Challenge
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.decode import malformed

__all__ = ["EmailCodeMethod", "challenge_of"]

_PAUSE_S = BUDGETS.letter.window // SECOND


class EmailCodeBegin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The address, exact but for white space around it."""

    email: Annotated[str, msgspec.Meta(max_length=320)]

    def __repr__(self) -> str:
        """Show no address, whoever prints it."""
        return "EmailCodeBegin()"


class EmailCodeAsked(msgspec.Struct, frozen=True):
    """The attempt, whatever became of the letter.

    `digits` is how long a code is, `again_in` when another letter can be asked for; both times are in seconds.
    """

    attempt: str
    expires_in: int
    digits: int = DIGITS
    again_in: int = _PAUSE_S


class EmailCodeAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The code as it was typed: spaces and hyphens do not matter."""

    attempt: str
    code: Annotated[str, msgspec.Meta(max_length=64)]

    def __repr__(self) -> str:
        """Show no code, whoever prints it."""
        return "EmailCodeAnswer()"


class _Sent(msgspec.Struct, frozen=True):
    """A challenge that stands in the store, and what is answered once its letter has left."""

    scope: Scope
    caller: Caller
    asking: Asking
    sending: Sending
    asked: EmailCodeAsked


class _Unresolved(msgspec.Struct, frozen=True):
    """A code that is wanted, where a directory elsewhere says whose the address is."""

    scope: Scope
    caller: Caller
    asking: Asking
    asked: EmailCodeAsked


class EmailCodeMethod:
    """See `login.method.Method`."""

    name = METHOD
    factor = Factor.EMAIL_CODE
    guesses = MOST_FAILURES
    secrets: tuple[str, ...] = ("code", "email")
    quantum = QUANTUM_S
    lasting = False
    Begin = EmailCodeBegin
    Asked = EmailCodeAsked
    Answer = EmailCodeAnswer

    def __init__(self, vault: Vault, rules: Rules, courier: Courier, directory: Directory | None = None) -> None:
        self._vault, self._rules, self._courier, self._directory = vault, rules, courier, directory

    def begin(
        self, tx: Tx, caller: Caller, challenge: Challenge, begin: EmailCodeBegin | None, languages: str
    ) -> Ask | Refusal:
        """Make a challenge, alike for every class of address; its letter leaves when this is committed.

        For presence the code goes to the person's own address.
        """
        locale, id_ = locale_of(languages), challenge_of(challenge)
        asked = EmailCodeAsked(challenge.token, CHALLENGE_LIFE // SECOND)
        if begin is None:
            return self._begin_presence(tx, caller, Asking(Flow.BROWSER, "", locale, caller.actor, id_), asked)
        asking = Asking(Flow.BROWSER, begin.email.strip(), locale, challenge=id_)
        if not asking.readable:
            return malformed("bad_address")
        if not challenges.may_send(tx, self._rules, caller, asking):
            throttled = challenges.open_challenge(tx, self._rules, caller, asking, State.THROTTLED)
            return Ask("letter.send", _Sent(tx.scope, caller, asking, throttled, asked))
        if self._directory is not None:
            return Ask("directory.resolve", _Unresolved(tx.scope, caller, asking, asked))
        return Ask("letter.send", _Sent(tx.scope, caller, asking, self._open(tx, caller, asking), asked))

    def finish(self, tx: Tx, caller: Caller, challenge: Challenge, answer: EmailCodeAnswer) -> Verdict:
        """Weigh the code and name the person; it works once. Who is blocked learns of that by a right one only."""
        found = challenges.weigh(tx, self._rules, Flow.BROWSER, challenge_of(challenge), answer.code)
        if isinstance(found, Refusal):
            return Refusal(Code.LOGIN_REFUSED, (found.code.value,))
        if found.state is State.CONFIRMED:
            return Refusal(Code.LOGIN_REFUSED, ("code_used",))
        if identities.hold(tx, found.person):
            return Refusal(Code.BLOCKED_BY_POLICY)
        challenges.confirm(tx, msgspec.structs.replace(caller, actor=found.person), found, "", "")
        return Proof(found.person, self.factor, tx.now, challenge.id)

    def resume(self, tx: Tx, caller: Caller, challenge: Challenge, ask: Ask, told: object) -> Verdict:
        """Never happens: a code is judged here."""
        raise NotImplementedError

    async def perform(self, ask: Ask) -> EmailCodeAsked:
        """Let the letter leave, where a request waits for that; a directory elsewhere is asked before."""
        wanted: _Sent | _Unresolved = ask.payload
        try:
            return await self._carried(wanted)
        except MayHaveLeft:
            raise
        except StoreUnavailable:
            if isinstance(wanted, _Unresolved) or wanted.sending.state is not State.THROTTLED:
                back = partial(challenges.give_back, rules=self._rules, caller=wanted.caller, asking=wanted.asking)
                await self._vault.transact(wanted.scope, back)
            raise

    async def _carried(self, wanted: _Sent | _Unresolved) -> EmailCodeAsked:
        if isinstance(wanted, _Unresolved):
            wanted = await self._resolved(wanted)
        elif wanted.sending.state is State.THROTTLED and not await self._knows():
            raise StoreUnavailable("the user service cannot be reached", service="directory")  # as who must ask it
        await deliver(self._vault, self._courier, wanted.scope, wanted.sending)
        return wanted.asked

    async def _knows(self) -> bool:
        return self._directory is None or await self._directory.reachable()

    def ways_in(self, tx: Tx, person: str) -> int:
        """Count the person's own address, where the tenant lets people sign in by it."""
        found = identities.find_person(tx, self._rules.keyring, person) if identities.offers(tx, METHOD) else None
        return int(found is not None and bool(found.email))

    def _begin_presence(self, tx: Tx, caller: Caller, asking: Asking, asked: EmailCodeAsked) -> Ask | Refusal:
        """Send a code to somebody who is signed in: they may hear when they have none, and when it is too soon.

        The session is who asks: the letter that it was opened with a moment ago does not stand in the way.
        """
        person = identities.find_person(tx, self._rules.keyring, caller.actor)
        own = msgspec.structs.replace(asking, address=person.email if person else "", requester=caller.session)
        if not own.readable:
            return Refusal(Code.METHOD_NOT_OFFERED, ("no_address",))
        if not challenges.may_send(tx, self._rules, caller, own):
            return Refusal(Code.AUTH_RATE_LIMIT_THROTTLED, retry_after=_PAUSE_S)
        sending = challenges.open_challenge(tx, self._rules, caller, own)
        return Ask("letter.send", _Sent(tx.scope, caller, own, sending, asked))

    def _open(self, tx: Tx, caller: Caller, asking: Asking, told: Resolved | None = None) -> Sending:
        """Make the challenge of whoever has the address; for nobody and for who is blocked, one without a letter.

        Where a directory elsewhere was asked, it is one without a letter too unless it names the same person: a mailbox
        that went to somebody else opens nothing of who had it before.
        """
        found = people.resolve(tx, self._rules.keyring, asking.address)
        person = ""
        if not isinstance(found, Refusal) and found.kind is Kind.EXISTING and (told is None or told == found):
            person = found.person
        wanted = msgspec.structs.replace(asking, person=person)
        return challenges.open_challenge(tx, self._rules, caller, wanted, None if person else State.SUPPRESSED)

    async def _resolved(self, wanted: _Unresolved) -> _Sent:
        """Ask the directory elsewhere whose the address is by now; then make the challenge."""
        if self._directory is None:
            raise NotImplementedError
        found = await self._directory.resolve(wanted.scope, wanted.asking.address)
        sending = await self._vault.transact(
            wanted.scope, lambda tx: self._open(tx, wanted.caller, wanted.asking, found)
        )
        return _Sent(wanted.scope, wanted.caller, wanted.asking, sending, wanted.asked)


def challenge_of(attempt: Challenge) -> str:
    """Return the id of the challenge whose code answers an attempt: 128 bits that only the server can derive."""
    return f"{challenges.KIND}-{b64url(attempt.nonce[:16])}"
