"""The local directory: whose an address is, and who comes with one that nobody has; asked inside the transaction.

`Directory` is what a directory elsewhere answers instead; whom it names is taken over by `adopt`.
"""

from ostiary.identities import service
from ostiary.identities.addresses import hashes
from ostiary.identities.blocks import service as blocks
from ostiary.identities.directory import Kind, Resolved
from ostiary.identities.model import Address, Person, address_of, is_user_id
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller
from ostiary.keys.keyring import Keyring
from ostiary.storage.tx import Tx

__all__ = ["adopt", "ensure", "is_blocked", "resolve"]


def resolve(tx: Tx, keyring: Keyring, text: str) -> Resolved | Refusal:
    """Tell what an address is: existing, creatable or blocked. The address is exact, after trimming.

    Refused (`email_invalid`) where no mail can reach it; nothing is written.
    """
    address = address_of(text)
    if address is None:
        return Refusal(Code.EMAIL_INVALID)
    found = service.person_of(tx, keyring, address)
    if found is not None:
        return _known(tx, found)
    block = blocks.of_address(tx, hashes(keyring, tx.scope.tenant, address))
    return Resolved(Kind.BLOCKED, reason=block.word.reason) if block else Resolved(Kind.CREATABLE)


def ensure(tx: Tx, keyring: Keyring, caller: Caller, text: str) -> Resolved | Refusal:
    """Return who has an address, made where nobody had it: existing, created or blocked.

    Nobody is made with a blocked address. Refused as `resolve` does. Of two at once, one makes the person and both
    are told of the same one.
    """
    address = address_of(text)
    if address is None:
        return Refusal(Code.EMAIL_INVALID)
    found = service.person_of(tx, keyring, address)
    if found is not None:
        return _known(tx, found)
    return _barred(tx, keyring, address) or _made(tx, keyring, caller, service.new_person_id(tx), address)


def adopt(tx: Tx, keyring: Keyring, caller: Caller, person: str, text: str = "") -> Resolved | Refusal:
    """Take over whom a directory elsewhere names, so that blocks, holds and lists work here: a row of ours by its id.

    The address, where it is told, becomes theirs, whoever had it here. Refused with `ref_malformed` for what can be
    nobody's id, and as `resolve` does. Raises StoreUnavailable where the address would go to somebody whose id is of
    our own making: no directory knows those, and what they may do here is not its to hand out.
    """
    address = address_of(text) if text else None
    if not is_user_id(person):
        return Refusal(Code.REF_MALFORMED)
    if text and address is None:
        return Refusal(Code.EMAIL_INVALID)
    found = service.find_person(tx, keyring, person)
    if found is not None and (found.blocked_at or address is None or address.exact == found.email):
        return _known(tx, found)
    barred = _barred(tx, keyring, address, person) if address else None
    if barred is not None:
        return barred
    if found is not None and address is not None and service.is_person(found.id):
        raise StoreUnavailable("the user service names somebody of ours for another address")
    if address is not None:
        service.take_address(tx, keyring, caller, address)
    if found is None:
        return _made(tx, keyring, caller, person, address)
    if address is not None:
        service.give_address(tx, keyring, caller, person, address)
    return _known(tx, found)


def is_blocked(tx: Tx, keyring: Keyring, text: str, person: str = "") -> bool:
    """Tell whether a block of ours stands over an address or a person, whatever a directory elsewhere says of them."""
    address = address_of(text)
    if address is not None and blocks.of_address(tx, hashes(keyring, tx.scope.tenant, address)) is not None:
        return True
    return is_user_id(person) and bool(blocks.of_person(tx, person))


def _known(tx: Tx, found: Person) -> Resolved:
    if not found.blocked_at:
        return Resolved(Kind.EXISTING, found.id)
    reasons = [block.word.reason for block in blocks.of_person(tx, found.id)]
    return Resolved(Kind.BLOCKED, found.id, reasons[0] if reasons else "")


def _barred(tx: Tx, keyring: Keyring, address: Address, person: str = "") -> Resolved | None:
    """Return the answer to a blocked address, None to any other; who blocks it from now on waits for us."""
    block = blocks.awaited(tx, hashes(keyring, tx.scope.tenant, address))
    return Resolved(Kind.BLOCKED, person, block.word.reason) if block else None


def _made(tx: Tx, keyring: Keyring, caller: Caller, person: str, address: Address | None) -> Resolved:
    if service.make_person(tx, keyring, caller, person, address) is not None:
        return Resolved(Kind.CREATED, person)
    other = service.find_person(tx, keyring, person)
    if other is None and address is not None:
        other = service.person_of(tx, keyring, address)
    if other is None:
        raise StoreUnavailable("somebody of that id or address came and went at this moment")
    return _known(tx, other)
