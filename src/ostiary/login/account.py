"""Operations on one's own passkeys: list, add, rename, remove. Adding and removing ask for presence (ruling 8)."""

from functools import partial
from typing import Annotated, Any

import msgspec

from ostiary.identities import service as identities
from ostiary.kernel.clock import instant
from ostiary.kernel.ids import is_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName
from ostiary.login.service import Registry, remove_passkey, show_presence
from ostiary.passkeys import service, webauthn
from ostiary.passkeys.ceremony import RegistrationResponse
from ostiary.passkeys.model import LABEL_LONGEST, Passkey
from ostiary.presence import service as presence
from ostiary.presence.challenges import Asker
from ostiary.presence.model import CHALLENGE_LIFE, Challenge, Purpose
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.operation import Audience, Exchange, Operation, Reply

__all__ = ["AccountDesk", "Label", "PasskeyView", "RegistrationAsked", "account_operations", "passkey_views"]

_PURPOSE = frozenset({Purpose.PASSKEY_REGISTRATION})
Label = Annotated[str, msgspec.Meta(max_length=LABEL_LONGEST)]
Instant = Annotated[str, msgspec.Meta(description="RFC 3339, UTC, microseconds")]


class AccountDesk(msgspec.Struct, frozen=True):
    """What the handlers of passkeys hold."""

    vault: Vault
    rules: service.Rules
    asker: Asker
    registry: Registry


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An empty object."""


class PasskeyView(msgspec.Struct, frozen=True):
    """A passkey as its owner sees it. `synced` tells whether its provider keeps copies of it."""

    id: str
    label: str
    created_at: Instant
    last_used_at: Instant | None
    synced: bool


class PasskeyList(msgspec.Struct, frozen=True):
    """The caller's passkeys, oldest first."""

    passkeys: list[PasskeyView]


class RegistrationAsked(msgspec.Struct, frozen=True):
    """The challenge. `options` is PublicKeyCredentialCreationOptionsJSON; `expires_in` is in seconds."""

    attempt: str
    options: dict[str, Any]
    expires_in: int


