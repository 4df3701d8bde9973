"""Use cases of blocks: set one, lift one, look at those that stand. A repeat changes nothing and leaves no receipt.

Whoever blocks somebody ends their sessions in the same transaction (`sessions.blocking`).
"""

from ostiary.identities import store as people
from ostiary.identities.addresses import Hashes, hashes
from ostiary.identities.blocks import store
from ostiary.identities.blocks.model import Block, Done, Kind, Over, Word
from ostiary.identities.model import address_of, is_user_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.keys.keyring import Keyring
from ostiary.storage.tx import Tx

__all__ = [
    "awaited",
    "block_address",
    "block_person",
    "of_address",
    "of_everybody",
    "of_person",
    "of_tenant",
    "of_text",
    "unblock_address",
    "unblock_person",
]


def block_person(tx: Tx, caller: Caller, person: str, word: Word) -> Done | Refusal:
    """Block a person, who is held until the transaction is over. Refused (`subject_not_found`) where there is none."""
    if not is_user_id(person) or people.hold(tx, person) is None:
        return tx.refuse(EventName.PERSON_BLOCK, caller, "-", Code.SUBJECT_NOT_FOUND)
    if not store.add(tx, Kind.PERSON, person, word, caller.actor):
        return Done(changed=False, people=(person,))
    _mark(tx, person)
    tx.emit(Event(EventName.PERSON_BLOCK, caller, person, reasons=_told(word)))
    return Done(changed=True, people=(person,))


def block_address(tx: Tx, keyring: Keyring, caller: Caller, text: str, word: Word) -> Done | Refusal:
    """Block an address, however it is written: everybody who has it, and whoever comes with it later.

    Refused (`email_invalid`) where no mail can reach it. The receipt names it by its keyed hash.
    """
    known_by = _known_by(tx, keyring, text)
    if known_by is None:
        return tx.refuse(EventName.PERSON_BLOCK, caller, "-", Code.EMAIL_INVALID)
    store.lock(tx, known_by.folded)
    changed = store.add(tx, Kind.ADDRESS, known_by.folded, word, caller.actor)
    held = store.hold_folded(tx, known_by.folded)
    if changed:
        for person in held:
            _mark(tx, person)
        told = (*_told(word), *(f"person:{person}" for person in held))
        tx.emit(Event(EventName.PERSON_BLOCK, caller, _named(known_by), reasons=told))
    return Done(changed, held)


def unblock_person(tx: Tx, caller: Caller, person: str) -> Done | Refusal:
    """Lift the block of a person; one of their address stays. Refused (`subject_not_found`) where there is none."""
    if not is_user_id(person) or people.hold(tx, person) is None:
        return tx.refuse(EventName.PERSON_UNBLOCK, caller, "-", Code.SUBJECT_NOT_FOUND)
    changed = store.remove(tx, Kind.PERSON, person)
    if changed:
        store.settle(tx, person)
        tx.emit(Event(EventName.PERSON_UNBLOCK, caller, person))
    return Done(changed, (person,))


def unblock_address(tx: Tx, keyring: Keyring, caller: Caller, text: str) -> Done | Refusal:
    """Lift the block of an address; people who have it and are blocked themselves stay so."""
    known_by = _known_by(tx, keyring, text)
    if known_by is None:
        return tx.refuse(EventName.PERSON_UNBLOCK, caller, "-", Code.EMAIL_INVALID)
    store.lock(tx, known_by.folded)
    changed = store.remove(tx, Kind.ADDRESS, known_by.folded)
    held = store.hold_folded(tx, known_by.folded)
    if changed:
        for person in held:
            store.settle(tx, person)
        told = tuple(f"person:{person}" for person in held)
        tx.emit(Event(EventName.PERSON_UNBLOCK, caller, _named(known_by), reasons=told))
    return Done(changed, held)


def of_person(tx: Tx, person: str) -> list[Block]:
    """Return what stands over a person, oldest first: a block of their own, one of their address."""
    return store.over_person(tx, person)


def of_everybody(tx: Tx) -> dict[str, list[Block]]:
    """Return the same for all people of the tenant who are blocked, by their ids."""
    made: dict[str, list[Block]] = {}
    for person, block in store.over_everybody(tx):
        made.setdefault(person, []).append(block)
    return made


def of_tenant(tx: Tx) -> list[Over]:
    """Return all blocks that stand, oldest first: of people, and of addresses, whether anybody has these or not."""
    return [
        Over(_shown(subject) if block.kind is Kind.ADDRESS else subject, block)
        for subject, block in store.all_of_tenant(tx)
    ]


def of_text(tx: Tx, keyring: Keyring, text: str) -> Block | None:
    """Return the block over what was typed as an address, None too where that is none."""
    known_by = _known_by(tx, keyring, text)
    return None if known_by is None else of_address(tx, known_by)


def of_address(tx: Tx, known_by: Hashes) -> Block | None:
    """Return the block over an address, however it is written."""
    return store.find(tx, Kind.ADDRESS, known_by.folded)


def awaited(tx: Tx, known_by: Hashes) -> Block | None:
    """Do the same for who makes a person of it: whoever blocks it at this moment sees the person, or is seen."""
    store.lock(tx, known_by.folded)
    return of_address(tx, known_by)


def _mark(tx: Tx, person: str) -> None:
    store.mark(tx, person)
    tx.held.discard(person)


def _known_by(tx: Tx, keyring: Keyring, text: str) -> Hashes | None:
    address = address_of(text)
    return None if address is None else hashes(keyring, tx.scope.tenant, address)


def _told(word: Word) -> tuple[str, ...]:
    return (word.reason, f"actor:{word.actor_type}", *((f"actor_id:{word.actor_id}",) if word.actor_id else ()))


def _named(known_by: Hashes) -> str:
    """Return how a receipt names an address: the same for each of its spellings, and nothing to who has not the key."""
    return _shown(known_by.folded)


def _shown(folded: str) -> str:
    return f"address:{folded[:32]}"
