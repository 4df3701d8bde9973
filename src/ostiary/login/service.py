"""Use cases of login: a step that may open a session or prove presence, showing presence, removing a way in."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ostiary.identities import service as identities
from ostiary.kernel.clock import whole_seconds
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Proof
from ostiary.login.flow import Step, dispatch
from ostiary.login.method import Ask, Method
from ostiary.passkeys import holds
from ostiary.passkeys import service as passkeys
from ostiary.presence import purposes
from ostiary.presence import service as presence
from ostiary.presence.challenges import Asker
from ostiary.presence.model import Approval, Challenge, Minimum, Presence, PresenceReceipt, Purpose, PurposeRule
from ostiary.sessions import service as sessions
from ostiary.sessions.model import EndReason
from ostiary.sessions.service import Opened, Rules
from ostiary.storage.tx import Tx

__all__ = [
    "Registry",
    "begin_login",
    "begin_presence",
    "guarded",
    "prove_presence",
    "remove_passkey",
    "show_presence",
    "sign_in",
]

Registry = Mapping[str, Method]
_NOT_OFFERED = Refusal(Code.METHOD_NOT_OFFERED)


def begin_login(
    tx: Tx,
    method: Method,
    caller: Caller,
    challenge: Challenge,
    begin: Any,  # noqa: ANN401 - the method's own struct
    languages: str,
) -> Any | Refusal | Ask:  # noqa: ANN401 - the method's own struct
    """Ask for a sign-in by a method that the tenant offers."""
    offered = identities.offers(tx, method.name)
    return method.begin(tx, caller, challenge, begin, languages) if offered else _NOT_OFFERED


def sign_in(tx: Tx, rules: Rules, step: Step, agent: str) -> Opened | Refusal | Ask:
    """Take a step of a login attempt; a proof opens a session in the same transaction.

    What the tenant no longer offers is refused, whatever was begun before.
    """
    if not identities.offers(tx, step.method.name):
        return msgspec.structs.replace(_NOT_OFFERED, subject=step.challenge.id)
    verdict = dispatch(tx, step)
    return sessions.open_session(tx, rules, step.caller, verdict, agent) if isinstance(verdict, Proof) else verdict


def begin_presence(
    tx: Tx, asker: Asker, method: Method, caller: Caller, browser: str, approval: Approval, languages: str
) -> Any | Refusal | Ask:  # noqa: ANN401 - the method's own struct
    """Ask for presence by a method, for a purpose that is declared and an approval that fits it."""
    rule = purposes.find(tx, approval.purpose)
    refused = rule if isinstance(rule, Refusal) else approval.unfit(rule) or guarded(tx, caller.actor, rule)
    if refused is not None:
        return refused
    if not identities.offers(tx, method.name):
        return _NOT_OFFERED
    return method.begin(tx, caller, asker.ask_presence(tx.scope, approval, browser, method.name), None, languages)


def prove_presence(tx: Tx, step: Step) -> PresenceReceipt | Refusal | Ask:
    """Take a step of a presence attempt; a proof of the caller's own person yields a presence receipt."""
    if not identities.offers(tx, step.method.name):
        return msgspec.structs.replace(_NOT_OFFERED, subject=step.challenge.id)
    verdict = dispatch(tx, step)
    if not isinstance(verdict, Proof):
        return verdict
    if verdict.person != step.caller.actor:
        refusal = Refusal(Code.PRESENCE_REFUSED, ("presence_of_another_person",))
        return tx.refuse(step.event, step.caller, step.challenge.id, refusal)
    return presence.prove(tx, step.caller, step.challenge, verdict)


def show_presence(
    tx: Tx, caller: Caller, receipt: str, purpose: str, subject: str = "", commitment: str = ""
) -> Presence | Refusal:
    """Consume presence for an act, as strong as its purpose demands (ruling 9).

    The session is asked for once more, inside the act: an end that came first must keep a thief from
    leaving a way in behind. So is the purpose: one that was removed meanwhile approves nothing.
    """
    ended = sessions.still(tx, caller)
    if ended is not None:
        return ended
    rule = purposes.held(tx, purpose)
    if isinstance(rule, Refusal):
        return rule
    refused = guarded(tx, caller.actor, rule)
    if refused is not None:
        return refused
    shown = presence.consume(tx, caller, receipt, purpose, subject, commitment)
    if isinstance(shown, Refusal) or shown.strong or rule.minimum is Minimum.ANY:
        return shown
    return Refusal(Code.PRESENCE_REFUSED, ("presence_too_weak",)) if passkeys.list_of(tx, caller.actor) else shown


def guarded(tx: Tx, person: str, rule: PurposeRule) -> Refusal | None:
    """Refuse what demands a passkey while a recovery of the account can be contested (ruling 32)."""
    until = holds.guarded_until(tx, person) if rule.minimum is Minimum.PASSKEY else 0
    if until <= tx.now:
        return None
    return Refusal(Code.AUTH_RECOVERY_CONTESTABLE, retry_after=whole_seconds(until - tx.now))


def remove_passkey(tx: Tx, registry: Registry, caller: Caller, passkey: str, receipt: str) -> Refusal | None:
    """Remove one of the caller's passkeys, with presence, unless it is the last way in that lasts by itself.

    A code by mail is none: mail may be down or not set up, and an operator may stop offering it. Sessions that the
    passkey opened end with it, but for the one that asks. The person's row is held meanwhile: of two removals at once,
    the second counts what the first has left.
    """
    identities.hold(tx, caller.actor)
    if passkeys.owned(tx, caller.actor, passkey) is None:
        return tx.refuse(EventName.PASSKEY_REMOVE, caller, passkey, Code.PASSKEY_UNKNOWN)
    if sum(method.ways_in(tx, caller.actor) for method in registry.values() if method.lasting) <= 1:
        return tx.refuse(EventName.PASSKEY_REMOVE, caller, passkey, Code.PASSKEY_LAST_WAY_IN)
    shown = show_presence(tx, caller, receipt, Purpose.PASSKEY_REMOVE, passkey)
    if isinstance(shown, Refusal):
        return tx.refuse(EventName.PASSKEY_REMOVE, caller, passkey, shown)
    passkeys.remove(tx, caller, passkey, f"presence:{shown.id}")
    presence.void(tx, caller.actor)  # what it proved serves nothing any more, nor does what it answered
    sessions.end_opened_by(tx, caller, passkey, EndReason.PASSKEY_REMOVED)
    return None
