"""Use cases of enrolment: invite, look at a link, accept it with a first passkey."""

import msgspec

from ostiary.access import service as access
from ostiary.enrolment import store
from ostiary.enrolment.model import BOOT_LIFE, INVITATION_LIFE, Invitation, token_hash
from ostiary.identities import service as identities
from ostiary.kernel.ids import b64url, new_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName, Factor, Proof
from ostiary.keys.keyring import Keyring
from ostiary.passkeys import service as passkeys
from ostiary.passkeys.ceremony import RegistrationResponse
from ostiary.presence import service as presence
from ostiary.presence.model import Challenge
from ostiary.sessions import service as sessions
from ostiary.sessions.service import Opened
from ostiary.storage.tx import Tx

__all__ = ["Acceptance", "Rules", "accept", "collect", "invite", "invite_again", "invite_first", "look", "use_up"]

_TOKEN = 32
_BATCH = 1000


class Rules(msgspec.Struct, frozen=True):
    """What the use cases of enrolment need besides their transaction."""

    sessions: sessions.Rules
    passkeys: passkeys.Rules


class Acceptance(msgspec.Struct, frozen=True):
    """What a person brings to accept a link."""

    token: str
    challenge: Challenge
    credential: RegistrationResponse
    label: str
    agent: str


def invite(tx: Tx, caller: Caller, person: str, role: str = "", life: int = INVITATION_LIFE) -> str:
    """Make a one-time link's token for a person; it is returned once and kept as a hash."""
    token = b64url(tx.secrets(_TOKEN))
    invitation = Invitation(new_id("inv", tx.secrets), person, role, tx.now + life)
    store.add(tx, invitation, token_hash(token))
    told = (f"person:{person}", *((f"role:{role}",) if role else ()))
    tx.emit(Event(EventName.INVITATION_CREATE, caller, invitation.id, reasons=told))
    return token


def invite_again(tx: Tx, keyring: Keyring, caller: Caller, person: str) -> str | Refusal:
    """Make a fresh link for a person who is known: the old one was lost, or every passkey is. Pending ones are void.

    It grants nothing: the person keeps the roles and passkeys they have.
    """
    if identities.find_person(tx, keyring, person) is None:
        return tx.refuse(EventName.INVITATION_CREATE, caller, "", Code.PERSON_UNKNOWN)
    store.withdraw_of(tx, person)
    return invite(tx, caller, person)


def invite_first(tx: Tx) -> str | None:
    """While the tenant has no administrator, replace the first administrator's link; else None."""
    if access.has_administrator(tx):
        return None
    store.withdraw(tx, access.ADMINISTRATOR)
    return invite(tx, SYSTEM, identities.new_person_id(tx), access.ADMINISTRATOR, BOOT_LIFE)


def look(tx: Tx, token: str) -> Invitation | Refusal:
    """Return the pending invitation of a token; it stays unused."""
    return store.find(tx, token_hash(token)) or Refusal(Code.INVITATION_REFUSED)


def accept(tx: Tx, rules: Rules, caller: Caller, given: Acceptance) -> Opened | Refusal:
    """Use the link up: make the person if new, their first passkey, the role that goes with it, and a session.

    A refusal leaves the link as it was, so that a person may try another authenticator.
    """
    spent = presence.spend(tx, given.challenge)
    if spent is not None:  # nothing changed: the door records it, and counts it in a flood
        return msgspec.structs.replace(spent, subject=given.challenge.subject)
    invitation = _take(tx, given)
    if isinstance(invitation, Refusal):
        return tx.refuse(EventName.INVITATION_ACCEPT, caller, given.challenge.subject, invitation)
    person = invitation.person
    acting = msgspec.structs.replace(caller, actor=person)
    if identities.hold(tx, person):
        _give_back(tx, invitation)
        return tx.refuse(EventName.INVITATION_ACCEPT, acting, invitation.id, Code.BLOCKED_BY_POLICY)
    passkey = passkeys.register(
        tx, rules.passkeys, acting, person, given.challenge.nonce, given.credential, given.label
    )
    if isinstance(passkey, Refusal):
        _give_back(tx, invitation)
        return passkey
    tx.emit(Event(EventName.INVITATION_ACCEPT, acting, invitation.id))
    if identities.find_person(tx, rules.sessions.keyring, person) is None:
        identities.add_person(tx, rules.sessions.keyring, acting, person=person)
    if invitation.role:
        access.grant(tx, SYSTEM, person, invitation.role)
    proof = Proof(person, Factor.INVITATION, tx.now, given.challenge.id, passkey, user_verified=True)
    return sessions.open_session(tx, rules.sessions, acting, proof, given.agent)


def use_up(tx: Tx, caller: Caller, token: str) -> bool:
    """Use up the link of somebody who is known, for a passkey that is stored in the same transaction; False if none."""
    found = store.find(tx, token_hash(token))
    if found is None or found.role or not store.accept(tx, token_hash(token)):
        return False
    acting = msgspec.structs.replace(caller, actor=found.person)
    tx.emit(Event(EventName.INVITATION_ACCEPT, acting, found.id))
    return True


def collect(tx: Tx) -> int:
    """Delete invitations whose time has come, one batch with one event; return how many."""
    count = store.collect(tx, tx.now, _BATCH)
    if count:
        tx.emit(Event(EventName.INVITATION_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count


def _take(tx: Tx, given: Acceptance) -> Invitation | Refusal:
    found = look(tx, given.token)
    if isinstance(found, Refusal):
        return found
    if found.id != given.challenge.subject:
        return Refusal(Code.INVITATION_REFUSED, ("challenge_of_another_invitation",))
    if not store.accept(tx, token_hash(given.token)):
        return Refusal(Code.INVITATION_REFUSED)
    if found.role == access.ADMINISTRATOR and not _first(tx, found):
        return Refusal(Code.INVITATION_REFUSED, ("administrator_exists",))
    return found


def _first(tx: Tx, invitation: Invitation) -> bool:
    """Let one link found the tenant, however many servers have printed one at the same time."""
    before = identities.founder(tx)
    return not access.has_administrator(tx) and identities.found(tx, before, invitation.person)


def _give_back(tx: Tx, invitation: Invitation) -> None:
    store.release(tx, invitation.id)
    if invitation.role == access.ADMINISTRATOR:
        identities.found(tx, invitation.person, "")
