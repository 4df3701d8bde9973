"""Delivery beside the requests: a letter is taken, sent outside any transaction, and then settled in one.

Two workers never have one letter at the same time. A worker that dies while sending loses its lease, and the letter is
tried again: rather twice than never, and with one Message-ID.
"""

import asyncio
from functools import partial
from typing import Protocol

import structlog

from ostiary.kernel.errors import SealBroken
from ostiary.kernel.values import Mode, Scope
from ostiary.keys.keyring import Keyring
from ostiary.mail import service
from ostiary.mail.model import Parcel, Sent, Verdict
from ostiary.mail.store import Turn
from ostiary.storage.tx import UseCase
from ostiary.storage.vault import Vault

__all__ = ["CapturedSender", "Postman", "Sender"]

_ROUND, _ROUND_S = 500, 1.0
_LOG = structlog.get_logger("ostiary.mail")


class Sender(Protocol):
    """One way for letters to leave.

    `repeats` tells whether a failed sending may be tried again by us; if not, whoever asked is told at once.
    """

    repeats: bool

    async def send(self, parcel: Parcel) -> Sent:
        """Send one letter, within its own bound of time; a failure is a value, and nothing of the letter is logged."""

    async def probe(self) -> str:
        """Tell whether a letter could leave now, sending none: "", or the machine word of what stands in the way."""


class CapturedSender:
    """Lets letters stay here, sealed, for an operator to read: no mail server is needed."""

    repeats = True

    async def send(self, parcel: Parcel) -> Sent:
        return Sent(Verdict.CAPTURED)

    async def probe(self) -> str:
        return ""


class Postman:
    """Delivers what waits in the outbox, of all tenants. `mode_of` tells the mode of the scope's tenant.

    Letters of a fixture tenant are captured, whatever the sender: no test writes to a person.
    """

    def __init__(self, vault: Vault, scope: Scope, keyring: Keyring, sender: Sender, mode_of: UseCase[Mode]) -> None:
        self._vault, self._scope, self._keyring = vault, scope, keyring
        self._sender, self._mode_of = sender, mode_of

    @property
    def inline(self) -> bool:
        """Tell whether a request waits for its letter: queue it with `hold`, commit, then `hand_over`."""
        return not self._sender.repeats

    async def deliver(self) -> None:
        """Send what is due, a round of letters or a second at most; a failure of the line ends the round."""
        ticks = asyncio.get_running_loop().time
        ends = ticks() + _ROUND_S
        for _ in range(_ROUND):
            if ticks() >= ends or not await self._vault.read(self._scope, service.is_due):
                return
            turn = await self._vault.transact(self._scope, service.take)
            if turn is None or not await self._carry(turn):
                return

    async def hand_over(self, scope: Scope, letter: str) -> Sent:
        """Send a letter that was queued with `hold`, and say what became of it (ruling 36).

        What has not `arrived` never will: whoever asked for it is answered 503. `sent` and `suppressed` are both
        success, told apart for the record only.
        """
        return await self._send(scope, Turn(letter, scope.tenant, 1))

    async def reachable(self, scope: Scope | None = None) -> bool:
        """Tell whether a request that sends no letter may answer as if it had.

        Where none could be sent it must fail like those that send, or the failure would tell addresses apart (ruling
        36). Asks the mail service where the mode is `rest`; elsewhere letters wait in the outbox, and this is True.
        """
        sender = self._sender_of(scope or self._scope)
        why = "" if sender.repeats else await sender.probe()
        if why:
            _LOG.warning("letters_cannot_leave", why=why)
        return not why

    async def _carry(self, turn: Turn) -> bool:
        """Send one letter that was taken; tell whether it is worth going on with the next."""
        scope = Scope(turn.tenant, await self._vault.read(Scope(turn.tenant), self._mode_of))
        if turn.tries > 1 and not self._sender_of(scope).repeats:
            await self._vault.transact(scope, partial(service.drop, letter=turn.letter, why="unanswered"))
            return True
        return not (await self._send(scope, turn)).line

    async def _send(self, scope: Scope, turn: Turn) -> Sent:
        parcel = await self._unpacked(scope, turn.letter)
        if isinstance(parcel, str):
            await self._vault.transact(scope, partial(service.drop, letter=turn.letter, why=parcel))
            return Sent(Verdict.NEVER, parcel)
        sender = self._sender_of(scope)
        sent = await _sent(sender, parcel)
        if not sent.arrived:
            _LOG.warning("letter_not_sent", letter=turn.letter, why=sent.why, tries=turn.tries)
        final = Sent(Verdict.NEVER, sent.why) if sent.verdict is Verdict.LATER and not sender.repeats else sent
        settled = partial(service.settle, keyring=self._keyring, turn=turn, parcel=parcel, sent=final)
        await self._vault.transact(scope, settled)
        return sent

    async def _unpacked(self, scope: Scope, letter: str) -> Parcel | str:
        try:
            return await self._vault.read(scope, partial(service.unpack, keyring=self._keyring, letter=letter))
        except SealBroken:
            return "unreadable"

    def _sender_of(self, scope: Scope) -> Sender:
        return CapturedSender() if scope.mode is Mode.FIXTURE else self._sender


async def _sent(sender: Sender, parcel: Parcel) -> Sent:
    try:
        return await sender.send(parcel)
    except Exception as fault:  # noqa: BLE001 - its text may hold what the letter says; its kind does not
        _LOG.error("sender_broke", letter=parcel.id, fault=type(fault).__name__)
        return Sent(Verdict.LATER, "fault")
