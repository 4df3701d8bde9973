"""A recovery on its way: begun by a proved contact, waited out or cancelled, executed once, perhaps contested."""

import hmac

import msgspec

from ostiary.identities import service as identities
from ostiary.kernel.clock import whole_seconds
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.ids import b64url, new_id
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Caller, Event, EventName, Mode
from ostiary.keys.model import Purpose
from ostiary.keys.sealing import Sealer
from ostiary.mail import service as mail
from ostiary.mail.model import Letter
from ostiary.passkeys import holds
from ostiary.presence import service as presence
from ostiary.recovery import letters, store
from ostiary.recovery.letters import Page
from ostiary.recovery.model import CONTEST_PERIOD, RUN_LIFE, Method, Rules, Run, State, token_hash
from ostiary.sessions import service as sessions
from ostiary.sessions.device import service as devices
from ostiary.sessions.device.model import Act, Actor, Reason
from ostiary.sessions.model import EndReason
from ostiary.storage.tx import Tx

__all__ = [
    "Begun",
    "Claim",
    "Done",
    "begin",
    "cancel",
    "contest",
    "end_open",
    "execute",
    "held",
    "opened_address",
    "page",
    "place",
    "ready",
    "sealed_address",
]

_TOKEN = 32


class Claim(msgspec.Struct, frozen=True):
    """A contact that was proved. `address` is the mailbox, "" for a printed code; `proof` a word for the receipt."""

    person: str
    contact: str
    method: Method
    address: str
    proof: str


class Begun(msgspec.Struct, frozen=True):
    """A run that has begun; its secret is shown this once."""

    run: Run
    secret: str

    def __repr__(self) -> str:
        """Show no secret, whoever prints it."""
        return f"Begun({self.run.id!r})"


class Done(msgspec.Struct, frozen=True):
    """What an execution or a contest did; counts."""

    run: Run
    sessions: int
    set_aside: int


def begin(tx: Tx, rules: Rules, caller: Caller, claim: Claim, policy: str) -> Begun:
    """Begin a recovery by a proved contact, in the place of one that is on its way, and give notice of it."""
    identities.hold(tx, claim.person)
    ended = end_open(tx, claim.person)
    secret, cancelling = b64url(tx.secrets(_TOKEN)), b64url(tx.secrets(_TOKEN))
    made = _run(tx, rules, claim, policy, (token_hash(secret), token_hash(cancelling)))
    store.add_run(tx, made)
    for address in _addresses(tx, rules, made):
        _post(tx, rules, caller, letters.begun(page(tx, rules), made, cancelling, address))
    told = (f"person:{made.person}", f"policy:{policy}", claim.method.value, claim.proof, f"ended:{ended}")
    tx.emit(Event(EventName.RECOVERY_CONFIRM, caller, made.id, reasons=told))
    return Begun(made, secret)


def end_open(tx: Tx, person: str) -> int:
    """Cancel what is on its way for a person; return how many. Whoever calls holds the person and emits the event."""
    waiting = store.open_runs(tx, person, State.WAITING)
    for run in waiting:
        _end(tx, run)
    return len(waiting)


def held(tx: Tx, run: str, secret: str) -> Run | Refusal:
    """Return the run whose secret this is, held with its person; an unknown one and another's are refused alike.

    Who is blocked recovers nothing; cancelling and contesting open nothing, and stay possible.
    """
    found = _held(tx, store.find_run(tx, run))
    if found is None or not hmac.compare_digest(found.secret_hash, token_hash(secret)):
        return Refusal(Code.AUTH_RECOVERY_POLICY_UNKNOWN, ("execution",))
    return Refusal(Code.BLOCKED_BY_POLICY) if identities.hold(tx, found.person) else found


def ready(tx: Tx, run: Run) -> Refusal | None:
    """Refuse a run that is over, or whose waiting period is not."""
    if run.state in {State.EXECUTED, State.CONTESTED}:
        return Refusal(Code.AUTH_RECOVERY_POLICY_CONSUMED)
    if run.state is State.CANCELLED or run.expires_at <= tx.now:
        return Refusal(Code.AUTH_RECOVERY_CANCELLED, () if run.state is State.CANCELLED else ("expired",))
    if tx.now < run.ready_at:
        return Refusal(Code.AUTH_RECOVERY_WAITING, retry_after=whole_seconds(run.ready_at - tx.now))
    return None


def place(tx: Tx, run: str, passkey: str) -> None:
    """Note the replacement that this run has registered. Whoever calls holds the run and emits the event."""
    if not store.place(tx, run, passkey):
        raise ContractBroken("a run that was held got another replacement")


def cancel(tx: Tx, caller: Caller, token: str) -> Run | Refusal:
    """Cancel by the link of a notice, once; nobody need be signed in."""
    found = _held(tx, store.run_of_cancel(tx, token_hash(token)))
    if found is None:
        return Refusal(Code.AUTH_RECOVERY_CODE_REFUSED)
    refused = ready(tx, found)
    if refused is not None and refused.code is not Code.AUTH_RECOVERY_WAITING:
        return refused
    _end(tx, found)
    tx.emit(Event(EventName.RECOVERY_CANCEL, caller, found.id, reasons=(f"person:{found.person}",)))
    return found


