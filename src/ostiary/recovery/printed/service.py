"""Use cases of printed codes: one-time codes on paper, a second way to begin a recovery; hashes are kept."""

from ostiary.identities import service as identities
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.recovery import policies
from ostiary.recovery.model import CODES, Rules, address_hash, plain_code
from ostiary.recovery.printed import store
from ostiary.storage.tx import Tx

__all__ = ["left", "make", "owner", "use"]

_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
"""32 signs that people do not take for one another; `plain_code` reads o as 0, i and l as 1."""
_LENGTH, _GROUP = 16, 4


def make(tx: Tx, rules: Rules, caller: Caller) -> list[str]:
    """Make a person's codes, in the place of those before; they are returned once and kept as keyed hashes."""
    identities.hold(tx, caller.actor)
    dropped = store.drop(tx, caller.actor)
    made = [_code(tx) for _ in range(CODES)]
    for code in made:
        store.add(tx, caller.actor, policies.contact_of(tx, rules, address_hash(plain_code(code))))
    told = (f"codes:{CODES}", f"dropped:{dropped}")
    tx.emit(Event(EventName.RECOVERY_CODES, caller, caller.actor, reasons=told))
    return made


def left(tx: Tx, person: str) -> int:
    """Return how many unused codes a person has."""
    return store.unused(tx, person)


def owner(tx: Tx, rules: Rules, code: str) -> str:
    """Return whose unused code this is, "" where there is none."""
    return store.owner(tx, policies.contact_of(tx, rules, address_hash(code)))


def use(tx: Tx, rules: Rules, code: str) -> bool:
    """Use a code up; False when it is used, or none. Whoever calls emits the event."""
    return store.use(tx, policies.contact_of(tx, rules, address_hash(code)))


def _code(tx: Tx) -> str:
    """Return a code of 16 signs in groups of four, about 80 bits."""
    signs = [_LETTERS[byte % len(_LETTERS)] for byte in tx.secrets(_LENGTH)]
    return "-".join("".join(signs[at : at + _GROUP]) for at in range(0, _LENGTH, _GROUP))
