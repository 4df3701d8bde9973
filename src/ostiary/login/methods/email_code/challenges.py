"""Use cases of challenges: ask for a code, note what became of its letter, judge what is typed.

A code is asked for in one transaction, and its letter is queued there. What is typed is counted before it is compared,
under the challenge's lock: guesses at one moment never share a count.
"""

import hmac
from collections.abc import Iterator

import msgspec

from ostiary.identities.model import normalise_email
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.ids import digits, is_id, new_id
from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import SYSTEM, Caller, Event, EventName
from ostiary.keys.keyring import Keyring
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import Sealer
from ostiary.login.methods.email_code import store
from ostiary.login.methods.email_code.letters import code_letter
from ostiary.login.methods.email_code.model import (
    BUDGETS,
    DIGITS,
    LIFE,
    MOST_FAILURES,
    MOVES,
    RETENTION,
    Budget,
    Challenge,
    Flow,
    Happening,
    State,
    plain_code,
)
from ostiary.mail import service as mail
from ostiary.mail.model import Sent, Verdict
from ostiary.storage.tx import Tx

__all__ = [
    "KIND",
    "Asking",
    "Rules",
    "Sending",
    "address_of",
    "collect",
    "confirm",
    "give_back",
    "judge",
    "letter_after",
    "open_challenge",
    "settle",
    "weigh",
]

KIND = "challenge"
"""What the id of a challenge begins with."""

_PLACE = "code_challenges.address"


class Rules(msgspec.Struct, frozen=True):
    """What challenges stand on. `inline`: whoever asks waits for the letter to leave (mail mode `rest`)."""

    keyring: Keyring
    origin: str
    inline: bool = False


class Asking(msgspec.Struct, frozen=True):
    """What a code is asked for: for which flow, to which exact address, in which language; for whom in the browser.

    `challenge` is the id it is to have, "" for a fresh one. `requester` is who asks where the caller's address does
    not tell.
    """

    flow: Flow
    address: str
    locale: str
    person: str = ""
    challenge: str = ""
    requester: str = ""

    def __repr__(self) -> str:
        """Show no address, whoever prints it."""
        return f"Asking({self.flow!r})"

    @property
    def readable(self) -> bool:
        """Tell whether a letter can be sent to the address."""
        folded = normalise_email(self.address)
        return folded is not None and not code_letter("-", "-", "-", self.address, self.locale).faults


class Sending(msgspec.Struct, frozen=True):
    """A challenge that was made, and the letter that whoever asks must hand over now, "" for none."""

    challenge: str
    state: State
    letter: str = ""


def letter_after(tx: Tx, rules: Rules, caller: Caller, asking: Asking) -> int:
    """Return 0 where a letter may follow, which is reserved in the same step, else after which instant (ruling 34)."""
    each = (_spent(tx, budget, bound) for budget, bound in _letter_budgets(tx, rules, caller, asking))
    return next(filter(None, each), 0)


def give_back(tx: Tx, rules: Rules, caller: Caller, asking: Asking) -> None:
    """Take back what was reserved for a letter that could not leave: who asks again must not wait for that."""
    for budget, _ in _letter_budgets(tx, rules, caller, asking):
        store.refund(tx, budget)


def open_challenge(tx: Tx, rules: Rules, caller: Caller, asking: Asking, held: State | None = None) -> Sending:
    """Make a challenge, and queue its letter unless it is `held` back: THROTTLED or SUPPRESSED.

    Each class of address does the same work, but for the letter.
    """
    id_, tenant = asking.challenge or new_id(KIND, tx.secrets), tx.scope.tenant
    code = digits(DIGITS, tx.secrets)
    state = held or (State.PENDING_SEND if rules.inline else State.SENT)
    made = Challenge(
        id=id_,
        tenant=tenant,
        flow=asking.flow,
        address_hash=_hash(tx, rules, asking.address),
        requester=asking.requester or caller.address,
        person=asking.person,
        address_sealed=_sealer(tx, rules).seal((_PLACE, id_, tenant), asking.address.encode()),
        code_hash=_code_hash(tx, rules, id_, code),
        locale=asking.locale,
        state=state,
        failures=0,
        created_at=tx.now,
        expires_at=tx.now + LIFE,
    )
    store.add(tx, made)
    tx.emit(Event(EventName.CODE_SEND, caller, id_, reasons=(asking.flow.value, state.value)))
    return Sending(id_, state, "" if held else _queue(tx, rules, caller, made, asking, code))


def settle(tx: Tx, sending: Sending, sent: Sent) -> State:
    """Note what became of a letter that was handed over at once; return where the challenge stands now."""
    happening = Happening.LEFT if sent.arrived else Happening.UNSENT
    if sent.verdict is Verdict.SUPPRESSED:
        happening = Happening.HELD_BACK
    becomes = MOVES[sending.state, happening]
    if store.move(tx, sending.challenge, sending.state, becomes):
        tx.emit(Event(EventName.CODE_SEND, SYSTEM, sending.challenge, reasons=(becomes.value,)))
    return becomes


def judge(tx: Tx, rules: Rules, caller: Caller, flow: Flow, challenge: str, code: str) -> Challenge | Refusal:
    """Do as `weigh`, and leave the receipt of a wrong code."""
    found = weigh(tx, rules, flow, challenge, code)
    if isinstance(found, Refusal) and found.code is Code.INVALID_CODE:
        return tx.refuse(EventName.CODE_CONFIRM, caller, found.subject, found)
    return found


