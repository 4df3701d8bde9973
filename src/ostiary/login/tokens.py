"""The operation by which an administrator issues a bearer token to a person, with presence (rulings 4, 8, 24)."""

from functools import partial
from typing import Annotated

import msgspec

from ostiary.access import service as access
from ostiary.identities.model import is_user_id
from ostiary.kernel.clock import SECOND
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName
from ostiary.login.service import show_presence
from ostiary.presence.model import Purpose, plain
from ostiary.sessions import bearer
from ostiary.sessions.model import BEARER, BEARER_LONGEST, Living
from ostiary.sessions.routes import Token, token_of
from ostiary.sessions.service import Opened, Rules
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault
from ostiary.web.decode import malformed
from ostiary.web.operation import Audience, Exchange, Operation, Reply

__all__ = ["TokenDesk", "token_operations"]

_LABEL_LONGEST = 64
_MOST_SCOPES = 64
_LONGEST_S = BEARER_LONGEST // SECOND


class TokenDesk(msgspec.Struct, frozen=True):
    """What the handler holds."""

    vault: Vault
    rules: Rules


class TokenWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For whom, what for as its person will read it, which of their scopes, for how long at most; and the presence."""

    person: Annotated[str, msgspec.Meta(max_length=128)]
    label: Annotated[str, msgspec.Meta(min_length=1, max_length=_LABEL_LONGEST)]
    presence: Annotated[str, msgspec.Meta(max_length=64)] = ""
    scopes: Annotated[list[Annotated[str, msgspec.Meta(max_length=128)]], msgspec.Meta(max_length=_MOST_SCOPES)] = []
    expires_in_seconds: Annotated[float, msgspec.Meta(ge=1, le=_LONGEST_S, multiple_of=1)] = _LONGEST_S


async def _issue(desk: TokenDesk, x: Exchange) -> Reply | Refusal:
    asked: TokenWanted = x.body
    if not plain(asked.label, _LABEL_LONGEST):
        return malformed("bad_fields")
    person = asked.person if is_user_id(asked.person) else ""
    wish = bearer.Wish(person, asked.label, int(asked.expires_in_seconds) * SECOND, tuple(asked.scopes))
    session: Living = x.session.session
    opened = await desk.vault.transact(
        x.scope, lambda tx: _act(tx, desk.rules, x.caller, wish, asked.presence, session.kind)
    )
    return opened if isinstance(opened, Refusal) else Reply(token_of(desk.rules, opened))


def _act(tx: Tx, rules: Rules, caller: Caller, wish: bearer.Wish, receipt: str, kind: str) -> Opened | Refusal:
    """Issue it; what would be refused anyhow costs nobody a proof of presence. A token begets no token."""
    entitled = kind != BEARER and access.ADMINISTRATOR in access.roles(tx, caller.actor)
    refused = bearer.unfit(tx, rules, wish) if entitled else Refusal(Code.ADMINISTRATOR_REQUIRED)
    if refused is not None:
        return tx.refuse(EventName.SESSION_OPEN, caller, wish.person or "-", refused)
    shown = show_presence(tx, caller, receipt, Purpose.SESSION_ISSUE, wish.person)
    if isinstance(shown, Refusal):
        return tx.refuse(EventName.SESSION_OPEN, caller, wish.person, shown)
    return bearer.issue(tx, rules, caller, wish, access.ADMINISTRATOR, f"presence:{shown.id}")


def token_operations(desk: TokenDesk) -> tuple[Operation, ...]:
    """Return the operation; a token is refreshed by `session.refresh` and ended like every session."""
    return (
        Operation(
            name="session.issue",
            method="POST",
            path="/api/v1/auth/token/issue",
            summary="Issue a bearer token to a person: an administrator, with presence for `session.issue` about them.",
            audience=Audience.SESSION,
            event=EventName.SESSION_OPEN,
            handler=partial(_issue, desk),
            request=TokenWanted,
            response=Token,
            status=201,
            refusals=(
                Code.ADMINISTRATOR_REQUIRED,
                Code.PERSON_UNKNOWN,
                Code.BLOCKED_BY_POLICY,
                Code.SCOPE_NOT_ALLOWED,
                Code.PRESENCE_REQUIRED,
                Code.PRESENCE_REFUSED,
                Code.AUTH_RECOVERY_CONTESTABLE,
            ),
        ),
    )
