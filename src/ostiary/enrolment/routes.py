"""Operations of enrolment: begin and finish. The token comes in the body, never in a path or a log."""

from functools import partial
from typing import Annotated

import msgspec

from ostiary.enrolment.model import Invitation
from ostiary.enrolment.service import Acceptance, Rules, accept, look
from ostiary.identities import service as identities
from ostiary.kernel.ids import Secrets
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName
from ostiary.login.account import Label, RegistrationAsked
from ostiary.login.browser import browser_cookie
from ostiary.login.routes import SignedIn, signed_in
from ostiary.passkeys import webauthn
from ostiary.passkeys.ceremony import RegistrationResponse
from ostiary.presence.challenges import Asker
from ostiary.presence.model import CHALLENGE_LIFE, Purpose
from ostiary.sessions.agents import agent_label
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.operation import Audience, Exchange, Operation, Reply

__all__ = ["Desk", "operations"]

_PURPOSE = frozenset({Purpose.ENROLMENT})
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Desk(msgspec.Struct, frozen=True):
    """What the handlers of enrolment hold."""

    vault: Vault
    rules: Rules
    asker: Asker
    secrets: Secrets


class EnrolmentBegun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The one-time token of the link's fragment."""

    token: Token


class EnrolmentAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token again, and the new passkey: what `toJSON()` of the credential gives."""

    token: Token
    attempt: str
    credential: RegistrationResponse
    label: Label = ""


async def _begin(desk: Desk, x: Exchange) -> Reply | Refusal:
    def use_case(tx: Tx) -> tuple[Invitation, str] | Refusal:
        invitation = look(tx, x.body.token)
        if isinstance(invitation, Refusal):
            return invitation
        person = identities.find_person(tx, desk.rules.sessions.keyring, invitation.person)
        return invitation, person.title if person else "Administrator"

    found = await desk.vault.read(x.scope, use_case)
    if isinstance(found, Refusal):
        return found
    invitation, title = found
    browser, cookie = browser_cookie(desk.rules.sessions.keyring, desk.secrets, x.scope, x.browser)
    challenge = desk.asker.ask(x.scope, Purpose.ENROLMENT, browser, subject=invitation.id)
    rp, handle = desk.rules.passkeys.relying_party, invitation.person.encode()
    options = webauthn.creation_options(rp, challenge.nonce, handle, title, title)
    return Reply(RegistrationAsked(challenge.token, options, CHALLENGE_LIFE // 1_000_000), (cookie,))


async def _finish(desk: Desk, x: Exchange) -> Reply | Refusal:
    challenge = desk.asker.recognise(x.scope, x.body.attempt, _PURPOSE, x.browser)
    if isinstance(challenge, Refusal):
        return challenge
    given = Acceptance(x.body.token, challenge, x.body.credential, x.body.label, agent_label(x.agent))
    opened = await desk.vault.transact(x.scope, lambda tx: accept(tx, desk.rules, x.caller, given))
    return opened if isinstance(opened, Refusal) else signed_in(desk.rules.sessions, opened)


def operations(desk: Desk) -> tuple[Operation, ...]:
    """Return the operations of enrolment."""
    return (
        Operation(
            name="enrolment.begin",
            method="POST",
            path="/enrolment/begin",
            summary="Begin to accept a one-time link: a challenge for a first passkey.",
            audience=Audience.PUBLIC,
            event=EventName.INVITATION_ACCEPT,
            handler=partial(_begin, desk),
            request=EnrolmentBegun,
            response=RegistrationAsked,
            refusals=(Code.INVITATION_REFUSED,),
            secrets=("token",),
        ),
        Operation(
            name="enrolment.finish",
            method="POST",
            path="/enrolment/finish",
            summary="Accept the link with a new passkey: the person is made and signed in.",
            audience=Audience.PRELOGIN,
            event=EventName.INVITATION_ACCEPT,
            handler=partial(_finish, desk),
            request=EnrolmentAnswer,
            response=SignedIn,
            refusals=(
                Code.INVITATION_REFUSED,
                Code.LOGIN_ATTEMPT_INVALID,
                Code.LOGIN_ATTEMPT_EXPIRED,
                Code.LOGIN_ATTEMPT_SPENT,
                Code.PASSKEY_REFUSED,
                Code.PASSKEY_ALREADY_REGISTERED,
                Code.BLOCKED_BY_POLICY,
            ),
            secrets=("token", "credential"),
        ),
    )