def weigh(tx: Tx, rules: Rules, flow: Flow, challenge: str, code: str) -> Challenge | Refusal:
    """Return the challenge whose code this is, waiting or confirmed already; the caller holds it from here on.

    A wrong code is counted, at the challenge and at its address, and whoever calls leaves the receipt. So is every code
    for a challenge that no letter followed, and every code beyond the budget: they look wrong, whatever is typed
    (ruling 34).
    """
    found = store.hold(tx, challenge) if is_id(KIND, challenge) else None
    if found is None or found.flow is not flow:
        return Refusal(Code.CHALLENGE_NOT_FOUND)
    if found.over(tx.now):
        return Refusal(Code.CHALLENGE_EXPIRED, subject=found.id)
    own, all_ = _budgets(tx, rules, "guess", found.address_hash, found.requester)
    spent = _spent(tx, own, BUDGETS.guess)
    if found.answers:  # what is dead anyhow costs others nothing
        spent = spent or _spent(tx, all_, BUDGETS.guesses)
    fits = hmac.compare_digest(found.code_hash, _code_hash(tx, rules, found.id, plain_code(code)))
    if fits and not spent and found.answers:
        store.refund(tx, own)
        store.refund(tx, all_)
        return found
    return _wrong(tx, found)


def confirm(tx: Tx, caller: Caller, found: Challenge, session: str, key: str) -> None:
    """Note what a challenge that was judged has opened; it answers the same confirm again for a while.

    In the browser that is a sign-in, which opens its session itself: `session` and `key` are "" there.
    """
    if not store.confirm(tx, found.id, session, key, tx.now + RETENTION):
        raise ContractBroken("a challenge that is held was confirmed by somebody else")
    told = (f"session:{session}",) if session else ()
    tx.emit(Event(EventName.CODE_CONFIRM, caller, found.id, reasons=(found.flow.value, *told)))


def address_of(tx: Tx, rules: Rules, found: Challenge) -> str:
    """Return the exact address that a challenge's letter went to."""
    return _sealer(tx, rules).open((_PLACE, found.id, found.tenant), found.address_sealed).decode()


def collect(tx: Tx) -> int:
    """Delete challenges and budgets whose time has come, a batch with one event; return how many."""
    count = store.collect(tx)
    if count:
        tx.emit(Event(EventName.CODE_COLLECT, SYSTEM, tx.scope.tenant, reasons=(f"count:{count}",)))
    return count


def _wrong(tx: Tx, found: Challenge) -> Refusal:
    last = found.failures + 1 >= MOST_FAILURES and found.state is not State.CONFIRMED
    becomes = MOVES.get((found.state, Happening.EXHAUSTED), found.state) if last else found.state
    if not store.fail(tx, found, becomes):
        raise ContractBroken("a wrong code was counted at a challenge that is held")
    return Refusal(Code.INVALID_CODE, subject=found.id)


def _queue(tx: Tx, rules: Rules, caller: Caller, made: Challenge, asking: Asking, code: str) -> str:
    letter = code_letter(rules.origin, made.id, code, asking.address, asking.locale)
    queued = mail.queue(tx, rules.keyring, caller, letter, hold=rules.inline)
    if isinstance(queued, Refusal):
        raise ContractBroken("a letter was refused whose address had been looked at")
    return queued if rules.inline else ""


def _spent(tx: Tx, budget: str, bound: Budget) -> int:
    """Count once at a budget; return 0 where it has room for that, else when it begins anew."""
    count, ends_at = store.count(tx, budget, tx.now + bound.window)
    return ends_at if count > bound.most else 0


def _budgets(tx: Tx, rules: Rules, what: str, address_hash: str, requester: str) -> Iterator[str]:
    """Return two ids: of the address with its requester, and of the address alone; in the order of their locks."""
    key = rules.keyring.active(tx.scope.tenant, Purpose.ADDRESS).secret
    own, all_ = f"code_budget\0{what}\0{address_hash}\0{requester}", f"code_budget\0{what}\0{address_hash}"
    yield mac(key, own.encode()).hex()
    yield mac(key, all_.encode()).hex()


def _letter_budgets(tx: Tx, rules: Rules, caller: Caller, asking: Asking) -> tuple[tuple[str, Budget], ...]:
    """Return the budgets of a letter, in the order of their locks.

    The address's own comes last: who has spent theirs must not spend that of somebody they can no longer write to.
    Where nobody can tell who asks, all who ask so are not one.
    """
    address = _hash(tx, rules, asking.address)
    requester = asking.requester or caller.address
    minute, _ = _budgets(tx, rules, "letter", address, requester)
    hour, all_ = _budgets(tx, rules, "letters", address, requester)
    _, whomever = _budgets(tx, rules, "requester", requester, "")
    to_all = ((whomever, BUDGETS.requester),) if requester else ()
    return (minute, BUDGETS.letter), (hour, BUDGETS.place), *to_all, (all_, BUDGETS.letters)


def _hash(tx: Tx, rules: Rules, address: str) -> str:
    key = rules.keyring.active(tx.scope.tenant, Purpose.ADDRESS).secret
    return mac(key, b"code\0" + (normalise_email(address) or "").encode()).hex()


def _code_hash(tx: Tx, rules: Rules, challenge: str, code: str) -> str:
    """Return what is kept of a code: keyed, for so few digits could be tried out."""
    return mac(rules.keyring.active(tx.scope.tenant, Purpose.CODE).secret, f"{challenge}\0{code}".encode()).hex()


def _sealer(tx: Tx, rules: Rules) -> Sealer:
    return Sealer(rules.keyring.active(tx.scope.tenant, Purpose.DATA).secret, tx.secrets)
