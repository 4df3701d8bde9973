"""Beginning a recovery by a proved contact, and cancelling it: the paths that the contract leaves to us (ruling 31)."""

from ostiary.identities import refs
from ostiary.identities.model import normalise_email
from ostiary.kernel.clock import SECOND, instant
from ostiary.kernel.errors import StoreUnavailable
from ostiary.kernel.refs import named, ref
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Outcome
from ostiary.membrane.crossing import Crossing
from ostiary.membrane.model import Kind
from ostiary.membrane.recovery_wire import Cancelled, CancelWanted, CodeSent, CodeWanted, Confirmed, ConfirmWanted
from ostiary.recovery import contacts, runs
from ostiary.recovery.model import TRIES, Asker, Method, address_hash, plain_code
from ostiary.recovery.runs import Begun
from ostiary.web.envelope import Envelope

__all__ = ["cancel", "confirm", "send"]

_EXECUTION = "auth_recovery_execution"


def send(c: Crossing) -> Envelope[CodeSent] | Refusal:
    """Send a code to an address that the person types; the answer is the same for every address."""
    body: CodeWanted = c.body
    if body.recovery_method != Method.EMAIL_LINK:
        return Refusal(Code.AUTH_RECOVERY_METHOD_UNSUPPORTED)
    c.witness.saw("contact", body.contact_address.encode(), (normalise_email(body.contact_address) or "").encode())
    sent = contacts.send(c.tx, c.desk.recovery, c.caller, _asker(c), body.contact_address)
    if isinstance(sent, Refusal):
        return sent
    c.witness.saw("secret", sent.code.encode())
    made = sent.attempt
    return c.done(
        Outcome.ADMITTED,
        c.tx.receipt,
        CodeSent,
        recovery_contact=ref("auth_recovery_contact", made.id),
        recovery_method=body.recovery_method,
        attempts=TRIES,
        expires_at=instant(made.expires_at),
    )


def confirm(c: Crossing) -> Envelope[Confirmed] | Refusal:
    """Take the code, mailed or printed; the right one begins the recovery and its waiting period."""
    body: ConfirmWanted = c.body
    if body.recovery_execution_ref and not refs.is_free(c.tx, _EXECUTION, body.recovery_execution_ref):
        return Refusal(Code.REF_TAKEN)
    c.witness.saw("secret", body.code.encode(), body.recovery_code.encode())
    begun = _proved(c, body)
    if isinstance(begun, Refusal):
        return begun
    if body.recovery_execution_ref and not refs.place(c.tx, body.recovery_execution_ref, begun.run.id):
        raise StoreUnavailable("the ref of the recovery was taken at this moment")
    return _begun(c, begun, _hash(c, begun, body))


def cancel(c: Crossing) -> Envelope[Cancelled] | Refusal:
    """Cancel by the link of a notice; nobody need be signed in."""
    body: CancelWanted = c.body
    run = runs.cancel(c.tx, c.caller, body.cancel_token)
    if isinstance(run, Refusal):
        return run
    shown = refs.ref_of(c.tx, _EXECUTION, run.id)
    return c.done(Outcome.ADMITTED, c.tx.receipt, Cancelled, auth_recovery_execution=shown, cancelled=True)


def _asker(c: Crossing) -> Asker:
    return Asker(c.who.id, shared=c.who.kind is not Kind.BROWSER)


def _proved(c: Crossing, body: ConfirmWanted) -> Begun | Refusal:
    rules = c.desk.recovery
    if body.recovery_code:
        return contacts.confirm_printed(c.tx, rules, c.caller, plain_code(body.recovery_code))
    attempt = named("auth_recovery_contact", body.recovery_contact) or ""
    return contacts.confirm(c.tx, rules, c.caller, _asker(c), attempt, "".join(body.code.split()))


def _hash(c: Crossing, begun: Begun, body: ConfirmWanted) -> str:
    """Return the hash of the contact that the execution asks for, as clients write it."""
    if body.recovery_code:
        return address_hash(plain_code(body.recovery_code))
    address = runs.opened_address(c.tx, c.desk.recovery, begun.run.id, begun.run.address_sealed)
    return address_hash(normalise_email(address) or "")


def _begun(c: Crossing, begun: Begun, hashed: str) -> Envelope[Confirmed]:
    run = begun.run
    c.witness.saw("secret", begun.secret.encode())
    return c.done(
        Outcome.ADMITTED,
        c.tx.receipt,
        Confirmed,
        auth_recovery_execution=refs.ref_of(c.tx, _EXECUTION, run.id),
        auth_recovery_policy=refs.ref_of(c.tx, "auth_recovery_policy", run.policy),
        subject=c.person_ref(run.person),
        recovery_contact_hash=hashed,
        recovery_token=begun.secret,
        waits_until=instant(run.ready_at),
        waiting_seconds=-(-max(0, run.ready_at - c.tx.now) // SECOND),
        expires_at=instant(run.expires_at),
    )
