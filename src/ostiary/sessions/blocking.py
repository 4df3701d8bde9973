"""Blocking somebody: the block and the end of every session of theirs, in one transaction.

Where a directory elsewhere says who there is, it is told first, between two transactions: `tell`, then `block`.
"""

from enum import StrEnum

import msgspec

from ostiary.identities import people
from ostiary.identities.blocks import service as blocks
from ostiary.identities.blocks.model import Done, Word
from ostiary.identities.directory import Directory
from ostiary.identities.model import address_of
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Scope
from ostiary.keys.keyring import Keyring
from ostiary.sessions import service as sessions
from ostiary.sessions.device import service as devices
from ostiary.sessions.device.model import Act, Outcome, Reason
from ostiary.sessions.model import EndReason
from ostiary.storage.tx import Tx

__all__ = [
    "BlockDone",
    "Subject",
    "SubjectKind",
    "block",
    "block_address",
    "block_person",
    "tell",
    "unblock",
]


class SubjectKind(StrEnum):
    """What a block is set over. NOTE: wire format."""

    USER_ID = "user_id"
    EMAIL = "email"


class Subject(msgspec.Struct, frozen=True):
    """Whom a block concerns: one person by their id, or whoever has an address or comes with it."""

    kind: SubjectKind
    value: str


class BlockDone(devices.Acknowledgement, frozen=True, kw_only=True):
    """How an act of blocking ended: which device sessions, newest first, and how many `others` it ended.

    `people` are those whom it concerns.
    """

    subject: Subject
    people: tuple[str, ...] = ()
    others: int = 0


async def tell(directory: Directory | None, scope: Scope, act: Act, subject: Subject) -> str | Refusal:
    """Tell a directory elsewhere of a block before anything here knows of it; a repeat succeeds.

    Return whose the address is there, or the person's id; "" for nobody's, for a person whom it does not know (there
    may be one here all the same), and where there is no such directory. Refused (`email_invalid`) for what mail cannot
    reach. Raises StoreUnavailable where it cannot answer: then nothing is blocked here.
    """
    if directory is None:
        return ""
    if subject.kind is SubjectKind.USER_ID:
        known = await directory.block_person(scope, subject.value, act.reason)
        return subject.value if known else ""
    address = address_of(subject.value)
    if address is None:
        return Refusal(Code.EMAIL_INVALID)
    return await directory.block_address(scope, address.exact, act.reason)


def block(tx: Tx, keyring: Keyring, act: Act, subject: Subject, named: str = "") -> BlockDone | Refusal:
    """Block a subject and end all its sessions. `named` is what `tell` returned: that person is taken over first.

    A repeat is acknowledged and changes nothing. Refused as `block_person` and `block_address` are.
    """
    by_address = subject.kind is SubjectKind.EMAIL
    if named:
        adopted = people.adopt(tx, keyring, act.caller, named, subject.value if by_address else "")
        if isinstance(adopted, Refusal):
            return adopted
    return block_address(tx, keyring, act, subject.value) if by_address else block_person(tx, act, subject.value)


def block_person(tx: Tx, act: Act, person: str) -> BlockDone | Refusal:
    """Block a person. Refused (`subject_not_found`) where there is none of that id."""
    done = blocks.block_person(tx, act.caller, person, _word(act))
    return done if isinstance(done, Refusal) else _ended(tx, act, Subject(SubjectKind.USER_ID, person), done)


def block_address(tx: Tx, keyring: Keyring, act: Act, address: str) -> BlockDone | Refusal:
    """Block an address, whether anybody has it or not, however they write it. Refused with `email_invalid`."""
    done = blocks.block_address(tx, keyring, act.caller, address, _word(act))
    return done if isinstance(done, Refusal) else _ended(tx, act, Subject(SubjectKind.EMAIL, address.strip()), done)


def unblock(tx: Tx, keyring: Keyring, act: Act, subject: Subject) -> BlockDone | Refusal:
    """Lift this block and no other: a person stays blocked while their address is. What ended stays ended."""
    if subject.kind is SubjectKind.USER_ID:
        done = blocks.unblock_person(tx, act.caller, subject.value)
    else:
        done = blocks.unblock_address(tx, keyring, act.caller, subject.value)
    if isinstance(done, Refusal):
        return done
    outcome = Outcome.UNBLOCKED if done.changed else Outcome.NOT_BLOCKED
    return BlockDone(outcome, subject=subject, people=done.people)


def _word(act: Act) -> Word:
    return Word(act.reason, act.actor.type, act.actor.id)


def _ended(tx: Tx, act: Act, subject: Subject, done: Done) -> BlockDone:
    """End all sessions of who is concerned, who are held: a repeat ends none, but waits for what the first promised."""
    mine = msgspec.structs.replace(act, reason=Reason.USER_BLOCKED.value)
    others = sum(sessions.end_all(tx, act.caller, person, EndReason.USER_BLOCKED) for person in done.people)
    ended = [one for person in done.people for one in devices.revoke_all(tx, mine, person).sessions]
    outcome = Outcome.BLOCKED if done.changed else Outcome.ALREADY_BLOCKED
    return BlockDone(outcome, _newest_first(tx, ended), subject=subject, people=done.people, others=others)


def _newest_first(tx: Tx, ended: list[str]) -> tuple[str, ...]:
    found = (devices.find(tx, one) for one in ended)
    made = [(one.created_at, one.id) for one in found if one is not None]
    return tuple(session for _, session in sorted(made, reverse=True))
