"""A device signs in by e-mail code: the flow over directory, mail, challenge and session (contract, sections 5.1, 5.2).

With the local directory each call is one transaction. A directory or a mail service elsewhere is asked between two,
and what was judged before is judged again after: nothing that others did meanwhile is overlooked.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from ostiary.identities import people
from ostiary.identities import service as identities
from ostiary.identities.directory import Context, Directory, Kind, Resolved
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Scope
from ostiary.login.methods.email_code import challenges
from ostiary.login.methods.email_code.challenges import Asking, Rules, Sending
from ostiary.login.methods.email_code.model import Challenge, Flow, State
from ostiary.mail.model import Sent
from ostiary.sessions.device import service as device_sessions
from ostiary.sessions.device.model import DeviceSession
from ostiary.sessions.device.service import Opening
from ostiary.storage import snapshots
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault

__all__ = ["METHOD", "Confirmation", "Courier", "DeviceFlow", "MayHaveLeft", "Publish", "deliver"]

METHOD = "email_code"
"""The method's name, as tenants allow it."""

Publish = Callable[[Sequence[str]], Awaitable[object]]
"""Tells gateways of these sessions, as they are by now; never fails, for what it cannot tell is repaired later."""


class Courier(Protocol):
    """Who carries letters (`mail.delivery.Postman`)."""

    @property
    def inline(self) -> bool:
        """Tell whether a request waits for its letter."""

    async def hand_over(self, scope: Scope, letter: str) -> Sent:
        """Send a letter that was queued for that."""

    async def reachable(self) -> bool:
        """Tell whether a letter could be sent now."""


class MayHaveLeft(StoreUnavailable):
    """Nobody can say whether the letter left. What was reserved for it stays so: or each try would be a letter more."""


class Confirmation(msgspec.Struct, frozen=True):
    """What a device sends back: the challenge, the code as typed, its key, and where it is, for a directory."""

    challenge: str
    code: str
    client_public_key: str
    time_zone: str = ""

    def __repr__(self) -> str:
        """Show no code, whoever prints it."""
        return f"Confirmation({self.challenge!r})"


class _Ask(msgspec.Struct, frozen=True):
    """What a directory elsewhere is to be asked before it can go on: whose the address is."""

    address: str
    locale: str


