"""A device signs in by e-mail code: the flow over directory, mail, challenge and session (contract, sections 5.1, 5.2).

With the local directory each call is one transaction. A directory elsewhere is asked between two, and what was judged
before is judged again after: nothing that others did meanwhile is overlooked.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from ostiary.identities import people
from ostiary.identities import service as identities
from ostiary.identities.directory import Context, Directory, Kind, Resolved
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, EventName, Scope
from ostiary.login.methods.email_code import challenges
from ostiary.login.methods.email_code.challenges import Asking, Sending
from ostiary.login.methods.email_code.model import Challenge, Flow, State
from ostiary.login.methods.email_code.sending import METHOD, Begun, Dispatch
from ostiary.sessions.device import service as device_sessions
from ostiary.sessions.device.model import DeviceSession
from ostiary.sessions.device.service import Opening
from ostiary.storage import snapshots
from ostiary.storage.tx import Tx

__all__ = ["Confirmation", "DeviceFlow", "Publish"]

Publish = Callable[[Sequence[str]], Awaitable[object]]
"""Tells gateways of these sessions, as they are by now; never fails, for what it cannot tell is repaired later."""


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

    directory: Directory
    address: str
    locale: str


class DeviceFlow(msgspec.Struct, frozen=True):
    """Sends codes and confirms them. `life` is that of a session in microseconds, 0 for ever."""

    dispatch: Dispatch
    publish: Publish
    life: int = 0

    async def send(self, scope: Scope, caller: Caller, asking: Asking) -> str | Refusal:
        """Send a code and return the challenge's id: alike for every class of address, and for one that waits.

        Raises StoreUnavailable where directory, mail service or store cannot answer, for all of them (ruling 36).
        """
        begun = await self.dispatch.vault.transact(scope, lambda tx: self._begin(tx, caller, asking))
        if isinstance(begun, Refusal):
            return begun
        return (await self.dispatch.carry(scope, caller, asking, begun, self._open)).challenge

    async def confirm(self, scope: Scope, caller: Caller, given: Confirmation) -> DeviceSession | Refusal:
        """Open the session of a right code; the same confirm again gives the same session, whatever became of it."""
        vault = self.dispatch.vault
        outcome = await vault.transact(scope, lambda tx: self._confirm(tx, caller, given))
        if isinstance(outcome, _Ask):
            found = await outcome.directory.ensure(scope, outcome.address, Context(outcome.locale, given.time_zone))
            outcome = await vault.transact(scope, lambda tx: self._named(tx, caller, given, found))
        if isinstance(outcome, DeviceSession):
            await self.publish([outcome.id])
        return outcome

    def _begin(self, tx: Tx, caller: Caller, asking: Asking) -> Begun | Refusal:
        if not identities.offers(tx, METHOD):
            return Refusal(Code.METHOD_NOT_OFFERED)
        return self.dispatch.begin(tx, caller, asking, self._open)

    def _open(self, tx: Tx, caller: Caller, asking: Asking, told: Resolved | None) -> Sending:
        """Make a challenge, without a letter for who is blocked: by a directory elsewhere, or here."""
        keyring = self.dispatch.rules.keyring
        if told is None:
            found = people.resolve(tx, keyring, asking.address)
            blocked = isinstance(found, Refusal) or found.kind is Kind.BLOCKED
        else:
            blocked = told.kind is Kind.BLOCKED or people.is_blocked(tx, keyring, asking.address, told.person)
        held = State.SUPPRESSED if blocked else None
        return challenges.open_challenge(tx, self.dispatch.rules, caller, asking, held)

    def _confirm(self, tx: Tx, caller: Caller, given: Confirmation) -> DeviceSession | _Ask | Refusal:
        judged = self._judged(tx, caller, given)
        if not isinstance(judged, Challenge):
            return judged
        rules, directory = self.dispatch.rules, self.dispatch.directory
        address = challenges.address_of(tx, rules, judged)
        if directory is not None:
            return _Ask(directory, address, judged.locale)
        return self._opened(tx, caller, given, judged, people.ensure(tx, rules.keyring, caller, address))

    def _named(self, tx: Tx, caller: Caller, given: Confirmation, found: Resolved) -> DeviceSession | Refusal:
        """Go on with whom a directory elsewhere has named, once the code was judged again."""
        judged = self._judged(tx, caller, given)
        if not isinstance(judged, Challenge):
            return judged
        rules = self.dispatch.rules
        if found.kind is Kind.BLOCKED:
            return self._opened(tx, caller, given, judged, found)
        address = challenges.address_of(tx, rules, judged)
        return self._opened(tx, caller, given, judged, people.adopt(tx, rules.keyring, caller, found.person, address))

    def _judged(self, tx: Tx, caller: Caller, given: Confirmation) -> Challenge | DeviceSession | Refusal:
        """Return the challenge whose code this is; where it was confirmed before, what it has opened."""
        if not identities.offers(tx, METHOD):
            return Refusal(Code.METHOD_NOT_OFFERED)
        judged = challenges.judge(tx, self.dispatch.rules, caller, Flow.DEVICE, given.challenge, given.code)
        if isinstance(judged, Refusal) or judged.state is not State.CONFIRMED:
            return judged
        return self._again(tx, caller, judged, given)

    def _opened(
        self, tx: Tx, caller: Caller, given: Confirmation, judged: Challenge, ensured: Resolved | Refusal
    ) -> DeviceSession | Refusal:
        """Open the session of whose the address is, and note it on the challenge."""
        if isinstance(ensured, Refusal) or ensured.kind is Kind.BLOCKED:
            refusal = ensured if isinstance(ensured, Refusal) else Code.BLOCKED_BY_POLICY
            return tx.refuse(EventName.CODE_CONFIRM, caller, judged.id, refusal)
        opening = Opening(ensured.person, given.client_public_key, judged.id, self.life)
        opened = device_sessions.open_session(tx, caller, opening)
        if not isinstance(opened, Refusal):
            challenges.confirm(tx, caller, judged, opened.id, given.client_public_key)
        return opened

    def _again(self, tx: Tx, caller: Caller, judged: Challenge, given: Confirmation) -> DeviceSession | Refusal:
        """Answer a confirm that was answered before, as the session is now; another key gets nothing."""
        known = device_sessions.find(tx, judged.session)
        if known is None or given.client_public_key != judged.client_public_key:
            return tx.refuse(EventName.CODE_CONFIRM, caller, judged.id, Code.INVALID_CODE)
        snapshots.mark(tx, known.id)
        return known
