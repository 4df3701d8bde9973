"""Operations on one's own recovery: how one can recover, and printed codes, which ask for presence (ruling 8)."""

from functools import partial
from typing import Annotated

import msgspec

from ostiary.identities import service as identities
from ostiary.kernel.clock import instant
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName
from ostiary.login.service import show_presence
from ostiary.passkeys import holds
from ostiary.presence.model import Purpose
from ostiary.recovery import policies, store
from ostiary.recovery.model import Rules
from ostiary.recovery.printed import service as printed
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.operation import Audience, Exchange, Operation, Reply

__all__ = ["RecoveryDesk", "RecoveryView", "operations", "view"]

Instant = Annotated[str, msgspec.Meta(description="RFC 3339, UTC, microseconds")]


class RecoveryDesk(msgspec.Struct, frozen=True):
    """What the handlers of recovery hold."""

    vault: Vault
    rules: Rules


class RecoveryView(msgspec.Struct, frozen=True):
    """How the caller can recover: by which methods, with how many printed codes left.

    `waits_until` is when a recovery that is on its way has waited, `contest_until` until when nothing sensitive is
    done after one; null where there is none.
    """

    methods: list[str]
    codes_left: int
    waits_until: Instant | None
    contest_until: Instant | None


class CodesWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The proof of presence for `recovery.codes`."""

    presence: Annotated[str, msgspec.Meta(max_length=64)] = ""


class CodesMade(msgspec.Struct, frozen=True):
    """Fresh codes, each good once; they are shown this once, and those before are void."""

    codes: list[str]

    def __repr__(self) -> str:
        """Show no code, whoever prints it."""
        return "CodesMade()"


def view(tx: Tx, rules: Rules, person: str) -> RecoveryView:
    """Show how a person can recover."""
    methods, _ = policies.standing(tx, rules, person)
    run, until = store.run_open(tx, person), holds.guarded_until(tx, person)
    return RecoveryView(
        methods=list(methods),
        codes_left=printed.left(tx, person),
        waits_until=instant(run.ready_at) if run else None,
        contest_until=instant(until) if until > tx.now else None,
    )


async def _show(desk: RecoveryDesk, x: Exchange) -> Reply:
    return Reply(await desk.vault.read(x.scope, lambda tx: view(tx, desk.rules, x.caller.actor)))


async def _codes(desk: RecoveryDesk, x: Exchange) -> Reply | Refusal:
    def use_case(tx: Tx) -> list[str] | Refusal:
        identities.hold(tx, x.caller.actor)  # before the proof, which a recovery voids while it holds the person
        shown = show_presence(tx, x.caller, x.body.presence, Purpose.RECOVERY_CODES)
        if isinstance(shown, Refusal):
            return tx.refuse(EventName.RECOVERY_CODES, x.caller, x.caller.actor, shown)
        return printed.make(tx, desk.rules, x.caller)

    made = await desk.vault.transact(x.scope, use_case)
    return made if isinstance(made, Refusal) else Reply(CodesMade(made))


def operations(desk: RecoveryDesk) -> tuple[Operation, ...]:
    """Return the operations on one's own recovery."""
    return (
        Operation(
            name="recovery.show",
            method="GET",
            path="/api/v1/auth/recovery",
            summary="How the caller can recover, and what is on its way.",
            audience=Audience.SESSION,
            event=EventName.ACCOUNT_READ,
            handler=partial(_show, desk),
            response=RecoveryView,
        ),
        Operation(
            name="recovery.codes",
            method="POST",
            path="/api/v1/auth/recovery/codes",
            summary="Make ten one-time recovery codes, with a proof of presence for `recovery.codes`; shown once.",
            audience=Audience.SESSION,
            event=EventName.RECOVERY_CODES,
            handler=partial(_codes, desk),
            request=CodesWanted,
            response=CodesMade,
            status=201,
            refusals=(Code.PRESENCE_REQUIRED, Code.PRESENCE_REFUSED, Code.AUTH_RECOVERY_CONTESTABLE),
        ),
    )
