"""Use cases of mail: queue a letter, settle what became of it, read what was captured."""

import msgspec

from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.ids import is_id, new_id
from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import Sealer
from ostiary.mail import store
from ostiary.mail.model import CAPTURED_LIFE, LEASE, MOST_TRIES, Letter, Parcel, Sent, Verdict, is_purpose, pause
from ostiary.mail.store import Stored, Turn
from ostiary.storage.tx import Row, Tx

__all__ = ["Waiting", "captured", "collect", "drop", "is_due", "queue", "settle", "show", "take", "unpack", "waiting"]

_KIND = "let"
_OUTBOX, _CAPTURED = "mail_outbox", "mail_captured"


class Waiting(msgspec.Struct, frozen=True):
    """A letter in the outbox as an operator may see it: nothing of what is sealed. Times as ever."""

    id: str
    purpose: str
    queued_at: int
    expires_at: int
    tries: int
    due_at: int


def queue(tx: Tx, keyring: Keyring, caller: Caller, letter: Letter, *, hold: bool = False) -> str | Refusal:
    """Put one letter into the outbox, sealed, and return its id: it leaves when this transaction has committed.

    An address or a subject that a mail server could read as more than that is refused (LETTER_REFUSED, whose reasons
    name the parts). With `hold` the letter belongs to whoever queued it, who sends it by `Postman.hand_over`: where
    the mode is `rest` the answer to a request depends on it (ruling 36). Raises ContractBroken for an odd purpose.
    """
    if not is_purpose(letter.purpose):
        raise ContractBroken("a letter's purpose is a word in lower case")
    made, tenant = new_id(_KIND, tx.secrets), tx.scope.tenant
    if letter.faults:
        return tx.refuse(EventName.MAIL_QUEUE, caller, made, Refusal(Code.LETTER_REFUSED, letter.faults))
    sealed = _sealer(tx, keyring).seal((_OUTBOX, made, tenant), msgspec.json.encode(letter))
    store.add(tx, made, Stored(letter.purpose, _hash(tx, keyring, letter.to), sealed, tx.now, tx.now + letter.life))
    store.add_turn(tx, Turn(made, tenant, int(hold)), tx.now + LEASE * hold)
    tx.emit(Event(EventName.MAIL_QUEUE, caller, made, reasons=(letter.purpose,)))
    return made


def is_due(tx: Tx) -> bool:
    """Tell whether a letter of any tenant waits to be sent now."""
    return store.is_due(tx)


def take(tx: Tx) -> Turn | None:
    """Take a letter of any tenant that is due, one that was never tried before others; it is ours for a lease."""
    return store.take(tx, LEASE)


def unpack(tx: Tx, keyring: Keyring, letter: str) -> Parcel | str:
    """Open a letter of the tenant to be sent now, or say why it is not: `gone` or `expired`. Raises SealBroken."""
    stored = store.find(tx, letter)
    if stored is None:
        return "gone"
    if stored.expires_at <= tx.now:
        return "expired"
    return Parcel(letter, stored.created_at, _opened(tx, keyring, (_OUTBOX, letter), stored.sealed))


def settle(tx: Tx, keyring: Keyring, turn: Turn, parcel: Parcel, sent: Sent) -> None:
    """Record what became of a sending: gone from the outbox where it arrived or never will, else tried again."""
    if not sent.arrived:
        if sent.verdict is Verdict.NEVER or turn.tries >= MOST_TRIES:
            drop(tx, turn.letter, sent.why)
        else:
            store.postpone(tx, turn, tx.now + pause(turn.tries))
        return
    letter = parcel.letter
    if store.remove(tx, turn.letter):
        if sent.verdict is Verdict.CAPTURED:
            _keep(tx, keyring, parcel)
        tx.emit(Event(EventName.MAIL_DELIVER, SYSTEM, turn.letter, reasons=(letter.purpose, sent.verdict.value)))


def drop(tx: Tx, letter: str, why: str) -> None:
    """Give a letter up; `why` is a machine word."""
    stored = store.find(tx, letter)
    if store.remove(tx, letter) and stored is not None:
        tx.emit(Event(EventName.MAIL_DROP, SYSTEM, letter, reasons=(stored.purpose, why)))


def waiting(tx: Tx, keyring: Keyring, most: int, to: str = "") -> list[Waiting]:
    """Return letters of the tenant that wait, newest first; with `to` those to exactly that address."""
    return [Waiting(*row) for row in store.listed(tx, most, to and _hash(tx, keyring, to))]


def captured(tx: Tx, keyring: Keyring, most: int, to: str = "") -> list[Parcel]:
    """Return captured letters of the tenant, opened, newest first; with `to` those to exactly that address."""
    return [_parcel(tx, keyring, row) for row in store.captured(tx, most, to and _hash(tx, keyring, to))]


def show(tx: Tx, keyring: Keyring, letter: str) -> Parcel | Refusal:
    """Return one captured letter of the tenant. What waits to be sent is nobody's to read."""
    row = store.find_captured(tx, letter) if is_id(_KIND, letter) else None
    return Refusal(Code.LETTER_UNKNOWN) if row is None else _parcel(tx, keyring, row)


def collect(tx: Tx) -> int:
    """Delete captured letters that are a week old, a batch of them; return how many."""
    count = store.collect(tx, tx.now - CAPTURED_LIFE)
    if count:
        tx.emit(Event(EventName.MAIL_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count


def _keep(tx: Tx, keyring: Keyring, parcel: Parcel) -> None:
    letter = parcel.letter
    sealed = _sealer(tx, keyring).seal((_CAPTURED, parcel.id, tx.scope.tenant), msgspec.json.encode(letter))
    store.keep(tx, parcel.id, Stored(letter.purpose, _hash(tx, keyring, letter.to), sealed, parcel.at, 0))


def _parcel(tx: Tx, keyring: Keyring, row: Row) -> Parcel:
    return Parcel(row[0], row[2], _opened(tx, keyring, (_CAPTURED, row[0]), bytes(row[1])))


def _opened(tx: Tx, keyring: Keyring, place: tuple[str, str], sealed: bytes) -> Letter:
    opened = _sealer(tx, keyring).open((*place, tx.scope.tenant), sealed)
    return msgspec.json.decode(opened, type=Letter)


def _sealer(tx: Tx, keyring: Keyring) -> Sealer:
    return Sealer(keyring.active(tx.scope.tenant, Purpose.DATA).secret, tx.secrets)


def _hash(tx: Tx, keyring: Keyring, address: str) -> str:
    return mac(keyring.active(tx.scope.tenant, Purpose.ADDRESS).secret, b"mail\0" + address.encode()).hex()
