"""How a code goes out: reserve a letter, ask a directory elsewhere, make the challenge, see the letter off.

With the local directory and the outbox all of it is one transaction. A directory or a mail service elsewhere is asked
between two; where one cannot answer, every class of address hears the same (ruling 36).
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

from ostiary.identities.directory import Directory, Resolved
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.values import Caller, Scope
from ostiary.login.methods.email_code import challenges
from ostiary.login.methods.email_code.challenges import Asking, Rules, Sending
from ostiary.login.methods.email_code.model import State
from ostiary.mail.model import Sent
from ostiary.storage.tx import Tx
from ostiary.storage.vault import Vault

__all__ = ["METHOD", "Begun", "Courier", "Dispatch", "Open", "Unresolved"]

METHOD = "email_code"
"""The method's name, as tenants allow it."""

Open = Callable[[Tx, Caller, Asking, Resolved | None], Sending]
"""Makes the challenge of who has the address; is told what a directory elsewhere says, None for our own."""


class Courier(Protocol):
    """Who carries letters (`mail.delivery.Postman`)."""

    @property
    def inline(self) -> bool:
        """Tell whether a request waits for its letter."""

    async def hand_over(self, scope: Scope, letter: str) -> Sent:
        """Send a letter that was queued for that."""

    async def reachable(self) -> bool:
        """Tell whether a letter could be sent now."""


class Unresolved(msgspec.Struct, frozen=True):
    """No challenge yet: this directory is to be asked first whose the address is."""

    directory: Directory


Begun = Sending | Unresolved
"""What a transaction has begun."""


class _MayHaveLeft(StoreUnavailable):
    """Nobody can say whether the letter left. What was reserved for it stays so: or each try would be a letter more."""


class Dispatch(msgspec.Struct, frozen=True):
    """Sees codes off. `directory` is None for our own; `rules` are those of challenges."""

    vault: Vault
    rules: Rules
    courier: Courier
    directory: Directory | None = None

    def begin(self, tx: Tx, caller: Caller, asking: Asking, open_: Open) -> Begun:
        """Reserve a letter and make the challenge; one without a letter where none may follow (ruling 34)."""
        if challenges.letter_after(tx, self.rules, caller, asking):
            return challenges.open_challenge(tx, self.rules, caller, asking, State.THROTTLED)
        return open_(tx, caller, asking, None) if self.directory is None else Unresolved(self.directory)

    async def carry(self, scope: Scope, caller: Caller, asking: Asking, begun: Begun, open_: Open) -> Sending:
        """Ask what is to be asked elsewhere and see the letter off; return the challenge.

        Raises StoreUnavailable where directory or mail service cannot answer. What was reserved for a letter that
        surely did not leave is given back.
        """
        try:
            sending = await self._asked(scope, caller, asking, begun, open_)
            await self._deliver(scope, sending)
        except _MayHaveLeft:
            raise
        except StoreUnavailable:
            if isinstance(begun, Unresolved) or begun.state is not State.THROTTLED:
                back = partial(challenges.give_back, rules=self.rules, caller=caller, asking=asking)
                await self.vault.transact(scope, back)
            raise
        return sending

    async def _asked(self, scope: Scope, caller: Caller, asking: Asking, begun: Begun, open_: Open) -> Sending:
        if isinstance(begun, Unresolved):
            found = await begun.directory.resolve(scope, asking.address)
            return await self.vault.transact(scope, lambda tx: open_(tx, caller, asking, found))
        if begun.state is State.THROTTLED and self.directory is not None and not await self.directory.reachable():
            raise StoreUnavailable("the user service cannot be reached", service="directory")  # as who must ask it
        return begun

    async def _deliver(self, scope: Scope, begun: Sending) -> None:
        """Hand a challenge's letter over, where the request waits for it.

        Raises StoreUnavailable where it did not leave, or may not have; and, where no letter follows, where none could
        leave now: a mail service that is down must not tell one class of address from another (ruling 36).
        """
        if not self.courier.inline:
            return
        if not begun.letter:
            if not await self.courier.reachable():
                raise StoreUnavailable("the mail service cannot be reached", service="mail")
            return
        try:
            sent = await self.courier.hand_over(scope, begun.letter)
            await self.vault.transact(scope, partial(challenges.settle, sending=begun, sent=sent))
        except StoreUnavailable as fault:
            raise _MayHaveLeft(str(fault), fault.retry_after, fault.remedy, fault.service) from fault
        if not sent.arrived:
            failed = StoreUnavailable if sent.kept else _MayHaveLeft
            raise failed("the mail service did not take the letter", service="mail")