class PasskeyMade(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new passkey: what `toJSON()` of the credential gives, its label, and the proof of presence."""

    attempt: str
    credential: RegistrationResponse
    presence: Annotated[str, msgspec.Meta(max_length=64)] = ""
    label: Label = ""


class PasskeyRenamed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A passkey's new label."""

    label: Label


def passkey_views(tx: Tx, rules: service.Rules, person: str) -> list[PasskeyView]:
    """Show a person's passkeys."""
    return [_view(tx, rules, passkey) for passkey in service.list_of(tx, person)]


def _view(tx: Tx, rules: service.Rules, passkey: Passkey) -> PasskeyView:
    return PasskeyView(
        id=passkey.id,
        label=service.label(tx, rules.keyring, passkey),
        created_at=instant(passkey.created_at),
        last_used_at=instant(passkey.last_used_at) if passkey.last_used_at else None,
        synced=bool(passkey.backed_up),
    )


async def _list(desk: AccountDesk, x: Exchange) -> Reply:
    views = await desk.vault.read(x.scope, lambda tx: passkey_views(tx, desk.rules, x.caller.actor))
    return Reply(PasskeyList(views))


async def _begin(desk: AccountDesk, x: Exchange) -> Reply | Refusal:
    challenge = desk.asker.ask(x.scope, Purpose.PASSKEY_REGISTRATION, x.browser, subject=x.caller.actor)
    person = await desk.vault.read(x.scope, lambda tx: identities.find_person(tx, desk.rules.keyring, x.caller.actor))
    title = person.title if person else ""
    options = webauthn.creation_options(
        desk.rules.relying_party, challenge.nonce, x.caller.actor.encode(), title, title
    )
    return Reply(RegistrationAsked(challenge.token, options, CHALLENGE_LIFE // 1_000_000))


async def _finish(desk: AccountDesk, x: Exchange) -> Reply | Refusal:
    challenge = desk.asker.recognise(x.scope, x.body.attempt, _PURPOSE, x.browser)
    if isinstance(challenge, Refusal):
        return challenge
    made = await desk.vault.transact(x.scope, lambda tx: _add(tx, desk, x.caller, challenge, x.body))
    return made if isinstance(made, Refusal) else Reply(made)


def _add(tx: Tx, desk: AccountDesk, caller: Caller, challenge: Challenge, made: PasskeyMade) -> PasskeyView | Refusal:
    identities.hold(tx, caller.actor)  # what a recovery voids at this moment proves nothing more
    spent = presence.spend(tx, challenge)
    if spent is not None:
        return tx.refuse(EventName.PASSKEY_ADD, caller, caller.actor, spent)
    shown = show_presence(tx, caller, made.presence, Purpose.PASSKEY_ADD)
    if isinstance(shown, Refusal):
        return tx.refuse(EventName.PASSKEY_ADD, caller, caller.actor, shown)
    added = service.register(tx, desk.rules, caller, caller.actor, challenge.nonce, made.credential, made.label)
    if isinstance(added, Refusal):
        return added
    return next(view for view in passkey_views(tx, desk.rules, caller.actor) if view.id == added)


async def _rename(desk: AccountDesk, x: Exchange) -> Reply | Refusal:
    refused = await desk.vault.transact(
        x.scope, lambda tx: service.rename(tx, desk.rules.keyring, x.caller, _named(x), x.body.label)
    )
    return refused or Reply(x.body)


async def _remove(desk: AccountDesk, x: Exchange) -> Reply | Refusal:
    receipt = x.headers.get("ostiary-presence", "")
    refused = await desk.vault.transact(
        x.scope, lambda tx: remove_passkey(tx, desk.registry, x.caller, _named(x), receipt)
    )
    return refused or Reply()


def _named(x: Exchange) -> str:
    """Return the passkey that the path names; what is no id of a passkey reaches neither store nor log."""
    return x.path["id"] if is_id("pk", x.path["id"]) else ""


def account_operations(desk: AccountDesk) -> tuple[Operation, ...]:
    """Return the operations on one's own passkeys."""
    return (*_adding(desk), *_keeping(desk))


def _adding(desk: AccountDesk) -> tuple[Operation, ...]:
    return (
        Operation(
            name="passkey.begin",
            method="POST",
            path="/api/v1/auth/passkeys/begin",
            summary="Begin to add a passkey: a challenge that this session may answer within five minutes.",
            audience=Audience.SESSION,
            event=EventName.PASSKEY_ADD,
            handler=partial(_begin, desk),
            request=Nothing,
            response=RegistrationAsked,
        ),
        Operation(
            name="passkey.add",
            method="POST",
            path="/api/v1/auth/passkeys/finish",
            summary="Add a passkey, with a proof of presence for `passkey.add`.",
            audience=Audience.SESSION,
            event=EventName.PASSKEY_ADD,
            handler=partial(_finish, desk),
            request=PasskeyMade,
            response=PasskeyView,
            status=201,
            refusals=(
                Code.LOGIN_ATTEMPT_INVALID,
                Code.LOGIN_ATTEMPT_EXPIRED,
                Code.LOGIN_ATTEMPT_SPENT,
                Code.PRESENCE_REQUIRED,
                Code.PRESENCE_REFUSED,
                Code.AUTH_RECOVERY_CONTESTABLE,
                Code.PASSKEY_REFUSED,
                Code.PASSKEY_ALREADY_REGISTERED,
            ),
            secrets=("credential",),
        ),
    )


def _keeping(desk: AccountDesk) -> tuple[Operation, ...]:
    return (
        Operation(
            name="passkey.list",
            method="GET",
            path="/api/v1/auth/passkeys",
            summary="The caller's passkeys, oldest first.",
            audience=Audience.SESSION,
            event=EventName.ACCOUNT_READ,
            handler=partial(_list, desk),
            response=PasskeyList,
        ),
        Operation(
            name="passkey.rename",
            method="PATCH",
            path="/api/v1/auth/passkeys/{id}",
            summary="Give one of the caller's passkeys another label.",
            audience=Audience.SESSION,
            event=EventName.PASSKEY_RENAME,
            handler=partial(_rename, desk),
            request=PasskeyRenamed,
            response=PasskeyRenamed,
            refusals=(Code.PASSKEY_UNKNOWN,),
        ),
        Operation(
            name="passkey.remove",
            method="DELETE",
            path="/api/v1/auth/passkeys/{id}",
            summary="Remove a passkey, with a proof of presence for `passkey.remove` of it in Ostiary-Presence.",
            audience=Audience.SESSION,
            event=EventName.PASSKEY_REMOVE,
            handler=partial(_remove, desk),
            status=204,
            refusals=(
                Code.PASSKEY_UNKNOWN,
                Code.PASSKEY_LAST_WAY_IN,
                Code.PRESENCE_REQUIRED,
                Code.PRESENCE_REFUSED,
                Code.AUTH_RECOVERY_CONTESTABLE,
            ),
            headers=("Ostiary-Presence",),
        ),
    )
