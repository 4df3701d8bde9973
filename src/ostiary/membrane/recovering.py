"""Recovery by the contract: setting a policy, executing a recovery, contesting it. It grants nothing."""

import hmac

from ostiary.identities import refs
from ostiary.identities import service as identities
from ostiary.kernel.clock import instant
from ostiary.kernel.errors import ContractBroken
from ostiary.kernel.refs import named, ref
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import Outcome
from ostiary.keys.model import Purpose
from ostiary.membrane import store
from ostiary.membrane.bodies import Durable, Signer
from ostiary.membrane.ceremonies import named_passkey
from ostiary.membrane.crossing import Crossing
from ostiary.membrane.recovery_wire import Contested, ContestWanted, Executed, ExecuteWanted, PolicySet, PolicyWanted
from ostiary.passkeys import bindings
from ostiary.passkeys.model import Hold
from ostiary.presence import service as presence
from ostiary.presence.model import Held
from ostiary.recovery import policies, runs
from ostiary.recovery.model import Policy, Run, supported
from ostiary.recovery.policies import Wanted
from ostiary.recovery.runs import Done
from ostiary.sessions.model import Session
from ostiary.web.envelope import Envelope

__all__ = ["contest", "execute", "set_policy"]

_POLICY, _EXECUTION = "auth_recovery_policy", "auth_recovery_execution"
_PASSKEY = (Code.AUTH_RECOVERY_POLICY_PASSKEY_UNKNOWN, Code.AUTH_RECOVERY_POLICY_PASSKEY_SUBJECT_MISMATCH)
_ABSENT = frozenset({Code.M13_HUMAN_PRESENCE_MISSING, Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH})


def set_policy(c: Crossing) -> Envelope[PolicySet] | Refusal:
    """Set how the caller's person recovers, with fresh presence; it takes the place of what stood."""
    body: PolicyWanted = c.body
    own = c.own()
    if isinstance(own, Refusal):
        return own
    identities.hold(c.tx, own.person)  # before the proof, which a recovery voids while it holds the person
    refused = _unfit(c, body, own) or c.unguarded(own.person)
    if refused is not None:
        return refused
    passkey = named_passkey(c, body.passkey_binding, own.person, _PASSKEY)
    if isinstance(passkey, Refusal):
        return passkey
    bound = c.binding(own.id)
    device = bound.device if bound else None
    held = c.proof(body.human_presence_receipt, "auth.recovery.policy", own.person, device)
    if isinstance(held, Refusal):
        return held if held.code in _ABSENT else Refusal(Code.AUTH_RECOVERY_POLICY_PRESENCE_INVALID, (held.code.value,))
    _used(c, held)
    contacts, methods = tuple(body.recovery_contact_hashes), tuple(dict.fromkeys(body.recovery_methods))
    wanted = Wanted(own.person, passkey.id if passkey else "", body.recovery_policy_hash, contacts, methods)
    made = policies.put(c.tx, c.desk.recovery, c.caller, wanted)
    if body.recovery_policy_ref:
        refs.move(c.tx, body.recovery_policy_ref, made.id)
    return _set(c, body, made)


def _unfit(c: Crossing, body: PolicyWanted, own: Session) -> Refusal | None:
    """Refuse what names somebody else, methods that nobody delivers, and a ref that is another person's."""
    if c.person(body.actor) != own.person:
        return Refusal(Code.M13_WRONG_ACTOR)
    standing = c.standing(body.standing, own.person, Code.AUTH_RECOVERY_POLICY_STANDING_MISMATCH)
    if isinstance(standing, Refusal):
        return standing
    bound = c.binding(own.id)
    vessel = c.vessel(body.vessel, own.person, bound.vessel if bound else "")
    if isinstance(vessel, Refusal):
        return vessel
    if not supported(body.recovery_methods):
        return Refusal(Code.AUTH_RECOVERY_METHOD_UNSUPPORTED)
    return None if not body.recovery_policy_ref or _mine(c, body.recovery_policy_ref, own.person) else _TAKEN


_TAKEN = Refusal(Code.REF_TAKEN)


def _mine(c: Crossing, text: str, person: str) -> bool:
    """Tell whether a ref may stand for a policy of this person: it is free, or stands for one of theirs."""
    if refs.is_free(c.tx, _POLICY, text):
        return True
    target = refs.target(c.tx, _POLICY, text)
    kept = policies.find(c.tx, target) if target and target != named(_POLICY, text) else None
    return kept is not None and kept.person == person


def _set(c: Crossing, body: PolicyWanted, made: Policy) -> Envelope[PolicySet]:
    receipt, shown = c.tx.receipt, refs.ref_of(c.tx, _POLICY, made.id)
    return c.done(
        Outcome.ADMITTED,
        receipt,
        PolicySet,
        auth_recovery_policy=shown,
        passkey_binding=body.passkey_binding,
        human_presence_receipt=body.human_presence_receipt,
        recovery_policy_hash=made.hash,
        recovery_contact_hashes=body.recovery_contact_hashes,
        recovery_methods=made.methods.split(),
        signer=_signer(c),
        durable_commit=c.commit(receipt),
        durable_state=Durable(shown, "active"),
    )


