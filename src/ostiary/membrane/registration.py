"""Registering a passkey: who may, the options, the verified finish; and an operator's import into a fixture tenant."""

import contextlib
import hashlib
import hmac

from ostiary.enrolment import service as enrolment
from ostiary.identities import refs
from ostiary.identities import service as identities
from ostiary.kernel.errors import ContractBroken, StoreUnavailable
from ostiary.kernel.ids import b64url, unb64url
from ostiary.kernel.refs import ref
from ostiary.kernel.refusals import Code, Refusal
from ostiary.kernel.values import EventName, Outcome
from ostiary.membrane import store
from ostiary.membrane.bodies import Durable, Imported, PasskeyShown, Registered, RegistrationOptions
from ostiary.membrane.ceremonies import GUESSES, ask, asked, durable, fault_of, found_open, passkey_shown
from ostiary.membrane.creation import (
    AttestationPolicy,
    CreationOptions,
    KeyParameter,
    PartyEntity,
    Selection,
    UserEntity,
)
from ostiary.membrane.crossing import Crossing
from ostiary.membrane.model import Asked, Kind, Progress, Question
from ostiary.membrane.requests import ImportWanted, RegistrationOptionsWanted, RegistrationWanted
from ostiary.passkeys import bindings
from ostiary.passkeys.ceremony import Fault, RelyingParty
from ostiary.passkeys.ceremony import Registered as Ceremony
from ostiary.passkeys.webauthn import TIMEOUT_MS
from ostiary.presence import service as presence
from ostiary.recovery import runs
from ostiary.recovery.model import Run
from ostiary.web.envelope import Envelope

__all__ = ["import_passkey", "register", "registration_options"]

_ADD = "passkey.add"
_ES256 = "ES256"
_NONE = frozenset({"", "none"})
_ATTESTATION = frozenset({Fault.ATTESTATION_REFUSED, Fault.ATTESTATION_MALFORMED, Fault.ALGORITHM_REFUSED})


def registration_options(c: Crossing) -> Envelope[RegistrationOptions] | Refusal:
    """Ask a browser for a new passkey; names stay hashes, and the user handle is the person's id."""
    body: RegistrationOptionsWanted = c.body
    party = c.relying_party(body.relying_party_id, body.origin)
    if isinstance(party, Refusal):
        return party
    if body.attestation not in _NONE:
        return Refusal(Code.HUMAN_AUTH_ATTESTATION_POLICY_REFUSED)
    subject = _entitled(c, body)
    if isinstance(subject, Refusal):
        return subject
    about = Question(
        "", Asked.REGISTRATION, subject, "", party.id, body.origin, "passkey_registration", b"", "", "", "", 0
    )
    question = ask(c, about, None, "")
    receipt = c.tell(EventName.CHALLENGE_ISSUE, question.id, question.asked.value, outcome=Outcome.VERIFIED)
    return c.done(
        Outcome.VERIFIED,
        receipt,
        RegistrationOptions,
        challenge=asked(c, question),
        public_key_credential_creation_options=_creation_options(body, party, question),
        durable_record=durable("human_auth_challenge", question),
        privacy_boundary=c.privacy(),
        webauthn_origin_policy=c.origin_policy,
        authority_boundaries=c.boundaries(),
    )


def _creation_options(body: RegistrationOptionsWanted, party: RelyingParty, question: Question) -> CreationOptions:
    return CreationOptions(
        challenge=b64url(question.nonce),
        rp=PartyEntity(party.id, party.name),
        user=UserEntity(
            id_b64url=b64url(question.subject.encode()),
            handle_hash=body.user_handle_hash,
            name_hash=body.user_name_hash,
            display_name_hash=body.user_display_name_hash,
        ),
        pub_key_cred_params=[KeyParameter(alg=algorithm) for algorithm in party.algorithms],
        authenticator_selection=Selection(authenticator_attachment=body.authenticator_attachment),
        timeout_ms=TIMEOUT_MS,
        exclude_credential_id_hashes=body.exclude_credential_id_hashes,
    )