def execute(tx: Tx, rules: Rules, caller: Caller, run: Run) -> Done | Refusal:
    """Replace the passkey: the policy is consumed, the old passkeys are set aside, every session ends.

    Whoever calls holds the run; of two at once, the one that consumes the policy wins. Nothing here touches a role, a
    scope or a standing.
    """
    if not store.consume(tx, run.policy):
        return Refusal(Code.AUTH_RECOVERY_POLICY_CONSUMED)
    until = tx.now + CONTEST_PERIOD
    aside = holds.quarantine(tx, run.person, run.id)
    admitted = holds.admit(tx, run.person, run.replacement, run.id, until)
    if not (admitted and store.execute(tx, run.id, until)):
        raise ContractBroken("a recovery that was held moved meanwhile")
    ended = _end_access(tx, caller, run, EndReason.RECOVERED)
    done = msgspec.structs.replace(run, state=State.EXECUTED, executed_at=tx.now, contest_until=until)
    for address in _addresses(tx, rules, run):
        _post(tx, rules, caller, letters.done(page(tx, rules), done, address))
    told = (f"person:{run.person}", f"policy:{run.policy}", f"passkey:{run.replacement}")
    counts = (f"sessions:{ended}", f"set_aside:{aside}")
    tx.emit(Event(EventName.RECOVERY_EXECUTE, caller, run.id, reasons=(*told, *counts)))
    return Done(done, ended, aside)


def contest(tx: Tx, rules: Rules, caller: Caller, person: str, run: str) -> Done | Refusal:
    """Undo an execution, by one of the passkeys that it set aside: those sign in again, what came after does not."""
    found = _held(tx, store.find_run(tx, run))
    if found is None or found.person != person or not store.contest(tx, run):
        return Refusal(Code.AUTH_RECOVERY_CONTEST_REFUSED)
    later = [one for one in store.open_runs(tx, person, State.EXECUTED) if one.executed_at > found.executed_at]
    for one in later:
        store.contest(tx, one.id)
    end_open(tx, person)
    barred, back = holds.contested(tx, person, run, [one.id for one in later])
    ended = _end_access(tx, caller, found, EndReason.CONTESTED)
    for address in _addresses(tx, rules, found, *later):
        _post(tx, rules, caller, letters.contested(page(tx, rules), address))
    told = (f"person:{person}", f"barred:{barred}", f"restored:{back}", f"sessions:{ended}")
    tx.emit(Event(EventName.RECOVERY_CONTEST, caller, run, reasons=told))
    return Done(msgspec.structs.replace(found, state=State.CONTESTED), ended, barred)


def page(tx: Tx, rules: Rules) -> Page:
    """Return where letters of the tenant lead."""
    return Page(rules.origin, tx.scope.tenant, tx.scope.tenant == rules.own)


def sealed_address(tx: Tx, rules: Rules, place: str, address: str) -> bytes:
    """Seal the address that a proof or a run is about."""
    return _sealer(tx, rules).seal(("recovery.address", place, tx.scope.tenant), address.encode())


def opened_address(tx: Tx, rules: Rules, place: str, sealed: bytes) -> str:
    """Open it again."""
    return _sealer(tx, rules).open(("recovery.address", place, tx.scope.tenant), sealed).decode()


def _held(tx: Tx, seen: Run | None) -> Run | None:
    """Return a run as it is once it is held: first its person, then itself, as everywhere."""
    if seen is None:
        return None
    identities.hold(tx, seen.person)
    return store.hold_run(tx, seen.id)


def _run(tx: Tx, rules: Rules, claim: Claim, policy: str, hashes: tuple[str, str]) -> Run:
    made, waits = new_id("rx", tx.secrets), rules.settings.waiting if tx.scope.mode is Mode.LIVE else 0
    return Run(
        id=made,
        person=claim.person,
        policy=policy,
        contact=claim.contact,
        method=claim.method.value,
        secret_hash=hashes[0],
        cancel_hash=hashes[1],
        address_sealed=sealed_address(tx, rules, made, claim.address),
        state=State.WAITING,
        replacement="",
        begun_at=tx.now,
        ready_at=tx.now + waits,
        expires_at=tx.now + waits + RUN_LIFE,
        executed_at=0,
        contest_until=0,
    )


def _end(tx: Tx, run: Run) -> None:
    store.cancel(tx, run.id)
    holds.discard(tx, run.person, run.id)


def _end_access(tx: Tx, caller: Caller, run: Run, why: EndReason) -> int:
    """End every session of the person, devices' too, and void what proved them; the passkeys are settled before."""
    presence.void(tx, run.person)
    ended = sessions.end_all(tx, caller, run.person, why)
    act = Act(caller, Actor("system"), Reason(why.value).value)
    return ended + len(devices.revoke_all(tx, act, run.person).sessions)


def _addresses(tx: Tx, rules: Rules, *of: Run) -> list[str]:
    """Return where notices of a person's runs go: their own address and those that were proved, each once."""
    person = identities.find_person(tx, rules.keyring, of[0].person)
    proved = (opened_address(tx, rules, run.id, run.address_sealed) for run in of)
    return list(dict.fromkeys(one for one in (person.email if person else "", *proved) if one))


def _post(tx: Tx, rules: Rules, caller: Caller, letter: Letter) -> None:
    if not letter.faults:
        mail.queue(tx, rules.keyring, caller, letter)


def _sealer(tx: Tx, rules: Rules) -> Sealer:
    return Sealer(rules.keyring.active(tx.scope.tenant, Purpose.DATA).secret, tx.secrets)