def execute(c: Crossing) -> Envelope[Executed] | Refusal:
    """Execute a recovery that has waited, with presence by its replacement. Of two at once, one wins."""
    body: ExecuteWanted = c.body
    c.witness.saw("secret", body.recovery_token.encode())
    run = runs.held(c.tx, c.execution(body.recovery_execution_ref), body.recovery_token)
    if isinstance(run, Refusal):
        return run
    refused = _unready(c, body, run) or _named_wrong(c, body, run)
    if refused is not None:
        return refused
    held = _by_replacement(c, body, run)
    if isinstance(held, Refusal):
        return held
    done = runs.execute(c.tx, c.desk.recovery, c.caller, run)
    if isinstance(done, Refusal):
        return done
    return _executed(c, body, done)


def _unready(c: Crossing, body: ExecuteWanted, run: Run) -> Refusal | None:
    """Refuse another policy, a run that is over or waits, another contact."""
    if (refs.target(c.tx, _POLICY, body.recovery_policy) or "") != run.policy:
        return Refusal(Code.AUTH_RECOVERY_POLICY_UNKNOWN)
    refused = runs.ready(c.tx, run)
    if refused is not None:
        return refused
    contact = policies.contact_of(c.tx, c.desk.recovery, body.recovery_contact_hash)
    same = hmac.compare_digest(contact, run.contact)
    return None if same else Refusal(Code.AUTH_RECOVERY_CONTACT_MISMATCH)


def _named_wrong(c: Crossing, body: ExecuteWanted, run: Run) -> Refusal | None:
    """Refuse another person, a standing or vessel that is not theirs, another passkey than the replacement."""
    if c.person(body.actor) != run.person:
        return Refusal(Code.M13_WRONG_ACTOR)
    standing = body.standing and c.standing(body.standing, run.person, Code.AUTH_RECOVERY_POLICY_STANDING_MISMATCH)
    if isinstance(standing, Refusal):
        return standing
    vessel = body.vessel and c.vessel(body.vessel, run.person, "")
    if isinstance(vessel, Refusal):
        return vessel
    replacement = c.passkey(body.replacement_passkey_binding)
    same = bool(run.replacement) and replacement == run.replacement
    return None if same else Refusal(Code.AUTH_RECOVERY_REPLACEMENT_UNKNOWN)


def _by_replacement(c: Crossing, body: ExecuteWanted, run: Run) -> Held | Refusal:
    """Return the proof of presence that the replacement gave, for this device where its challenge named one."""
    held = c.proof(body.human_presence_receipt, "auth.recovery.execute", run.person)
    if isinstance(held, Refusal):
        return held
    question = store.hold(c.tx, held.subject)
    if question is None or question.passkey != run.replacement:
        return Refusal(Code.M13_HUMAN_PRESENCE_SUBJECT_MISMATCH, ("not_by_replacement",))
    if question.device and question.device != body.device_binding:
        return Refusal(Code.AUTH_SESSION_DEVICE_MISMATCH)
    return held


def _executed(c: Crossing, body: ExecuteWanted, done: Done) -> Envelope[Executed]:
    receipt, shown = c.tx.receipt, refs.ref_of(c.tx, _EXECUTION, done.run.id)
    return c.done(
        Outcome.ADMITTED,
        receipt,
        Executed,
        auth_recovery_execution=shown,
        auth_recovery_policy=body.recovery_policy,
        replacement_passkey_binding=body.replacement_passkey_binding,
        human_presence_receipt=body.human_presence_receipt,
        recovery_contact_hash=body.recovery_contact_hash,
        recovery_policy_consumed=policies.consumed(c.tx, done.run.policy),
        sessions_ended=done.sessions,
        passkeys_set_aside=done.set_aside,
        contest_until=instant(done.run.contest_until),
        signer=_signer(c),
        durable_commit=c.commit(receipt),
        durable_state=Durable(shown, done.run.state.value, instant(done.run.contest_until)),
    )


def contest(c: Crossing) -> Envelope[Contested] | Refusal:
    """Undo a recovery by presence of a passkey that it has set aside, within 14 days."""
    body: ContestWanted = c.body
    held = presence.look(c.tx, named("human_presence_receipt", body.human_presence_receipt) or "")
    if held is None:
        return Refusal(Code.M13_HUMAN_PRESENCE_MISSING)
    proof = c.proof(body.human_presence_receipt, "auth.recovery.contest", held.person)
    if isinstance(proof, Refusal):
        return proof
    question = store.hold(c.tx, held.subject)
    passkey = bindings.find(c.tx, question.passkey) if question else None
    if passkey is None or passkey.hold != Hold.QUARANTINED:
        return Refusal(Code.AUTH_RECOVERY_CONTEST_REFUSED)
    done = runs.contest(c.tx, c.desk.recovery, c.caller, held.person, passkey.held_by)
    if isinstance(done, Refusal):
        return done
    return c.done(
        Outcome.ADMITTED,
        c.tx.receipt,
        Contested,
        auth_recovery_execution=refs.ref_of(c.tx, _EXECUTION, done.run.id),
        contested=True,
        sessions_ended=done.sessions,
        passkeys_barred=done.set_aside,
    )


def _used(c: Crossing, held: Held) -> None:
    if not presence.use(c.tx, held):
        raise ContractBroken("a proof of presence that was held was consumed by another")


def _signer(c: Crossing) -> Signer:
    """Say which key signs the receipt of this act."""
    key = c.desk.keyring.active(c.tx.scope.tenant, Purpose.RECEIPT)
    return Signer(ref("key_registry", key.id), "Ed25519")