def register(c: Crossing) -> Envelope[Registered] | Refusal:
    """Verify a registration and bind the passkey; what entitles to it is consumed with the challenge."""
    body: RegistrationWanted = c.body
    question = _question(c, body)
    if isinstance(question, Refusal):
        return question
    made = _verified(c, body, question)
    if isinstance(made, Refusal):
        store.fail(c.tx, question, GUESSES)
        return c.refuse(EventName.PASSKEY_ADD, question.subject, made)
    party = RelyingParty(question.rp_id, "Ostiary", frozenset({question.origin}))
    wanted = bindings.Wanted(
        question.subject,
        party,
        question.origin,
        body.authenticator_attachment,
        body.synced_passkey_allowed,
        recovery=_recovery(c, body),
    )
    refused = _taken(c, body.passkey_binding, made) or _consume_entitlement(c, body, question.subject)
    if refused is not None:
        return refused
    store.spend(c.tx, question.id, Progress.OPEN)
    bound = bindings.put(c.tx, c.desk.passkeys, c.caller, wanted, made, EventName.PASSKEY_ADD)
    if bound is None:  # nothing that entitled to it may be lost
        raise StoreUnavailable("the same passkey was registered at this moment")
    if wanted.recovery:
        runs.place(c.tx, wanted.recovery, bound.passkey)
    receipt = c.tx.receipt
    return c.done(
        Outcome.ADMITTED,
        receipt,
        Registered,
        passkey_binding=_placed(c, body.passkey_binding, bound.passkey),
        durable_records=_records(c, bound.passkey, question, "replacement" if wanted.recovery else "active"),
        registration_finish=c.commit(receipt),
        attestation_policy=AttestationPolicy(),
        webauthn_origin_policy=c.origin_policy,
        authority_boundaries=c.boundaries(),
    )


def _recovery(c: Crossing, body: RegistrationWanted) -> str:
    """Return the id of the recovery that the passkey is a replacement for, "" for none."""
    return "" if c.who.kind is Kind.SESSION else c.execution(body.recovery_execution_ref)


def _records(c: Crossing, passkey: str, question: Question, state: str) -> dict[str, Durable]:
    return {
        "passkey_binding": Durable(refs.ref_of(c.tx, "passkey_binding", passkey), state),
        "challenge": Durable(ref("human_auth_challenge", question.id), Progress.SPENT.value),
    }


def _question(c: Crossing, body: RegistrationWanted) -> Question | Refusal:
    """Return the registration's own challenge, held, if request and caller fit it."""
    party = c.relying_party(body.relying_party_id, body.origin)
    if isinstance(party, Refusal):
        return party
    if body.attestation_conveyance not in _NONE:
        return Refusal(Code.HUMAN_AUTH_ATTESTATION_POLICY_REFUSED)
    question = found_open(c, body.challenge)
    if isinstance(question, Refusal):
        return question
    if question.asked is not Asked.REGISTRATION:
        return Refusal(Code.HUMAN_AUTH_REGISTRATION_CHALLENGE_REQUIRED)
    if (question.rp_id, question.origin) != (body.relying_party_id, body.origin):
        wrong = question.rp_id != body.relying_party_id
        return Refusal(Code.HUMAN_AUTH_WRONG_RP_ID if wrong else Code.HUMAN_AUTH_WRONG_ORIGIN)
    if c.person(body.subject) != question.subject:
        return Refusal(Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH)
    identities.hold(c.tx, question.subject)  # what a recovery ends or guards at this moment entitles no more
    entitled = _entitled(c, body)
    return entitled if isinstance(entitled, Refusal) else question


