"""The purposes that presence can serve: Ostiary's own, and those that an operator declares for services."""

from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.presence import store
from ostiary.presence.model import BUILT_IN, Purpose, PurposeRule
from ostiary.storage.tx import Tx

__all__ = ["add", "every", "find", "found_for_service", "held", "remove"]

_UNKNOWN = Refusal(Code.PURPOSE_UNKNOWN)
_OURS = {rule.name: rule for rule in BUILT_IN}
_TAKEN = frozenset({*Purpose, *_OURS})


def add(tx: Tx, caller: Caller, rule: PurposeRule) -> Refusal | None:
    """Declare a purpose for services; its name is no other's, and none that Ostiary uses itself.

    The reasons of a refusal name the parts that are at fault.
    """
    if rule.faults:
        return tx.refuse(EventName.PURPOSE_ADD, caller, "-", Refusal(Code.PURPOSE_INVALID, rule.faults))
    if rule.name in _TAKEN or not store.add_purpose(tx, rule):
        return tx.refuse(EventName.PURPOSE_ADD, caller, rule.name, Code.PURPOSE_TAKEN)
    commits = ("commits_operation",) if rule.commits_operation else ()
    reasons = (f"minimum:{rule.minimum}", f"life:{rule.life}", *commits)
    tx.emit(Event(EventName.PURPOSE_ADD, caller, rule.name, reasons=reasons))
    return None


def remove(tx: Tx, caller: Caller, name: str) -> int | Refusal:
    """Remove a declared purpose and void its unused proofs; return how many these were.

    Whoever declares the same name again does not inherit a proof that was given under another rule.
    """
    if not store.remove_purpose(tx, name):
        subject = name if name in _OURS else "-"
        return tx.refuse(EventName.PURPOSE_REMOVE, caller, subject, Code.PURPOSE_UNKNOWN)
    voided = store.void_presence(tx, name)
    tx.emit(Event(EventName.PURPOSE_REMOVE, caller, name, reasons=(f"voided:{voided}",)))
    return voided


def every(tx: Tx) -> list[tuple[PurposeRule, bool]]:
    """Return every purpose, and whether it is Ostiary's own: these first, each part by name."""
    ours = sorted(BUILT_IN, key=lambda rule: rule.name)
    return [*((rule, True) for rule in ours), *((rule, False) for rule in store.list_purposes(tx))]


def find(tx: Tx, name: str) -> PurposeRule | Refusal:
    """Return a purpose's rule."""
    return _OURS.get(name) or store.find_purpose(tx, name) or _UNKNOWN


def found_for_service(tx: Tx, name: str) -> PurposeRule | Refusal:
    """Return the rule of a declared purpose; Ostiary's own are asked for by its own pages and acts only."""
    return store.find_purpose(tx, name) or _UNKNOWN


def held(tx: Tx, name: str) -> PurposeRule | Refusal:
    """Return a purpose's rule and keep it from being removed until this transaction ends."""
    return _OURS.get(name) or store.hold_purpose(tx, name) or _UNKNOWN
