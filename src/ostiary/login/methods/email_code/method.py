"""The e-mail code as a way to sign in at the browser, for people who exist; nobody is made here.

The challenge of a code has an id that is derived from the attempt: whoever cannot answer the attempt (another browser,
another tenant, a device) cannot even name it.
"""

from typing import Annotated

import msgspec

from ostiary.identities import people
from ostiary.identities import service as identities
from ostiary.identities.directory import Kind, Resolved
from ostiary.kernel.clock import SECOND, whole_seconds
from ostiary.kernel.ids import b64url
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Factor, Proof, Scope
from ostiary.login.method import Ask, Verdict
from ostiary.login.methods.email_code import challenges
from ostiary.login.methods.email_code.challenges import Asking, Sending
from ostiary.login.methods.email_code.model import BUDGETS, DIGITS, MOST_FAILURES, QUANTUM_S, Flow, State, locale_of
from ostiary.login.methods.email_code.sending import METHOD, Begun, Dispatch
from ostiary.presence.model import CHALLENGE_LIFE, Challenge
from ostiary.storage.tx import Tx
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


class _Wanted(msgspec.Struct, frozen=True):
    """What was begun for whom, and what is answered once the letter has left."""

    scope: Scope
    caller: Caller
    asking: Asking
    begun: Begun
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

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch, self._rules = dispatch, dispatch.rules

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
        begun = self._dispatch.begin(tx, caller, asking, self._open)
        return Ask("letter.send", _Wanted(tx.scope, caller, asking, begun, asked))

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
        wanted: _Wanted = ask.payload
        await self._dispatch.carry(wanted.scope, wanted.caller, wanted.asking, wanted.begun, self._open)
        return wanted.asked

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
        after = challenges.letter_after(tx, self._rules, caller, own)
        if after:
            return Refusal(Code.AUTH_RATE_LIMIT_THROTTLED, retry_after=whole_seconds(after - tx.now))
        sending = challenges.open_challenge(tx, self._rules, caller, own)
        return Ask("letter.send", _Wanted(tx.scope, caller, own, sending, asked))

    def _open(self, tx: Tx, caller: Caller, asking: Asking, told: Resolved | None) -> Sending:
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


def challenge_of(attempt: Challenge) -> str:
    """Return the id of the challenge whose code answers an attempt: 128 bits that only the server can derive."""
    return f"{challenges.KIND}-{b64url(attempt.nonce[:16])}"