def _verified(c: Crossing, body: RegistrationWanted, question: Question) -> Ceremony | Refusal:
    """Verify the ceremony from its raw parts, and hold what the request says of it against what was attested."""
    parts = _material(c, body)
    if isinstance(parts, Refusal):
        return parts
    party = RelyingParty(question.rp_id, "Ostiary", frozenset({question.origin}), algorithms=(-7,))
    made = bindings.attested(party, question.nonce, body.client_data_json_b64url, body.attestation_object_b64url)
    if isinstance(made, Refusal):
        policy = made.reasons and made.reasons[0] in _ATTESTATION
        return Refusal(Code.HUMAN_AUTH_ATTESTATION_POLICY_REFUSED, made.reasons) if policy else fault_of(made)
    key = _key(body.public_key_algorithm, body.public_key_uncompressed_hex)
    if isinstance(key, Refusal):
        return key
    if not bindings.same_key(made, key):
        return Refusal(Code.HUMAN_AUTH_PASSKEY_PUBLIC_KEY_MISSING, ("differs_from_attested",))
    if body.credential_id_hash != "sha256:" + made.credential_hash.hex():
        return Refusal(Code.HUMAN_AUTH_PASSKEY_CREDENTIAL_MISMATCH)
    if body.sign_count != made.sign_count:
        return Refusal(Code.HUMAN_AUTH_PASSKEY_CREDENTIAL_MISMATCH, ("sign_count",))
    synced = made.backup_eligible and not body.synced_passkey_allowed
    return Refusal(Code.HUMAN_AUTH_ATTESTATION_POLICY_REFUSED, ("synced",)) if synced else made


def _material(c: Crossing, body: RegistrationWanted) -> Refusal | None:
    """Note the raw parts, and hold the hashes that the request gives against them."""
    given = (body.client_data_json_b64url, body.attestation_object_b64url)
    if not all(given):
        return Refusal(Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID, ("missing",))
    try:
        client_data, attestation = map(unb64url, given)
    except ValueError:
        return Refusal(Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID)
    c.witness.saw("client_data", client_data)
    c.witness.saw("attestation", attestation)
    c.witness.saw("credential", bindings.attested_id(attestation))
    said = ((body.client_data_json_hash, client_data), (body.attestation_object_hash, attestation))
    fits = all(not text or hmac.compare_digest(text.encode(), _sha256(data).encode()) for text, data in said)
    return None if fits else Refusal(Code.HUMAN_AUTH_WEBAUTHN_CLIENT_DATA_INVALID, ("hash",))


def _sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _key(algorithm: str, uncompressed_hex: str) -> bytes | Refusal:
    key = bindings.point(uncompressed_hex) if algorithm == _ES256 else None
    return Refusal(Code.HUMAN_AUTH_PASSKEY_PUBLIC_KEY_MISSING) if key is None else key


def _entitled(c: Crossing, body: RegistrationOptionsWanted | RegistrationWanted) -> str | Refusal:
    """Return the person who gets the passkey: the session's own, the one-time link's, or the running recovery's."""
    person = c.person(body.subject)
    if c.who.kind is Kind.SESSION:
        own = c.own()
        if isinstance(own, Refusal):
            return own
        if own.person != person:
            return Refusal(Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH)
        return c.unguarded(person) or person
    if body.recovery_execution_ref:
        run = _running(c, body)
        if isinstance(run, Refusal):
            return run
        return person if run.person == person else Refusal(Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH)
    invitation = enrolment.look(c.tx, body.enrolment_token)
    mine = not isinstance(invitation, Refusal) and invitation.person == person and not invitation.role
    if not (mine and identities.is_known(c.tx, person)):
        return Refusal(Code.HUMAN_AUTH_REGISTRATION_NOT_ENTITLED)
    return Refusal(Code.BLOCKED_BY_POLICY) if identities.hold(c.tx, person) else person


def _running(c: Crossing, body: RegistrationOptionsWanted | RegistrationWanted) -> Run | Refusal:
    """Return the recovery that entitles, held: its secret is shown, it has waited, it has no replacement yet."""
    c.witness.saw("secret", body.recovery_token.encode())
    run = runs.held(c.tx, c.execution(body.recovery_execution_ref), body.recovery_token)
    if isinstance(run, Refusal):
        return run
    taken = Refusal(Code.HUMAN_AUTH_REGISTRATION_NOT_ENTITLED, ("replacement_registered",)) if run.replacement else None
    return runs.ready(c.tx, run) or taken or run


