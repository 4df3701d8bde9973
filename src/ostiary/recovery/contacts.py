"""Proving a contact: a code goes out by mail and comes back, or a printed one is typed; that begins a recovery."""

import hmac

import msgspec

from ostiary.identities import service as identities
from ostiary.identities.model import Address, address_of
from ostiary.kernel.ids import digits, new_id
from ostiary.kernel.mac import mac
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName
from ostiary.keys.model import Purpose
from ostiary.limits import service as limits
from ostiary.limits.model import Knock
from ostiary.mail import service as mail
from ostiary.recovery import letters, policies, runs, store
from ostiary.recovery.model import CODE_LIFE, DAY, TRIES, Asker, Attempt, Method, Rules, address_hash
from ostiary.recovery.policies import Found
from ostiary.recovery.printed import service as printed
from ostiary.recovery.runs import Begun, Claim
from ostiary.storage.tx import Tx

__all__ = ["Sent", "confirm", "confirm_printed", "send"]

_ROUTE, _POLICY = "/v1/auth/recovery/contact", "default"
_DIGITS = 8
_REFUSED = Refusal(Code.AUTH_RECOVERY_CODE_REFUSED)


class Sent(msgspec.Struct, frozen=True):
    """An attempt, and the code that fits it, which the letter alone shows."""

    attempt: Attempt
    code: str

    def __repr__(self) -> str:
        """Show no code, whoever prints it."""
        return f"Sent({self.attempt.id!r})"


def send(tx: Tx, rules: Rules, caller: Caller, asker: Asker, typed: str) -> Sent | Refusal:
    """Send a code to an address that may recover an account.

    Whether there is such an account shows in nothing: for an address that nobody has, and for one that has had its
    letters for today, the same is written, and a letter that is already past its time is queued.
    """
    address = address_of(typed)
    if address is None:
        return Refusal(Code.EMAIL_INVALID)
    found = policies.found(tx, rules, address)
    made, code = _attempt(tx, rules, found, address)
    made = msgspec.structs.replace(made, asker=asker.id, requester=asker.requester(caller.address))
    letter = letters.code(runs.page(tx, rules), made.id, code, found.to if found else address.folded)
    if letter.faults:
        return Refusal(Code.EMAIL_INVALID)
    refused = _limited(tx, caller, made.id if asker.shared else made.contact, "recovery_send")
    if refused is not None:
        return refused
    if not store.tried(tx, made.contact, made.requester, tx.now - DAY).may_ask:
        made = msgspec.structs.replace(made, person="", policy="")
    store.add_attempt(tx, made)
    mail.queue(tx, rules.keyring, caller, letter if made.person else msgspec.structs.replace(letter, life=0))
    tx.emit(Event(EventName.RECOVERY_SEND, caller, made.id, reasons=(Method.EMAIL_LINK.value,)))
    return Sent(made, code)


def confirm(tx: Tx, rules: Rules, caller: Caller, asker: Asker, attempt: str, code: str) -> Begun | Refusal:
    """Take the code that went out, from who asked for it; the right one begins the recovery.

    Unknown, another's, spent, late and wrong are one answer.
    """
    made = store.hold_attempt(tx, attempt)
    if made is None or made.asker != asker.id:
        return _REFUSED
    over = made.spent_at or made.expires_at <= tx.now or made.failures >= TRIES
    if over or not store.tried(tx, made.contact, made.requester, tx.now - DAY).may_guess:
        return _REFUSED
    fits = hmac.compare_digest(made.code_hash, _code_hash(tx, rules, made.id, code))
    if not (fits and made.person):
        store.fail_attempt(tx, made.id)
        return tx.refuse(EventName.RECOVERY_CONFIRM, caller, made.id, Code.AUTH_RECOVERY_CODE_REFUSED)
    policy = policies.still(tx, rules, made.person, made.policy)
    if isinstance(policy, Refusal):
        return policy
    if identities.hold(tx, made.person):
        return tx.refuse(EventName.RECOVERY_CONFIRM, caller, made.id, Code.BLOCKED_BY_POLICY)
    if not store.spend_attempt(tx, made.id):
        return _REFUSED
    address = runs.opened_address(tx, rules, made.id, made.address_sealed)
    claim = Claim(made.person, made.contact, Method.EMAIL_LINK, address, f"attempt:{made.id}")
    return runs.begin(tx, rules, caller, claim, policy or policies.by_default(tx, rules, made.person).id)


def confirm_printed(tx: Tx, rules: Rules, caller: Caller, code: str) -> Begun | Refusal:
    """Take a printed code, whose it may be; a good one is used up and begins the recovery."""
    kept = policies.contact_of(tx, rules, address_hash(code))
    refused = _limited(tx, caller, kept, "recovery_code")
    if refused is not None:
        return refused
    person = printed.owner(tx, rules, code)
    methods, policy = policies.standing(tx, rules, person)
    if person and identities.hold(tx, person):
        return tx.refuse(EventName.RECOVERY_CONFIRM, caller, "-", Code.BLOCKED_BY_POLICY)
    if not person or Method.RECOVERY_CODE.value not in methods or not printed.use(tx, rules, code):
        return tx.refuse(EventName.RECOVERY_CONFIRM, caller, "-", Code.AUTH_RECOVERY_CODE_REFUSED)
    claim = Claim(person, kept, Method.RECOVERY_CODE, "", "printed")
    return runs.begin(tx, rules, caller, claim, policy or policies.by_default(tx, rules, person).id)


def _attempt(tx: Tx, rules: Rules, found: Found | None, address: Address) -> tuple[Attempt, str]:
    """Return an attempt and its code; the same work is done whether somebody was found or not."""
    made, code = new_id("rc", tx.secrets), digits(_DIGITS, tx.secrets)
    contact = policies.contact_of(tx, rules, address_hash(address.folded))
    sealed = runs.sealed_address(tx, rules, made, found.to if found else address.folded)
    person, policy = (found.person, found.policy) if found else ("", "")
    kept = _code_hash(tx, rules, made, code)
    return Attempt(made, person, policy, contact, kept, sealed, 0, tx.now, tx.now + CODE_LIFE, 0, "", ""), code


def _code_hash(tx: Tx, rules: Rules, attempt: str, code: str) -> str:
    """Return what is kept of a code: keyed, for so few digits could be tried out."""
    key = rules.keyring.active(tx.scope.tenant, Purpose.ADDRESS).secret
    return mac(key, b"recovery_code\0" + f"{attempt}\0{code}".encode()).hex()


def _limited(tx: Tx, caller: Caller, subject: str, action: str) -> Refusal | None:
    """Count a try, by subject and requester, and all of one address by the wide numbers; nobody can mute another.

    A subject that comes but once leaves the wide numbers only: what many people share must not stop all of them, and
    a printed code has too many signs to be guessed.
    """
    return limits.evaluate(tx, caller, Knock(_POLICY, subject, _ROUTE, action, caller.address)).refusal
