"""Operations of login, made from the registry: begin and finish of every method, for signing in and for presence."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec

from ostiary.kernel.clock import instant
from ostiary.kernel.ids import Secrets
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName
from ostiary.login.browser import browser_cookie, forget_browser
from ostiary.login.flow import Step
from ostiary.login.method import Ask, Method
from ostiary.login.pace import Paced
from ostiary.login.service import Registry, begin_login, begin_presence, prove_presence, sign_in
from ostiary.presence.challenges import Asker
from ostiary.presence.model import Approval, Purpose, State
from ostiary.sessions.agents import agent_label
from ostiary.sessions.routes import SessionView, session_cookies, view
from ostiary.sessions.service import Opened, Rules
from ostiary.storage.tx import Tx, UseCase
from ostiary.storage.vault import Vault
from ostiary.web.operation import Audience, Exchange, Operation, Reply

__all__ = ["Desk", "SignedIn", "operations", "signed_in"]

T = TypeVar("T")
Act = Callable[[Tx, Step], T | Refusal | Ask]

_LOGIN = frozenset({Purpose.LOGIN})
_PRESENCE = frozenset({Purpose.PRESENCE})

_REFUSALS = (
    Code.LOGIN_REFUSED,
    Code.LOGIN_ATTEMPT_INVALID,
    Code.LOGIN_ATTEMPT_EXPIRED,
    Code.LOGIN_ATTEMPT_SPENT,
    Code.LOGIN_ATTEMPTS_EXHAUSTED,
    Code.PASSKEY_REMOVED,
    Code.PASSKEY_QUARANTINED,
    Code.METHOD_NOT_OFFERED,
    Code.BLOCKED_BY_POLICY,
)


class Desk(msgspec.Struct, frozen=True):
    """What the handlers of login hold."""

    vault: Vault
    rules: Rules
    asker: Asker
    registry: Registry
    secrets: Secrets


class SignedIn(msgspec.Struct, frozen=True):
    """A session was opened; `next` is the page to go to."""

    session: SessionView
    next: str


class PresenceProved(msgspec.Struct, frozen=True):
    """A single-use proof of presence for the purpose that was asked for."""

    presence: str
    expires_at: Annotated[str, msgspec.Meta(description="RFC 3339, UTC, microseconds")]


class PresenceWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What presence is wanted for; `subject` where the purpose is about one thing (a passkey to remove).

    Where the purpose commits to an operation, `operation` is its digest (`sha256:` and 64 hex digits) and `says` the
    sentence that the person is shown; the proof approves exactly both.
    """

    purpose: Annotated[str, msgspec.Meta(max_length=64)]
    subject: Annotated[str, msgspec.Meta(max_length=64)] = ""
    operation: Annotated[str, msgspec.Meta(max_length=71)] = ""
    says: Annotated[str, msgspec.Meta(max_length=200)] = ""


def signed_in(rules: Rules, opened: Opened) -> Reply:
    """Answer an opened session: its cookies, and the end of the pre-login cookie."""
    body = SignedIn(view(rules, opened.session, opened.session.id), "/account")
    return Reply(body, (*session_cookies(rules, opened), forget_browser()))


async def _begin(desk: Desk, method: Method, x: Exchange) -> Reply | Refusal:
    browser, cookie = browser_cookie(desk.rules.keyring, desk.secrets, x.scope, x.browser)
    challenge = desk.asker.ask(x.scope, Purpose.LOGIN, browser, method.name)
    asked = await _asked(
        desk, method, x, lambda tx: begin_login(tx, method, x.caller, challenge, x.body, _languages(x))
    )
    return asked if isinstance(asked, Refusal) else Reply(asked, (cookie,))


async def _finish(desk: Desk, method: Method, x: Exchange) -> Reply | Refusal:
    agent = agent_label(x.agent)
    outcome = await _take(desk, method, x, _LOGIN, lambda tx, step: sign_in(tx, desk.rules, step, agent))
    return outcome if isinstance(outcome, Refusal) else signed_in(desk.rules, outcome)


async def _begin_presence(desk: Desk, method: Method, x: Exchange) -> Reply | Refusal:
    approval = Approval(x.body.purpose, x.body.subject, x.body.operation, x.body.says)
    asked = await _asked(
        desk,
        method,
        x,
        lambda tx: begin_presence(tx, desk.asker, method, x.caller, x.browser, approval, _languages(x)),
    )
    return asked if isinstance(asked, Refusal) else Reply(asked)


async def _asked(desk: Desk, method: Method, x: Exchange, begin: UseCase[Any]) -> Any:  # noqa: ANN401 - the method's own struct
    """Begin at the method's pace; an Ask is performed when what was begun stands in the store."""
    began = asyncio.get_running_loop().time()
    try:
        begun = await desk.vault.transact(x.scope, begin)
        return await method.perform(begun) if isinstance(begun, Ask) else begun
    finally:
        await Paced(method.quantum).until(began)