def _consume_entitlement(c: Crossing, body: RegistrationWanted, person: str) -> Refusal | None:
    """Consume what entitles: fresh presence beside a session, or the one-time link."""
    if c.who.kind is not Kind.SESSION and body.recovery_execution_ref:
        return None  # the run is held, and notes the passkey that is stored next
    if c.who.kind is not Kind.SESSION:
        used = enrolment.use_up(c.tx, c.caller, body.enrolment_token)
        return None if used else Refusal(Code.HUMAN_AUTH_REGISTRATION_NOT_ENTITLED)
    bound = c.binding(c.who.id)
    held = c.proof(body.human_presence_receipt, _ADD, person, bound.device if bound else None)
    if isinstance(held, Refusal):
        return held
    return None if presence.use(c.tx, held) else Refusal(Code.M13_HUMAN_PRESENCE_CONSUMED)


def _taken(c: Crossing, text: str, made: Ceremony) -> Refusal | None:
    """Refuse a ref that is a raw credential id, a credential that is registered, and a ref that is another's."""
    if _spells(c, text, made):
        return Refusal(Code.HUMAN_AUTH_RAW_CREDENTIAL_MATERIAL_REFUSED, ("passkey_binding",))
    known = bindings.known(c.tx, made.credential_hash)
    return Refusal(Code.HUMAN_AUTH_PASSKEY_BINDING_TAKEN) if known or not _free(c, text) else None


def _spells(c: Crossing, text: str, made: Ceremony) -> bool:
    """Tell whether a ref's name is this credential's id, or another's that is known, in base64url or hex."""
    name = text.partition(":")[2]
    for read in (unb64url, bytes.fromhex):
        with contextlib.suppress(ValueError):
            digest = hashlib.sha256(read(name)).digest()
            if digest == made.credential_hash or bindings.known(c.tx, digest):
                return True
    return False


def _free(c: Crossing, text: str) -> bool:
    return not text or refs.is_free(c.tx, "passkey_binding", text)


def _placed(c: Crossing, text: str, passkey: str) -> PasskeyShown:
    """Let the client's own ref stand for the new passkey, and show it."""
    if text and not refs.place(c.tx, text, passkey):
        raise StoreUnavailable("the ref of the passkey was taken at this moment")
    found = bindings.find(c.tx, passkey)
    if found is None:
        raise ContractBroken("a passkey that was just stored is not there")
    return passkey_shown(c, found)


def import_passkey(c: Crossing) -> Envelope[Imported] | Refusal:
    """Take a public key as an operator brings it; fixture tenants only, for nothing proves whose it is."""
    body: ImportWanted = c.body
    party = c.relying_party(body.relying_party_id, body.origin)
    if isinstance(party, Refusal):
        return party
    person = c.person(body.subject)
    if not identities.is_known(c.tx, person):
        return Refusal(Code.HUMAN_AUTH_PASSKEY_SUBJECT_MISMATCH)
    key = _key(body.public_key_algorithm, body.public_key_uncompressed_hex)
    if isinstance(key, Refusal):
        return key
    synced = body.synced_passkey_allowed
    digest = bytes.fromhex(body.credential_id_hash.removeprefix("sha256:"))
    made = Ceremony(digest, -7, key, body.sign_count, synced, synced, "", ())
    refused = _taken(c, body.passkey_binding, made)
    if refused is not None:
        return refused
    wanted = bindings.Wanted(person, party, body.origin, body.authenticator_attachment, synced, imported=True)
    bound = bindings.put(c.tx, c.desk.passkeys, c.caller, wanted, made, EventName.PASSKEY_IMPORT)
    if bound is None:
        return Refusal(Code.HUMAN_AUTH_PASSKEY_BINDING_TAKEN)
    receipt = c.tx.receipt
    view = _placed(c, body.passkey_binding, bound.passkey)
    return c.done(
        Outcome.ADMITTED,
        receipt,
        Imported,
        passkey_binding=view,
        durable_record=Durable(view.id, "active"),
        webauthn_origin_policy=c.origin_policy,
        authority_boundaries=c.boundaries(),
    )