class DeviceFlow(msgspec.Struct, frozen=True):
    """Sends codes and confirms them. `directory` is None for our own, `life` microseconds of a session, 0 for ever."""

    vault: Vault
    rules: Rules
    courier: Courier
    publish: Publish
    directory: Directory | None = None
    life: int = 0

    async def send(self, scope: Scope, caller: Caller, asking: Asking) -> str | Refusal:
        """Send a code and return the challenge's id: alike for every class of address, and for one that waits.

        Raises StoreUnavailable where directory, mail service or store cannot answer, for all of them (ruling 36).
        """
        begun = await self.vault.transact(scope, lambda tx: self._begin(tx, caller, asking))
        try:
            return await self._carried(scope, caller, asking, begun)
        except MayHaveLeft:
            raise
        except StoreUnavailable:
            if not isinstance(begun, Refusal) and _reserved(begun):
                await self.vault.transact(scope, lambda tx: challenges.give_back(tx, self.rules, caller, asking))
            raise

    async def _carried(
        self, scope: Scope, caller: Caller, asking: Asking, begun: Sending | _Ask | Refusal
    ) -> str | Refusal:
        """Ask the directory elsewhere, where there is one, and see the letter off."""
        if isinstance(begun, _Ask) and self.directory is not None:
            found = await self.directory.resolve(scope, begun.address)
            begun = await self.vault.transact(scope, lambda tx: self._open(tx, caller, asking, found))
        elif isinstance(begun, Sending) and self.directory is not None and not await self.directory.reachable():
            raise StoreUnavailable("the user service cannot be reached", service="directory")  # as who must ask it
        if not isinstance(begun, Sending):
            return begun if isinstance(begun, Refusal) else _unasked()
        await deliver(self.vault, self.courier, scope, begun)
        return begun.challenge

    async def confirm(self, scope: Scope, caller: Caller, given: Confirmation) -> DeviceSession | Refusal:
        """Open the session of a right code; the same confirm again gives the same session, whatever became of it."""
        outcome = await self.vault.transact(scope, lambda tx: self._confirm(tx, caller, given, None))
        if isinstance(outcome, _Ask) and self.directory is not None:
            context = Context(outcome.locale, given.time_zone)
            found = await self.directory.ensure(scope, outcome.address, context)
            outcome = await self.vault.transact(scope, lambda tx: self._confirm(tx, caller, given, found))
        if isinstance(outcome, DeviceSession):
            await self.publish([outcome.id])
        return _unasked() if isinstance(outcome, _Ask) else outcome

    def _begin(self, tx: Tx, caller: Caller, asking: Asking) -> Sending | _Ask | Refusal:
        if not identities.offers(tx, METHOD):
            return Refusal(Code.METHOD_NOT_OFFERED)
        if not challenges.may_send(tx, self.rules, caller, asking):
            return challenges.open_challenge(tx, self.rules, caller, asking, State.THROTTLED)
        if self.directory is not None:
            return _Ask(asking.address, asking.locale)
        found = people.resolve(tx, self.rules.keyring, asking.address)
        return found if isinstance(found, Refusal) else self._open(tx, caller, asking, found)

    def _open(self, tx: Tx, caller: Caller, asking: Asking, found: Resolved) -> Sending:
        held = State.SUPPRESSED if found.kind is Kind.BLOCKED or self._is_blocked(tx, asking, found) else None
        return challenges.open_challenge(tx, self.rules, caller, asking, held)

    def _is_blocked(self, tx: Tx, asking: Asking, found: Resolved) -> bool:
        """Hold what a directory elsewhere says against our own blocks, which it may not have heard of."""
        if self.directory is None:
            return False
        return people.is_blocked(tx, self.rules.keyring, asking.address, found.person)

    def _confirm(
        self, tx: Tx, caller: Caller, given: Confirmation, found: Resolved | None
    ) -> DeviceSession | _Ask | Refusal:
        if not identities.offers(tx, METHOD):
            return Refusal(Code.METHOD_NOT_OFFERED)
        judged = challenges.judge(tx, self.rules, caller, Flow.DEVICE, given.challenge, given.code)
        if isinstance(judged, Refusal):
            return judged
        if judged.state is State.CONFIRMED:
            return self._again(tx, caller, judged, given)
        address = challenges.address_of(tx, self.rules, judged)
        if found is None and self.directory is not None:
            return _Ask(address, judged.locale)
        person = self._person(tx, caller, address, found)
        if isinstance(person, Refusal):
            return tx.refuse(EventName.CODE_CONFIRM, caller, judged.id, person)
        opening = Opening(person, given.client_public_key, judged.id, self.life)
        opened = device_sessions.open_session(tx, caller, opening)
        if not isinstance(opened, Refusal):
            challenges.confirm(tx, caller, judged, opened.id, given.client_public_key)
        return opened

    def _person(self, tx: Tx, caller: Caller, address: str, found: Resolved | None) -> str | Refusal:
        """Return whose the address is, made where it was nobody's; our own blocks count whoever the directory is."""
        keyring = self.rules.keyring
        ensured: Resolved | Refusal
        if found is None:
            ensured = people.ensure(tx, keyring, caller, address)
        elif found.kind is Kind.BLOCKED:
            ensured = found
        else:
            ensured = people.adopt(tx, keyring, caller, found.person, address)
        if isinstance(ensured, Refusal):
            return ensured
        return Refusal(Code.BLOCKED_BY_POLICY) if ensured.kind is Kind.BLOCKED else ensured.person

    def _again(self, tx: Tx, caller: Caller, judged: Challenge, given: Confirmation) -> DeviceSession | Refusal:
        """Answer a confirm that was answered before, as the session is now; another key gets nothing."""
        known = device_sessions.find(tx, judged.session)
        if known is None or given.client_public_key != judged.client_public_key:
            return tx.refuse(EventName.CODE_CONFIRM, caller, judged.id, Code.INVALID_CODE)
        snapshots.mark(tx, known.id)
        return known


async def deliver(vault: Vault, courier: Courier, scope: Scope, begun: Sending) -> State:
    """Hand a challenge's letter over, where the request waits for it; return where the challenge stands.

    Raises StoreUnavailable where it did not leave, MayHaveLeft where that is not sure; and, where no letter follows,
    where none could leave now: a mail service that is down must not tell one class of address from another (ruling 36).
    """
    if not courier.inline:
        return begun.state
    if not begun.letter:
        if not await courier.reachable():
            raise StoreUnavailable("the mail service cannot be reached", service="mail")
        return begun.state
    try:
        sent = await courier.hand_over(scope, begun.letter)
        state = await vault.transact(scope, partial(challenges.settle, sending=begun, sent=sent))
    except StoreUnavailable as fault:
        raise MayHaveLeft(str(fault), fault.retry_after, fault.remedy, fault.service) from fault
    if not sent.arrived:
        failed = StoreUnavailable if sent.kept else MayHaveLeft
        raise failed("the mail service did not take the letter", service="mail")
    return state


def _reserved(begun: Sending | _Ask) -> bool:
    """Tell whether a letter was reserved for it, which has not left."""
    return isinstance(begun, _Ask) or begun.state is not State.THROTTLED


def _unasked() -> Refusal:
    """Return what nobody hears: without a directory elsewhere nothing asks one."""
    return Refusal(Code.STORE_UNAVAILABLE)