def _languages(x: Exchange) -> str:
    return x.headers.get("accept-language", "")


async def _finish_presence(desk: Desk, method: Method, x: Exchange) -> Reply | Refusal:
    outcome = await _take(desk, method, x, _PRESENCE, prove_presence)
    if isinstance(outcome, Refusal):
        return outcome
    return Reply(PresenceProved(outcome.id, instant(outcome.expires_at)))


async def _take(desk: Desk, method: Method, x: Exchange, purposes: frozenset[Purpose], act: Act[T]) -> T | Refusal:
    """Recognise the attempt and take its steps; an Ask is performed between two transactions."""
    challenge = desk.asker.recognise(x.scope, x.body.attempt, purposes, x.browser)
    if isinstance(challenge, Refusal):
        return challenge
    if challenge.method != method.name:
        return Refusal(Code.LOGIN_ATTEMPT_INVALID, ("challenge_of_another_method",))
    event = EventName.LOGIN_FINISH if challenge.purpose is Purpose.LOGIN else EventName.PRESENCE_PROVE
    step = Step(
        method, x.caller, challenge, State.OPEN, lambda tx: method.finish(tx, x.caller, challenge, x.body), event
    )
    outcome = await desk.vault.transact(x.scope, _with(act, step))
    while isinstance(outcome, Ask):
        told = await method.perform(outcome)
        judge = partial(method.resume, caller=x.caller, challenge=challenge, ask=outcome, told=told)
        step = msgspec.structs.replace(step, enter=State.WAITING, judge=judge)
        outcome = await desk.vault.transact(x.scope, _with(act, step))
    return outcome


def _with(act: Act[T], step: Step) -> UseCase[T | Refusal | Ask]:
    return lambda tx: act(tx, step)


def operations(desk: Desk) -> tuple[Operation, ...]:
    """Return four operations per registered method."""
    made: list[Operation] = []
    for method in desk.registry.values():
        made += _signing_in(desk, method)
        made += _proving_presence(desk, method)
    return tuple(made)


def _signing_in(desk: Desk, method: Method) -> tuple[Operation, ...]:
    name, sign_in_path = method.name, f"/login/{method.name}"
    return (
        Operation(
            name=f"login.{name}.begin",
            method="POST",
            path=f"{sign_in_path}/begin",
            summary=f"Begin to sign in by {name}: a challenge that this browser may answer within five minutes.",
            audience=Audience.PUBLIC,
            event=EventName.LOGIN_BEGIN,
            handler=partial(_begin, desk, method),
            request=method.Begin,
            response=method.Asked,
            refusals=(Code.METHOD_NOT_OFFERED,),
            secrets=_secrets(method, method.Begin),
        ),
        Operation(
            name=f"login.{name}.finish",
            method="POST",
            path=f"{sign_in_path}/finish",
            summary=f"Finish to sign in by {name}: a right answer opens a session and sets its cookies.",
            audience=Audience.PRELOGIN,
            event=EventName.LOGIN_FINISH,
            handler=partial(_finish, desk, method),
            request=method.Answer,
            response=SignedIn,
            refusals=(*_REFUSALS, Code.AUTH_RATE_LIMIT_THROTTLED, Code.AUTH_RATE_LIMIT_LOCKED),
            secrets=_secrets(method, method.Answer),
        ),
    )


def _secrets(method: Method, body: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(name for name in method.secrets if name in body.__struct_fields__)


def _proving_presence(desk: Desk, method: Method) -> tuple[Operation, ...]:
    name, presence_path = method.name, f"/api/v1/auth/presence/{method.name}"
    return (
        Operation(
            name=f"presence.{name}.begin",
            method="POST",
            path=f"{presence_path}/begin",
            summary=f"Begin to prove presence by {name}, for one purpose.",
            audience=Audience.SESSION,
            event=EventName.PRESENCE_PROVE,
            handler=partial(_begin_presence, desk, method),
            request=PresenceWanted,
            response=method.Asked,
            refusals=(
                Code.PURPOSE_UNKNOWN,
                Code.AUTH_RECOVERY_CONTESTABLE,
                Code.METHOD_NOT_OFFERED,
                Code.AUTH_RATE_LIMIT_THROTTLED,
            ),
        ),
        Operation(
            name=f"presence.{name}.finish",
            method="POST",
            path=f"{presence_path}/finish",
            summary=f"Finish to prove presence by {name}: a right answer yields a single-use proof for five minutes.",
            audience=Audience.SESSION,
            event=EventName.PRESENCE_PROVE,
            handler=partial(_finish_presence, desk, method),
            request=method.Answer,
            response=PresenceProved,
            refusals=(*_REFUSALS, Code.PRESENCE_REFUSED, Code.PURPOSE_UNKNOWN),
            secrets=_secrets(method, method.Answer),
        ),
    )
