"""What a recovery does to passkeys: hold the new one back, set the old ones aside, and undo that. It deletes none.

Whoever calls emits the event of the act.
"""

from ostiary.passkeys import store
from ostiary.storage.tx import Tx

__all__ = ["admit", "contested", "discard", "guarded_until", "quarantine"]


def quarantine(tx: Tx, person: str, run: str) -> int:
    """Set every passkey that signs the person in aside, for this recovery; return how many.

    A sign-in that is under way at this moment has been waited for: its session is there to be ended.
    """
    return store.quarantine(tx, person, run)


def admit(tx: Tx, person: str, passkey: str, run: str, until: int) -> bool:
    """Let the replacement that this recovery registered sign in; no sensitive act before `until` (microseconds)."""
    return store.admit(tx, person, passkey, run, until)


def discard(tx: Tx, person: str, run: str) -> int:
    """Remove the replacement of a recovery that ended without execution; return how many there were."""
    return store.discard(tx, person, run)


def contested(tx: Tx, person: str, run: str, later: list[str]) -> tuple[int, int]:
    """Undo a recovery and the `later` ones: bar what they brought in, and let what it set aside sign in again.

    What an earlier recovery set aside stays as it is, and may contest that one: a thief who recovers twice and
    contests the second must not take that from the owner. Return how many were barred and how many came back.
    """
    barred = store.bar(tx, person, run) + sum(store.bar_set_aside(tx, person, one) for one in later)
    return barred, store.restore(tx, person, run)


def guarded_until(tx: Tx, person: str) -> int:
    """Return until when a recovery can be contested, so that the person may do nothing sensitive; 0 for no guard."""
    return store.guarded_until(tx, person)
